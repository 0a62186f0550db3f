# shellcheck shell=bash
# For the tests of the agent: the system of tests/lib/system.sh with an agent in the foreground.

# shellcheck source=tests/lib/system.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/system.sh"

AGENT=$SYSTEM_BUILD/agent/daemon/rpfpolicy-agent
AGENT_LOG=/run/test/agent.log
# AGENT_RUNNER in the environment: a program that runs the agent, such as valgrind.
STATUS=/run/rpfpolicy/status.json

# agent_start [OPTION…]: returns when the first reconciliation is done. Its log is at $AGENT_LOG.
agent_start() {
    : >"$AGENT_LOG"
    # shellcheck disable=SC2086 # words: valgrind and its options
    ${AGENT_RUNNER:-} "$AGENT" --verbose "$@" 2>>"$AGENT_LOG" &
    AGENT_PID=$!
    agent_wait_log 'Started: '
}

# Before a command: what the unit's user may, with the one capability.
AGENT_AS_USER=(setpriv --reuid=1234 --regid=1234 --clear-groups --inh-caps=-all,+net_admin
    --ambient-caps=-all,+net_admin --bounding-set=-all,+net_admin)

# agent_start_as_user [COMMAND…]: as the unit does, a user of its own with the one capability,
# directories made for it. The command runs the agent.
agent_start_as_user() {
    chown 1234:1234 /run/rpfpolicy
    rm -f /run/rpfpolicy.lock
    install -o 0 -g 1234 -m 0660 /dev/null /run/rpfpolicy.lock
    install -d -o 1234 /run/rpfpolicy-agent
    "$@" "$SYSTEM_BUILD/agent/helper/rpfpolicy-helper" --before-agent # as the unit does
    : >"$AGENT_LOG"
    RUNTIME_DIRECTORY=/run/rpfpolicy-agent "$@" "${AGENT_AS_USER[@]}" "$AGENT" --verbose \
        2>>"$AGENT_LOG" &
    AGENT_PID=$!
    agent_wait_log 'Started: '
}

# agent_wait_log TEXT: until the log has it; the test fails when the agent ends or 30 s pass.
agent_wait_log() {
    wait_until "the agent's log has '$1'" grep -qF -- "$1" "$AGENT_LOG"
}

# wait_until WHAT COMMAND…: the command is true within 30 s.
wait_until() {
    local what=$1 i

    shift
    for i in $(seq 3000); do
        "$@" && return 0
        sleep 0.01
    done
    tail -n 100 "$AGENT_LOG" >&2
    [ ! -e /run/test/check.out ] || cat /run/test/check.out >&2
    system_abort "never came true: $what"
}

# agent_stop [SIGNAL]
# shellcheck disable=SC2120
agent_stop() {
    kill "-${1:-TERM}" "$AGENT_PID"
    wait "$AGENT_PID" 2>/dev/null
    AGENT_STATUS=$?
}

# agent_status FILTER: what jq makes of the status that the agent keeps.
agent_status() {
    jq -r "$1" "$STATUS"
}

# status_is FILTER VALUE
status_is() {
    [ "$(agent_status "$1" 2>/dev/null)" = "$2" ]
}

# log_count TEXT: how many lines of the agent's log have it.
log_count() {
    grep -cF -- "$1" "$AGENT_LOG"
}

# hostile_start FILE VALUE…: somebody writes them in turn as fast as possible.
hostile_start() {
    python3 "$SYSTEM_SOURCE/tests/agent/hostile.py" "$@" >/run/test/hostile &
    HOSTILE_PID=$!
}

hostile_stop() {
    kill "$HOSTILE_PID"
    wait "$HOSTILE_PID"
    echo "the other writer wrote $(cat /run/test/hostile) times"
}

# setlink VALUE DEVICE…: rp_filter, by RTM_SETLINK.
setlink() {
    python3 "$SYSTEM_SOURCE/tests/agent/setlink.py" "$@" || system_abort "RTM_SETLINK failed"
}

has_value() {
    [ "$(value "$1" "$2")" = "$3" ]
}

# becomes DEVICE KEY VALUE: the agent brings it there.
becomes() {
    wait_until "$1: $2 is $3" has_value "$@"
}

# everything_right: check finds no drift.
everything_right() {
    rpfpolicy check >/run/test/check.out 2>&1
}

# The agent has handled all that was done so far: a device of its own, made last, has its value.
# Needs a policy under which mark* is off.
agent_caught_up() {
    AGENT_MARKS=$((${AGENT_MARKS:-0} + 1))
    add_device "mark$AGENT_MARKS"
    becomes "mark$AGENT_MARKS" rp_filter 0
    ip link delete "mark$AGENT_MARKS"
}

# The same where it shall write nothing: told to read everything again, it has done that, too. It writes
# its status when nothing else is left to do, and says when.
agent_looked_again() {
    local now

    kill -HUP "$AGENT_PID"
    read -r now _ </proc/uptime # without its thousandths
    wait_until "the agent has looked again" status_is ".boottime > $now + 0.01" true
}
