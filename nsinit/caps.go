package nsinit

import (
	"fmt"
	"strings"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// capSets are the five sets as bits, less what this host cannot give.
type capSets struct {
	bounding, effective, permitted, inheritable, ambient uint64
}

// newCapSets leaves out what the caller does not hold itself. Ambient
// capabilities must be permitted and inheritable (capabilities(7)).
func newCapSets(c *specs.LinuxCapabilities, f Facts) capSets {
	if c == nil {
		return capSets{}
	}
	have := f.Permitted
	s := capSets{
		bounding:    capBits(c.Bounding) & f.Bounding,
		effective:   capBits(c.Effective) & have,
		permitted:   capBits(c.Permitted) & have,
		inheritable: capBits(c.Inheritable) & have,
		ambient:     capBits(c.Ambient) & have,
	}
	s.ambient &= s.permitted & s.inheritable
	return s
}

// MissingCaps names the capabilities that config.json asks for and this host
// cannot give: the runtime-spec wants a warning, not an error.
func MissingCaps(c *specs.LinuxCapabilities, f Facts) []string {
	if c == nil {
		return nil
	}
	asked := capBits(c.Bounding) | capBits(c.Effective) | capBits(c.Permitted) | capBits(c.Inheritable) | capBits(c.Ambient)
	var missing []string
	for i, name := range bundles.KnownCapabilities() {
		if asked&^(f.Bounding&f.Permitted)&(1<<i) != 0 {
			missing = append(missing, name)
		}
	}
	return missing
}

func capBits(names []string) uint64 {
	var bits uint64
	for _, name := range names {
		if i, ok := bundles.Capability(name); ok {
			bits |= 1 << i
		}
	}
	return bits
}

func capText(bits uint64) string {
	if bits == 0 {
		return "0"
	}
	var names []string
	for i, name := range bundles.KnownCapabilities() {
		if bits&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

func (b *builder) dropBounding(keep uint64) {
	for i := range 64 {
		if b.facts.Bounding&^keep&(1<<i) != 0 {
			b.call("process.capabilities.bounding is without it", "prctl",
				sym(unix.PR_CAPBSET_DROP, "PR_CAPBSET_DROP"), sym(uint64(i), capName(i)))
		}
	}
}

func capName(i int) string {
	if names := bundles.KnownCapabilities(); i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("CAP_%d", i)
}

// capabilities sets effective, permitted and inheritable, and then the
// ambient set, which the kernel keeps below the other two.
func (b *builder) capabilities(s capSets) {
	header := halves("{_LINUX_CAPABILITY_VERSION_3, 0}", unix.LINUX_CAPABILITY_VERSION_3, 0)
	data := halves(fmt.Sprintf("{effective=%s, permitted=%s, inheritable=%s}",
		capText(s.effective), capText(s.permitted), capText(s.inheritable)),
		uint32(s.effective), uint32(s.permitted), uint32(s.inheritable),
		uint32(s.effective>>32), uint32(s.permitted>>32), uint32(s.inheritable>>32))
	b.call("process.capabilities", "capset", Ptr{Data: header}, Ptr{Data: data})
	b.call("no ambient capability of the caller's", "prctl", sym(unix.PR_CAP_AMBIENT, "PR_CAP_AMBIENT"),
		sym(unix.PR_CAP_AMBIENT_CLEAR_ALL, "PR_CAP_AMBIENT_CLEAR_ALL"), num(0), num(0), num(0))
	for i := range bundles.KnownCapabilities() {
		if s.ambient&(1<<i) != 0 {
			b.call("process.capabilities.ambient", "prctl", sym(unix.PR_CAP_AMBIENT, "PR_CAP_AMBIENT"),
				sym(unix.PR_CAP_AMBIENT_RAISE, "PR_CAP_AMBIENT_RAISE"), sym(uint64(i), capName(i)), num(0), num(0))
		}
	}
}
