package runtime

import (
	"errors"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/bundles"
)

// ExecOptions are the flags of exec. Zero values leave the process of the
// container's config.json as it is.
type ExecOptions struct {
	ID            string
	Args          []string // command line; not used with Process
	Process       string   // file with a process object, which stands for all of config.json's
	Detach        bool
	PidFile       string // as with create
	ConsoleSocket string
	PidfdSocket   string
	PreserveFDs   int

	Tty             bool
	Cwd             string
	Env             []string // after those of config.json
	User            string   // uid[:gid]
	AdditionalGids  []uint32 // after those of config.json
	Caps            []string // in addition: bounding, effective and permitted
	NoNewPrivileges *bool
	AppArmor        string // profile
	ProcessLabel    string // of SELinux

	Cgroups      []string // [controller[,controller]:]path below the container's cgroup
	IgnorePaused bool
	Subreap      bool // the process runs below a subreaper, which ends with the last of what it leaves

	// Observe is a file for a timeline of the container until the process ends,
	// detached until the container does; empty: none.
	Observe string
}

// The texts are runc's, which engines and their users know.
var (
	ErrExecStopped = errors.New("cannot exec in a stopped container")
	ErrExecPaused  = errors.New("cannot exec in a paused container (use --ignore-paused to override)")
)

// An ExecError is any failure of exec itself.
type ExecError struct{ Err error }

func (e *ExecError) Error() string { return "exec failed: " + e.Err.Error() }

// Unwrap is what went wrong.
func (e *ExecError) Unwrap() error { return e.Err }

// change turns the process of config.json into the one that the flags want.
// It runs without a terminal unless --tty asks for one, as with runc.
func (o *ExecOptions) change(p *specs.Process) error {
	p.Args, p.Terminal = o.Args, o.Tty
	p.Env = append(p.Env, o.Env...)
	p.User.AdditionalGids = append(p.User.AdditionalGids, o.AdditionalGids...)
	if o.Cwd != "" {
		p.Cwd = o.Cwd
	}
	if o.NoNewPrivileges != nil {
		p.NoNewPrivileges = *o.NoNewPrivileges
	}
	if o.AppArmor != "" {
		p.ApparmorProfile = o.AppArmor
	}
	if o.ProcessLabel != "" {
		p.SelinuxLabel = o.ProcessLabel
	}
	if o.User != "" {
		if err := changeUser(&p.User, o.User); err != nil {
			return err
		}
	}
	if len(o.Caps) > 0 {
		addCaps(p, o.Caps)
	}
	return bundles.ValidateProcess(p)
}

// addCaps leaves the inheritable set alone, which stays empty by default, and
// with it the ambient one (CVE-2022-29162).
func addCaps(p *specs.Process, caps []string) {
	if p.Capabilities == nil {
		p.Capabilities = &specs.LinuxCapabilities{}
	}
	for _, set := range []*[]string{&p.Capabilities.Bounding, &p.Capabilities.Permitted, &p.Capabilities.Effective} {
		*set = append(*set, caps...)
	}
}

func changeUser(u *specs.User, text string) error {
	uid, gid, err := ParseUser(text)
	if err != nil {
		return err
	}
	u.UID = uid
	if gid != nil {
		u.GID = *gid
	}
	return nil
}

// ParseUser reads uid[:gid]; gid is nil when there is none. It takes decimal
// numbers in their shortest form and nothing else: crun took "1" for 0
// (CVE-2026-30892), and a name is looked up by whoever wrote the image.
func ParseUser(text string) (uid uint32, gid *uint32, err error) {
	first, second, both := strings.Cut(text, ":")
	if uid, err = ParseID(first); err != nil {
		return 0, nil, errors.New("user " + strconv.Quote(text) + ": uid " + err.Error())
	}
	if !both {
		return uid, nil, nil
	}
	n, err := ParseID(second)
	if err != nil {
		return 0, nil, errors.New("user " + strconv.Quote(text) + ": gid " + err.Error())
	}
	return uid, &n, nil
}

// ParseID reads a uid or gid: digits, no sign, no leading zero, and not
// 4294967295, which the kernel takes for "leave it".
func ParseID(text string) (uint32, error) {
	const none = 1<<32 - 1
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == none || strconv.FormatUint(n, 10) != text {
		return 0, errors.New(strconv.Quote(text) + " is not a number from 0 to 4294967294")
	}
	return uint32(n), nil
}
