// Package session is an observation under way, at both of its ends: the
// observer, which has a source, hears what minirun's verbs say that they do,
// and ends with the container (Session); and a verb, which says it (Teller),
// and may have started the observer (Observer).
//
// They talk over sockets of packets, which keep messages apart. A verb that
// an observer was started for has a socket to it from the start. Any other
// finds those who observe its container in the directory observe below the
// container's: there is a socket for each, and where there is no observer
// there is no directory, so that who is not observed pays for one system call.
// A verb never waits for an observer that has not time to listen: what it
// would say is lost then, and the kernel's events are not.
//
// An observer ends when the init has ended and no verb is connected any more,
// so that the last rung of a stop, which comes after the init, is heard.
package session
