#!/bin/bash
# What the helper judges: sets by what comes with a device and by udev's properties, and what it
# leaves alone or cannot reach, and says so. And how it answers to people.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

sysctl_d 50-default.conf <<'CONF'
net.ipv4.conf.*.rp_filter = 2
CONF
udev_rules 80-role.rules <<'CONF'
ACTION=="add", SUBSYSTEM=="net", KERNEL=="role*", ENV{RPF_ROLE}="pod"
CONF
accept_policy <<'CONF'
[agent]
mode = enforce
[set pods]
property = RPF_ROLE=p?d
[set bridges]
kind = bridge
name = br*
[set drivers]
driver = veth
name = drv*
[rp_filter]
@pods = off
@bridges = off
@drivers = off
* = strict
[log_martians]
@uplink = yes
* = no
CONF
system_start_udev

add_device role0
add_device br0
add_device other0
ip link add drv0 type veth peer name drv1
system_settle
for device in role0 br0 drv0 drv1; do
    expect_value "$device" rp_filter 0
done
expect_value other0 rp_filter 1
expect_log 'role0: rp_filter set from 2 to 0: @pods=off \(/etc/rpfpolicy.d/10-test.conf:12\)'

system_log_clear
echo 1 >"$CONF/other0/log_martians"
udevadm trigger --action=add --settle /sys/class/net/other0
system_settle
expect_value other0 log_martians 1
expect_log 'rpfpolicy-helper.*other0: log_martians left alone: '

accept_policy <<'CONF'
[agent]
mode = enforce
[rp_filter]
all = unmanaged
* = strict
CONF
system_log_clear
echo 2 >"$CONF/all/rp_filter"
before=$(all_values)
udevadm trigger --action=add --settle /sys/class/net/other0
system_settle
# systemd-sysctl has written the device; apart from that nothing changed.
expect_equal "what \`all\` rules out is not written" \
    "$(all_values | grep -v '/other0/')" "$(grep -v '/other0/' <<<"$before")"
# shellcheck disable=SC2016 # no command is meant
expect_log 'other0: rp_filter stays loose: `all` rules out \*=strict \(/etc/rpfpolicy.d/10-test.conf:5\)'

helper() {
    output=$(env -i "$@" 2>&1)
    status=$?
}

helper "$SYSTEM_HELPER" eth0
expect_equal "an argument is an error" "$status: $output" "1: rpfpolicy-helper: unknown arguments, see --help"
helper "$SYSTEM_HELPER"
expect_equal "so is an environment that is not udev's" "$status" 1
helper ACTION=add IFINDEX=0 "$SYSTEM_HELPER"
expect_equal "or one without a device" "$status" 1
helper ACTION=add IFINDEX=2147483647 INTERFACE=gone "$SYSTEM_HELPER"
expect_equal "a device that is gone is none" "$status: $output" "0: "
helper ACTION=remove IFINDEX=1 INTERFACE=lo "$SYSTEM_HELPER"
expect_equal "nor is another event" "$status: $output" "0: "

# What the device is called now counts, whatever the event calls it.
echo 0 >"$CONF/all/rp_filter"
accept_policy <<'CONF'
[agent]
mode = enforce
[rp_filter]
lxc* = off
eno* = strict
wg* = off
tun* = strict
CONF
for name in lxc7 eno7 wg7; do
    add_device "$name"
done
system_settle
for called in lxc7 eno7 wg7 tun0 'a/b' ''; do
    for device in lxc7=0 eno7=1 wg7=0; do
        name=${device%=*}
        echo 2 >"$CONF/$name/rp_filter"
        helper ACTION=move "IFINDEX=$(cat "/sys/class/net/$name/ifindex")" "INTERFACE=$called" \
            "$SYSTEM_HELPER"
        expect_equal "$name, told of as '$called': $status" "$(value "$name" rp_filter)" "${device#*=}"
    done
done

helper "$SYSTEM_HELPER" --help
expect_equal "help is for people" "$status ${output%% *}" "0 rpfpolicy-helper"
expect_equal "in 80 columns" "$(awk 'length > 80' <<<"$output")" ""
helper "$SYSTEM_HELPER" --version
expect_equal "so is the version" "$status ${output%% *}" "0 rpfpolicy-helper"
system_end
