#!/bin/bash
# The agent with a third engine, of which nothing in agent/daemon knows: carried out when a policy comes
# into force and when everything is read, told in status and metrics, and a value waits for what it lacks.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/../agent/agent.sh"
system_enter "$@"

# shellcheck disable=SC2034 # of agent.sh
AGENT=$SYSTEM_BUILD/tests/engine/rpfpolicy-agent-probe
KERNEL=$SYSTEM_WORK/probe
mkdir "$KERNEL"
add_device eth0

policy() {
    cat <<X
[agent]
mode = $1
metrics-file = $SYSTEM_WORK/metrics
[rp_filter]
mark* = off
* = strict
X
}

# wish_of DEVICE VALUE WAY WAY-FAILS
wish_of() {
    export PROBE="$KERNEL $*"
}

wish() {
    wish_of eth0 "$@"
}

# kernel VALUE WAY: what is there now.
kernel() {
    [ "$(cat "$KERNEL/a-value" 2>/dev/null || echo 0)" = "$1" ] &&
        [ "$([ -e "$KERNEL/a-way" ] && echo 1 || echo 0)" = "$2" ]
}

# --- only observed

wish 3 1 0
accept_policy < <(policy observe)
agent_start
wait_until "it is told" status_is '.engines.a.states | tojson' '{"drift":2,"ok":0}'
expect "and nothing is written" kernel 0 0

# --- carried out

accept_policy < <(policy enforce)
wait_until "the new policy is carried out" kernel 3 1
wait_until "all is as wanted" status_is '.engines.a.states | tojson' '{"drift":0,"ok":2}'
wait_until "changes are counted" status_is .engines.a.changes 2
expect "by metrics, too" grep -qx 'rpfpolicy_agent_probe_devices{state="ok"} 2' "$SYSTEM_WORK/metrics"
expect "the log tells" grep -qF "the probe: 'probe value 0 -> 3': wanted" "$AGENT_LOG"
"$SYSTEM_BUILD/tests/engine/rpfpolicy-probe" status >"$SYSTEM_WORK/said"
expect "status prints it" grep -qx 'The probe: 2 ok. Changes: 2, repairs: 0, refused: 0\.' "$SYSTEM_WORK/said"

# --- undone by somebody

rm "$KERNEL/a-way"
kill -HUP "$AGENT_PID"
wait_until "it is put back when everything is read" kernel 3 1
wait_until "which is a repair" status_is .engines.a.repairs 1
agent_stop
expect_equal "it ends well" "$AGENT_STATUS" 0

# --- a value waits

rm "$KERNEL/a-way"
wish 3 1 1
echo 2 >"$CONF/eth0/rp_filter"
agent_start
agent_caught_up
expect_value eth0 rp_filter 2
expect "the failure is told" grep -qF "the probe: 'probe add-way': Invalid argument" "$AGENT_LOG"
wait_until "and counted" status_is '.engines.a.failures > 0' true
kill -HUP "$AGENT_PID"
agent_caught_up
expect_equal "once" "$(log_count 'Invalid argument')" 1
expect_equal "what the value waits for, too" "$(log_count 'in place')" 1
expect "by the name of the engine" grep -qE \
    'eth0: rp_filter stays loose and becomes strict \(.*:6\) when the probe is in place' "$AGENT_LOG"
agent_stop
wish 3 1 0
agent_start
becomes eth0 rp_filter 1
expect "with its way" kernel 3 1
agent_stop

# --- also one that is new; and it is put right as soon as the way is there, at a sweep

rm "$KERNEL/a-way"
touch "$KERNEL/a-refused"
wish_of eth1 3 1 0
accept_policy < <(policy enforce | sed -e 's/^\* = strict/eth* = strict/' -e 's/^mode/sweep = 1s\n&/')
echo 0 >"$CONF/default/rp_filter"
agent_start
agent_caught_up
add_device eth1
agent_caught_up
agent_wait_log "the probe: 'probe add-way': Invalid argument"
expect_value eth1 rp_filter 0
rm "$KERNEL/a-refused"
becomes eth1 rp_filter 1
expect "with its way" kernel 3 1
agent_stop

# --- what was never in place is not undone, though nobody could tell

rm "$KERNEL/a-way"
touch "$KERNEL/a-refused" "$KERNEL/a-unread"
agent_start
agent_caught_up
expect_equal "it cannot tell" "$(jq ".engines.a.devices | length" "$STATUS")" 0
rm "$KERNEL/a-refused" "$KERNEL/a-unread"
kill -HUP "$AGENT_PID"
wait_until "it is put in place" kernel 3 1
wait_until "which is told" status_is '.engines.a.changes > 0' true
expect "and is no repair" status_is .engines.a.repairs 0
agent_stop

system_end
