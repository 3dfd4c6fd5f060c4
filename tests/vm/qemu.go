package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// boot runs the machine until it turns itself off, and passes on each line
// that comes out of its port. What its console says is kept in console.log.
func boot(dir string, deadline time.Duration, line func(string)) error {
	runtime.LockOSThread() // the machine ends with the thread that started it
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	file := func(name string) string { return filepath.Join(dir, name) }
	accel := "tcg,thread=multi"
	if _, err := os.Stat("/dev/kvm"); err == nil {
		accel = "kvm"
	}
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-accel", accel, "-cpu", "max", "-smp", "2", "-m", "2048",
		"-kernel", file("vmlinuz"), "-initrd", file("initrd.img"),
		"-append", "root=/dev/vda rw console=ttyS0 panic=-1 mitigations=off apparmor=0 loglevel=4 systemd.unified_cgroup_hierarchy=1",
		"-drive", "if=virtio,format=raw,snapshot=on,file="+file("root.img"),
		"-drive", "if=virtio,format=raw,snapshot=on,file="+file("stage.img"),
		"-serial", "file:"+file("console.log"),
		"-device", "virtio-serial", "-chardev", "file,id=port,path=/proc/self/fd/1", "-device", "virtserialport,chardev=port,name=minirun",
		"-device", "virtio-rng",
	)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start qemu: %w", err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line(strings.TrimRight(lines.Text(), "\r"))
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the machine's port: %w", err)
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("the machine was not through after %v; its console is in %s", deadline, file("console.log"))
	}
	return err
}
