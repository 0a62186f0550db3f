#!/bin/bash
# A device is right after udev handled its appearance, its renaming, and an `add` triggered again,
# each of which leaves it wrong without the helper.
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
eth1..3 = loose
* = strict
CONF
system_start_udev

ip link add lxc1 type veth peer name peer1
add_device eth2
system_settle
expect_value lxc1 rp_filter 0
expect_value peer1 rp_filter 1
expect_value eth2 rp_filter 2
expect_log 'rpfpolicy-helper\[[0-9]+\]: lxc1: rp_filter set from 2 to 0: lxc\*=off \(/etc/rpfpolicy.d/10-test.conf:4\)$'
expect_log 'peer1: rp_filter set from 2 to 1: \*=strict \(/etc/rpfpolicy.d/10-test.conf:6\)$'
expect_no_log 'eth2'

system_log_clear
ip link set peer1 name lxc2
system_settle
expect_value lxc2 rp_filter 0
expect_log 'lxc2: rp_filter set from 1 to 0: lxc\*=off'

system_log_clear
ip link set lxc2 name other
system_settle
expect_value other rp_filter 1
expect_log 'other: rp_filter set from 0 to 1: \*=strict'

system_log_clear
udevadm trigger --action=add --settle /sys/class/net/lxc1 /sys/class/net/other
system_settle
expect_value lxc1 rp_filter 0
expect_value other rp_filter 1
expect_log 'lxc1: rp_filter set from 2 to 0'
expect_log 'other: rp_filter set from 2 to 1'

system_log_clear
udevadm trigger --action=change --settle /sys/class/net/lxc1
system_settle
expect_no_log 'rpfpolicy-helper'
system_end
