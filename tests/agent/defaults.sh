#!/bin/bash
# Devices that follow `default` without a word, devices that move between namespaces, that lose
# their IPv4 settings, and an ifindex that is used again.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

in_other() {
    nsenter --net="/proc/$OTHER_PID/ns/net" "$@"
}

# Made before `default` was ever written here: these follow it.
add_device eth0
add_device eth1
ip address add 192.0.2.1/24 dev eth1
accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
default = unmanaged
all = unmanaged
lxc* = off
mark* = off
eth* = strict|off
veth* = strict
lo = off
POLICY
agent_start
echo 2 >"$CONF/default/rp_filter"
becomes eth0 rp_filter 1
agent_caught_up
expect_value eth1 rp_filter 0
expect_value default rp_filter 2
ok "a device that followed \`default\` is put right"

unshare --net sleep 600 &
OTHER_PID=$!
is_apart() {
    [ "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$OTHER_PID/ns/net")" ]
}
wait_until "the other namespace is there" is_apart
ip link add lxc1 type veth peer name veth2
becomes lxc1 rp_filter 0
becomes veth2 rp_filter 1
for ((i = 0; i < 10; i++)); do
    ip link set veth2 netns "$OTHER_PID"
    in_other ip link set veth2 name "lxc2"
    in_other ip link set lxc2 netns 1
    becomes lxc2 rp_filter 0
    ip link set lxc2 name veth2
    becomes veth2 rp_filter 1
done
ip link set veth2 netns "$OTHER_PID"
agent_caught_up
wait_until "a device that left is forgotten" status_is .devices.total 4
kill "$OTHER_PID"
ok "devices that leave and come back are put right"

index=$(cat /sys/class/net/eth0/ifindex)
old=eth0
for ((i = 0; i < 20; i++)); do
    ip link delete "$old"
    old=veth0
    ip link add veth0 index "$index" type bridge
    becomes veth0 rp_filter 1
    ip link delete veth0
    ip link add lxc9 index "$index" type bridge
    becomes lxc9 rp_filter 0
    ip link set lxc9 name veth0
    becomes veth0 rp_filter 1
done
ok "an ifindex that is used again is another device"

# Few kinds may have an MTU that is too small for IPv4; the message of the link comes too early.
becomes lo rp_filter 0
ip link set lo mtu 60 || system_abort "lo takes no small MTU"
expect_equal "no IPv4, no settings" "$(value lo rp_filter)" absent
agent_caught_up
ip link set lo mtu 65536
becomes lo rp_filter 0
ok "a device that gets its IPv4 settings back is put right"
agent_caught_up
wait_until "all right in the end" everything_right
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
system_end
