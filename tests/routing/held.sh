#!/bin/bash
# A card whose way the kernel refuses does not become strict: by the command, where the policy pins
# `all`, and by the agent, which lets the value follow when the way is there. Told by what a peer reaches.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/../agent/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
nics_setup

# The router of one of eth2's routes is an address of this host: the kernel refuses such a route.
ip link add other type bridge
ip link set other up

refuse() {
    ip address add 192.0.2.1/32 dev other
}

refuse_no_more() {
    ip address del 192.0.2.1/32 dev other
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
routes = 10.9.0.0/16 via 192.0.2.1
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
json '.summary.routes | [.failed, .left]' '[1,4]'
json '[.writes[] | select(.name == "eth2")]' '[]'
refuse_no_more
apply 0 --json
json '[.held, .summary.held]' '[[],0]'

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
accept_policy < <(policy enforce)
watch_start
agent_start
agent_wait_log 'eth2: rp_filter stays loose and becomes strict'
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
all_nics_answer "the value has followed"
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
system_end
