package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"minirun/tests/rig"
)

// A doc is config.json without a type, so that anything can be wrong in it.
type doc = map[string]any

// none removes a property.
type none struct{}

// set changes a property by its path; numbers are indices, "+" appends.
func set(path string, value any) func(doc) {
	return func(d doc) {
		keys := strings.Split(path, ".")
		var at any = d
		for _, k := range keys[:len(keys)-1] {
			switch v := at.(type) {
			case doc:
				if v[k] == nil {
					v[k] = doc{}
				}
				at = v[k]
			case []any:
				at = v[k[0]-'0']
			}
		}
		last := keys[len(keys)-1]
		switch v := at.(type) {
		case doc:
			if _, remove := value.(none); remove {
				delete(v, last)
			} else {
				v[last] = value
			}
		case []any:
			v[last[0]-'0'] = value
		}
	}
}

// add appends to the list at a path.
func add(path string, value any) func(doc) {
	return func(d doc) {
		parent, last := any(d), path
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			for _, k := range strings.Split(path[:i], ".") {
				parent = parent.(doc)[k]
			}
			last = path[i+1:]
		}
		list, _ := parent.(doc)[last].([]any)
		parent.(doc)[last] = append(list, value)
	}
}

// mounting is a mount to add.
func mounting(destination, typ, source string, options ...any) func(doc) {
	return add("mounts", doc{"destination": destination, "type": typ, "source": source, "options": options})
}

// rawDoc is the container's config.json as a doc.
func rawDoc(c *rig.Container) doc {
	c.Helper()
	var d doc
	if err := json.Unmarshal([]byte(c.Read(filepath.Join(c.Bundle, "config.json"))), &d); err != nil {
		c.Fatal(err)
	}
	return d
}

// A broken input is a change of config.json and the words that the one line on
// stderr has to have, separated by |.
type broken struct {
	name   string
	change func(doc)
	words  string
}

var brokenConfigs = []broken{
	{"no ociVersion", set("ociVersion", none{}), "ociVersion"},
	{"ociVersion of another age", set("ociVersion", "2.0.0"), "ociVersion|2.0.0"},
	{"ociVersion that is none", set("ociVersion", "latest"), "ociVersion|latest"},
	{"ociVersion is a number", set("ociVersion", 1), "ociVersion|string"},
	{"no process", set("process", none{}), "process"},
	{"process is a list", set("process", []any{}), "process|object"},
	{"no args", set("process.args", none{}), "process.args"},
	{"empty args", set("process.args", []any{}), "process.args"},
	{"args is a string", set("process.args", "true"), "process.args|array"},
	{"args has a number", set("process.args", []any{"sh", 1}), "process.args[1]|string"},
	{"empty program", set("process.args", []any{""}), "process.args"},
	{"an arg with a NUL", set("process.args", []any{"sh", "a\x00b"}), "process.args[1]|NUL"},
	{"an env with a NUL", set("process.env", []any{"A=a\x00b"}), "process.env[0]|NUL"},
	{"env is an object", set("process.env", doc{"A": "b"}), "process.env|array"},
	{"env has null", set("process.env", []any{nil}), "process.env[0]"},
	{"no cwd", set("process.cwd", none{}), "process.cwd"},
	{"relative cwd", set("process.cwd", "tmp"), "process.cwd|absolute"},
	{"cwd is a number", set("process.cwd", 7), "process.cwd|string"},
	{"cwd is a file", set("process.cwd", "/etc/passwd"), "/etc/passwd|not a directory"},
	{"terminal is a string", set("process.terminal", "yes"), "process.terminal|bool"},
	{"terminal without a socket", set("process.terminal", true), "console socket"},
	{"user is a name", set("process.user", "root"), "process.user|object"},
	{"uid is a string", set("process.user.uid", "0"), "process.user.uid|number"},
	{"uid is negative", set("process.user.uid", -1), "process.user.uid|-1"},
	{"uid too large", set("process.user.uid", 4294967296), "process.user.uid|4294967296"},
	{"uid has a fraction", set("process.user.uid", 1.5), "process.user.uid|1.5"},
	{"gid too large", set("process.user.gid", 99999999999), "process.user.gid"},
	{"additionalGids is a number", set("process.user.additionalGids", 5), "additionalGids|array"},
	{"additionalGids has a string", set("process.user.additionalGids", []any{"tty"}), "additionalGids[0]"},
	{"umask is a string", set("process.user.umask", "022"), "umask"},
	{"unknown capability", set("process.capabilities.bounding", []any{"CAP_NO_SUCH"}), "CAP_NO_SUCH"},
	{"capabilities is a list", set("process.capabilities", []any{"CAP_KILL"}), "capabilities|object"},
	{"effective beyond permitted", set("process.capabilities.permitted", []any{}), "effective|permitted"},
	{"unknown rlimit", set("process.rlimits", []any{doc{"type": "RLIMIT_NO_SUCH", "soft": 1, "hard": 1}}), "RLIMIT_NO_SUCH"},
	{"rlimit without type", set("process.rlimits", []any{doc{"soft": 1, "hard": 1}}), "rlimits[0]"},
	{"rlimit soft above hard", set("process.rlimits", []any{doc{"type": "RLIMIT_NOFILE", "soft": 20, "hard": 10}}), "rlimits[0].soft|20|10"},
	{"rlimit twice", set("process.rlimits", []any{doc{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}, doc{"type": "RLIMIT_CORE", "soft": 2, "hard": 2}}), "RLIMIT_CORE|"},
	{"rlimit is negative", set("process.rlimits", []any{doc{"type": "RLIMIT_CORE", "soft": -1, "hard": 1}}), "rlimits[0].soft"},
	{"noNewPrivileges is a number", set("process.noNewPrivileges", 1), "noNewPrivileges|bool"},
	{"oomScoreAdj beyond its range", set("process.oomScoreAdj", 1001), "oomScoreAdj|1001"},
	{"oomScoreAdj is a string", set("process.oomScoreAdj", "100"), "oomScoreAdj"},
	{"no root", set("root", none{}), "root"},
	{"root without path", set("root", doc{}), "root.path"},
	{"root is a string", set("root", "rootfs"), "root|object"},
	{"root that is absent", set("root.path", "no/such"), "no/such|no such file or directory"},
	{"root that is a file", set("root.path", "config.json"), "config.json|not a directory"},
	{"root.readonly is a string", set("root.readonly", "yes"), "root.readonly|bool"},
	{"hostname is a number", set("hostname", 5), "hostname|string"},
	{"hostname too long", set("hostname", strings.Repeat("h", 65)), "hostname|64"},
	{"domainname too long", set("domainname", strings.Repeat("d", 65)), "domainname|64"},
	{"hostname in the host's namespace", set("linux.namespaces", []any{doc{"type": "mount"}, doc{"type": "pid"}}), "hostname|uts"},
	{"mounts is an object", set("mounts", doc{}), "mounts|array"},
	{"mount is a string", add("mounts", "/tmp"), "mounts[7]|object"},
	{"mount without destination", add("mounts", doc{"type": "tmpfs", "source": "tmpfs"}), "mounts[7]|destination"},
	{"mount of an unknown type", mounting("/mnt", "nosuchfs", "x"), "/mnt|nosuchfs"},
	{"bind without source", mounting("/mnt", "bind", "", "bind"), "mounts[7].source"},
	{"bind of an absent source", mounting("/mnt", "bind", "/no/such/source", "bind"), "/no/such/source|no such file or directory"},
	{"mount with an unknown option", mounting("/mnt", "tmpfs", "tmpfs", "nosuchoption"), "/mnt|nosuchoption"},
	{"mount with a bad size", mounting("/mnt", "tmpfs", "tmpfs", "size=many"), "/mnt|size=many"},
	{"mount with a bad mode", mounting("/mnt", "tmpfs", "tmpfs", "mode=rwx"), "/mnt|mode=rwx"},
	{"mount options is a string", add("mounts", doc{"destination": "/mnt", "type": "tmpfs", "options": "ro"}), "mounts[7].options|array"},
	{"mount on a file", mounting("/etc/passwd", "tmpfs", "tmpfs"), "/etc/passwd|not a directory"},
	{"bind of a directory on a file", mounting("/etc/passwd", "bind", "/tmp", "bind"), "/etc/passwd|not a directory"},
	{"mount below a file", mounting("/etc/passwd/x", "tmpfs", "tmpfs"), "/etc/passwd/x|not a directory"},
	{"two propagations in one", mounting("/mnt", "tmpfs", "tmpfs", "shared", "nosuch=1,2"), "/mnt"},
	{"no linux", set("linux", none{}), "linux"},
	{"linux is a list", set("linux", []any{}), "linux|object"},
	{"unknown namespace", add("linux.namespaces", doc{"type": "nosuch"}), "namespaces[5]|nosuch"},
	{"namespace twice", add("linux.namespaces", doc{"type": "pid"}), "namespaces|pid|"},
	{"namespace without type", add("linux.namespaces", doc{}), "namespaces[5]"},
	{"namespace by an absent path", set("linux.namespaces.1", doc{"type": "network", "path": "/no/such/ns"}), "/no/such/ns|no such file or directory"},
	{"namespace by a path of another type", set("linux.namespaces.1", doc{"type": "network", "path": "/proc/self/ns/uts"}), "/proc/self/ns/uts"},
	{"namespace by a path that is none", set("linux.namespaces.1", doc{"type": "network", "path": "/etc/passwd"}), "/etc/passwd"},
	{"namespaces without mount", set("linux.namespaces", []any{doc{"type": "pid"}, doc{"type": "uts"}}), "mount"},
	{"namespaces is an object", set("linux.namespaces", doc{}), "namespaces|array"},
	{"device without path", set("linux.devices", []any{doc{"type": "c", "major": 1, "minor": 3}}), "devices[0]|path"},
	{"device of an unknown type", set("linux.devices", []any{doc{"path": "/dev/x", "type": "x", "major": 1, "minor": 3}}), "devices[0].type|x"},
	{"device without a number", set("linux.devices", []any{doc{"path": "/dev/x", "type": "c"}}), "devices[0]|major"},
	{"device in a relative place", set("linux.devices", []any{doc{"path": "dev/x", "type": "c", "major": 1, "minor": 3}}), "devices[0]|absolute"},
	{"device mode is a string", set("linux.devices", []any{doc{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": "0666"}}), "devices[0].fileMode"},
	{"unknown sysctl", set("linux.sysctl", doc{"kernel.msg_no_such": "1"}), "kernel.msg_no_such"},
	{"sysctl of the host", set("linux.sysctl", doc{"vm.swappiness": "60"}), "vm.swappiness"},
	{"sysctl with a bad value", set("linux.sysctl", doc{"net.ipv4.ip_forward": "many"}), "net.ipv4.ip_forward|invalid argument"},
	{"sysctl that climbs", set("linux.sysctl", doc{"net/../kernel/panic": "1"}), "net/../kernel/panic"},
	{"sysctl value is a number", set("linux.sysctl", doc{"net.ipv4.ip_forward": 1}), "sysctl|string"},
	{"rootfsPropagation is unknown", set("linux.rootfsPropagation", "nosuch"), "rootfsPropagation|nosuch"},
	{"maskedPaths is a string", set("linux.maskedPaths", "/proc/keys"), "maskedPaths|array"},
	{"relative masked path", set("linux.maskedPaths", []any{"proc/keys"}), "maskedPaths[0]|absolute"},
	{"relative readonly path", set("linux.readonlyPaths", []any{"proc/sys"}), "readonlyPaths[0]|absolute"},
	{"cgroupsPath is a number", set("linux.cgroupsPath", 5), "cgroupsPath|string"},
	{"memory limit is a string", set("linux.resources.memory", doc{"limit": "64M"}), "memory.limit"},
	{"pids limit is a string", set("linux.resources.pids", doc{"limit": "5"}), "pids.limit"},
	{"cpus beyond the machine", set("linux.resources.cpu", doc{"cpus": "4000"}), "cpuset.cpus|4000"},
	{"cpus is no list", set("linux.resources.cpu", doc{"cpus": "first"}), "cpuset.cpus|first"},
	{"cpu quota too small", set("linux.resources.cpu", doc{"quota": 5}), "quota|invalid argument"},
	{"huge page of no size", set("linux.resources.hugepageLimits", []any{doc{"pageSize": "3MB", "limit": 1}}), "3MB"},
	{"device rule of unknown access", set("linux.resources.devices", []any{doc{"allow": true, "access": "x"}}), "devices[0]|access"},
	{"device rule of unknown type", set("linux.resources.devices", []any{doc{"allow": true, "type": "z", "access": "r"}}), "devices[0]|type"},
	{"hooks is a list", set("hooks", []any{}), "hooks|object"},
	{"hook without path", set("hooks", doc{"createRuntime": []any{doc{}}}), "createRuntime[0]|path"},
	{"hook with a relative path", set("hooks", doc{"createRuntime": []any{doc{"path": "bin/true"}}}), "createRuntime[0]|absolute"},
	{"hook with a timeout of zero", set("hooks", doc{"createRuntime": []any{doc{"path": "/bin/true", "timeout": 0}}}), "createRuntime[0]|timeout"},
	{"hook that is absent", set("hooks", doc{"createRuntime": []any{doc{"path": "/no/such/hook"}}}), "createRuntime|/no/such/hook|no such file or directory"},
	{"hook that fails", set("hooks", doc{"createContainer": []any{doc{"path": "/bin/false"}}}), "createContainer|/bin/false|1"},
	{"profile that no AppArmor has", set("process.apparmorProfile", "no_such_profile"), "apparmorProfile"},
	{"label that no SELinux has", set("process.selinuxLabel", "no_such_label"), "selinuxLabel"},
	{"intelRdt of a class that is not there", set("linux.intelRdt", doc{"closID": "no_such_class"}), "linux.intelRdt"},
	{"scheduler that no kernel has", set("process.scheduler", doc{"policy": "SCHED_ISO"}), "process.scheduler|invalid argument"},
	{"memory of a node that is not there", set("linux.memoryPolicy", doc{"mode": "MPOL_BIND", "nodes": "1000"}), "linux.memoryPolicy|invalid argument"},
	{"user namespace without mappings", add("linux.namespaces", doc{"type": "user"}), "linux.uidMappings"},
	{"uidMappings without a namespace", set("linux.uidMappings", []any{doc{"containerID": 0, "hostID": 1000, "size": 1}}), "uidMappings|user namespace"},
	{"timeOffsets without a namespace", set("linux.timeOffsets", doc{"monotonic": doc{"secs": 1}}), "timeOffsets|time namespace"},
	{"idmapped mount without mappings", add("mounts", doc{"destination": "/mnt", "type": "bind", "source": "/tmp", "options": []any{"bind", "idmap"}}), "mounts[7].options|idmap"},
	{"mount with uidMappings alone", add("mounts", doc{"destination": "/mnt", "type": "bind", "source": "/tmp", "options": []any{"bind"}, "uidMappings": []any{doc{"containerID": 0, "hostID": 1, "size": 1}}}), "gidMappings"},
	{"annotation is a number", set("annotations", doc{"a": 1}), "annotations|string"},
	{"missing program", set("process.args", []any{"/no/such/program"}), `exec: "/no/such/program": stat /no/such/program: no such file or directory`},
	{"program not in PATH", set("process.args", []any{"nosuchprogram"}), `exec: "nosuchprogram": executable file not found in $PATH`},
	{"program is a directory", set("process.args", []any{"/etc"}), `exec: "/etc": permission denied`},
	{"program is not executable", set("process.args", []any{"/etc/passwd"}), `exec: "/etc/passwd": permission denied`},
	{"program behind a file", set("process.args", []any{"/etc/passwd/x"}), `exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory`},
}

func TestBrokenConfigs(t *testing.T) {
	if n := len(brokenConfigs) + len(brokenFiles) + len(brokenIDs); n < 100 {
		t.Errorf("only %d broken inputs", n)
	}
	for _, b := range brokenConfigs {
		t.Run(b.name, func(t *testing.T) { tryBroken(t, b) })
	}
}

// tryBroken creates, which has to fail with one line that has the words.
func tryBroken(t *testing.T, b broken) {
	t.Helper()
	r := rig.New(t)
	switch b.name {
	case "namespaces without mount", "namespaces is an object":
		r.Finding(rig.Crun, "1.8.1 leaves its mounts on the host")
	case "cpus beyond the machine", "cpus is no list", "cpu quota too small", "huge page of no size", "device rule of unknown type":
		r.Finding(rig.Crun, "1.8.1 leaves its cgroups")
	}
	c := r.Container()
	d := rawDoc(c)
	b.change(d)
	if err := rig.WriteBundle(c.Bundle, d); err != nil {
		t.Fatal(err)
	}
	oneLine(t, c, c.Create(), b.words)
}

// oneLine checks what a failure says. The peers are free to accept, and to word
// as they like, but for what engines match.
func oneLine(t *testing.T, c *rig.Container, x rig.Result, words string) {
	t.Helper()
	kind := c.Runtime.Kind
	if x.Code == 0 {
		if kind == rig.Minirun {
			t.Error("succeeded")
		}
		c.MustDelete("--force")
		return
	}
	if strings.Contains(x.Stderr, "goroutine 1 [") {
		t.Errorf("a panic: %s", x.Stderr)
	}
	if c.Exists() {
		t.Error("and left its state")
	}
	if kind == rig.Crun || kind == rig.Runc && !strings.HasPrefix(words, "exec:") {
		return
	}
	if n := strings.Count(strings.TrimRight(x.Stderr, "\n"), "\n") + 1; n != 1 || x.Stderr == "" {
		t.Errorf("%d lines: %s", n, x.Stderr)
	}
	for _, w := range strings.Split(words, "|") {
		if !strings.Contains(x.Message(), w) {
			t.Errorf("no %q in %q", w, x.Message())
		}
	}
}

// brokenFiles are config.json files that are not even JSON of an object.
var brokenFiles = []struct{ name, content, words string }{
	{"an empty file", "", "config.json"},
	{"blanks", "  \n", "config.json"},
	{"cut off", `{"ociVersion": "1.0.2", "process": {`, "config.json"},
	{"not JSON", "hello", "config.json"},
	{"a list", "[]", "config.json|object"},
	{"null", "null", "config.json|object"},
	{"a number", "1", "config.json|object"},
	{"an empty object", "{}", "config.json"},
	{"a bad escape", `{"ociVersion": "\q"}`, "config.json"},
	{"a trailing comma", `{"ociVersion": "1.0.2",}`, "config.json"},
	{"something after it", `{"ociVersion": "1.0.2"} {}`, "config.json"},
	{"deep nesting", strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000), "config.json"},
	{"binary", "\x00\x01\x02\xff", "config.json"},
}

func TestBrokenFiles(t *testing.T) {
	for _, b := range brokenFiles {
		t.Run(b.name, func(t *testing.T) {
			r := rig.New(t)
			if b.name == "null" {
				r.Finding(rig.Runc, "1.1.5 panics")
			}
			c := r.Container()
			if err := os.WriteFile(filepath.Join(c.Bundle, "config.json"), []byte(b.content), 0o644); err != nil {
				t.Fatal(err)
			}
			oneLine(t, c, c.Create(), b.words)
		})
	}
}

func TestBrokenBundles(t *testing.T) {
	r := rig.New(t)
	c := r.Container()
	for what, bundle := range map[string]string{"absent": r.Path("no/such"), "a file": r.Write("file", "x", 0o644), "empty": r.Mkdir("empty")} {
		x := r.Do("create", "--bundle", bundle, c.ID)
		words := map[string]string{"absent": "no such file or directory", "a file": "not a directory", "empty": "config.json"}[what]
		oneLine(t, c, x, words)
	}
	dir := r.Mkdir("bundle-with-a-directory")
	if err := os.Mkdir(dir+"/config.json", 0o755); err != nil {
		t.Fatal(err)
	}
	oneLine(t, c, r.Do("create", "--bundle", dir, c.ID), "config.json|is a directory")
}

var brokenIDs = []struct{ name, id, words string }{
	{"empty", "", "container id"}, {"slash", "a/b", "a/b"}, {"dots", "..", ".."}, {"dot", ".", "."}, {"climbs", "../" + rig.Marker, "../"},
	{"blank", "a b", "a b"}, {"newline", "a\nb", ""}, {"too long", strings.Repeat("x", 1025), "longer than"}, {"leading dot", ".hidden", ".hidden"},
	{"not ASCII", "ünïcode", "ünïcode"}, {"colon", "a:b", "a:b"}, {"star", "*", "*"},
}

func TestBrokenIDs(t *testing.T) {
	for _, b := range brokenIDs {
		t.Run(b.name, func(t *testing.T) {
			r := rig.New(t)
			c := r.Container()
			if b.name == "leading dot" {
				r.Finding(rig.Runc, "1.1.5 takes it")
			}
			if r.Runtime.Kind == rig.Crun && b.name != "slash" && b.name != "climbs" {
				r.Skip("crun's charset is its own")
			}
			for _, args := range [][]string{{"create", "--bundle", c.Bundle, b.id}, {"state", b.id}, {"delete", b.id}, {"kill", b.id, "9"}, {"start", b.id}} {
				if b.id == "" && args[0] != "create" {
					continue
				}
				x := r.Do(args...)
				oneLine(t, c, x, "")
				if x.Code == 0 {
					t.Errorf("%v: code 0", args)
				}
				if args[0] == "create" && r.Runtime.Kind == rig.Minirun && b.name != "newline" && !strings.Contains(x.Message(), b.words) {
					t.Errorf("%v: no %q in %q", args, b.words, x.Message())
				}
			}
		})
	}
}

// What only the execve itself can know is reported by start, and by run.
func TestBrokenPrograms(t *testing.T) {
	for _, b := range []struct{ name, file, words string }{
		{"missing interpreter", "#!/no/such/interpreter\n", "no such file or directory"},
		{"exec format error", "neither ELF nor script", "exec format error"},
		{"empty program", "", "exec format error"},
		{"interpreter that is a directory", "#!/etc\n", "permission denied"},
	} {
		t.Run(b.name, func(t *testing.T) {
			r := rig.New(t)
			r.MinirunOnly("start reports an execve that failed")
			c := r.Container(rig.Args("/program"))
			if err := os.WriteFile(filepath.Join(c.Rootfs(), "program"), []byte(b.file), 0o755); err != nil {
				t.Fatal(err)
			}
			c.MustCreate()
			x := c.Start()
			if x.Code == 0 || !strings.Contains(x.Message(), b.words) || !strings.Contains(x.Message(), "/program") {
				t.Errorf("start: code %d: %s", x.Code, x.Stderr)
			}
			c.MustDelete("--force")
			if x := c.Run(); x.Code == 0 || !strings.Contains(x.Message(), b.words) {
				t.Errorf("run: code %d: %s", x.Code, x.Stderr)
			}
		})
	}
}
