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
    rm -f /run/rpfpolicy-root/flushed # it may flush the route cache at once
    env "${@:1:$#-1}" "$SYSTEM_BUILD/agent/cli/rpfpolicy" apply "${@: -1}" >"$SYSTEM_WORK/apply.out" \
        2>"$APPLY_ERR" </dev/null &
    APPLY=$!
    wait_until "apply waits" grep -q 'rpfpolicy confirm' "$APPLY_ERR"
    SCORE=$(cat "/proc/$(guardian)/oom_score_adj")
}

# The process beside the one that applies.
guardian() {
    local pid

    for pid in /proc/[0-9]*; do
        [ "${pid#/proc/}" != "$APPLY" ] &&
            { tr '\0' ' ' <"$pid/cmdline"; } 2>/dev/null | grep -q 'rpfpolicy apply --confirm' &&
            echo "${pid#/proc/}"
    done
}

ended() {
    [ ! -e /run/rpfpolicy-root/confirm ] && [ ! -e /var/lib/rpfpolicy/accepted.conf.trial ]
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

# --- the same where nobody can write down what was there

policy 'eth0 = off' 'eth1 = strict'
rpfpolicy pause eth1 --reason='not yet' >/dev/null
apply_waits --confirm
rm -f /run/rpfpolicy-root/before
mkdir /run/rpfpolicy-root/before # neither apply nor agent can write there
rpfpolicy resume >/dev/null
becomes eth1 rp_filter 1
kill -TERM "$APPLY"
apply_ends
rmdir /run/rpfpolicy-root/before
expect_value eth1 rp_filter 0
expect "it says that all went back" grep -q 'values and policy were put back' "$APPLY_ERR"
if [ "$SCORE" = -1000 ]; then
    ok "the kernel ends the guardian last"
else
    expect "the kernel may end the guardian, and that is told" \
        grep -q 'warning: where memory runs out, the kernel may end' "$APPLY_ERR"
fi

# --- somebody else accepts the policy while apply looks: the agent writes first, and that is told

# first_is_agent VALUE OPTION…: what apply then says goes to apply.out.
first_is_agent() {
    local stopped=$SYSTEM_WORK/stopped

    policy 'eth0 = off' "eth3 = $1"
    rm -f "$stopped"
    env LD_PRELOAD="$SYSTEM_BUILD/tests/lib/stop-at-step.so" STOP_AT=1 STOP_FILE="$stopped" \
        ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
        "$SYSTEM_BUILD/agent/cli/rpfpolicy" apply "${@:3}" >"$SYSTEM_WORK/apply.out" 2>&1 &
    APPLY=$!
    wait_until "apply stops" test -s "$stopped"
    rpfpolicy accept >/dev/null
    becomes eth3 rp_filter "$2"
    kill -CONT "$APPLY"
    wait "$APPLY"
}

first_is_agent strict 1
expect "what the agent wrote first is told" grep -qE 'eth3: rp_filter 0 -> 1.* - written by the agent meanwhile' \
    "$SYSTEM_WORK/apply.out"
expect "there was something to do" not grep -q 'Nothing to do' "$SYSTEM_WORK/apply.out"
first_is_agent off 0 --json
grep -v '^rpfpolicy:' "$SYSTEM_WORK/apply.out" >"$SYSTEM_WORK/apply.json"
expect_equal "the same in JSON" "$(jq -c '[.summary.written, (.writes[] | .name, .by)]' "$SYSTEM_WORK/apply.json")" \
    '[1,"eth3","agent"]'

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

# --- the guardian is killed: the trial is over, and what was in force before is again

hash_is() {
    status_is .policy.hash "$1"
}

hash_on_disk() {
    rpfpolicy check --json | jq -r .policy.hash
}

kill_guardian() {
    kill -KILL "$(guardian)"
    wait "$APPLY"
}

policy 'eth0 = off' 'eth3 = off'
rpfpolicy accept >/dev/null
old=$(hash_on_disk)
wait_until "the agent has the old policy" hash_is "$old"
policy 'eth0 = off' 'eth3 = loose'
apply_waits --confirm
wait_until "the agent has the new policy" hash_is "$(hash_on_disk)"
kill_guardian
kill -HUP "$AGENT_PID"
wait_until "the agent has the old policy again" hash_is "$old"
becomes eth3 rp_filter 0

apply_waits --confirm
wait_until "the agent has the new policy" hash_is "$(hash_on_disk)"
kill_guardian
sysctl -qw net.ipv4.conf.eth3.rp_filter=1 # what it would write asks which policy is in force
wait_until "the agent has the old policy again without being told" hash_is "$old"
becomes eth3 rp_filter 0

# Accepting something then is one step, after which the agent goes by it, whatever else is to do.
policy 'eth0 = off' 'eth3 = strict'
accept_stops() {
    rm -f "$SYSTEM_WORK/stopped"
    env LD_PRELOAD="$SYSTEM_BUILD/tests/lib/stop-at-step.so" STOP_AT="$1" \
        STOP_FILE="$SYSTEM_WORK/stopped" \
        ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
        "$SYSTEM_BUILD/agent/cli/rpfpolicy" accept >"$SYSTEM_WORK/accept.out" 2>&1 &
    ACCEPT=$!
    wait_until "accept stops" test -s "$SYSTEM_WORK/stopped"
}
step=1
until accept_stops "$step" && rpfpolicy check --json | jq -e .policy.accepted >/dev/null; do
    kill -CONT "$ACCEPT"
    wait "$ACCEPT"
    policy 'eth0 = off' 'eth3 = off'
    rpfpolicy accept >/dev/null
    policy 'eth0 = off' 'eth3 = strict'
    apply_waits --confirm
    kill_guardian
    step=$((step + 1))
done
expect "accept stops in its midst" test -e /var/lib/rpfpolicy/accepted.conf.before
wait_until "the agent has what was accepted" hash_is "$(hash_on_disk)"
kill -CONT "$ACCEPT"
wait "$ACCEPT"
becomes eth3 rp_filter 1
policy 'eth0 = off' 'eth3 = off'
rpfpolicy accept >/dev/null
becomes eth3 rp_filter 0
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
