#!/bin/bash
# One allocation fails while the agent starts, each of them in turn: it ends with an error, and its unit starts
# it again, or it is at work as always. It never takes that for a policy that it may not carry out.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

# Memory may run out for one of the two words that it started.
started_or_ended() {
    grep -q 'Started: ' "$AGENT_LOG" || status_is .state running || ! kill -0 "$AGENT_PID" 2>/dev/null
}

# start_without NUMBER
start_without() {
    : >"$AGENT_LOG"
    rm -f "$STATUS"
    FAIL_WITH=ENOMEM FAIL_AT=$1 LD_PRELOAD=$SYSTEM_BUILD/tests/lib/fail-at-call.so "$AGENT" 2>>"$AGENT_LOG" &
    AGENT_PID=$!
    wait_until "an agent starts or ends" started_or_ended
}

add_device eth0
accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
* = strict
POLICY
started=0 ended=0
for number in $(seq 2 "$1"); do
    start_without "$number"
    word=$(cat /run/rpfpolicy/agent 2>/dev/null)
    if kill -0 "$AGENT_PID" 2>/dev/null; then
        agent_stop
        started=$((started + 1))
        [ "$word" = enforcing ] || fail "allocation $number: it is at work, and $word"
        [ "$AGENT_STATUS" = 0 ] || fail "allocation $number: it stopped with $AGENT_STATUS"
    else
        wait "$AGENT_PID"
        status=$?
        ended=$((ended + 1))
        [ "$status" = 1 ] || fail "allocation $number: it ended with $status"
    fi
done
expect "some end it ($ended)" [ "$ended" -gt 10 ]
expect "and some do not ($started)" [ "$started" -gt 0 ]
system_end
