// Command peek is the attacker inside a container: it opens what it can of
// /proc/PID for ever, and prints each program, descriptor and way to the host
// that it sees, once.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

var seen = map[string]bool{}

func note(what string) {
	if !seen[what] {
		seen[what] = true
		fmt.Println(what)
	}
}

func main() {
	note("ready")
	for {
		entries, _ := os.ReadDir("/proc")
		for _, e := range entries {
			if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
				peek("/proc/" + e.Name())
			}
		}
	}
}

func peek(dir string) {
	if exe, err := os.Readlink(dir + "/exe"); err == nil {
		note("exe " + exe)
		if f, err := os.OpenFile(dir+"/exe", os.O_RDWR, 0); err == nil {
			note("writable " + exe)
			f.Close()
		}
	}
	for _, link := range []string{"root", "cwd"} {
		if _, err := os.Stat(dir + "/" + link + "/etc/debian_version"); err == nil {
			note("the host by " + link)
		}
	}
	fds, _ := os.ReadDir(dir + "/fd")
	for _, fd := range fds {
		path := dir + "/fd/" + fd.Name()
		to, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(to, "/") {
			continue
		}
		note("descriptor " + fd.Name() + " " + to)
		if _, err := os.Stat(path + "/../../../../../../etc/debian_version"); err == nil {
			note("the host by descriptor " + to)
		}
	}
}
