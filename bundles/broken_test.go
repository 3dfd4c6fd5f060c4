package bundles

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// load runs Load on a bundle with this config.json.
func load(t *testing.T, config string) error {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(dir)
	return err
}

// patched is the default config.json with a merge patch (RFC 7396).
func patched(t *testing.T, patch string) string {
	t.Helper()
	merged, err := json.Marshal(merge(parse(t, DefaultConfig()), parse(t, []byte(patch))))
	if err != nil {
		t.Fatal(err)
	}
	return string(merged)
}

// parse keeps numbers as they are written.
func parse(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func merge(base, patch any) any {
	change, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	target, ok := base.(map[string]any)
	if !ok {
		target = map[string]any{}
	}
	for key, value := range change {
		if value == nil {
			delete(target, key)
		} else {
			target[key] = merge(target[key], value)
		}
	}
	return target
}

func TestABrokenConfigGetsOneClearLine(t *testing.T) {
	const host = `"linux":{"namespaces":[],"maskedPaths":[],"readonlyPaths":[]}`
	groups := strings.Repeat("1,", 65536) + "1"
	long := strings.Repeat("x", 65)
	for _, tc := range []struct{ patch, want string }{
		// Required properties.
		{`{"ociVersion":null}`, `ociVersion: missing`},
		{`{"root":null}`, `root: missing`},
		{`{"root":{"path":null}}`, `root.path: missing`},
		{`{"root":{"path":""}}`, `root.path: missing`},
		{`{"process":null}`, `process: missing`},
		{`{"process":{"args":null}}`, `process.args: missing`},
		{`{"process":{"args":[]}}`, `process.args: missing`},
		{`{"process":{"args":[""]}}`, `process.args[0]: empty`},
		{`{"process":{"cwd":null}}`, `process.cwd: missing`},
		{`{"mounts":[{"type":"proc"}]}`, `mounts[0].destination: missing`},
		{`{"mounts":[{"destination":"/proc"}]}`, `mounts[0].type: missing`},
		{`{"linux":{"namespaces":[{}]}}`, `linux.namespaces[0].type: missing`},

		// Wrong types.
		{`[]`, `want an object, got an array`},
		{`"x"`, `want an object, got a string`},
		{`{"ociVersion":1}`, `ociVersion: want a string, got a number`},
		{`{"process":[]}`, `process: want an object, got an array`},
		{`{"process":{"terminal":"yes"}}`, `process.terminal: want a boolean, got a string`},
		{`{"process":{"args":"sh"}}`, `process.args: want an array, got a string`},
		{`{"process":{"args":["sh",2]}}`, `process.args[1]: want a string, got a number`},
		{`{"process":{"env":{"A":"b"}}}`, `process.env: want an array, got an object`},
		{`{"process":{"user":{"uid":"0"}}}`, `process.user.uid: want a number, got a string`},
		{`{"process":{"rlimits":[{"type":7}]}}`, `process.rlimits[0].type: want a string, got a number`},
		{`{"root":true}`, `root: want an object, got a boolean`},
		{`{"root":{"readonly":1}}`, `root.readonly: want a boolean, got a number`},
		{`{"mounts":{}}`, `mounts: want an array, got an object`},
		{`{"mounts":[{},{},{},{"source":5}]}`, `mounts[3].source: want a string, got a number`},
		{`{"mounts":[{"options":[true]}]}`, `mounts[0].options[0]: want a string, got a boolean`},
		{`{"hooks":{"prestart":[{"path":[]}]}}`, `hooks.prestart[0].path: want a string, got an array`},
		{`{"annotations":{"org.x":1}}`, `annotations["org.x"]: want a string, got a number`},
		{`{"annotations":{"":1}}`, `annotations[""]: want a string, got a number`},
		{`{"linux":{"sysctl":{"net.core.somaxconn":128}}}`, `linux.sysctl["net.core.somaxconn"]: want a string, got a number`},
		{`{"linux":{"resources":{"pids":{"limit":"max"}}}}`, `linux.resources.pids.limit: want a number, got a string`},
		{`{"linux":{"resources":{"unified":{"pids.max":10}}}}`, `linux.resources.unified["pids.max"]: want a string, got a number`},
		{`{"linux":{"seccomp":{"syscalls":[{"names":"read"}]}}}`, `linux.seccomp.syscalls[0].names: want an array, got a string`},

		// Numbers.
		{`{"process":{"user":{"uid":-1}}}`, `process.user.uid: -1 is out of range (0 to 4294967295)`},
		{`{"process":{"user":{"gid":4294967296}}}`, `process.user.gid: 4294967296 is out of range (0 to 4294967295)`},
		{`{"process":{"user":{"uid":1.5}}}`, `process.user.uid: want an integer, got 1.5`},
		{`{"process":{"oomScoreAdj":99999999999999999999}}`, `process.oomScoreAdj: 99999999999999999999 is out of range (-9223372036854775808 to 9223372036854775807)`},
		{`{"linux":{"resources":{"blockIO":{"weight":65536}}}}`, `linux.resources.blockIO.weight: 65536 is out of range (0 to 65535)`},

		{`{"linux":{"resources":{"cpu":{"shares":1e3}}}}`, `linux.resources.cpu.shares: want an integer, got 1e3`},
		{`{"linux":{"resources":{"cpu":{"shares":-0}}}}`, `linux.resources.cpu.shares: -0 is out of range (0 to 18446744073709551615)`},

		// NUL.
		{`{"process":{"args":["sh\u0000"]}}`, `process.args[0]: contains a NUL byte`},
		{`{"process":{"env":["A=\u0000"]}}`, `process.env[0]: contains a NUL byte`},
		{`{"root":{"path":"/a\u0000b"}}`, `root.path: contains a NUL byte`},
		{`{"linux":{"sysctl":{"a\u0000":"1"}}}`, `linux.sysctl["a\x00"]: contains a NUL byte`},

		// Version, user, environment, console.
		{`{"ociVersion":"2.0.0"}`, `ociVersion: "2.0.0" is not supported, want 1.x`},
		{`{"ociVersion":"0.9"}`, `ociVersion: "0.9" is not supported, want 1.x`},
		{`{"ociVersion":"10.0.0"}`, `ociVersion: "10.0.0" is not supported, want 1.x`},
		{`{"ociVersion":"1.x"}`, `ociVersion: "1.x" is not supported, want 1.x`},
		{`{"process":{"cwd":"tmp"}}`, `process.cwd: "tmp" is not an absolute path`},
		{`{"process":{"env":["A=b","PATH"]}}`, `process.env[1]: no "=" in it`},
		{`{"process":{"env":["=b"]}}`, `process.env[0]: no name before the "="`},
		{`{"process":{"user":{"uid":4294967295}}}`, `process.user.uid: 4294967295 is not an id`},
		{`{"process":{"user":{"gid":4294967295}}}`, `process.user.gid: 4294967295 is not an id`},
		{`{"process":{"user":{"umask":512}}}`, `process.user.umask: 01000 is out of range (0 to 0777)`},
		{`{"process":{"user":{"additionalGids":[5,4294967295]}}}`, `process.user.additionalGids[1]: 4294967295 is not an id`},
		{`{"process":{"user":{"additionalGids":[` + groups + `]}}}`, `process.user.additionalGids: 65537 groups are more than the kernel's 65536`},
		{`{"process":{"consoleSize":{"height":65536,"width":80}}}`, `process.consoleSize.height: 65536 is out of range (0 to 65535)`},
		{`{"process":{"consoleSize":{"height":25,"width":65536}}}`, `process.consoleSize.width: 65536 is out of range (0 to 65535)`},
		{`{"process":{"oomScoreAdj":1001}}`, `process.oomScoreAdj: 1001 is out of range (-1000 to 1000)`},
		{`{"process":{"oomScoreAdj":-1001}}`, `process.oomScoreAdj: -1001 is out of range (-1000 to 1000)`},

		// Capabilities and limits.
		{`{"process":{"capabilities":{"bounding":["CAP_KILL","CAP_CHOWN","CAP_FOO"]}}}`, `process.capabilities.bounding[2]: unknown capability "CAP_FOO"`},
		{`{"process":{"capabilities":{"ambient":["cap_kill"]}}}`, `process.capabilities.ambient[0]: unknown capability "cap_kill"`},
		{`{"process":{"capabilities":{"inheritable":["KILL"]}}}`, `process.capabilities.inheritable[0]: unknown capability "KILL"`},
		{`{"process":{"capabilities":{"permitted":[""]}}}`, `process.capabilities.permitted[0]: unknown capability ""`},
		{`{"process":{"capabilities":{"permitted":["CAP_CHOWN"],"effective":["CAP_CHOWN","CAP_KILL"]}}}`, `process.capabilities.effective[1]: CAP_KILL is not in permitted`},
		{`{"process":{"rlimits":[{"soft":1,"hard":1}]}}`, `process.rlimits[0].type: missing`},
		{`{"process":{"rlimits":[{"type":"NOFILE"}]}}`, `process.rlimits[0].type: unknown limit "NOFILE"`},
		{`{"process":{"rlimits":[{"type":"RLIMIT_CPU","soft":2,"hard":1}]}}`, `process.rlimits[0].soft: 2 is above the hard limit, 1`},
		{`{"process":{"rlimits":[{"type":"RLIMIT_CPU"},{"type":"RLIMIT_AS"},{"type":"RLIMIT_CPU"}]}}`, `process.rlimits[2].type: "RLIMIT_CPU" comes twice`},

		// Scheduling.
		{`{"process":{"scheduler":{}}}`, `process.scheduler.policy: missing`},
		{`{"process":{"scheduler":{"policy":"SCHED_FAIR"}}}`, `process.scheduler.policy: unknown policy "SCHED_FAIR"`},
		{`{"process":{"scheduler":{"policy":"SCHED_BATCH","nice":20}}}`, `process.scheduler.nice: 20 is out of range (-20 to 19)`},
		{`{"process":{"scheduler":{"policy":"SCHED_OTHER","priority":1}}}`, `process.scheduler.priority: 1 is for SCHED_FIFO and SCHED_RR, and the policy is SCHED_OTHER`},
		{`{"process":{"scheduler":{"policy":"SCHED_RR"}}}`, `process.scheduler.priority: 0 is out of range (1 to 99)`},
		{`{"process":{"scheduler":{"policy":"SCHED_IDLE","period":1}}}`, `process.scheduler: runtime, deadline and period are for SCHED_DEADLINE, and the policy is SCHED_IDLE`},
		{`{"process":{"scheduler":{"policy":"SCHED_OTHER","flags":["SCHED_FLAG_RESET_ON_FORK","X"]}}}`, `process.scheduler.flags[1]: unknown flag "X"`},
		{`{"process":{"ioPriority":{}}}`, `process.ioPriority.class: missing`},
		{`{"process":{"ioPriority":{"class":"IOPRIO_CLASS_NONE"}}}`, `process.ioPriority.class: unknown class "IOPRIO_CLASS_NONE"`},
		{`{"process":{"ioPriority":{"class":"IOPRIO_CLASS_BE","priority":8}}}`, `process.ioPriority.priority: 8 is out of range (0 to 7)`},
		{`{"process":{"execCPUAffinity":{"initial":"0-"}}}`, `process.execCPUAffinity.initial: "0-" in "0-": want a number, or a range such as 0-3`},
		{`{"process":{"execCPUAffinity":{"final":"1024"}}}`, `process.execCPUAffinity.final: 1024 in "1024" is above 1023`},
		{`{"linux":{"personality":{}}}`, `linux.personality.domain: missing`},
		{`{"linux":{"personality":{"domain":"BSD"}}}`, `linux.personality.domain: unknown domain "BSD"`},
		{`{"linux":{"personality":{"domain":"LINUX","flags":["ADDR_NO_RANDOMIZE"]}}}`, `linux.personality.flags[0]: unknown flag "ADDR_NO_RANDOMIZE"`},
		{`{"linux":{"memoryPolicy":{}}}`, `linux.memoryPolicy.mode: missing`},
		{`{"linux":{"memoryPolicy":{"mode":"MPOL_BEST"}}}`, `linux.memoryPolicy.mode: unknown mode "MPOL_BEST"`},
		{`{"linux":{"memoryPolicy":{"mode":"MPOL_BIND"}}}`, `linux.memoryPolicy.nodes: missing, MPOL_BIND needs one`},
		{`{"linux":{"memoryPolicy":{"mode":"MPOL_LOCAL","nodes":"0"}}}`, `linux.memoryPolicy.nodes: MPOL_LOCAL takes none`},
		{`{"linux":{"memoryPolicy":{"mode":"MPOL_BIND","nodes":"3-1"}}}`, `linux.memoryPolicy.nodes: "3-1" in "3-1": want a number, or a range such as 0-3`},
		{`{"linux":{"memoryPolicy":{"mode":"MPOL_BIND","nodes":" , "}}}`, `linux.memoryPolicy.nodes: " , " names nothing`},
		{`{"linux":{"memoryPolicy":{"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_X"]}}}`, `linux.memoryPolicy.flags[0]: unknown flag "MPOL_F_X"`},

		{`{"linux":{"netDevices":{"eth 0":{}}}}`, `linux.netDevices: "eth 0" is not the name of a device`},
		{`{"linux":{"netDevices":{"eth0":{"name":"sixteen-bytes-xx"}}}}`, `linux.netDevices["eth0"].name: "sixteen-bytes-xx" is not the name of a device`},
		{`{"linux":{"namespaces":[{"type":"uts"},{"type":"mount"}],"netDevices":{"eth0":{}}}}`, `linux.netDevices: needs a network namespace, and linux.namespaces has none`},

		{`{"linux":{"intelRdt":{"closID":"a/b"}}}`, `linux.intelRdt.closID: "a/b" is not a name`},
		{`{"linux":{"intelRdt":{"closID":".."}}}`, `linux.intelRdt.closID: ".." is not a name`},
		{`{"linux":{"intelRdt":{"l3CacheSchema":"L3:0=f\nMB:0=9"}}}`, `linux.intelRdt.l3CacheSchema: "L3:0=f\nMB:0=9" has more than one line`},
		{`{"linux":{"intelRdt":{"memBwSchema":"L3:0=f"}}}`, `linux.intelRdt.memBwSchema: "L3:0=f" does not start with "MB:"`},
		{`{"linux":{"intelRdt":{"schemata":["L2:0=f","\n"]}}}`, `linux.intelRdt.schemata[1]: "\n" has more than one line`},

		// Names of the node.
		{`{` + host + `}`, `hostname: needs a uts namespace, and linux.namespaces has none`},
		{`{"linux":null}`, `hostname: needs a uts namespace, and linux.namespaces has none`},
		{`{"hostname":null,"domainname":"x.org",` + host + `}`, `domainname: needs a uts namespace, and linux.namespaces has none`},
		{`{"hostname":"` + long + `"}`, `hostname: longer than 64 bytes`},
		{`{"domainname":"` + long + `"}`, `domainname: longer than 64 bytes`},

		// Mounts.
		{`{"mounts":[{"destination":"/a","options":["bind"]}]}`, `mounts[0].source: missing, a bind mount needs it`},
		{`{"mounts":[{"destination":"/a","type":"bind"}]}`, `mounts[0].source: missing, a bind mount needs it`},
		{`{"mounts":[{"destination":"/a","type":"tmpfs","options":["ro",""]}]}`, `mounts[0].options[1]: want a name, got ""`},
		{`{"mounts":[{"destination":"/a","type":"tmpfs","options":["=1"]}]}`, `mounts[0].options[0]: want a name, got "=1"`},
		{`{"mounts":[{"destination":"/a","type":"proc","options":["tmpcopyup"]}]}`, `mounts[0].options: tmpcopyup is for a new tmpfs only`},
		{`{"mounts":[{"destination":"/a","type":"tmpfs","source":"/b","options":["bind","tmpcopyup"]}]}`, `mounts[0].options: tmpcopyup is for a new tmpfs only`},

		// Hooks and annotations.
		{`{"hooks":{"prestart":[{}]}}`, `hooks.prestart[0].path: missing`},
		{`{"hooks":{"createRuntime":[{"path":"true"}]}}`, `hooks.createRuntime[0].path: "true" is not an absolute path`},
		{`{"hooks":{"createContainer":[{"path":"/h","timeout":0}]}}`, `hooks.createContainer[0].timeout: 0 is not above 0`},
		{`{"hooks":{"startContainer":[{"path":"/h","timeout":-5}]}}`, `hooks.startContainer[0].timeout: -5 is not above 0`},
		{`{"hooks":{"poststart":[{"path":"/h"},{"path":"/h","env":["A"]}]}}`, `hooks.poststart[1].env[0]: no "=" in it`},
		{`{"hooks":{"poststop":[{"path":""}]}}`, `hooks.poststop[0].path: missing`},
		{`{"annotations":{"":"x"}}`, `annotations: a key is empty`},

		// Namespaces.
		{`{"linux":{"namespaces":[{"type":"net"}]}}`, `linux.namespaces[0].type: unknown namespace "net"`},
		{`{"linux":{"namespaces":[{"type":"uts"},{"type":"pid"},{"type":"uts","path":"/x"}]}}`, `linux.namespaces[2].type: "uts" comes twice`},
		{`{"linux":{"namespaces":[{"type":"uts","path":"ns/uts"}]}}`, `linux.namespaces[0].path: "ns/uts" is not an absolute path`},

		// Devices.
		{`{"linux":{"devices":[{"type":"c","major":1,"minor":3}]}}`, `linux.devices[0].path: missing`},
		{`{"linux":{"devices":[{"path":"null","type":"c","major":1,"minor":3}]}}`, `linux.devices[0].path: "null" is not an absolute path`},
		{`{"linux":{"devices":[{"path":"/dev/x"}]}}`, `linux.devices[0].type: missing`},
		{`{"linux":{"devices":[{"path":"/dev/x","type":"a"}]}}`, `linux.devices[0].type: unknown device type "a", want b, c, u or p`},
		{`{"linux":{"devices":[{"path":"/dev/x","type":"b"}]}}`, `linux.devices[0].major: missing`},
		{`{"linux":{"devices":[{"path":"/dev/x","type":"b","major":4096}]}}`, `linux.devices[0].major: 4096 is out of range (0 to 4095)`},
		{`{"linux":{"devices":[{"path":"/dev/x","type":"u","major":1,"minor":-1}]}}`, `linux.devices[0].minor: -1 is out of range (0 to 1048575)`},
		{`{"linux":{"devices":[{"path":"/dev/x","type":"p","fileMode":65536}]}}`, `linux.devices[0].fileMode: 65536 (0200000) is not a mode`},
		{`{"linux":{"devices":[{"path":"/dev/x","type":"p","uid":4294967295}]}}`, `linux.devices[0].uid: 4294967295 is not an id`},
		{`{"linux":{"devices":[{"path":"/dev/x","type":"p","gid":4294967295}]}}`, `linux.devices[0].gid: 4294967295 is not an id`},

		// Parameters of the kernel.
		{`{"linux":{"sysctl":{"vm.swappiness":"1"}}}`, `linux.sysctl: sysctl "vm.swappiness" is not in a separate kernel namespace`},
		{`{"linux":{"sysctl":{"kernel/core_pattern":"|/x"}}}`, `linux.sysctl: sysctl "kernel/core_pattern" is not in a separate kernel namespace`},
		{`{"linux":{"sysctl":{"net/../kernel/core_pattern":"|/x"}}}`, `linux.sysctl: sysctl "net/../kernel/core_pattern" is not a name below /proc/sys`},
		{`{"linux":{"sysctl":{"net.//.kernel.core_pattern":"|/x"}}}`, `linux.sysctl: sysctl "net.//.kernel.core_pattern" is not a name below /proc/sys`},
		{`{"linux":{"sysctl":{"":"1"}}}`, `linux.sysctl: sysctl "" is not a name below /proc/sys`},
		{`{"linux":{"sysctl":{"net..x":"1"}}}`, `linux.sysctl: sysctl "net..x" is not a name below /proc/sys`},
		{`{"linux":{"sysctl":{"kernel.hostname":"x"}}}`, `linux.sysctl: sysctl "kernel.hostname" conflicts with hostname, use that`},
		{`{"domainname":"y","linux":{"sysctl":{"kernel.domainname":"x"}}}`, `linux.sysctl: sysctl "kernel.domainname" conflicts with domainname`},
		{`{"linux":{"namespaces":[{"type":"uts"},{"type":"mount"}],"sysctl":{"net.core.somaxconn":"1"}}}`, `linux.sysctl: sysctl "net.core.somaxconn" is not allowed in the host's network namespace`},
		{`{"linux":{"namespaces":[{"type":"uts"},{"type":"mount"}],"sysctl":{"fs.mqueue.msg_max":"1"}}}`, `linux.sysctl: sysctl "fs.mqueue.msg_max" is not allowed in the host's ipc namespace`},
		{`{"linux":{"namespaces":[{"type":"uts"},{"type":"mount"}],"sysctl":{"kernel/shmmax":"1"}}}`, `linux.sysctl: sysctl "kernel/shmmax" is not allowed in the host's ipc namespace`},

		// Paths.
		{`{"linux":{"rootfsPropagation":"rro"}}`, `linux.rootfsPropagation: unknown propagation "rro"`},
		{`{"linux":{"maskedPaths":["/a","b"]}}`, `linux.maskedPaths[1]: "b" is not an absolute path`},
		{`{"linux":{"readonlyPaths":[""]}}`, `linux.readonlyPaths[0]: missing`},
		{`{"linux":{"namespaces":[{"type":"uts"}]}}`, `linux.maskedPaths: needs a mount namespace, and linux.namespaces has none`},
		{`{"linux":{"namespaces":[{"type":"uts"}],"maskedPaths":null}}`, `linux.readonlyPaths: needs a mount namespace, and linux.namespaces has none`},
		{`{"linux":{"cgroupsPath":"/a/../../b"}}`, `linux.cgroupsPath: "/a/../../b" has ".." in it`},

		// Resources.
		{`{"linux":{"resources":{"devices":[{"type":"x"}]}}}`, `linux.resources.devices[0].type: unknown device type "x", want a, b or c`},
		{`{"linux":{"resources":{"devices":[{"access":"rwx"}]}}}`, `linux.resources.devices[0].access: want letters of rwm, got "rwx"`},
		{`{"linux":{"resources":{"devices":[{"major":-2}]}}}`, `linux.resources.devices[0].major: -2 is out of range (at least -1)`},
		{`{"linux":{"resources":{"memory":{"limit":-2}}}}`, `linux.resources.memory.limit: -2 is out of range (at least -1)`},
		{`{"linux":{"resources":{"memory":{"limit":2,"swap":1}}}}`, `linux.resources.memory.swap: 1, which includes memory, is below memory.limit, 2`},
		{`{"linux":{"resources":{"memory":{"swappiness":101}}}}`, `linux.resources.memory.swappiness: 101 is out of range (0 to 100)`},
		{`{"linux":{"resources":{"cpu":{"quota":-2}}}}`, `linux.resources.cpu.quota: -2 is out of range (at least -1)`},
		{`{"linux":{"resources":{"cpu":{"idle":2}}}}`, `linux.resources.cpu.idle: 2 is out of range (0 to 1)`},
		{`{"linux":{"resources":{"pids":{"limit":-2}}}}`, `linux.resources.pids.limit: -2 is out of range (at least -1)`},
		{`{"linux":{"resources":{"blockIO":{"weight":9}}}}`, `linux.resources.blockIO.weight: 9 is out of range (10 to 1000)`},
		{`{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":8,"leafWeight":1001}]}}}}`, `linux.resources.blockIO.weightDevice[0].leafWeight: 1001 is out of range (10 to 1000)`},
		{`{"linux":{"resources":{"blockIO":{"throttleReadBpsDevice":[{"major":-8}]}}}}`, `linux.resources.blockIO.throttleReadBpsDevice[0].major: -8 is out of range (at least 0)`},
		{`{"linux":{"resources":{"hugepageLimits":[{"limit":1}]}}}`, `linux.resources.hugepageLimits[0].pageSize: missing`},
		{`{"linux":{"resources":{"hugepageLimits":[{"pageSize":"2M"}]}}}`, `linux.resources.hugepageLimits[0].pageSize: want a size such as 2MB, got "2M"`},
		{`{"linux":{"resources":{"hugepageLimits":[{"pageSize":"2MB"},{"pageSize":"2MB"}]}}}`, `linux.resources.hugepageLimits[1].pageSize: "2MB" comes twice`},
		{`{"linux":{"resources":{"unified":{"../pids.max":"1"}}}}`, `linux.resources.unified: "../pids.max" is not a file name such as memory.high`},
		{`{"linux":{"resources":{"unified":{"pids":"1"}}}}`, `linux.resources.unified: "pids" is not a file name such as memory.high`},
		{`{"mounts":[{"destination":"/a","type":"tmpfs","uidMappings":[{}]}]}`, `mounts[0].options: an idmapped mount is a new bind mount`},
		{`{"mounts":[{"destination":"/a","source":"/b","options":["bind","idmap"]}]}`, `mounts[0].options: idmap needs uidMappings and gidMappings where the container has no user namespace`},
		{`{"mounts":[{"destination":"/a","source":"/b","options":["bind","ridmap"],"uidMappings":[{"size":1}]}]}`, `mounts[0].gidMappings: missing beside uidMappings`},
		{`{"mounts":[{"destination":"/a","source":"/b","options":["rbind"],"gidMappings":[{"size":1}]}]}`, `mounts[0].uidMappings: missing beside gidMappings`},
		{`{"mounts":[{"destination":"/a","source":"/b","options":["bind"],"uidMappings":[{"size":1}],"gidMappings":[{}]}]}`, `mounts[0].gidMappings[0].size: 0 maps nothing`},
		{`{"linux":{"timeOffsets":{"monotonic":{}}}}`, `linux.timeOffsets: needs a time namespace, and linux.namespaces has none`},
		{`{"linux":{"namespaces":[{"type":"uts"},{"type":"mount"},{"type":"time"}],"timeOffsets":{"realtime":{}}}}`, `linux.timeOffsets: unknown clock "realtime", want monotonic or boottime`},
		{`{"linux":{"namespaces":[{"type":"uts"},{"type":"mount"},{"type":"time"}],"timeOffsets":{"boottime":{"nanosecs":1000000000}}}}`, `linux.timeOffsets.boottime.nanosecs: 1000000000 is not below a second`},
		{`{"linux":{"namespaces":[{"type":"uts"},{"type":"mount"},{"type":"time","path":"/t"}],"timeOffsets":{"boottime":{}}}}`, `linux.timeOffsets: the time namespace is joined by path and has offsets already`},
	} {
		err := load(t, patched(t, tc.patch))
		if err == nil || err.Error() != "config.json: "+tc.want {
			t.Errorf("%s\n got %v\nwant config.json: %s", tc.patch, err, tc.want)
		}
	}
}

func TestASyntaxErrorSaysWhere(t *testing.T) {
	for _, tc := range []struct{ config, want string }{
		{"", `line 1, column 1: want a value, got the end of the text`},
		{" \n", `line 2, column 1: want a value, got the end of the text`},
		{"null", `want an object, got null`},
		{"\ufeff{}", `line 1, column 1: want a value, got '\ufeff'`},
		{"{", `line 1, column 2: want a key in double quotes, got the end of the text`},
		{"{}{}", `line 1, column 3: want the end of the text, got '{'`},
		{"{\n  \"a\": 1,\n}", `line 3, column 1: want a value after ',', got '}'`},
		{`{"a" 1}`, `line 1, column 6: want ':' after the key, got '1'`},
		{`{a:1}`, `line 1, column 2: want a key in double quotes, got 'a'`},
		{`{"a":1 "b":2}`, `line 1, column 8: want ',' or '}', got '"'`},
		{`{"a":[1 2]}`, `line 1, column 9: want ',' or ']', got '2'`},
		{`{"a":[1,]}`, `line 1, column 9: want a value after ',', got ']'`},
		{`{"a":[,]}`, `line 1, column 7: want a value, got ','`},
		{`{"a":01}`, `line 1, column 7: want ',' or '}', got '1'`},
		{`{"a":-}`, `line 1, column 7: want a digit, got '}'`},
		{`{"a":1.}`, `line 1, column 8: want a digit, got '}'`},
		{`{"a":1e+}`, `line 1, column 9: want a digit, got '}'`},
		{`{"a":NaN}`, `line 1, column 6: want a value, got 'N'`},
		{`{"a":tru}`, `line 1, column 6: want a value, got an unknown word`},
		{`{"hostname":nil}`, `line 1, column 13: want a value, got an unknown word`},
		{`{"root":{"readonly":True}}`, `line 1, column 21: want a value, got 'T'`},
		{`{"hostname":'x'}`, `line 1, column 13: want a value, got '\''`},
		{`{"hostname":"x`, `line 1, column 15: want a closing quote, got the end of the text`},
		{`{"hostname":"x\`, `line 1, column 16: want a closing quote, got the end of the text`},
		{"{\"hostname\":\"x\ny\"}", `line 1, column 15: a control character in a string must be escaped`},
		{`{"hostname":"\q"}`, `line 1, column 14: unknown escape in a string`},
		{`{"hostname":"\u12g4"}`, `line 1, column 14: want four hexadecimal digits after \u`},
		{`{"hostname":"\ud800"}`, `line 1, column 14: \u gives half a surrogate pair`},
		{`{"hostname":"\udc00\ud800"}`, `line 1, column 14: \u gives half a surrogate pair`},
		{"{\"hostname\":\"é\xff\"}", `line 1, column 15: not UTF-8`},
		{"{\n// comment\n}", `line 2, column 1: want a key in double quotes, got '/'`},
		{"{\"hostname\":\"x\"}\x00", `line 1, column 17: want the end of the text, got '\x00'`},
	} {
		if err := load(t, tc.config); err == nil || err.Error() != "config.json: "+tc.want {
			t.Errorf("%q\n got %v\nwant config.json: %s", tc.config, err, tc.want)
		}
	}
}
