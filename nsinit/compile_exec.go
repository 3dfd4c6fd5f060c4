package nsinit

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// lookup finds the program as execvpe(3) would, with the container's user's
// own rights, so that a missing program is already create's error. The words
// are runc's: engines map them to the exit codes 126 and 127.
func (b *builder) lookup() {
	name := b.spec.Process.Args[0]
	if strings.Contains(name, "/") {
		b.lookupPath(name)
		return
	}
	prog, found := &Cell{Name: "prog"}, b.fresh("found")
	for _, dir := range searchPath(b.spec.Process.Env) {
		next := b.fresh("next")
		path := str(dir + "/" + name)
		why := "is it " + dir + "/" + name + "?"
		b.do(why, Call{Name: "faccessat2", Args: []Arg{atFDCWD, path, xOK, eaccess},
			On: divert(next, unix.ENOENT, unix.ENOTDIR, unix.EACCES, unix.ELOOP, unix.ENAMETOOLONG)})
		b.notDirectory(why, path, next)
		b.do("it is", Set{Cell: prog, A: path})
		b.do("search no further", Goto{To: found})
		b.here(next)
	}
	b.do("it is nowhere", Fail{Errno: unix.ENOENT, Message: fmt.Sprintf("exec: %q: executable file not found in $PATH", name)})
	b.here(found)
	b.prog = Val{prog}
}

var (
	xOK     Arg = Const{V: unix.X_OK, Text: "X_OK"}
	eaccess Arg = Const{V: unix.AT_EACCESS, Text: "AT_EACCESS"}
)

func (b *builder) lookupPath(name string) {
	b.prog = str(name)
	missing, notDir, denied, good := b.fresh("missing"), b.fresh("notdir"), b.fresh("denied"), b.fresh("executable")
	why := "may the container's user execute " + name + "?"
	on := append(divert(missing, unix.ENOENT), divert(notDir, unix.ENOTDIR)...)
	b.do(why, Call{Name: "faccessat2", Args: []Arg{atFDCWD, b.prog, xOK, eaccess}, On: append(on, divert(denied, unix.EACCES)...)})
	b.notDirectory(why, b.prog, denied)
	b.do("it may", Goto{To: good})
	b.here(missing)
	b.do("it is not there", Fail{Errno: unix.ENOENT, Message: fmt.Sprintf("exec: %q: stat %s: no such file or directory", name, name)})
	b.here(notDir)
	b.do("a part of the path is a file", Fail{Errno: unix.ENOTDIR, Message: fmt.Sprintf("exec: %q: stat %s: not a directory", name, name)})
	b.here(denied)
	b.do("it may not", Fail{Errno: unix.EACCES, Message: fmt.Sprintf("exec: %q: permission denied", name)})
	b.here(good)
}

// notDirectory goes to isDirectory when path is one; access(2) takes a
// directory for executable.
func (b *builder) notDirectory(why string, path Arg, isDirectory string) {
	b.do(why, Call{Name: "openat", OK: isDirectory, On: tolerate(unix.ENOTDIR),
		Args: []Arg{atFDCWD, path, b.oPathDirectory()}})
}

// searchPath is the container's PATH; an empty element is the working directory.
func searchPath(env []string) []string {
	for i := len(env) - 1; i >= 0; i-- { // the last assignment wins, as in os/exec
		if list, ok := strings.CutPrefix(env[i], "PATH="); ok && list != "" {
			dirs := strings.Split(list, ":")
			for i, d := range dirs {
				if d == "" {
					dirs[i] = "."
				}
				dirs[i] = strings.TrimSuffix(dirs[i], "/")
			}
			return dirs
		}
	}
	return nil
}

// wait is the created state: the image waits in accept(2) on the start
// socket, and the connection becomes the place for reports.
func (b *builder) wait() {
	if b.facts.Wait {
		b.accept()
	}
	b.startHooks()
}

func (b *builder) accept() {
	listen := b.fd(Inherit{Role: RoleListen})
	b.call("minirun is needed no more", "close", b.fd(Inherit{Role: RoleSync}))
	b.do("created", Mark{Name: MarkReady, Value: num(0)})
	conn := b.open("wait for start", "conn", "accept4", listen, null, null, sym(unix.SOCK_CLOEXEC, "SOCK_CLOEXEC"))
	b.call("errors go to start from here on", "dup3", Val{conn}, num(b.plan.Report), sym(unix.O_CLOEXEC, "O_CLOEXEC"))
	b.close(conn)
	b.call("a container is started once", "close", listen)
	b.do("started", Mark{Name: MarkStarted, Value: num(0)})
}

func (b *builder) execve() {
	if b.facts.Init != nil {
		b.becomeInit()
		return
	}
	b.call(fmt.Sprintf("exec %q", b.spec.Process.Args[0]), "execve", b.prog, vector(b.spec.Process.Args), vector(b.environ()))
}

// environ is process.env, with HOME from the container's passwd file when it
// is not there: runc sets it, and shells expect it.
func (b *builder) environ() []string {
	env := b.spec.Process.Env
	for _, e := range env {
		if strings.HasPrefix(e, "HOME=") {
			return env
		}
	}
	if b.facts.Home == "" {
		return env
	}
	return append(env[:len(env):len(env)], "HOME="+b.facts.Home)
}
