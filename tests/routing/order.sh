#!/bin/bash
# While a policy is carried out no card is strict before its way back exists, nor loses that while it is
# still strict: new routes and rules come before all values, also where `all` has to move, and what is
# not wanted any more goes after them. Told by what the kernel announced, in its order.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/../agent/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
nics_setup

# From here on rules and values that change are written down.
record_start() {
    : >"$SYSTEM_WORK/record"
    stdbuf -oL ip monitor rule netconf >"$SYSTEM_WORK/record" &
    RECORDER=$!
    # a device of its own tells that it listens
    until grep -q 'inet listens' "$SYSTEM_WORK/record"; do
        ip link add listens type bridge
        ip link delete listens
    done
}

record_stop() {
    ip link add ended type bridge
    wait_until "the record is complete" grep -q 'inet ended' "$SYSTEM_WORK/record"
    ip link delete ended
    kill "$RECORDER"
    wait "$RECORDER" 2>/dev/null
}

# at PATTERN: the line of the record that has it first; 0 for none.
at() {
    local line

    line=$(grep -nE -m 1 -- "$1" "$SYSTEM_WORK/record") || line=0
    echo "${line%%:*}"
}

# comes_before TEXT PATTERN PATTERN
comes_before() {
    local first second

    first=$(at "$2")
    second=$(at "$3")
    if [ "$first" -gt 0 ] && [ "$first" -lt "$second" ]; then
        ok "$1"
        return
    fi
    fail "$1: line $first and line $second of"
    sed 's/^/    /' "$SYSTEM_WORK/record" >&2
}

# All cards loose by `all`, and what is stored would be strict.
all_is_loose() {
    rpfpolicy routes flush >/dev/null 2>&1
    sysctl -q -w net.ipv4.conf.all.rp_filter=2
}

routed_and_strict() {
    cat <<X
[agent]
mode = $1
[rp_filter]
mark* = off
* = strict
[routing]
eth1..3 = auto
[routing eth*]
gateway = first
X
}

# The way of eth1 goes, that of eth2 and eth3 stays, and eth3 has an address more.
one_is_loose() {
    cat <<X
[agent]
mode = $1
[rp_filter]
mark* = off
eth1 = loose
* = strict
[routing]
eth2..3 = auto
[routing eth*]
gateway = first
X
}

new_ways_first() {
    local n

    for n in 5 6 7; do
        comes_before "$1: the rule of 172.16.$n.4 comes before \`all\` moves" \
            "from 172.16.$n.4 lookup" 'inet all rp_filter (off|strict)'
    done
}

old_ways_last() {
    comes_before "$1: eth1 is loose before its rule goes" 'inet eth1 rp_filter loose' \
        'Deleted.*from 172.16.5.4 lookup'
    comes_before "$1: also where something is added" 'from 172.16.7.9 lookup' \
        'Deleted.*from 172.16.5.4 lookup'
}

# --- apply

all_is_loose
policy_file 10-test.conf < <(routed_and_strict observe)
rpfpolicy apply --dry-run >"$SYSTEM_WORK/dry"
rpfpolicy plan --json >"$SYSTEM_WORK/plan"
record_start
rpfpolicy apply --once >"$SYSTEM_WORK/done"
record_stop
new_ways_first apply
expect_equal "a dry run prints the same lines" "$(cat "$SYSTEM_WORK/dry")" "$(cat "$SYSTEM_WORK/done")"
all_nics_answer "applied"
ip address add 172.16.7.9/24 dev eth3
policy_file 10-test.conf < <(one_is_loose observe)
rpfpolicy apply --dry-run >"$SYSTEM_WORK/dry"
record_start
rpfpolicy apply --once >"$SYSTEM_WORK/done"
record_stop
old_ways_last apply
expect_equal "a dry run prints the same lines" "$(cat "$SYSTEM_WORK/dry")" "$(cat "$SYSTEM_WORK/done")"
rpfpolicy apply --once >"$SYSTEM_WORK/done" 2>&1
expect "and again there is nothing to do" grep -q '^Nothing to do' "$SYSTEM_WORK/done"
ip address del 172.16.7.9/24 dev eth3

# --- the agent, which takes a policy over

[ -x "$AGENT" ] || system_end
all_is_loose
accept_policy < <(routed_and_strict observe)
agent_start
record_start
accept_policy < <(routed_and_strict enforce)
wait_until "all three are set up" status_is .routing.states.ok 3
becomes all rp_filter 0
record_stop
new_ways_first "taken over"
ip address add 172.16.7.9/24 dev eth3
wait_until "the new address has its rule" sh -c 'ip rule show | grep -q 172.16.7.9'
ip rule del from 172.16.7.9
record_start
accept_policy < <(one_is_loose enforce)
wait_until "what is not asked for is gone" sh -c '! ip rule show | grep -q "from 172.16.5.4 "'
record_stop
comes_before "taken over: eth1 is loose before its rule goes" 'inet eth1 rp_filter loose' \
    'Deleted.*from 172.16.5.4 lookup'
expect_equal "nobody is blamed for it" "$(log_count 'eth1: policy routing was put back')" 0
agent_stop

# --- and which starts

all_is_loose
accept_policy < <(routed_and_strict enforce)
record_start
agent_start
record_stop
new_ways_first "started"
expect_equal "that is no repair" "$(log_count 'was put back')" 0
agent_stop
system_end
