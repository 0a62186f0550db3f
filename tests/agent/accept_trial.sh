#!/bin/bash
# `accept --trial`: the agent carries the policy out, and it goes back by itself, values too, when what was
# reachable no longer is, or when nobody confirms. Each connection is a real one.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"
AGENT_STATUS_FILE=$STATUS
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

CONFIRM=/run/rpfpolicy-root/confirm
PROBE=tcp/203.0.113.1:6443
GONE=tcp/203.0.113.2:9

unset SSH_CONNECTION

# policy LINE...
policy() {
    printf '%s\n' '[agent]' 'mode = enforce' 'sweep = 2s' "${AGENT_LINES[@]}" '[rp_filter]' 'mark* = off' "$@" |
        policy_file 10-test.conf
}

# in_force_is HASH
in_force_is() {
    STATUS=$AGENT_STATUS_FILE status_is .policy.hash "$1"
}

ended() {
    [ ! -e "$CONFIRM" ]
}

# decided WHAT: the last decision.
decided() {
    rpfpolicy status --json | jq -e --arg what "$1" '.trial == null and .decision.what == $what' >/dev/null
}

# why: the last decision was taken.
why() {
    rpfpolicy status --json | jq -r .decision.detail
}

on_trial() {
    rpfpolicy status --json | jq -e '.trial.text' >/dev/null
}

# begin: the policy of before is in force, eth1 is loose. Fills OLD.
begin() {
    AGENT_LINES=()
    policy 'eth0 = loose' 'eth1 = loose'
    rpfpolicy accept --force >/dev/null
    becomes eth1 rp_filter 2
    OLD=$(rpfpolicy status --json | jq -r .accepted)
}

# The peer's answers from 203.0.113.1 come in by eth0, while the way there is eth1.
peers_world
in_peer ip route add 198.51.100.1 dev link0
in_peer sysctl -qw net.ipv4.conf.link0.arp_ignore=0
ip netns exec peer python3 -m http.server --bind 203.0.113.1 6443 >/dev/null 2>&1 &
answers() {
    python3 -c 'import socket; socket.create_connection(("203.0.113.1", 6443), 1)' 2>/dev/null
}
wait_until "the peer answers" answers
AGENT_LINES=()
policy 'eth0 = loose' 'eth1 = loose'
rpfpolicy accept >/dev/null
agent_start
begin

# --- a probe that passed fails, since a device is strict

AGENT_LINES=("probe = $PROBE $GONE")
policy 'eth0 = strict' 'eth1 = loose'
run accept --trial=300s
expect_status "accept on trial" 0
says "what fails already is told" "$ERR" "warning: $GONE cannot be reached now already: it does not count"
says_not "what passes is not" "$ERR" "warning: $PROBE"
says "the trial is told" "$ERR" "on trial for 300 s, then it goes back; 'rpfpolicy confirm' keeps it"
wait_until "it goes back by itself" ended
becomes eth0 rp_filter 2
wait_until "the policy of before is in force" in_force_is "$OLD"
expect_equal "why is told" "$(why)" "$PROBE could be reached before, and cannot any more"
expect "and how" decided rollback
run status
says "status says so" "$OUT" "^Taken back by .*: $PROBE could be reached before, and cannot any more\\.$"
expect "the peer can be reached again" answers

system_log_sync
expect_log 'a policy was accepted on trial for 300 s, then it goes back'
expect_log "not confirmed: .* were put back: $PROBE could be reached before"

# --- a probe that fails from the start does not count, and one of the command line does

AGENT_LINES=("probe = $GONE")
policy 'eth0 = loose' 'eth1 = off'
run accept --trial=300s
expect_status "a probe that fails from the start" 0
becomes eth1 rp_filter 0
expect "a trial is under way" on_trial
run status
says "status tells of it" "$OUT" '^On trial since .*: for 300 s, then it goes back unless it was decided before; probes: 0; '
run check
says "check tells of it" "$OUT" "^A policy is on trial, for 300 s, then it goes back"
run accept
expect_status "another accept meanwhile" 1
says "another accept meanwhile says why" "$ERR" 'awaits its confirmation'
sleep 8 # more than two rounds
expect "it did not go back by what failed before" test -e "$CONFIRM"

# --- confirmed

NEW=$(rpfpolicy status --json | jq -r .accepted)
run confirm
expect_status "confirm" 0
wait_until "the trial ends" ended
expect "it is kept" decided confirm
wait_until "the new policy is in force" in_force_is "$NEW"
expect_value eth1 rp_filter 0

begin
policy 'eth0 = strict' 'eth1 = loose'
run accept --trial=300s --probe="$PROBE"
expect_status "a probe of the command line" 0
wait_until "it goes back by itself" ended
becomes eth0 rp_filter 2
expect "it was put back" decided rollback

# --- nobody confirms

begin
policy 'eth0 = loose' 'eth1 = off'
run accept --trial=2s
expect_status "nobody confirms" 0
becomes eth1 rp_filter 0
wait_until "it goes back by itself" ended
becomes eth1 rp_filter 2
expect_equal "why is told" "$(why)" 'nobody confirmed it in time'
wait_until "the policy of before is in force" in_force_is "$OLD"

run accept --trial=1s --on-timeout=keep
says "it is told what comes" "$ERR" 'on trial for 1 s, then it stays'
wait_until "the trial ends" ended
expect "it is kept" decided confirm
expect_value eth1 rp_filter 0

begin
AGENT_LINES=('trial-ends = keep')
policy 'eth0 = loose' 'eth1 = off'
run accept --trial=1s
wait_until "the trial ends" ended
expect "it is kept by the policy's word" decided confirm
expect_equal "why is told" "$(why)" 'its time passed, and no probe failed'

# A failure at the end counts, also where it is kept otherwise.
begin
policy 'eth0 = strict' 'eth1 = loose'
run accept --trial=1s --on-timeout=keep --probe="$PROBE"
wait_until "the trial ends" ended
expect "it was put back" decided rollback
becomes eth0 rp_filter 2

# --- the guardian is killed

begin
policy 'eth0 = loose' 'eth1 = off'
run accept --trial=300s
becomes eth1 rp_filter 0
for pid in /proc/[0-9]*; do
    { tr '\0' ' ' <"$pid/cmdline"; } 2>/dev/null | grep -q 'rpfpolicy accept --trial=' &&
        kill -KILL "${pid#/proc/}"
done
expect "status does not take it for under way" not on_trial
becomes eth1 rp_filter 2
wait_until "the policy of before is in force" in_force_is "$OLD"

# --- what is refused

rm -f "$CONFIRM"
for bad in '--trial=soon' '--trial=2d' '--trial --on-timeout=stay' '--trial --probe=10.0.0.1:1' '--probe=tcp/10.0.0.1:1'; do
    # shellcheck disable=SC2086 # words
    run accept $bad
    expect_status "accept $bad" 1
    expect "accept $bad begins no trial" ended
done
system_end
