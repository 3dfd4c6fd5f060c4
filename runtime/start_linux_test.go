package runtime

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// hangUpBy is an image that closes its socket with a connection waiting: it
// ends, or executes a program. Or it does so before.
func hangUpBy(what, socket string) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: socket})
	}
	if err == nil {
		err = unix.Listen(fd, 1)
	}
	if err == nil && what == "execute before" {
		err = unix.Shutdown(fd, unix.SHUT_RDWR) // refuses connections from now on
	}
	fmt.Println("ready")
	if err == nil && what == "execute before" {
		err = unix.Pause()
	}
	if err == nil {
		err = poll(readable(fd))
	}
	if err == nil && what == "execute" {
		err = unix.Exec("/bin/sleep", []string{"sleep", "1000"}, nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// A start that comes at the last moment says what has become of the init, which
// the kernel tells alike, by ECONNRESET or ECONNREFUSED.
func TestStartTellsAnEndFromAnExecve(t *testing.T) {
	for role, want := range map[string]error{"end": errEnded, "execute": ErrRunning, "execute before": ErrRunning} {
		for range 20 {
			rt, _ := testRuntime(t)
			socket := rt.Store.Root + "/socket"
			cmd, _ := player(t, role, socket, nil)
			r := recordOf(t, "c1", cmd.Process.Pid)
			st, err := statLink(r.Pid, "exe")
			if err != nil {
				t.Fatal(err)
			}
			r.ImageDev, r.ImageIno = st.Dev, st.Ino
			keep(t, rt.Store, r)
			if err := os.Rename(socket, rt.Store.Root+"/c1/"+startSocket); err != nil {
				t.Fatal(err)
			}
			if err := rt.Start("c1"); err != want {
				t.Errorf("%s: %v, want %v", role, err, want)
			}
		}
	}
}
