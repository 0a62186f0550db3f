#!/bin/bash
# `all` is too high for what a new device is to have: the helper moves it, and every other device,
# and what new ones start with, keeps acting as before at every moment.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

system_start_udev
for i in 0 1 2 3 4; do
    add_device "dev$i"
done
ip address add 192.0.2.1/24 dev dev1
system_settle
echo 2 >"$CONF/default/rp_filter"
echo 1 >"$CONF/dev1/rp_filter"
echo 2 >"$CONF/dev2/rp_filter"
echo 7 >"$CONF/dev3/rp_filter"
echo -3 >"$CONF/dev4/rp_filter"
echo 2 >"$CONF/all/rp_filter"
accept_policy <<'CONF'
[agent]
mode = enforce
[rp_filter]
lxc* = off
eth* = strict
CONF

others=(lo dev0 dev1 dev2 dev3 dev4)

act_as() {
    local device

    for device in "$@"; do effective "$device"; done | xargs
}

expect_equal "all of them act as loose" "$(act_as default "${others[@]}")" "2 2 2 2 2 2 2"
watch_start
add_device eth0
system_settle
add_device lxc0
system_settle
watch_stop

expect_value all rp_filter 0
expect_effective eth0 1
expect_effective lxc0 0
expect_equal "the others act as before" "$(act_as default "${others[@]}")" "2 2 2 2 2 2 2"
for device in default "${others[@]}"; do
    expect_equal "$device acted as loose at every moment" "$(watched "$device")" 2
done
expect_equal "eth0 began as loose and became strict, nothing else" "$(watched eth0)" "2 1"
expect_equal "lxc0 began as loose and became off, nothing else" "$(watched lxc0)" "2 0"
expect_log 'all: rp_filter set from 2 to 0: makes room for lxc\*=off \(/etc/rpfpolicy.d/10-test.conf:4\)'
expect_log 'other values written so that nothing else changes'
system_end
