#!/bin/bash
# With the real systemd-udevd, 99-systemd.rules and systemd-sysctl at work: what systemd-sysctl
# writes in passing triggers nothing, what it leaves wrong is put right, and agent, helper and
# apply at once end as the policy says.
# Argument: number of veth pairs.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

pairs=${1:-50}

repaired() {
    agent_status '[.keys[].repaired] | add'
}

policy() {
    accept_policy <<POLICY
[agent]
mode = enforce
[rp_filter]
lxc* = off
mark* = off
* = strict
[log_martians]
lxc* = no
eth* = yes
* = no
${1:-}
POLICY
}

# Written for each device at \`add\`: first 2, then, for lxc*, 0.
sysctl_d 50-default.conf <<'CONF'
net.ipv4.conf.default.rp_filter = 2
net.ipv4.conf.*.rp_filter = 2
net.ipv4.conf.lxc*.rp_filter = 0
CONF
system_start_udev
policy
mkdir -p /run/rpfpolicy-agent
export RUNTIME_DIRECTORY=/run/rpfpolicy-agent
agent_start
at_start=$(repaired) # that is `default`
expect "the helper is told to stay away" test -e /run/rpfpolicy-agent/enforcing

for ((i = 0; i < pairs; i++)); do
    ip link add "lxc$i" type bridge
done
system_settle
agent_caught_up
system_settle
wait_until "the status speaks of all of them" status_is .devices.total "$((pairs + 1))"
expect_value lxc0 rp_filter 0
expect_equal "what is right in the end is not repaired" "$(repaired)" "$at_start"
expect "nor spoken of" test "$(log_count 'put back')" = 0
expect_no_log 'rpfpolicy-helper'
wait_until "all right" everything_right

# eth* gets 2 from systemd-sysctl and log_martians, of which the kernel says nothing, 0.
sysctl_d 60-martians.conf <<'CONF'
net.ipv4.conf.*.log_martians = 0
CONF
for ((i = 0; i < pairs; i++)); do
    ip link add "eth$i" type bridge
done
system_settle
for ((i = 0; i < pairs; i += 7)); do
    becomes "eth$i" rp_filter 1
    becomes "eth$i" log_martians 1
done
wait_until "all right after systemd-sysctl" everything_right
expect "that is no war" test "$(log_count 'keeps writing')" = 0
ok "what systemd-sysctl leaves wrong is put right"

# A line that is wrong for lxc*, at \`add\` and in a whole run.
sysctl_d 50-default.conf <<'CONF'
net.ipv4.conf.*.rp_filter = 2
CONF
ip link add lxcwrong type bridge
system_settle
becomes lxcwrong rp_filter 0
run_systemd_sysctl 2>/dev/null
becomes lxc0 rp_filter 0
becomes eth0 rp_filter 1
wait_until "all right after a whole run" everything_right

# All at once: helper, agent, apply.
rm /run/rpfpolicy-agent/enforcing
for ((i = 0; i < pairs; i++)); do
    ip link add "lxcb$i" type veth peer name "ethb$i"
    [ $((i % 3)) != 0 ] || ip link set "lxcb$i" name "ethc$i"
    [ $((i % 5)) != 0 ] || ip link delete "ethb$i"
    [ $((i % 10)) != 0 ] || rpfpolicy apply >/dev/null 2>&1 &
done
for pid in $(jobs -p); do
    [ "$pid" = "$AGENT_PID" ] || wait "$pid"
done
system_settle
agent_caught_up
wait_until "all right with three at work" everything_right
expect_equal "no write failed" "$(agent_status .failed_writes)" 0
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
system_end
