#!/bin/bash
# Values written by RTM_SETLINK are put right: at once where the device is up, by the sweep where it
# is down and the kernel says nothing. Where /proc/sys is read-only the agent writes that way itself.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

policy() {
    accept_policy <<POLICY
[agent]
mode = enforce
sweep = ${1:-60s}
[rp_filter]
lxc* = off
mark* = off
* = strict
${2:-}
POLICY
}

add_device eth0
add_device eth1
ip link set eth0 up
policy 60s
agent_start
agent_caught_up
setlink 2 eth0
becomes eth0 rp_filter 1
policy 1s
agent_wait_log "is in force"
setlink 2 eth1 eth0
becomes eth1 rp_filter 1
becomes eth0 rp_filter 1
policy 1s $'[log_martians]\n* = yes'
becomes eth1 log_martians 1
echo 0 >"$CONF/eth1/log_martians"
becomes eth1 log_martians 1
ok "what the kernel does not announce is found by the sweep"
agent_stop

# From here on nobody can write below /proc/sys, but `all` and `default` are right already.
policy 1s
mkdir /run/test/net
mount --bind /proc/sys/net /run/test/net
{ mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys; } ||
    system_skip "/proc/sys cannot be made read-only here"
add_device lxc1
expect_value lxc1 rp_filter 1
agent_start
becomes lxc1 rp_filter 0
add_device lxc2
becomes lxc2 rp_filter 0
ip link set lxc2 name eth2
becomes eth2 rp_filter 1
ip link set eth2 up
setlink 2 eth0 eth1 eth2 lxc1
becomes eth0 rp_filter 1
becomes eth1 rp_filter 1
becomes eth2 rp_filter 1
becomes lxc1 rp_filter 0
expect "that \`default\` is right is not complained of" test "$(log_count 'cannot be moved')" = 0
agent_stop

# Now `default` and `all` would have to move.
accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
default = loose
lxc* = off
* = strict
POLICY
agent_start
agent_wait_log 'is 1 and cannot be moved'
expect_equal "said once" "$(log_count 'cannot be moved')" 1
expect "and why" grep -q 'since /proc/sys is read-only' "$AGENT_LOG"
becomes lxc1 rp_filter 0
agent_stop

# As containers have it: writable at another place.
agent_start --proc-sys-net=/run/test/net
becomes default rp_filter 2
becomes all rp_filter 0
becomes lxc1 rp_filter 0
echo 2 >/run/test/net/ipv4/conf/eth0/rp_filter
becomes eth0 rp_filter 1
add_device lxc3
becomes lxc3 rp_filter 0
expect_equal "nothing is said to be in the way" "$(log_count 'cannot be moved')" 0
rpfpolicy --proc-sys-net=/run/test/net check >/run/test/check.out 2>&1
expect_equal "check agrees" "$?" 0
agent_stop
mount -o remount,rw,bind /proc/sys
system_end
