#!/bin/bash
# What a running agent may do, should somebody make it do something else: of the system calls those that
# it needs, and no capability while nothing is to be written.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

policy() {
    accept_policy <<POLICY
[agent]
mode = $1
[rp_filter]
mark* = off
* = ${2:-strict}
POLICY
}

# expect_little WHO [accepts]: most of what it does not need is refused, and it works on. Who accepts
# asks connection tracking.
expect_little() {
    local needed=5

    [ "${2:-}" != accepts ] || needed=6
    "$SYSTEM_BUILD/tests/lib/inject" "$AGENT_PID" >/run/test/injected
    case $? in
    0) ;;
    77) system_skip "calls cannot be injected on this architecture" ;;
    *) system_abort "no calls were injected" ;;
    esac
    # A sanitizer needs these two itself.
    ! grep -q __asan_init "$AGENT" || sed -i '/^clone\|^ptrace/d' /run/test/injected
    expect_equal "$1: what it needs it may" "$(head -n $needed /run/test/injected | sed 's/.*: //' | sort -u)" 'done'
    expect_equal "$1: what it does not need is refused" \
        "$(tail -n +$((needed + 1)) /run/test/injected | grep -v ': EPERM$')" ""
    expect "$1: there is something to refuse" [ "$(wc -l </run/test/injected)" -gt 20 ]
    expect_equal "$1: nothing that it starts would gain more" "$(status_line NoNewPrivs)" 1
}

status_line() {
    sed -n "s/^$1:[[:space:]]*//p" "/proc/$AGENT_PID/status"
}

capability_is() {
    [ "$(status_line CapEff)" = "$1" ]
}

started() {
    [ "$(log_count 'Started: ')" = "$1" ]
}

none=0000000000000000 one=0000000000001000
add_device eth0
policy enforce
agent_start
filters=$(status_line Seccomp_filters)
expect_little "root's, enforcing"
echo 2 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 1

# An accept of another mode, while it runs: the capability goes, and comes back.
policy observe
wait_until "it observes" status_is .enforcing false
wait_until "without the capability" capability_is $none
expect_little "root's, observing"
policy enforce loose
becomes eth0 rp_filter 2
expect "with the capability again" [ "$(status_line CapEff)" != $none ]

# It comes back for new files without becoming another process, which it could not.
rm -rf --one-file-system /run/rpfpolicy
wait_until "it comes back" started 2
expect_little "root's that came back"
expect_equal "and has the one filter" "$(status_line Seccomp_filters)" "$filters"
echo 0 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 2
agent_stop
expect_equal "it stopped cleanly" "$AGENT_STATUS" 0
expect "and could be limited" not grep -q 'could not be' "$AGENT_LOG"

agent_start --accept
expect_little "one that accepts" accepts
agent_stop

agent_start_as_user
expect_little "the unit's, enforcing"
expect "with one capability" capability_is $one
policy observe
wait_until "it observes" status_is .enforcing false
wait_until "without the capability" capability_is $none
expect_equal "for ever" "$(status_line CapPrm)" $none
expect_little "the unit's, observing"
policy enforce
wait "$AGENT_PID"
expect_equal "it asks to be started again" "$?" 75

chown 0:0 /run/rpfpolicy
# A container that may gain nothing is limited like a unit, and left to its manager.
policy enforce
agent_start_limited() {
    : >"$AGENT_LOG"
    setpriv --no-new-privs "$AGENT" 2>>"$AGENT_LOG" &
    AGENT_PID=$!
    agent_wait_log 'Started: '
}
agent_start_limited
expect_little "a container's"
policy observe
wait_until "it observes" status_is .enforcing false
wait_until "without the capability" capability_is $none
expect_equal "a container's: for ever" "$(status_line CapPrm)" $none
policy enforce
wait "$AGENT_PID"
expect_equal "a container's: it asks to be started again" "$?" 75

system_end
