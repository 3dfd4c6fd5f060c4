package bundles

import "testing"

func TestSeccompIsValidated(t *testing.T) {
	for _, tc := range []struct{ seccomp, want string }{
		{`{}`, `defaultAction: missing`},
		{`{"defaultAction":"ALLOW"}`, `defaultAction: unknown action "ALLOW"`},
		{`{"defaultAction":"SCMP_ACT_NOTIFY"}`, `defaultAction: SCMP_ACT_NOTIFY is for single system calls`},
		{`{"defaultAction":"SCMP_ACT_KILL","defaultErrnoRet":1}`, `defaultErrnoRet: SCMP_ACT_KILL does not take one`},
		{`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":65536}`, `defaultErrnoRet: 65536 is out of range (0 to 65535)`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","x86"]}`, `architectures[1]: unknown architecture "x86"`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_NEW_LISTENER"]}`, `flags[0]: unknown flag "SECCOMP_FILTER_FLAG_NEW_LISTENER"`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","listenerMetadata":"x"}`, `listenerMetadata: there is no listenerPath`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"s"}`, `listenerPath: "s" is not an absolute path`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}`, `listenerPath: missing, SCMP_ACT_NOTIFY needs it`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_ALLOW"}]}`, `syscalls[0].names: missing`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read",""],"action":"SCMP_ACT_ALLOW"}]}`, `syscalls[0].names[1]: empty`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"]}]}`, `syscalls[0].action: missing`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_TRAP","errnoRet":1}]}`, `syscalls[0].errnoRet: SCMP_ACT_TRAP does not take one`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_TRAP","args":[{"index":6,"op":"SCMP_CMP_EQ"}]}]}`, `syscalls[0].args[0].index: 6 is out of range (0 to 5)`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_TRAP","args":[{"index":5,"op":"="}]}]}`, `syscalls[0].args[0].op: unknown operator "="`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_TRAP","args":[{"index":5}]}]}`, `syscalls[0].args[0].op: missing`},

		{`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":0,"architectures":["SCMP_ARCH_S390X"],"flags":[]}`, ""},
		{`{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/s","listenerMetadata":"m"}`, ""},
		{`{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/s","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}`, ""},
		{`{"defaultAction":"SCMP_ACT_TRACE","defaultErrnoRet":7,"syscalls":[{"names":["no_such_call"],"action":"SCMP_ACT_KILL_PROCESS"}]}`, ""},
	} {
		err := load(t, patched(t, `{"linux":{"seccomp":`+tc.seccomp+`}}`))
		switch want := "config.json: linux.seccomp." + tc.want; {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.seccomp, err)
		case tc.want != "" && (err == nil || err.Error() != want):
			t.Errorf("%s\n got %v\nwant %s", tc.seccomp, err, want)
		}
	}
}
