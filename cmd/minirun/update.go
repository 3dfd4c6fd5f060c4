package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/runtime"
)

var updateVerb = verb{
	name: "update", args: "ID", min: 1, max: 1,
	short: "change the limits of a container",
	help: `
The limits are those of a resources object, or those of the other flags. What
is absent or 0 stays as it is, and device rules always do. SIZE is in bytes or
has a suffix, k, m, g or t; -1 is no limit. --memory-swap limits memory and swap
together.

Flags:
  -r, --resources FILE         resources object of the runtime-spec; - is stdin
      --memory SIZE
      --memory-reservation SIZE
      --memory-swap SIZE
      --kernel-memory SIZE     refused: Linux has had no such limit since 5.4
      --kernel-memory-tcp SIZE
      --cpu-period US          length of a period, in microseconds
      --cpu-quota US           time in each period
      --cpu-burst US           time that may be saved for later
      --cpu-share N            weight
      --cpu-idle N             1: SCHED_IDLE
      --cpu-rt-period US
      --cpu-rt-runtime US
      --cpuset-cpus LIST
      --cpuset-mems LIST
      --pids-limit N           tasks
      --blkio-weight N
      --l3-cache-schema LINE   cache of Intel RDT, as L3:0=ff;1=c0
      --mem-bw-schema LINE     memory bandwidth of Intel RDT, as MB:0=20;1=70

Examples:
  minirun update --memory 64m --memory-swap 64m web
  echo '{"pids":{"limit":77}}' | minirun update --resources - web
`,
	setup: setupUpdate,
}

func setupUpdate(f *flag.FlagSet) action {
	var file, l3, memBw string
	r := specs.LinuxResources{
		Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}, Pids: &specs.LinuxPids{}, BlockIO: &specs.LinuxBlockIO{},
	}
	stringFlag(f, &file, "resources", "r")
	defineLimits(f, &r)
	stringFlag(f, &l3, "l3-cache-schema", "")
	stringFlag(f, &memBw, "mem-bw-schema", "")
	return func(a *app, args []string) (int, error) {
		limits := &r
		if file != "" {
			var err error
			if limits, err = runtime.ReadResources(file); err != nil {
				return 0, err
			}
		}
		if err := a.runtime().Update(args[0], limits); err != nil {
			return 0, err
		}
		return 0, a.runtime().UpdateSchemata(args[0], l3, memBw)
	}
}

func defineLimits(f *flag.FlagSet, r *specs.LinuxResources) {
	m, c := r.Memory, r.CPU
	sizeFlag(f, &m.Limit, "memory")
	sizeFlag(f, &m.Reservation, "memory-reservation")
	sizeFlag(f, &m.Swap, "memory-swap")
	sizeFlag(f, &m.KernelTCP, "kernel-memory-tcp")
	f.Func("kernel-memory", "", func(string) error {
		return errors.New("the kernel has no such limit since Linux 5.4")
	})
	numberFlag(f, &c.Period, "cpu-period")
	numberFlag(f, &c.Quota, "cpu-quota")
	numberFlag(f, &c.Burst, "cpu-burst")
	numberFlag(f, &c.Shares, "cpu-share")
	numberFlag(f, &c.Idle, "cpu-idle")
	numberFlag(f, &c.RealtimePeriod, "cpu-rt-period")
	numberFlag(f, &c.RealtimeRuntime, "cpu-rt-runtime")
	f.StringVar(&c.Cpus, "cpuset-cpus", "", "")
	f.StringVar(&c.Mems, "cpuset-mems", "", "")
	numberFlag(f, &r.Pids.Limit, "pids-limit")
	numberFlag(f, &r.BlockIO.Weight, "blkio-weight")
}

// numberFlag is a number that is left out unless it is given.
func numberFlag[T int64 | uint64 | uint16](f *flag.FlagSet, p **T, name string) {
	f.Func(name, "", func(text string) error {
		n, err := strconv.ParseInt(text, 10, 64)
		v := T(n)
		if err != nil || int64(v) != n || (n < 0) != (v < 0) {
			return errors.New("want a number in its range")
		}
		*p = &v
		return nil
	})
}

func sizeFlag(f *flag.FlagSet, p **int64, name string) {
	f.Func(name, "", func(text string) error {
		n, err := parseSize(text)
		*p = &n
		return err
	})
}

// parseSize reads a number of bytes, with the suffixes that docker and runc
// take: k, m, g, t, p, in powers of 1024, with or without b or ib; -1 is no limit.
func parseSize(text string) (int64, error) {
	digits := strings.ToLower(text)
	shift := 0
	if end := strings.TrimRight(digits, "kmgtpib"); end != digits {
		unit := strings.TrimSuffix(strings.TrimSuffix(digits[len(end):], "b"), "i")
		digits = end
		if at := strings.Index("kmgtp", unit); len(unit) == 1 && at >= 0 {
			shift = 10 * (at + 1)
		} else if unit != "" {
			return 0, fmt.Errorf("unknown unit in %q", text)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < -1 || n == -1 && shift > 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is not a size", text)
	}
	return n << shift, nil
}
