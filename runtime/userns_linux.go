package runtime

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"strings"

	"minirun/bundles"
	"minirun/nsinit"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// awaitStage does minirun's part beside the stage until that has cloned the
// final process.
func (b *birth) awaitStage() error {
	for {
		r, err := b.next()
		if err != nil {
			return err
		}
		if r == nil {
			return errors.New("init ended before its clone")
		}
		switch b.markOf(*r) {
		case nsinit.MarkUser:
			err = errors.Join(b.mapIDs(), b.setClocks())
			if err == nil {
				err = b.proceed()
			}
		case nsinit.MarkTime:
			err = b.setClocks()
			if err == nil {
				err = b.proceed()
			}
		case nsinit.MarkStage:
			return b.adopt(int(r.Value))
		}
		if err != nil {
			return err
		}
	}
}

// setClocks is linux.timeOffsets.
func (b *birth) setClocks() error {
	text := nsinit.OffsetText(b.bundle.Spec.Linux.TimeOffsets)
	if text == "" {
		return nil
	}
	if err := writeProc(procPath(b.pid)+"/timens_offsets", text); err != nil {
		return fmt.Errorf("linux.timeOffsets: %w", err)
	}
	return nil
}

// mapIDs gives the ids of the stage's user namespace a meaning, or proves that
// they have the one that config.json says.
func (b *birth) mapIDs() error {
	l := b.bundle.Spec.Linux
	for _, m := range [...]struct {
		file, tool string
		list       []specs.LinuxIDMapping
		own        int
	}{
		{"uid_map", "newuidmap", l.UIDMappings, unix.Geteuid()},
		{"gid_map", "newgidmap", l.GIDMappings, unix.Getegid()},
	} {
		path := procPath(b.pid) + "/" + m.file
		var err error
		switch {
		case !newUser(l):
			err = compareMappings(path, m.list)
		case !b.facts.Rootless || onlyOwn(m.list, m.own):
			err = b.writeMappings(path, m.list)
		default:
			err = mapByTool(m.tool, b.pid, m.list)
		}
		if err != nil {
			return fmt.Errorf("linux.%s: %w", strings.Replace(m.file, "_map", "Mappings", 1), err)
		}
	}
	return nil
}

// writeMappings writes a map, which the kernel takes by one write(2) and once.
// A caller without privileges must give setgroups(2) up before it may map its
// group (user_namespaces(7), CVE-2014-8989).
func (b *birth) writeMappings(path string, list []specs.LinuxIDMapping) error {
	if b.facts.Rootless && strings.HasSuffix(path, "/gid_map") {
		if err := writeProc(procPath(b.pid)+"/setgroups", "deny"); err != nil {
			return err
		}
	}
	return writeProc(path, nsinit.MapText(list))
}

func writeProc(path, text string) error {
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_WRONLY, 0)
	if err == nil {
		_, err = unix.Write(fd, []byte(text))
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("write %q to %s: %w", text, path, err)
	}
	return nil
}

// onlyOwn says that a list maps nothing but the caller's own id, which takes
// no privilege.
func onlyOwn(list []specs.LinuxIDMapping, own int) bool {
	return len(list) == 1 && list[0].Size == 1 && int(list[0].HostID) == own
}

// mapByTool lets newuidmap(1) or newgidmap(1) write a map of ids that
// /etc/subuid or /etc/subgid gives the caller.
func mapByTool(tool string, pid int, list []specs.LinuxIDMapping) error {
	path, err := lookPath(tool)
	if err != nil {
		return fmt.Errorf("more than the caller's own id takes %s: %w", tool, err)
	}
	args := []string{tool, strconv.Itoa(pid)}
	for _, m := range list {
		for _, n := range [...]uint32{m.ContainerID, m.HostID, m.Size} {
			args = append(args, strconv.FormatUint(uint64(n), 10))
		}
	}
	if err := execHook(specs.Hook{Path: path, Args: args}, "/", nil); err != nil {
		return fmt.Errorf("%s: %w", tool, err)
	}
	return nil
}

// lookPath finds an executable as execvp(3) does, also where the caller's
// environment is empty.
func lookPath(name string) (string, error) {
	for dir := range strings.SplitSeq(cmp.Or(os.Getenv("PATH"), "/usr/local/bin:/usr/bin:/bin"), ":") {
		path := dir + "/" + name
		if unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: executable file not found in $PATH", name)
}

// compareMappings proves that a namespace joined by path has the mappings of
// config.json, if that has any.
func compareMappings(path string, want []specs.LinuxIDMapping) error {
	if len(want) == 0 {
		return nil
	}
	have, err := readMappings(path)
	if err == nil && !sameMappings(have, want) {
		err = fmt.Errorf("the user namespace that is joined has others: %s",
			strings.ReplaceAll(nsinit.MapText(have), "\n", ", "))
	}
	return err
}

func readMappings(path string) ([]specs.LinuxIDMapping, error) {
	text, err := readFileAt(unix.AT_FDCWD, path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return parseMappings(string(text))
}

// processFacts are what a user namespace changes for a process, and what the
// process object asks of it.
func processFacts(f *nsinit.Facts, p *specs.Process, user bool) error {
	if p.OOMScoreAdj != nil {
		text, err := readFileAt(unix.AT_FDCWD, "/proc/self/oom_score_adj")
		if err != nil {
			return fmt.Errorf("read /proc/self/oom_score_adj: %w", err)
		}
		f.OOMScoreAdj, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if !user {
		return nil
	}
	if err := limitFacts(f, p.Rlimits); err != nil {
		return err
	}
	all, err := allCaps()
	f.Permitted, f.Bounding = all, all
	return err
}

// allCaps are the capabilities of this kernel, all of which a process gets by
// entering a user namespace (set_cred_user_ns, kernel/user_namespace.c).
func allCaps() (uint64, error) {
	const path = "/proc/sys/kernel/cap_last_cap"
	text, err := readFileAt(unix.AT_FDCWD, path)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	last, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 6)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return ^uint64(0) >> (bits.UintSize - 1 - last), nil
}

func limitFacts(f *nsinit.Facts, limits []specs.POSIXRlimit) error {
	for _, l := range limits {
		var have unix.Rlimit
		res, _ := bundles.Rlimit(l.Type)
		if err := unix.Getrlimit(int(res), &have); err != nil {
			return fmt.Errorf("getrlimit %s: %w", l.Type, err)
		}
		f.Limits = append(f.Limits, nsinit.Limit{Soft: have.Cur, Hard: have.Max})
	}
	return nil
}

// InUserNS says whether minirun is in another user namespace than the one
// that the kernel began with. One that cannot be looked at is taken for that.
func InUserNS() bool {
	const initial = 0xEFFFFFFD // PROC_USER_INIT_INO, include/linux/proc_ns.h
	var st unix.Stat_t
	return unix.Stat("/proc/self/ns/user", &st) == nil && st.Ino != initial
}

// userFacts are those of a container's user namespace, and of minirun's own.
func userFacts(f *nsinit.Facts, s *specs.Spec) error {
	f.InUserNS = InUserNS()
	if ns := bundles.Namespace(s.Linux, specs.UserNamespace); ns != nil && ns.Path != "" {
		f.UIDMappings = joinedMappings(ns.Path)
	}
	return processFacts(f, s.Process, hasUser(s.Linux))
}

// joinedMappings are the mappings of /proc/PID/ns/user; none of a path that
// does not tell a process.
func joinedMappings(path string) []specs.LinuxIDMapping {
	proc, isProc := strings.CutSuffix(path, "/ns/user")
	var before, after unix.Stat_t
	if !isProc || !strings.HasPrefix(proc, "/proc/") || unix.Stat(path, &before) != nil {
		return nil
	}
	list, err := readMappings(proc + "/uid_map")
	if err != nil || unix.Stat(path, &after) != nil || before.Ino != after.Ino {
		return nil
	}
	return list
}
