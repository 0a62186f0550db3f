#!/bin/bash
# Devices that vanish or get another name between the event and the helper: the first is no failure,
# the second is judged by the name it has. A rule between systemd's and ours does it at that moment.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

sysctl_d 50-default.conf <<'CONF'
net.ipv4.conf.*.rp_filter = 2
CONF
accept_policy <<'CONF'
[agent]
mode = enforce
[rp_filter]
lxc* = off
* = strict
CONF
ip=$(command -v ip)
udev_rules 99-y-meanwhile.rules <<CONF
ACTION=="add", KERNEL=="gone0", RUN+="$ip link del gone0"
ACTION=="add", KERNEL=="old0", RUN+="$ip link set old0 name lxc0"
ACTION=="add", KERNEL=="swap0", RUN+="$ip link set swap0 name lxc1", RUN+="$ip link add swap0 type bridge"
CONF
system_start_udev

add_device gone0
system_settle
expect_equal "the device is gone" "$(value gone0 rp_filter)" absent
expect_no_log 'gone0|rpfpolicy-helper'

add_device old0
system_settle
expect_value lxc0 rp_filter 0
expect_log 'lxc0: rp_filter set from [0-9]+ to 0: lxc\*=off'
expect_no_log 'old0: rp_filter'

system_log_clear
add_device swap0
system_settle
expect_value lxc1 rp_filter 0
expect_value swap0 rp_filter 1
expect_no_log 'cannot|not put right'

system_log_clear
for i in $(seq 40); do
    add_device "short$i"
    ip link del "short$i"
done
system_settle
expect_no_log 'cannot|not put right|could not'
system_end
