package nsinit

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// runtimeHooks lets minirun run prestart and createRuntime hooks: the
// namespaces and mounts exist, pivot_root has not happened.
func (b *builder) runtimeHooks() {
	h := b.spec.Hooks
	//lint:ignore SA1019 prestart is deprecated, and docker uses it
	if h == nil || len(h.Prestart)+len(h.CreateRuntime) == 0 {
		return
	}
	b.do("namespaces and mounts exist", Mark{Name: MarkHooks, Value: num(0)})
	b.do("minirun runs prestart and createRuntime hooks in its own namespaces", Host{Text: "hooks"})
	b.await("until the hooks have ended")
}

// containerHooks are createContainer's: in the container's namespaces, paths
// of the host, before pivot_root.
func (b *builder) containerHooks() {
	if b.spec.Hooks != nil {
		b.runHooks("createContainer", RoleCreating, b.facts.Bundle, b.spec.Hooks.CreateContainer)
	}
}

// startHooks are startContainer's: as the container's user, paths of the container.
func (b *builder) startHooks() {
	if b.spec.Hooks != nil {
		b.runHooks("startContainer", RoleCreated, "/", b.spec.Hooks.StartContainer)
	}
}

// runHooks runs hooks one after the other, each in dir with the state on
// standard input and its output kept from the container's.
func (b *builder) runHooks(kind string, state Role, dir string, hooks []specs.Hook) {
	if len(hooks) == 0 {
		return
	}
	fd := b.fd(Inherit{Role: state})
	for i, h := range hooks {
		b.hook(fmt.Sprintf("hooks.%s[%d] %s", kind, i, h.Path), dir, fd, h)
	}
	b.call("the state has been read", "close", fd)
}

// hook forks, executes and awaits one program. The child shares the image's
// memory until its execve, as after vfork(2); the image uses no stack.
func (b *builder) hook(what, dir string, state Arg, h specs.Hook) {
	parent := b.fresh("parent")
	pidfd := space(8, "pollfd") // struct pollfd: the kernel's pidfd lands in its first field
	pidfd.Bytes = []byte{0, 0, 0, 0, unix.POLLIN, 0, 0, 0}
	const flags = unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_PIDFD
	args := words("{flags="+flagText(flags)+", pidfd=&pidfd, exit_signal=SIGCHLD}",
		flags, 0, 0, 0, uint64(unix.SIGCHLD), 0, 0, 0, 0, 0, 0)
	args.Relocs = []Reloc{{Off: 8, To: pidfd}}
	pid := &Cell{Name: "pid"}

	b.call(what+": the state from its beginning", "lseek", state, num(0), sym(unix.SEEK_SET, "SEEK_SET"))
	b.do(what+": fork", Call{Name: "clone3", Args: []Arg{Ptr{Data: args}, num(len(args.Bytes))}, Result: pid})
	b.do(what+": the parent waits", If{Cell: pid, Cmp: Ne, Value: num(0), To: parent})
	b.call(what+": state on standard input", "dup3", state, num(0), num(0))
	for fd := 1; fd <= 2; fd++ {
		b.call(what+": its output is not the container's", "dup3", b.fd(Inherit{Role: RoleOutput}), num(fd), num(0))
	}
	b.call(what+": its working directory", "chdir", str(dir))
	b.call(what, "execve", str(h.Path), vector(hookArgs(h)), vector(h.Env))
	b.here(parent)
	b.awaitHook(what, h, pid, &Cell{Name: "pidfd", Data: pidfd})
}

func hookArgs(h specs.Hook) []string {
	if len(h.Args) == 0 {
		return []string{h.Path}
	}
	return h.Args
}

func (b *builder) awaitHook(what string, h specs.Hook, pid, pidfd *Cell) {
	ended, good := b.fresh("ended"), b.fresh("good")
	if h.Timeout != nil {
		n := &Cell{Name: "n"}
		b.do(what+": its timeout", Call{Name: "ppoll", Result: n, Args: []Arg{Ptr{Data: pidfd.Data}, num(1),
			Ptr{Data: words(fmt.Sprintf("{tv_sec=%d, tv_nsec=0}", *h.Timeout), uint64(*h.Timeout), 0)}, null, num(0)}})
		b.do(what+": ended in time", If{Cell: n, Cmp: Ne, Value: num(0), To: ended})
		b.call(what+": too slow", "pidfd_send_signal", Val{pidfd}, sym(uint64(unix.SIGKILL), "SIGKILL"), null, num(0))
		b.call(what+": reap it", "wait4", Val{pid}, null, num(0), null)
		b.do(what+": too slow", Fail{Errno: unix.ETIMEDOUT, Message: fmt.Sprintf("%s: no end within its timeout of %d s", what, *h.Timeout)})
		b.here(ended)
	}
	status := &Cell{Name: "status", Data: space(4, "status")}
	b.call(what+": reap it", "wait4", Val{pid}, Ptr{Data: status.Data}, num(0), null)
	b.close(pidfd)
	b.do(what+": it succeeded", If{Cell: status, Cmp: Eq, Value: num(0), To: good})
	b.do(what+": its wait status", Mark{Name: MarkHook, Value: Val{status}})
	b.do(what+": it failed", Fail{Errno: unix.ECANCELED, Message: what + " failed"})
	b.here(good)
}
