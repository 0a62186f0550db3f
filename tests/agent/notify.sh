#!/bin/bash
# What the service manager is told: ready when all is done, not stopping where it goes on, and that it
# lives.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

told=/run/test/told

policy() {
    accept_policy <<POLICY
[agent]
mode = $1
[rp_filter]
* = strict
POLICY
}

# was_told REGEX: all of one message.
was_told() {
    grep -qxE -- "$1" "$told"
}

forget() {
    : >"$told"
}

# Whoever waits for READY finds all in place: the queue has room for one WATCHDOG, so that READY waits.
mkfifo /run/test/go
queue=$(cat /proc/sys/net/unix/max_dgram_qlen)
exec 8<>/run/test/go
forget
python3 "$SYSTEM_SOURCE/tests/lib/notify.py" @rpfpolicy-test "$told" "$queue" <&8
export NOTIFY_SOCKET=@rpfpolicy-test WATCHDOG_USEC=500000
policy observe
agent_start
wait_until "the status is there while READY still waits" status_is .state running
echo >&8
wait_until "it is ready" was_told 'READY=1'
wait_until "it says what it does" was_told 'STATUS=observing, nothing is written: .*'
wait_until "it lives" was_told 'WATCHDOG=1'
ok "ready when all is done"

forget
policy enforce
wait_until "it says that it enforces" was_told 'STATUS=enforcing: .*'

forget
rm /run/rpfpolicy.lock
add_device eth0
wait_until "with a new lock it is ready again" was_told 'READY=1'
expect "it did not say that it stops, for it goes on" not was_told 'STOPPING=1'

forget
kill -HUP "$AGENT_PID"
wait_until "it reloads" was_told 'RELOADING=1 MONOTONIC_USEC=[0-9]+'
wait_until "and is ready" was_told 'READY=1'

forget
agent_stop
expect_equal "it stops cleanly" "$AGENT_STATUS" 0
wait_until "it says that it stops" was_told 'STOPPING=1'
system_end
