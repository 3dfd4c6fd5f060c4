package main

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"minirun/tests/rig"
)

// peak is the largest resident set of any process of a run, by wait4(2). The
// runtime is started by busybox's time: a child of this program would have
// this program's own memory counted, which it shares until its execve.
func peak(s *stage, sub subject) (float64, error) {
	scale, err := s.timeScale()
	if err != nil {
		return 0, err
	}
	return s.maxRSS(scale, sub.path, "--root", s.root(sub), "run", "--bundle", filepath.Join(s.dir, plainTrue), s.id())
}

// maxRSS is what busybox's time says that a program took, in kB.
func (s *stage) maxRSS(scale float64, args ...string) (float64, error) {
	busybox, err := rig.Busybox()
	if err != nil {
		return 0, err
	}
	out := filepath.Join(s.dir, "time")
	if b, err := exec.Command(busybox, append([]string{"time", "-f", "%M", "-o", out}, args...)...).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, b)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(string(data)), 64)
	return v / scale, err
}

// timeScale is 4 where busybox's time takes the kernel's kilobytes for pages:
// what it says of a program that reads its own peak tells.
func (s *stage) timeScale() (float64, error) {
	busybox, err := rig.Busybox()
	if err != nil {
		return 0, err
	}
	own := filepath.Join(s.dir, "peak")
	v, err := s.maxRSS(1, busybox, "sh", "-c", "grep VmHWM /proc/self/status > "+own)
	if err != nil {
		return 0, err
	}
	data, err := os.ReadFile(own)
	if err != nil {
		return 0, err
	}
	kB, err := strconv.ParseFloat(strings.TrimSuffix(rig.Field(string(data), "VmHWM"), " kB"), 64)
	if v > 2*kB {
		return 4, err
	}
	return 1, err
}

// created looks at the PID 1 of a container that waits for its start.
func created(look func(pid int) (float64, error)) func(*stage, subject) (float64, error) {
	return func(s *stage, sub subject) (v float64, err error) {
		id := s.id()
		if _, err := s.call(sub, "create", "--bundle", filepath.Join(s.dir, plainSleep), id); err != nil {
			return 0, err
		}
		out, err := exec.Command(sub.path, "--root", s.root(sub), "state", id).Output()
		var state rig.State
		if err == nil {
			err = json.Unmarshal(out, &state)
		}
		if err == nil {
			v, err = look(state.Pid)
		}
		s.call(sub, "delete", "-f", id)
		reap()
		return v, err
	}
}

func pss(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSuffix(rig.Field(string(data), "Pss"), " kB"), 64)
}

func tasks(pid int) (float64, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return float64(len(entries)), err
}

// signals is how many are not as an execve by a shell would leave them.
func signals(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	var all uint64
	for _, key := range []string{"SigBlk", "SigIgn", "SigCgt"} {
		mask, err := strconv.ParseUint(rig.Field(string(data), key), 16, 64)
		if err != nil {
			return 0, err
		}
		all |= mask
	}
	return float64(bits.OnesCount64(all)), nil
}

func size(_ *stage, sub subject) (float64, error) {
	info, err := os.Stat(sub.path)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / 1024, nil
}
