package nsinit

import "github.com/opencontainers/runtime-spec/specs-go"

// A seccompABI is one way to make a system call: a table of numbers and a
// width of arguments. The kernel tells a filter of it by AUDIT_ARCH_*, and
// between x86_64 and x32 by a bit of the number.
type seccompABI int

const (
	abiX8664 seccompABI = iota
	abiX86
	abiX32
	abiARM64
	abiARM
	abiCount
)

// AUDIT_ARCH_* of include/uapi/linux/audit.h.
const (
	auditX8664 = 0xc000003e
	auditI386  = 0x40000003
	auditARM64 = 0xc00000b7
	auditARM   = 0x40000028
)

// x32Bit marks the numbers of x32 (arch/x86/include/uapi/asm/unistd.h).
const x32Bit = 0x40000000

// seccompNumbers is a system call's number in each ABI; -1 where it has none.
type seccompNumbers struct {
	name string
	nr   [abiCount]int32
}

// findSyscall returns nil for a name that no ABI knows.
func findSyscall(name string) *seccompNumbers {
	low, high := 0, len(seccompTable)
	for low < high {
		mid := int(uint(low+high) / 2)
		switch have := seccompTable[mid].name; {
		case have == name:
			return &seccompTable[mid]
		case have < name:
			low = mid + 1
		default:
			high = mid
		}
	}
	return nil
}

// narrow tells whether arguments have 32 bits: of those of a filter only the
// low half counts, as with libseccomp, which takes x32 for 32-bit too.
func (a seccompABI) narrow() bool { return a == abiX86 || a == abiX32 || a == abiARM }

// abiSet is a set of ABIs.
type abiSet uint

func (s abiSet) has(a seccompABI) bool { return s&(1<<a) != 0 }

// nativeABI is the machine's own, which every filter covers.
func nativeABI(goarch string) seccompABI {
	if goarch == "arm64" {
		return abiARM64
	}
	return abiX8664
}

// abisOf are the machine's own ABI and those of linux.seccomp.architectures
// that it can meet. Another machine's cannot occur, and needs no code.
func abisOf(goarch string, asked []specs.Arch) abiSet {
	native := nativeABI(goarch)
	set := abiSet(1 << native)
	for _, a := range asked {
		switch {
		case a == specs.ArchX86 && native == abiX8664:
			set |= 1 << abiX86
		case a == specs.ArchX32 && native == abiX8664:
			set |= 1 << abiX32
		case a == specs.ArchARM && native == abiARM64:
			set |= 1 << abiARM
		}
	}
	return set
}

// A multiplexer is the one system call of x86 that stands for a family: its
// first argument says which is meant. Since Linux 4.3 the members of the
// family have numbers of their own beside it (ipc(2), socketcall(2)).
type multiplexer struct {
	name string
	call uint64 // of the family; zero: none
}

// multiplexed is the other way to make the call on x86. The numbers are those
// of include/uapi/linux/net.h and ipc.h.
func multiplexed(name string) multiplexer {
	switch name {
	case "socket":
		return multiplexer{"socketcall", 1}
	case "bind":
		return multiplexer{"socketcall", 2}
	case "connect":
		return multiplexer{"socketcall", 3}
	case "listen":
		return multiplexer{"socketcall", 4}
	case "accept":
		return multiplexer{"socketcall", 5}
	case "getsockname":
		return multiplexer{"socketcall", 6}
	case "getpeername":
		return multiplexer{"socketcall", 7}
	case "socketpair":
		return multiplexer{"socketcall", 8}
	case "send":
		return multiplexer{"socketcall", 9}
	case "recv":
		return multiplexer{"socketcall", 10}
	case "sendto":
		return multiplexer{"socketcall", 11}
	case "recvfrom":
		return multiplexer{"socketcall", 12}
	case "shutdown":
		return multiplexer{"socketcall", 13}
	case "setsockopt":
		return multiplexer{"socketcall", 14}
	case "getsockopt":
		return multiplexer{"socketcall", 15}
	case "sendmsg":
		return multiplexer{"socketcall", 16}
	case "recvmsg":
		return multiplexer{"socketcall", 17}
	case "accept4":
		return multiplexer{"socketcall", 18}
	case "recvmmsg":
		return multiplexer{"socketcall", 19}
	case "sendmmsg":
		return multiplexer{"socketcall", 20}
	case "semop":
		return multiplexer{"ipc", 1}
	case "semget":
		return multiplexer{"ipc", 2}
	case "semctl":
		return multiplexer{"ipc", 3}
	case "semtimedop":
		return multiplexer{"ipc", 4}
	case "msgsnd":
		return multiplexer{"ipc", 11}
	case "msgrcv":
		return multiplexer{"ipc", 12}
	case "msgget":
		return multiplexer{"ipc", 13}
	case "msgctl":
		return multiplexer{"ipc", 14}
	case "shmat":
		return multiplexer{"ipc", 21}
	case "shmdt":
		return multiplexer{"ipc", 22}
	case "shmget":
		return multiplexer{"ipc", 23}
	case "shmctl":
		return multiplexer{"ipc", 24}
	}
	return multiplexer{}
}
