#!/bin/bash
# Killed at any moment, stopped and continued, under a storm of devices: after the next start all is
# as the policy says. What a clean stop leaves, and a crash does not.
# Arguments: rounds, seed.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

rounds=${1:-10}
RANDOM=${2:-$$}
echo "$rounds rounds, seed ${2:-$$}"
stand_back=/run/rpfpolicy-root/stand-back

# Devices come, go and are renamed until the file is gone.
storm() {
    local i=0

    while [ -e /run/test/storming ]; do
        i=$((i + 1))
        ip link add "veth$i" type veth peer name "lxc$i"
        [ $((i % 3)) != 0 ] || ip link set "veth$i" name "lxcr$i"
        [ $((i % 2)) != 0 ] || ip link delete "lxc$i"
    done
    return 0
}

pause() {
    sleep "0.$(printf '%03d' $((RANDOM % 200)))"
}

accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
lxc* = off
mark* = off
* = strict
[log_martians]
lxc* = yes
* = no
POLICY

: >/run/test/storming
storm &
storm_pid=$!
for ((i = 0; i < rounds; i++)); do
    "$AGENT" 2>>"$AGENT_LOG" &
    AGENT_PID=$!
    pause
    agent_stop KILL
    [ "$AGENT_STATUS" = 137 ] || fail "the agent ended by itself: $AGENT_STATUS"
done
expect "a crash leaves no word to stand back" test ! -e "$stand_back"
expect_equal "a crash is seen as one" "$(rpfpolicy status --json | jq -r .agent.state)" absent

agent_start
for ((i = 0; i < 3; i++)); do
    kill -STOP "$AGENT_PID"
    pause
    kill -CONT "$AGENT_PID"
    pause
done
rm /run/test/storming
wait "$storm_pid"
agent_caught_up
wait_until "all right after crashes and stops" everything_right
ok "killed, stopped and continued, it ends as the policy says"

before=$(all_values)
agent_stop
expect_equal "a stop is clean" "$AGENT_STATUS" 0
expect_equal "a stop leaves the values" "$(all_values)" "$before"
expect "a stop leaves word to stand back" test -e "$stand_back"
agent_start
expect "a start takes it back" test ! -e "$stand_back"
# The signal of an upgrade, which another agent follows. It is taken up before the one that ends it.
kill -USR1 "$AGENT_PID"
agent_stop
expect_equal "a stop for the next agent says that one follows" "$AGENT_STATUS" 75
expect "and leaves no word to stand back" test ! -e "$stand_back"
agent_start

"$AGENT" 2>/run/test/second && fail "a second agent starts"
expect "a second agent says why not" grep -q 'another agent' /run/test/second
agent_stop KILL
expect "a crash leaves no word to stand back" test ! -e "$stand_back"
system_end
