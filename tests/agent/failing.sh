#!/bin/bash
# Any system call fails, or memory runs out, while the agent starts: it never crashes, ends with a
# reason and another exit status than 0 or does its work, and never tells of a write that was none.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"
# shellcheck source=tests/lib/trial.sh
. "$SYSTEM_SOURCE/tests/lib/trial.sh"

EVERY=${1:-0} # 1: each call; 0: some
REACHED=$SYSTEM_WORK/reached
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "SEED=$SEED"
RUNS=0 ENDED=0

started_or_ended() {
    grep -q 'Started: ' "$AGENT_LOG" || [ ! -e "/proc/$AGENT_PID/exe" ]
}


# try WHAT: one agent.
try() {
    RUNS=$((RUNS + 1))
    echo 0 >"$CONF/eth0/rp_filter"
    rm -rf /run/rpfpolicy /run/rpfpolicy-root "$REACHED"
    : >"$AGENT_LOG"
    env "${PRELOADED[@]}" "$AGENT" --verbose 2>>"$AGENT_LOG" &
    AGENT_PID=$!
    wait_until "$1: it starts or ends" started_or_ended
    if grep -q 'Started: ' "$AGENT_LOG"; then
        ! grep -qE '^rpfpolicy-agent: eth0: rp_filter (1, was|put back)' "$AGENT_LOG" ||
            expect_equal "$1: it told of its write, the value" "$(cat "$CONF/eth0/rp_filter")" 1
        kill -TERM "$AGENT_PID" 2>/dev/null
        wait "$AGENT_PID"
        EXIT_STATUS=$?
    else
        ENDED=$((ENDED + 1))
        wait "$AGENT_PID"
        EXIT_STATUS=$?
        expect "$1: it ended before it started, exit status $EXIT_STATUS" test "$EXIT_STATUS" != 0
        expect "$1: it says why" test -s "$AGENT_LOG"
    fi
    expect "$1: exit status $EXIT_STATUS" test "$EXIT_STATUS" -le 4
}

# walk ERROR STEP [VARIABLE=VALUE...]
walk() {
    local error=$1 step=$2 n

    shift 2
    [ "$EVERY" = 0 ] || step=$((step > 60 ? 7 : 1))
    for ((n = 1 + RANDOM % step; ; n += step)); do
        preload_with fail-at-call FAIL_AT=$n FAIL_WITH="$error" FAIL_FILE="$REACHED" "$@"
        try "$error at call $n $*"
        [ -e "$REACHED" ] || break
    done
}

add_device eth0
accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
* = strict
POLICY
for error in ENOSPC EROFS EIO; do
    walk $error 4
    walk $error 4 FAIL_FOR_EVER=1
done
walk EMFILE 11
walk EMFILE 11 FAIL_FOR_EVER=1
is_sanitized "$AGENT" || walk ENOMEM 400
ok "agents with a failing call: $RUNS, of which $ENDED did not start"
system_end
