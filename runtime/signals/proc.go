package signals

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// pfExiting is PF_EXITING of include/linux/sched.h: the task is in do_exit.
const pfExiting = 0x4

// A Stat is the part of /proc/PID/stat (proc_pid_stat(5)) that status does not tell.
type Stat struct {
	PPid    int
	Group   int // process group; -1 of a thread that has been reaped under the reader
	Session int
	Exiting bool // PF_EXITING
}

// ParseStat reads the text of /proc/PID/stat. The name in parentheses may
// hold anything, parentheses and blanks too, so the last one ends it.
func ParseStat(text []byte) (Stat, error) {
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 7 || !bytes.ContainsRune(text, ')') {
		return Stat{}, fmt.Errorf("parse stat %q: too short", text)
	}
	var n [7]int64
	for _, i := range []int{1, 2, 3, 6} {
		var err error
		if n[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return Stat{}, fmt.Errorf("parse stat %q: %w", text, err)
		}
	}
	return Stat{PPid: int(n[1]), Group: int(n[2]), Session: int(n[3]), Exiting: n[6]&pfExiting != 0}, nil
}

// A Syscall is what /proc/PID/syscall says: the system call in which a task
// sleeps, with its six arguments. It is the zero value with Number -1 for a task that is in none.
type Syscall struct {
	Number int
	Args   [6]uint64
}

// ParseSyscall reads the text of /proc/PID/syscall.
func ParseSyscall(text []byte) (Syscall, error) {
	fields := strings.Fields(string(text))
	if len(fields) > 0 && (fields[0] == "running" || fields[0] == "-1") {
		return Syscall{Number: -1}, nil
	}
	if len(fields) < 7 {
		return Syscall{}, fmt.Errorf("parse syscall %q: too short", text)
	}
	var c Syscall
	var err error
	if c.Number, err = strconv.Atoi(fields[0]); err != nil {
		return Syscall{}, fmt.Errorf("parse syscall %q: %w", text, err)
	}
	for i := range c.Args {
		if c.Args[i], err = strconv.ParseUint(strings.TrimPrefix(fields[i+1], "0x"), 16, 64); err != nil {
			return Syscall{}, fmt.Errorf("parse syscall %q: %w", text, err)
		}
	}
	return c, nil
}

// ParseSignalfd reads the text of /proc/PID/fdinfo/FD and returns the signals
// that the descriptor accepts; ok is false when it is no signalfd(2).
func ParseSignalfd(text []byte) (accepts Set, ok bool, err error) {
	for line := range bytes.Lines(text) {
		if value, found := bytes.CutPrefix(line, []byte("sigmask:\t")); found {
			accepts, err = ParseSet(string(value))
			if err != nil {
				return 0, false, fmt.Errorf("parse fdinfo line %q: %w", line, err)
			}
			return accepts, true, nil
		}
	}
	return 0, false, nil
}

// orphaned is is_current_pgrp_orphaned of kernel/exit.c: no member of the
// group has a parent in another group of the same session, who could
// continue it. all is every process that the procfs shows, by pid; a parent
// that it does not show is taken for one of another session.
func orphaned(group int, all map[int]Stat) bool {
	for _, member := range all {
		if member.Group != group {
			continue
		}
		parent, known := all[member.PPid]
		if known && parent.Session == member.Session && parent.Group != group {
			return false
		}
	}
	return true
}
