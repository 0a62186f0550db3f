#!/bin/bash
# An `apply --confirm` beside an agent, that nobody confirms: back goes also what the agent wrote
# meanwhile, and the agent does not undo what went back. No device loses its ways before its value
# lets it do without.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"

APPLY_ERR=$SYSTEM_WORK/apply.err

policy() {
    printf '%s\n' '[agent]' 'mode = enforce' '[rp_filter]' 'mark* = off' "$@" |
        policy_file 10-test.conf
}

# apply_waits [VARIABLE=VALUE…] OPTION…: in the background, until it waits for its confirmation.
apply_waits() {
    : >"$APPLY_ERR"
    env "${@:1:$#-1}" "$SYSTEM_BUILD/agent/cli/rpfpolicy" apply "${@: -1}" >"$SYSTEM_WORK/apply.out" \
        2>"$APPLY_ERR" </dev/null &
    APPLY=$!
    wait_until "apply waits" grep -q 'rpfpolicy confirm' "$APPLY_ERR"
}

ended() {
    [ ! -e /run/rpfpolicy/confirm ]
}

apply_ends() {
    wait "$APPLY"
    wait_until "the guardian ends" ended
}

nics_setup
for device in all eth0 eth1 eth2 eth3; do sysctl -qw "net.ipv4.conf.$device.rp_filter=0"; done
policy 'eth0 = off'
rpfpolicy accept >/dev/null
agent_start

# --- what the agent writes by the new policy: a device that is resumed, one that comes

policy 'eth0 = off' 'eth1 = strict' 'eth9 = loose'
rpfpolicy pause eth1 --reason='not yet' >/dev/null
apply_waits --confirm
rpfpolicy resume >/dev/null
becomes eth1 rp_filter 1
add_device eth9
becomes eth9 rp_filter 2
sysctl -qw net.ipv4.conf.eth2.rp_filter=2
kill -TERM "$APPLY"
apply_ends
expect_value eth1 rp_filter 0
expect_value eth9 rp_filter 1
expect_value eth2 rp_filter 2
agent_caught_up
expect_value eth1 rp_filter 0
ip link delete eth9

# --- an agent that hears of the values and of the policy at once goes by the policy

policy 'eth0 = off' 'eth3 = strict'
apply_waits --confirm
becomes eth3 rp_filter 1
wait_until "the agent has the new policy" status_is .policy.hash "$(
    rpfpolicy check --json | jq -r .policy.hash)"
agent_caught_up
kill -STOP "$AGENT_PID"
kill -TERM "$APPLY"
apply_ends
expect_value eth3 rp_filter 0
kill -CONT "$AGENT_PID"
agent_caught_up
expect_value eth3 rp_filter 0
agent_stop

# --- going back, a device is loose again before it loses the ways that let it be strict

policy 'eth1 = strict' '[routing]' 'eth1 = auto' '[routing eth1]' 'gateway = first'
apply_waits --confirm
expect "the peer reaches eth1 by a way of its own" peer_reaches 172.16.5.4
EVENTS=$SYSTEM_WORK/events
ip monitor netconf rule >"$EVENTS" &
MONITOR=$!
heard() {
    sysctl -qw net.ipv4.conf.eth2.rp_filter=1
    sysctl -qw net.ipv4.conf.eth2.rp_filter=0
    grep -q eth2 "$EVENTS"
}
wait_until "the monitor hears of values" heard
kill -TERM "$APPLY"
apply_ends
gone() {
    grep -q 'Deleted.*172.16.5.4' "$EVENTS"
}
wait_until "the monitor hears of the rule" gone
kill "$MONITOR"
expect_equal "the value goes back, then the rule goes" \
    "$(grep -oE 'eth1 .*rp_filter off|Deleted.* 172.16.5.4' "$EVENTS" | sed 's/ .*//' | uniq | paste -sd,)" "eth1,Deleted"
expect_value eth1 rp_filter 0
expect_equal "nothing is left of the ways" "$(ip rule show | grep -c 172.16.5.4)" 0
system_end
