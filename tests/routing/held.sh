#!/bin/bash
# A card whose IPv4 way the kernel refuses, that is in conflict, or for which no gateway is found does not
# become strict: by the command, where the policy pins `all`, and by the agent, which lets the value follow
# when the way is there. Told by what a peer reaches. The agent's sweep comes too late to help.
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
sweep = 1d
flush-routes = no
metrics-file = $SYSTEM_WORK/metrics
[rp_filter]
$([ $# = 2 ] && echo "all = $2" || echo 'mark* = off')
* = strict
[routing]
eth1..3 = auto
[routing eth*]
gateway = first
[routing eth2]
${EXTRA:-}
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

AS=()
# apply STATUS [OPTION…]: run by AS… where that is set; what it says goes to $SYSTEM_WORK/said.
apply() {
    local status=0

    "${AS[@]}" rpfpolicy apply --once "${@:2}" >"$SYSTEM_WORK/said" 2>"$SYSTEM_WORK/errors" || status=$?
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
rpfpolicy apply --once >/dev/null 2>&1
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

# --- somebody else's route stands in a card's table; no gateway is found for it

TABLE2=$((21000 + $(cat /sys/class/net/eth2/ifindex)))

# in_way / out_of_way: of eth2 alone.
in_way() {
    ip route add 10.8.0.0/16 dev eth1 table "$TABLE2"
}

out_of_way() {
    ip route del 10.8.0.0/16 table "$TABLE2"
}

gateway() {
    ip route add default via 172.16.6.1 dev eth2 metric 500
}

no_gateway() {
    ip route del default via 172.16.6.1 dev eth2 metric 500
}

# eth2_waits WHAT REASON: everything says that eth2 waits, and why.
eth2_waits() {
    expect "$1: plan says it" sh -c "rpfpolicy plan | grep -qE '^eth2: rp_filter .* - held back, policy routing cannot be set up: eth2: $2'"
    expect_equal "$1: plan in JSON" \
        "$(rpfpolicy plan --json | jq -c '[.held[] | [.name, .after, .command]], [.writes[] | select(.name == "eth2")]' | xargs)" \
        '[[eth2,1,null]] []'
    expect "$1: apply --dry-run says it" sh -c "rpfpolicy apply --dry-run | grep -qE '^eth2: .* - held back, .*$2'"
    expect "$1: check says it of the value" sh -c 'rpfpolicy check | grep -qE "^drift +eth2 +rp_filter .* held back, see its routing"'
    expect "$1: and why" sh -c "rpfpolicy check | tr -s ' \\n' ' ' | grep -qE '(conflict|impossible) eth2 routing - auto [^ ]+ .*'"
    expect_equal "$1: check in JSON" \
        "$(rpfpolicy check --json | jq -c '[.routing[] | select(.held) | .name], .summary.routing.held' | xargs)" '[eth2] 1'
    expect "$1: check for Prometheus" sh -c 'rpfpolicy check --format=prometheus | grep -qx "rpfpolicy_routing_held 1"'
    expect "$1: routes show says it" sh -c 'rpfpolicy routes show | grep -qx "note: eth2: its rp_filter does not become stricter until that is cured"'
    expect_equal "$1: routes show in JSON" "$(rpfpolicy routes show --json | jq -r '.devices[] | select(.held) | .name')" eth2
}

USED='table [0-9]+ is used by somebody else: .10.8.0.0/16 dev eth1'
for loose in 2 0; do
    before "$loose"
    policy_file 10-test.conf < <(policy observe)
    in_way
    watch_start
    apply 4
    watch_stop
    expect_equal "in conflict: eth2 was never strict" "$(watched eth2)" "$loose"
    effective_are 1 1 "$loose" 1
    all_nics_answer "in conflict, at $loose"
    said "^eth2: rp_filter .* -> strict: .* - held back, policy routing cannot be set up: eth2: $USED"
    said '1 value was held back'
    said '1 key still not as wanted'
    eth2_waits "in conflict" "$USED"
    apply 4
    expect "it is said again, and nothing else is to do" not grep -q 'Nothing to do' "$SYSTEM_WORK/said"
    out_of_way
    apply 0
    effective_are 1 1 1 1
    all_nics_answer "the conflict is over"
done
before 2
in_way
apply 4 --json
json '[.held[] | [.name, .before, .after, .command]]' '[["eth2",2,1,null]]'
json '.held[0].reason | startswith("eth2: table")' true
json '.held[0].error == .held[0].reason' true
json '[.summary.held, .summary.failed]' '[1,0]'
apply 0 --force
effective_are 1 1 1 1
all_nics_answer "a person insists in a conflict"
before 2
rpfpolicy apply --once >/dev/null 2>&1
sysctl -q -w net.ipv4.conf.eth2.rp_filter=1
apply 2
expect "a card that is strict already waits for nothing" not grep -q 'held back' "$SYSTEM_WORK/said"
expect_equal "nor does JSON say so" "$(rpfpolicy check --json | jq .summary.routing.held)" 0
out_of_way

EXTRA='gateway = auto none'
for loose in 2 0; do
    before "$loose"
    policy_file 10-test.conf < <(policy observe)
    watch_start
    apply 4
    watch_stop
    expect_equal "without a gateway: eth2 was never strict" "$(watched eth2)" "$loose"
    effective_are 1 1 "$loose" 1
    all_nics_answer "without a gateway, at $loose"
    said '^eth2: rp_filter .* - held back, policy routing cannot be set up: eth2: no IPv4 gateway: no table has'
    eth2_waits "without a gateway" 'no IPv4 gateway: no table has'
    gateway
    apply 0
    effective_are 1 1 1 1
    all_nics_answer "a gateway is there"
    no_gateway
done
before 2
apply 2 --force
effective_are 1 1 1 1
expect "a person insists: the peer does not reach it" peer_does_not_reach 172.16.6.4
before 0
policy_file 10-test.conf < <(policy observe strict)
apply 4
effective_are 1 1 0 1
said '^all: rp_filter 0 -> 1, .* - held back, policy routing cannot be set up: eth2: no IPv4 gateway'
said '2 values were held back'
EXTRA='gateway = first auto' # in IPv6 alone
before 2
policy_file 10-test.conf < <(policy observe)
apply 2
effective_are 1 1 1 1
all_nics_answer "without a gateway in IPv6"
EXTRA=

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
agent_wait_log 'a device stricter for which policy routing is not in place'
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
wait_until "its rule goes with it" not has_rule 172.16.6.5
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

# --- the agent in a conflict, and without a gateway: what ends it is followed when it happens

# waits WHAT STATE LOG: eth2 is not made strict, all others are.
waits() {
    agent_wait_log "$3"
    agent_wait_log 'eth2: rp_filter stays loose and becomes strict'
    becomes eth1 rp_filter 1
    becomes eth3 rp_filter 1
    agent_caught_up
    effective_are 1 1 2 1
    all_nics_answer "the agent waits, $1"
    wait_until "$1: status tells it" \
        status_is '.routing.devices[] | select(.held) | "\(.device) \(.state)"' "eth2 $2"
    expect "$1: also to people" sh -c "rpfpolicy status | grep -q 'eth2: .*$2.*does not become stricter'"
    wait_until "$1: so do metrics" grep -qx 'rpfpolicy_agent_routing_held 1' "$SYSTEM_WORK/metrics"
    expect_equal "$1: it was said once" "$(log_count 'eth2: rp_filter stays')" 1
}

# follows WHAT
follows() {
    becomes eth2 rp_filter 1
    wait_until "$1: status tells that" status_is '[.routing.states.ok, (.routing.devices | map(select(.held)) | length)] | @csv' 3,0
    expect "$1: everything is right" everything_right
    all_nics_answer "the value has followed, $1"
    agent_stop
}

before 2
in_way
accept_policy < <(policy enforce)
watch_start
agent_start
waits conflict conflict 'eth2: policy routing leaves it alone: table'
watch_stop
expect_equal "in conflict: eth2 was never strict" "$(watched eth2)" 2
out_of_way
follows conflict

before 2
ip -6 route add 2001:db8:8::/48 dev eth1 table "$TABLE2"
agent_start
waits "conflict in IPv6" conflict 'eth2: policy routing leaves it alone: table'
ip -6 route del 2001:db8:8::/48 table "$TABLE2"
follows "conflict in IPv6"

# In another order: the first of several that goes ends nothing.
agent_start
wait_until "all is in place" status_is .routing.states.ok 3
in_way
wait_until "a route that comes is a conflict" status_is .routing.states.conflict 1
ip route add 10.7.0.0/16 dev eth1 table "$TABLE2"
ip rule add from 10.1.2.3 lookup main priority 20200
wait_until "a rule that comes is one for all" status_is .routing.states.conflict 3
sysctl -q -w net.ipv4.conf.eth2.rp_filter=2
agent_wait_log 'eth2: rp_filter stays loose and becomes strict'
out_of_way
ip rule del priority 20200 from 10.1.2.3
wait_until "one route is still there" status_is .routing.states.conflict 1
expect_value eth2 rp_filter 2
ip route del 10.7.0.0/16 table "$TABLE2"
follows "conflicts that end one by one"

# Without the capability the kernel takes no way; values it would, of root's. One message, and no more.
before 0
policy observe >/etc/rpfpolicy.d/10-test.conf
without=$(all_values)
AS=(setpriv --bounding-set=-net_admin --inh-caps=-all)
apply 1
AS=()
expect_equal "not permitted: no value is written" "$(all_values)" "$without"
expect_equal "not permitted: one message" "$(cat "$SYSTEM_WORK/errors")" \
    'rpfpolicy: cannot change routes: Operation not permitted (this needs root, or CAP_NET_ADMIN); nothing was written'

EXTRA='gateway = auto none'
before 2
accept_policy < <(policy enforce)
agent_start
waits "no gateway" impossible 'eth2: policy routing cannot be set up: no IPv4 gateway'
gateway
follows "no gateway"
no_gateway
system_end
