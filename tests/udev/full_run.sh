#!/bin/bash
# Nothing can be recorded, since /run has no room, not even for the directory: a device is put right
# all the same, under the lock, and that its former value is not on record is said.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
SYSTEM_LOG=/var/lib/syslog
system_enter "$@"

sysctl_d 50-default.conf <<'CONF'
net.ipv4.conf.*.rp_filter = 2
CONF
accept_policy <<'CONF'
[agent]
mode = enforce
[rp_filter]
lxc* = off
CONF
# udev runs nothing for a device of which it can keep no record, so its own directory has room.
mkdir /run/udev
mount -t tmpfs -o mode=0755 tmpfs /run/udev
system_start_udev
: >/run/rpfpolicy.lock
rm -rf /run/rpfpolicy-root
mount -o remount,nr_inodes=$(($(df --output=iused /run | tail -n 1))) /run
expect "there is no room" eval '! mkdir /run/rpfpolicy' 2>/dev/null
add_device lxc1
system_settle
expect_value lxc1 rp_filter 0
expect_log 'rpfpolicy-helper.*the former values could not be recorded: No space left on device'
expect_log 'rpfpolicy-helper.*lxc1: rp_filter set from 2 to 0'

mount -o remount,nr_inodes=0 /run
system_log_clear
add_device lxc2
system_settle
expect_value lxc2 rp_filter 0
expect_no_log 'could not be recorded'
expect "with room again it is" grep -q ' lxc2 ' /run/rpfpolicy-root/before
system_end
