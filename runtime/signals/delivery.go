package signals

// Delivery says what comes of a signal that the target has taken from its
// queue: the second gate alone, get_signal, which the tracepoint
// signal:signal_deliver reports. What held the signal back before no longer
// counts, nor whether the sender could force it.
func Delivery(q Question) Answer {
	q = q.normal()
	asked := q
	if q.How == Fault {
		q = forceSig(q)
	}
	q.Blocked, q.Waiting, q.Dying, q.Stopped = false, false, false, false
	var a Answer
	a.Action, a.Cause = getSignal(q)
	a.Reason = reason(asked, a, 0)
	return a
}
