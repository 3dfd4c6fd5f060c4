package cgroups

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// unified are the properties for those files of linux.resources.unified that
// systemd would otherwise overwrite one day.
func (l *limiter) unified() {
	for _, file := range slices.Sorted(maps.Keys(l.r.Unified)) {
		field, text := "unified."+file, strings.TrimSpace(l.r.Unified[file])
		switch file {
		case "cpu.max":
			quota, period, err := parseCPUMax(text)
			if err != nil {
				l.fail(refused(field, "%w", err))
				continue
			}
			l.bandwidth(quota, period)
		case "cpu.weight":
			l.amount("CPUWeight", field, text)
		case "cpuset.cpus":
			l.set("AllowedCPUs", field, text)
		case "cpuset.mems":
			l.set("AllowedMemoryNodes", field, text)
		case "memory.high":
			l.amount("MemoryHigh", field, text)
		case "memory.low":
			l.amount("MemoryLow", field, text)
		case "memory.min":
			l.amount("MemoryMin", field, text)
		case "memory.max":
			l.amount("MemoryMax", field, text)
		case "memory.swap.max":
			l.amount("MemorySwapMax", field, text)
		case "pids.max":
			n, err := parseAmount(text)
			if err != nil {
				l.fail(refused(field, "%w", err))
				continue
			}
			l.add("TasksMax", max(n, 1))
		}
	}
}

// parseAmount reads a number, with or without a suffix that the kernel knows
// (memparse, lib/cmdline.c), or "max".
func parseAmount(text string) (uint64, error) {
	if text == "max" {
		return infinity, nil
	}
	shift, digits := 0, text
	if text != "" {
		if i := strings.IndexByte("kmgtp", text[len(text)-1]|0x20); i >= 0 {
			shift, digits = 10*(i+1), text[:len(text)-1]
		}
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n > infinity>>shift {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n << shift, nil
}

// parseCPUMax reads cpu.max: a quota or "max", and perhaps a period. A quota
// of -1 is none.
func parseCPUMax(text string) (quota int64, period uint64, err error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 2 {
		return 0, 0, fmt.Errorf("%q is not a quota and a period", text)
	}
	quota = -1
	if words[0] != "max" {
		if quota, err = strconv.ParseInt(words[0], 10, 64); err != nil || quota <= 0 {
			return 0, 0, fmt.Errorf("%q is not a quota", words[0])
		}
	}
	if len(words) == 2 {
		if period, err = strconv.ParseUint(words[1], 10, 64); err != nil || period == 0 {
			return 0, 0, fmt.Errorf("%q is not a period", words[1])
		}
	}
	return quota, period, nil
}

// maxNumber is more CPUs or memory nodes than a kernel can have.
const maxNumber = 1 << 16

// parseMask reads a list such as "0-3,8" (cpulist, bitmap_parselist) and
// returns the mask that systemd takes: bit n%8 of byte n/8.
func parseMask(list string) ([]byte, error) {
	var mask []byte
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.ParseUint(first, 10, 32)
		to := from
		if isRange && err == nil {
			to, err = strconv.ParseUint(last, 10, 32)
		}
		if err != nil || to < from || to >= maxNumber {
			return nil, fmt.Errorf("%q is not a range", part)
		}
		for n := from; n <= to; n++ {
			for uint64(len(mask)) <= n/8 {
				mask = append(mask, 0)
			}
			mask[n/8] |= 1 << (n % 8)
		}
	}
	if mask == nil {
		return nil, errors.New("is an empty list")
	}
	return mask, nil
}
