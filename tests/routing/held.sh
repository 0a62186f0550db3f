#!/bin/bash
# A card whose IPv4 way the kernel refuses does not become strict: by the command, where the policy pins
# `all`, and by the agent, which lets the value follow when the way is there. Told by what a peer reaches.
# What is refused in IPv6 keeps no value back, nor what is added in IPv4.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/../agent/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
nics_setup

# The router of one of eth2's routes is an address of this host: the kernel refuses such a route. One in
# each family.
ip link add other type bridge
ip link set other up

refuse() {
    ip address add 192.0.2.1/32 dev other
}

refuse_no_more() {
    ip address del 192.0.2.1/32 dev other
}

refuse6() {
    ip address add 2001:db8::1/128 dev other nodad
}

refuse6_no_more() {
    ip address del 2001:db8::1/128 dev other
}

policy() {
    cat <<X
[agent]
mode = $1
flush-routes = no
[rp_filter]
$([ $# = 2 ] && echo "all = $2" || echo 'mark* = off')
* = strict
[routing]
eth1..3 = auto
[routing eth*]
gateway = first
[routing eth2]
routes = 10.9.0.0/16 via 192.0.2.1, 2001:db8:9::/48 via 2001:db8::1
X
}

# before VALUE: of the cards; nothing of ours is there, and `all` and `default` are out of the way.
before() {
    local n

    rpfpolicy routes flush >/dev/null 2>&1
    sysctl -q -w net.ipv4.conf.all.rp_filter=0
    for n in 0 1 2 3; do
        sysctl -q -w "net.ipv4.conf.eth$n.rp_filter=$1"
    done
}

# apply STATUS [OPTION…]: what it says goes to $SYSTEM_WORK/said.
apply() {
    local status=0

    rpfpolicy apply "${@:2}" >"$SYSTEM_WORK/said" 2>"$SYSTEM_WORK/errors" || status=$?
    expect_equal "apply ${*:2}: exit status" "$status" "$1"
}

said() {
    expect "it says: $1" grep -qhE -- "$1" "$SYSTEM_WORK/said" "$SYSTEM_WORK/errors"
}

# json FILTER VALUE
json() {
    expect_equal "JSON: $1" "$(jq -c "$1" "$SYSTEM_WORK/said")" "$2"
}

# has_rule ADDRESS: one of ours is there for it.
has_rule() {
    ours | grep -qF "from $1 lookup"
}

# effective_are ETH0 ETH1 ETH2 ETH3
effective_are() {
    local n

    for n in 0 1 2 3; do
        expect_effective "eth$n" "${@:n+1:1}"
    done
}

# --- the kernel refuses a route

for loose in 2 0; do
    before "$loose"
    refuse
    policy_file 10-test.conf < <(policy observe)
    watch_start
    apply 4
    watch_stop
    expect_equal "eth2 was never strict" "$(watched eth2)" "$loose"
    effective_are 1 1 "$loose" 1
    all_nics_answer "one way is missing, at $loose"
    said '^eth2: rp_filter .* -> strict: .* - held back, a route or rule is missing: .ip -4 route add 10.9.0.0/16 .*: Invalid argument$'
    said '1 value was held back'
    said '1 key still not as wanted'
    said "1 change of routes and rules failed"
    expect "eth2 has its rule in IPv6" has_rule fd00:6::4
    expect "but none in IPv4" not has_rule 172.16.6.4
    expect_equal "no line is there twice" "$(sort "$SYSTEM_WORK/said" "$SYSTEM_WORK/errors" | uniq -d)" ''
    refuse_no_more
    apply 0
    effective_are 1 1 1 1
    all_nics_answer "the way is there"
done

# --- JSON

before 2
refuse
apply 4 --json
json '[.held[] | [.name, .key, .before, .after, .rule.pattern, .error]]' \
    '[["eth2","rp_filter",2,1,"*","Invalid argument"]]'
json '.held[0].command | startswith("ip -4 route add 10.9.0.0/16 via 192.0.2.1 dev eth2")' true
json '[.summary.held, .summary.failed]' '[1,0]'
json '.routes | map(select(.result == "failed")) | length' 1
json '.routes | length == (map(.command) | unique | length)' true
json '.summary.routes | [.failed, .left]' '[1,2]'
json '[.writes[] | select(.name == "eth2")]' '[]'
refuse_no_more
apply 0 --json
json '[.held, .summary.held]' '[[],0]'

# --- a route that is refused in IPv6

before 2
refuse6
apply 4
effective_are 1 1 1 1
all_nics_answer "a way is missing in IPv6"
said '^ip -6 route add 2001:db8:9::/48 .* - failed: Invalid argument$'
said '^rpfpolicy: every value is as the policy wants it, but not all of the routing'
expect "nothing is held back" not grep -q 'held back' "$SYSTEM_WORK/said" "$SYSTEM_WORK/errors"
expect_equal "no line is there twice" "$(sort "$SYSTEM_WORK/said" | uniq -d)" ''
expect "eth2 has no rule in IPv6" not has_rule fd00:6::4
expect "eth2 is said to lack something" sh -c 'rpfpolicy routes show | grep -qE "^drift +eth2 "'
before 0
policy_file 10-test.conf < <(policy observe strict)
apply 4 --json
expect_equal "a pinned \`all\` moves" "$(value all rp_filter)" 1
json '[.held, .summary.held]' '[[],0]'
all_nics_answer "\`all\` is strict, and a way is missing in IPv6"
refuse6_no_more
apply 0

# --- a value that is not stricter is written; `all` that moves down takes nobody along

before 1
rpfpolicy apply >/dev/null 2>&1
rpfpolicy routes flush >/dev/null 2>&1
refuse
policy observe | sed 's/^\* = strict/eth2 = loose\n&/' >/etc/rpfpolicy.d/10-test.conf
apply 4
effective_are 1 1 2 1
before 1
sysctl -q -w net.ipv4.conf.all.rp_filter=2
policy_file 10-test.conf < <(policy observe)
watch_start
apply 4
watch_stop
expect_equal "eth2 stays loose all the time" "$(watched eth2)" 2
effective_are 1 1 2 1
expect_equal "\`all\` has moved" "$(value all rp_filter)" 0

# --- a pin of `all` that would make the card strict waits for it

before 0
policy_file 10-test.conf < <(policy observe strict)
apply 4
effective_are 1 1 0 1
all_nics_answer "\`all\` waits"
expect_equal "\`all\` is left as it is" "$(value all rp_filter)" 0
said '^all: rp_filter 0 -> 1, .* - held back, a route or rule is missing: .ip -4 route add'
said '2 values were held back'
refuse_no_more
apply 0
expect_equal "\`all\` has followed" "$(value all rp_filter)" 1
all_nics_answer "\`all\` is strict"

# --- a route of somebody else stands in the place, and a person insists

before 2
policy_file 10-test.conf < <(policy observe)
table=$((21000 + $(cat /sys/class/net/eth3/ifindex)))
ip route add default dev eth0 table "$table" proto static
apply 4 --force
said '^eth3: .* - held back, a route or rule is missing: .*: File exists$'
effective_are 1 1 1 2
all_nics_answer "somebody else's route"
ip route flush table "$table"
apply 0
effective_are 1 1 1 1

# --- the agent

[ -x "$AGENT" ] || system_end
before 2
refuse
refuse6
accept_policy < <(policy enforce)
watch_start
agent_start
agent_wait_log 'eth2: rp_filter stays loose and becomes strict'
agent_wait_log "eth2: policy routing could not be set up: 'ip -4 route add 10.9.0.0/16"
becomes eth1 rp_filter 1
becomes eth3 rp_filter 1
agent_caught_up
watch_stop
expect_equal "eth2 was never strict" "$(watched eth2)" 2
all_nics_answer "the agent waits"
wait_until "status tells it" status_is '.routing.devices | map(select(.held).device) | join(" ")' eth2
expect "also to people" sh -c 'rpfpolicy status | grep -q "eth2: .*drift.*does not become stricter"'
sysctl -q -w net.ipv4.conf.eth2.rp_filter=0
agent_caught_up
expect_value eth2 rp_filter 0
refuse_no_more
becomes eth2 rp_filter 1
wait_until "status tells that" status_is '.routing.devices | map(select(.held)) | length' 0
all_nics_answer "the value has followed, while one is still refused in IPv6"
refuse6_no_more
wait_until "all of it is in place" status_is '.routing.states.ok' 3
expect "everything is right" everything_right
expect_equal "it was said once" "$(log_count 'eth2: rp_filter stays')" 1
agent_stop

before 0
refuse
accept_policy < <(policy enforce strict)
agent_start
agent_wait_log 'a device stricter whose policy routing is not in place'
becomes eth1 rp_filter 1
wait_until "eth3 has its rule" sh -c 'ip rule show | grep -q "from 172.16.7.4 "'
effective_are 1 1 0 1
all_nics_answer "\`all\` waits for the agent"
refuse_no_more
becomes all rp_filter 1
wait_until "nothing is left" everything_right
expect_equal "nobody is blamed for it" "$(log_count 'keeps writing')" 0
agent_stop

before 2
refuse6
accept_policy < <(policy enforce)
agent_start
becomes eth2 rp_filter 1
agent_wait_log "eth2: policy routing could not be set up: 'ip -6 route add 2001:db8:9::/48"
wait_until "status knows what is missing" \
    status_is '.routing.devices[] | select(.device == "eth2") | "\(.state) \(.held)"' 'drift false'
effective_are 1 1 1 1
all_nics_answer "the agent, a way is missing in IPv6"
expect "eth2 has no rule in IPv6 from the agent" not has_rule fd00:6::4
ip address add 172.16.6.5/24 dev eth2
wait_until "another address has its rule all the same" has_rule 172.16.6.5
ip address del 172.16.6.5/24 dev eth2
ip rule del from 172.16.6.4
agent_wait_log "eth2: policy routing was put back, 1 change: 'ip -4 rule add from 172.16.6.4"
expect "the rule that was taken away in IPv4 is back" has_rule 172.16.6.4
expect_equal "no value waited" "$(log_count 'rp_filter stays')" 0
expect_equal "it is not said to be set up" "$(log_count 'eth2: policy routing is set up')" 0
refuse6_no_more
wait_until "eth2 has its rule in IPv6 then" has_rule fd00:6::4
wait_until "all of it is in place" status_is '.routing.states.ok' 3
agent_stop

before 0
refuse6
accept_policy < <(policy enforce strict)
agent_start
becomes all rp_filter 1
expect_equal "\`all\` did not wait" "$(log_count 'a device stricter whose policy routing')" 0
refuse6_no_more
agent_stop
system_end
