#!/bin/bash
# An ordinary user holds, or waits for, every lock that it can on every file that it can open: that keeps
# no agent from starting and no command from writing.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)
LOCK=/run/rpfpolicy.lock

policy() {
    accept_policy <<END
[agent]
mode = $1
[rp_filter]
mark* = off
* = strict
END
}

# hold [DIRECTORY]: of the state, and the lock. HELD is what could be opened.
hold() {
    "${NOBODY[@]}" python3 - "${1:-/run/rpfpolicy}"/* /run/rpfpolicy-root/* "$LOCK" <"$SYSTEM_SOURCE/tests/agent/hold.py" \
        >/run/test/held &
    HOLDER=$!
    wait_until "an ordinary user took its locks" grep -qx '' /run/test/held
    HELD=$(cat /run/test/held)
    rm /run/test/held
}

let_go() {
    kill "$HOLDER"
    wait "$HOLDER" 2>/dev/null
}

holds() {
    grep -qxF "$1" <<<"$HELD"
}

agent_is() {
    [ "$("${NOBODY[@]}" "$SYSTEM_BUILD/agent/cli/rpfpolicy" status --json | jq -r .agent.state)" = "$1" ]
}

second_is_refused() {
    "$AGENT" 2>/run/test/second
    expect_equal "$1: a second agent does not start" "$?" 1
    expect "$1: it says why" grep -q 'another agent' /run/test/second
}

mode_of() {
    stat -c %U:%g:%a "$1"
}

add_device eth0
policy observe
agent_start
hold
expect "there is a file to lock" holds /run/rpfpolicy/agent
expect "the lock is none" not holds "$LOCK"
expect "nor what limits flushing" not holds /run/rpfpolicy-root/flushed
second_is_refused "observing"
policy enforce
becomes eth0 rp_filter 1
ok "who waits for the agent's lock does not keep it from coming back to enforce"
wait_until "its state is seen" agent_is enforcing
second_is_refused "enforcing"
let_go

agent_stop
hold
expect "the file of a stopped agent can be locked" holds /run/rpfpolicy/agent
agent_start
ok "which keeps no agent from starting"
wait_until "that is seen" agent_is enforcing
agent_stop KILL
expect "a killed one is not" agent_is absent
agent_start
ok "it starts again after that"
agent_stop
agent_start_as_user
wait_until "so does one of the unit's user" agent_is enforcing
rpfpolicy apply --force >/run/test/out 2>&1
expect_equal "apply works" "$?" 0
expect "nothing was left behind" test ! -e /run/rpfpolicy/agent.*
agent_stop
let_go

# Of several that start at once, one stays.
count_agents() {
    jobs -rp | wc -l
}
one_agent() {
    [ "$(count_agents)" = 1 ]
}
for _ in $(seq 8); do
    "$AGENT" 2>>"$AGENT_LOG" &
done
wait_until "of several agents one is left" one_agent
AGENT_PID=$(jobs -rp)
wait_until "which is seen" agent_is enforcing
wait_until "it is the one that tells what it does" status_is .pid "$AGENT_PID"
agent_stop

# A lock that others could open, however that came about.
loosen() {
    rm -f "$LOCK"
    install -g "$2" -m "$1" /dev/null "$LOCK"
}
for case in 644:0:600 666:65534:600 640:65534:600 660:0:600; do
    IFS=: read -r bits group left <<<"$case"
    loosen "$bits" "$group"
    rpfpolicy accept >/dev/null
    rpfpolicy apply >/dev/null 2>&1
    expect_equal "apply closes a lock of $case" "$(mode_of "$LOCK")" "root:$group:$left"
    loosen "$bits" "$group"
    agent_start
    expect_equal "so does the agent" "$(mode_of "$LOCK")" "root:$group:$left"
    agent_stop
done
chown 1234:1234 /run/rpfpolicy
loosen 664 1234
rpfpolicy apply >/dev/null 2>&1
expect_equal "the agent's group keeps its right" "$(mode_of "$LOCK")" root:1234:660
chown 0:0 /run/rpfpolicy
install -m 0666 /dev/null /run/rpfpolicy-root/flushed
echo 0 >"$CONF/eth0/rp_filter"
ip link set eth0 up
rpfpolicy apply >/dev/null 2>&1
expect_equal "so is closed what limits flushing" "$(mode_of /run/rpfpolicy-root/flushed)" root:0:600

# Who held it before that is named, and keeps no agent from starting.
loosen 644 0
hold
expect "a lock that others can open can be held" holds "$LOCK"
agent_start
ok "an agent starts all the same"
echo 0 >"$CONF/eth0/rp_filter"
rpfpolicy apply --confirm=300s </dev/null >/dev/null 2>/run/test/confirm.err &
confirming=$!
rpfpolicy apply >/dev/null 2>/run/test/err
expect_equal "apply gives up" "$?" 1
named="someone else is writing right now (process $HOLDER holds $LOCK)"
expect "and names who holds it" grep -qF "$named" /run/test/err
wait "$confirming"
expect_equal "apply --confirm gives up" "$?" 1
expect "and names who holds it" grep -qF "$named" /run/test/confirm.err
expect_equal "nobody else can do that by now" "$(mode_of "$LOCK")" root:0:600
let_go
becomes eth0 rp_filter 1
rpfpolicy apply >/dev/null 2>&1
expect_equal "without that process apply works" "$?" 0
agent_stop

# In another network namespace the lock is the agent's user's, in a directory of root's.
ip netns add other || system_abort "no namespace"
install -d -o 1234 -g 1234 /run/rpfpolicy
ip netns exec other "$SYSTEM_BUILD/agent/cli/rpfpolicy" accept >/dev/null 2>&1
state=/run/rpfpolicy-netns/$(ip netns exec other stat -Lc %i /proc/self/ns/net)
LOCK=/run/rpfpolicy-root/${state##*/}/rpfpolicy.lock
install -o 1234 -g 1234 -m 644 /dev/null "$LOCK"
agent_start_as_user ip netns exec other
expect_equal "its agent closes that" "$(stat -c %u:%g:%a "$LOCK")" 1234:1234:600
agent_stop KILL
hold "$state"
expect "its presence can be locked" holds "$state/agent"
expect "its lock not" not holds "$LOCK"
agent_start_as_user ip netns exec other
ok "which keeps no agent from starting there"
agent_stop
let_go
system_end
