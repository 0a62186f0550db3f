#!/bin/bash
# Somebody moves `all` or `default`, and the agent undoes it: devices without a rule are again what
# they were before, not what they were for a moment because of it. Also with many writes in a row,
# with an agent that is started meanwhile, and for keys whose changes nobody announces.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

set_value() {
    echo "$3" >"$CONF/$1/$2"
}

# Every value of the keys that the test moves, without the devices it makes to see that the agent has
# caught up.
values() {
    all_values | grep -E '/(rp_filter|log_martians|accept_source_route):' | grep -v '^\(./\)\?mark'
}

# as_before TEXT
as_before() {
    agent_caught_up
    expect_equal "$1: every value is what it was" "$(values)" "$BEFORE"
    expect "$1: check agrees" everything_right
}

to_restore() {
    rpfpolicy restore --dry-run --json | jq -S "del(.time)"
}

marked() {
    status_is '[.conflicts[].device] | index("all") != null' true
}

# Made before `default` was ever written here: these follow it, but for the one with an address.
for device in eth1 plain0 plain1 plain2 numbered0; do
    add_device "$device"
done
ip address add 192.0.2.1/24 dev numbered0
set_value plain1 rp_filter 1
set_value plain2 rp_filter -5
set_value all accept_source_route 1
for device in plain0 plain1; do
    set_value "$device" accept_source_route 1
done
set_value plain2 accept_source_route 0
accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
mark* = off
eth* = strict
default = off
[log_martians]
all = no
default = no
[accept_source_route]
all = yes
POLICY
agent_start
BEFORE=$(values)

# --- `default`, with devices that follow it

set_value default rp_filter 2
becomes default rp_filter 0
becomes plain0 rp_filter 0
as_before "default was moved"
set_value default rp_filter 2
becomes default rp_filter 0
as_before "default was moved once more, when nothing follows it"

set_value default log_martians 1
expect_value plain0 log_martians 1
agent_looked_again
becomes default log_martians 0
as_before "a key of which nobody hears was moved in default"

# --- `all`, under each way to combine it with a device

set_value all rp_filter 2
becomes all rp_filter 0
as_before "all was moved"
to_restore >/run/test/restore.before
set_value all rp_filter -1
set_value all rp_filter 3
becomes all rp_filter 0
as_before "all was moved out of range"

set_value all log_martians 1
set_value all accept_source_route 0
agent_looked_again
becomes all log_martians 0
becomes all accept_source_route 1
as_before "keys of which nobody hears were moved in all"

set_value all rp_filter 2
set_value plain1 rp_filter 2
becomes all rp_filter 0
agent_caught_up
expect_value plain1 rp_filter 2
ok "what somebody wrote to a device itself meanwhile stays"
set_value plain1 rp_filter 1
as_before "written back"

# --- in a loop, for longer than repairs are made at once; another agent is started meanwhile

hostile_start "$CONF/all/rp_filter" 2 3
wait_until "all is marked" marked
agent_looked_again
agent_looked_again
hostile_stop
becomes all rp_filter 0
as_before "all was moved again and again"

hostile_start "$CONF/all/rp_filter" 2
wait_until "all is marked" marked
agent_stop
agent_start
wait_until "all is marked for the next agent" marked
hostile_stop
becomes all rp_filter 0
as_before "the agent was started while somebody moved all"

agent_stop
set_value all rp_filter 2
agent_start
becomes all rp_filter 0
as_before "all was moved while no agent was there"
to_restore >/run/test/restore.after
expect "restore has as much to put back as before" cmp /run/test/restore.before \
    /run/test/restore.after
agent_stop

# --- what may stay is the state from then on

accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
eth* = strict
POLICY
agent_start
set_value all rp_filter 1
agent_looked_again
expect_value all rp_filter 1
BEFORE=$(values)
set_value all rp_filter 2
becomes all rp_filter 1
agent_looked_again
expect_equal "all is what somebody may write" "$(values)" "$BEFORE"

rpfpolicy pause all --reason=test >/run/test/out 2>&1
set_value all rp_filter 2
agent_looked_again
expect_value all rp_filter 2
rpfpolicy resume all >/run/test/out 2>&1
becomes all rp_filter 1
agent_looked_again
expect_effective plain0 2
ok "what is written during a pause counts"
expect "check agrees" everything_right
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
system_end
