#!/usr/bin/env python3
# libseccomp.py PROFILE.json OUT.bpf [ARCH...]: fills libseccomp as runc does
# and exports the program. With ARCHs the filter is for these in place of the
# machine's own.
import ctypes, json, sys

lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_init.argtypes = [ctypes.c_uint32]
lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
for f in ("seccomp_arch_add", "seccomp_arch_remove"):
    getattr(lib, f).argtypes = [ctypes.c_void_p, ctypes.c_uint32]
lib.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]

class Cmp(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]

OPS = {"NE": 1, "LT": 2, "LE": 3, "EQ": 4, "GE": 5, "GT": 6, "MASKED_EQ": 7}
ARCHS = {"X86_64": 0xC000003E, "X86": 0x40000003, "X32": 0x4000003E, "AARCH64": 0xC00000B7, "ARM": 0x40000028}
ACTS = {"KILL": 0, "KILL_THREAD": 0, "KILL_PROCESS": 0x80000000, "TRAP": 0x30000, "ALLOW": 0x7FFF0000,
        "LOG": 0x7FFC0000, "ERRNO": 0x50000, "TRACE": 0x7FF00000}

def action(name, errno):
    name = name.removeprefix("SCMP_ACT_")
    data = (1 if errno is None else errno) if name in ("ERRNO", "TRACE") else 0
    return ACTS[name] | data

prof = json.load(open(sys.argv[1]))
if "linux" in prof:
    prof = prof["linux"]["seccomp"]
default = action(prof["defaultAction"], prof.get("defaultErrnoRet"))
ctx = lib.seccomp_init(default)
archs = sys.argv[3:] or [a.removeprefix("SCMP_ARCH_") for a in prof.get("architectures", [])]
for a in archs:
    lib.seccomp_arch_add(ctx, ARCHS[a])
if sys.argv[3:]:
    lib.seccomp_arch_remove(ctx, ARCHS["X86_64"])
for rule in prof["syscalls"]:
    act = action(rule["action"], rule.get("errnoRet"))
    if act == default:
        continue
    conds = [Cmp(a["index"], OPS[a["op"].removeprefix("SCMP_CMP_")], a["value"], a.get("valueTwo", 0)) for a in rule.get("args") or []]
    sets = [conds]
    if len({c.arg for c in conds}) < len(conds):
        sets = [[c] for c in conds]
    for name in rule["names"]:
        nr = lib.seccomp_syscall_resolve_name(name.encode())
        if nr == -1:
            continue
        for s in sets:
            rc = lib.seccomp_rule_add_array(ctx, act, nr, len(s), (Cmp * len(s))(*s))
            if rc:
                print(name, [(c.arg, c.op, c.a, c.b) for c in s], rc, file=sys.stderr)
with open(sys.argv[2], "w") as out:
    lib.seccomp_export_bpf(ctx, out.fileno())
