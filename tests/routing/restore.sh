#!/bin/bash
# Going back: restore, an apply that nobody confirms, and flush take away what is ours and nothing else.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/../agent/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
nics_setup

policy() {
    policy_file 10-test.conf <<END
[agent]
mode = enforce
[rp_filter]
mark* = off
* = strict
[routing]
$1 = auto
[routing eth*]
gateway = first
END
}

quietly() {
    "$@" >"$SYSTEM_WORK/out" 2>&1
}

before=$(foreign)
policy 'eth1..3'
expect "routing is applied" quietly rpfpolicy routes apply
full=$(ours)
expect "there is something to restore" test -n "$full"

# --- restore

rpfpolicy restore --dry-run >"$SYSTEM_WORK/out"
expect_equal "a dry run tells" $? 2
expect "and shows the rules" grep -q 'rule del from 172.16.5.4' "$SYSTEM_WORK/out"
expect "and does nothing" ours_are "$full"
expect "restore" quietly rpfpolicy restore
expect "nothing is ours" ours_are ""
expect_equal "others' state is what it was" "$(foreign)" "$before"
expect "and everything is paused" sh -c 'rpfpolicy status | grep -q "Paused: .*restored"'
rpfpolicy resume >/dev/null
expect "applied again" quietly rpfpolicy routes apply
expect "it is whole again" ours_are "$full"

# --- an agent that is there leaves alone what was restored

expect "accepted" quietly rpfpolicy accept
agent_start
wait_until "the agent agrees" status_is .routing.states.ok 3
expect "restore beside an agent" quietly rpfpolicy restore
wait_until "the agent sees the pause" status_is '.pauses | length > 0' true
has_planned_since() {
    [ "$(agent_status .routing.plans)" -gt "$1" ]
}
plans=$(agent_status .routing.plans)
ip address add 172.16.6.77/24 dev eth2
wait_until "the agent plans again" has_planned_since "$plans"
ip address del 172.16.6.77/24 dev eth2
expect "and leaves it so" ours_are ""
rpfpolicy routes flush >/dev/null 2>"$SYSTEM_WORK/out"
expect_equal "flush, while all is paused, does not warn of the agent" "$(cat "$SYSTEM_WORK/out")" ""
rpfpolicy resume >/dev/null
wait_until "resumed, it sets up again" ours_are "$full"
agent_stop

# --- not confirmed

policy 'eth1..2'
rpfpolicy routes apply --confirm=2s >"$SYSTEM_WORK/out" 2>&1
expect "what is not confirmed is put back" ours_are "$full"
expect_equal "others' state is what it was" "$(foreign)" "$before"

# --- flush

policy 'eth1..3'
expect "flush" quietly rpfpolicy routes flush
expect "nothing is ours" ours_are ""
expect_equal "others' state is what it was" "$(foreign)" "$before"
system_end
