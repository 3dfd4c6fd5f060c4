package cgroups

import "time"

// deleteWait is how long Delete waits for processes that are dying.
const deleteWait = 2 * time.Second

// Delete removes the group with the groups that were made below it; parents
// stay. What is gone already is no error. It waits for processes that are on
// their way out, for at most two seconds in all, and then names the ones that
// are left; the other hierarchies are cleared all the same.
func (g *Group) Delete() error {
	var deadline time.Time
	var first error
	if g.unit != nil {
		first = g.stopUnit()
	}
	for _, d := range g.dirs {
		err := rmdir(d.path) // all that it takes in the ordinary case
		if busy(err) {
			if deadline.IsZero() {
				deadline = time.Now().Add(deleteWait)
			}
			err = removeBusy(d.path, d.unified(), deadline)
		}
		if err != nil && first == nil {
			first = stillThere("remove", d.path, err)
		}
	}
	if first == nil {
		g.made = nil
	}
	return first
}

// removeBusy removes a group that has others below, members, or both. With
// neither it may be busy for a moment, when a task has left the list of
// members and is not yet uncounted; nothing tells the end of that moment.
func removeBusy(dir string, unified bool, deadline time.Time) error {
	for i := 1; ; i++ {
		err := removeTree(dir)
		if !busy(err) {
			return err
		}
		if err := waitEmpty(dir, unified, deadline); err != nil {
			return err
		}
		if i > 1 && !time.Now().Before(deadline) {
			return err
		}
		pause(i > 10)
	}
}
