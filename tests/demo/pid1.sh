#!/bin/sh
# PID 1 of the demo's container describes itself.
status() { sed -n "s/^$1:[[:space:]]*//p" /proc/1/status; }
echo "I am PID $$, called $(status NSpid) by the kernel, in $(readlink /proc/1/ns/pid)"
echo "signals blocked $(status SigBlk), ignored $(status SigIgn), caught $(status SigCgt)"
echo "tasks of mine: $(status Threads); no new privileges: $(status NoNewPrivs)"
for f in /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max; do
  [ -r "$f" ] && echo "pids.max $(cat "$f"), of which $(cat "${f%max}current") are in use"
done
kill -TERM 1 && kill -KILL 1
echo "I sent myself SIGTERM and SIGKILL, and kill said yes both times: the kernel ignores them (SIGNAL_UNKILLABLE)"
exit 0
