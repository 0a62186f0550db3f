#!/bin/bash
# A card whose rules and routes are all there, while a rule or a route of somebody else is asked before
# them, or for what they do not cover: it is not ok but overruled, is told which one wins, and does not
# become strict, by the command and by the agent, which follows what others do. Told by what a peer reaches.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/../agent/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
# shellcheck source=tests/lib/command.sh
. "$(dirname "$0")/../lib/command.sh"
system_enter "$@"
nics_setup

policy() {
    cat <<X
[agent]
mode = $1
sweep = 1d
flush-routes = no
metrics-file = $SYSTEM_WORK/metrics
[rp_filter]
mark* = off
* = strict
[routing]
eth1..3 = auto
[routing *]
gateway = first
X
}

# before VALUE: of the cards; nothing of ours is there.
before() {
    local n

    rpfpolicy routes flush >/dev/null 2>&1
    for n in 0 1 2 3; do
        sysctl -q -w "net.ipv4.conf.eth$n.rp_filter=$1"
    done
}

# effective_are ETH0 ETH1 ETH2 ETH3
effective_are() {
    local n

    for n in 0 1 2 3; do
        expect_effective "eth$n" "${@:n+1:1}"
    done
}

# Whatever the first card's router answers is lost, as in a network that knows who has which address.
ip route add default via 172.16.4.1 table 52

# overruled WHAT REASON: everything says that eth2 is, and its value waits.
overruled() {
    run check
    expect_status "$1: check" 2
    tr -s ' \n' ' ' <"$OUT" >"$OUT.words"
    says "$1: check says it" "$OUT.words" "overruled eth2 routing - auto [^ ]+ overruled by $2"
    run check --json
    json "$1: check in JSON" '.routing[] | select(.name == "eth2") | .state == "overruled"'
    json "$1: and in its sum" '.summary.routing.overruled == 1'
    run routes show
    expect_status "$1: routes show" 2
    says "$1: routes show says it" "$OUT" '^overruled +eth2 '
    says "$1: and by what" "$OUT" "^note: eth2: overruled by $2"
    run routes show --json
    json "$1: routes show in JSON" '.devices[] | select(.name == "eth2") | .state == "overruled"'
    run explain eth2
    says "$1: explain says it" "$OUT" "overruled by $2"
}

# ok_again WHAT
ok_again() {
    run_apply
    expect_status "$1: apply" 0
    effective_are 1 1 1 1
    run check
    expect_status "$1: check" 0
    all_nics_answer "$1"
}

policy_file 10-test.conf < <(policy observe)

# --- a rule for its address, before ours

RULE='rule 5270: from 172\.16\.6\.4 lookup 52: what 172\.16\.6\.4 sends to 172\.16\.6\.1 leaves by eth0, not by eth2'
for loose in 2 0; do
    before "$loose"
    ip rule add from 172.16.6.4 lookup 52 priority 5270
    watch_start
    run_apply
    watch_stop
    expect_status "an earlier rule, at $loose: apply" 4
    says "it says why" "$OUT" "^eth2: rp_filter .* -> strict: .* - held back, policy routing .*: eth2: overruled by $RULE"
    expect_equal "eth2 was never strict" "$(watched eth2)" "$loose"
    effective_are 1 1 "$loose" 1
    all_nics_answer "an earlier rule, at $loose"
    overruled "an earlier rule, at $loose" "$RULE"
    run_apply
    expect_status "an earlier rule again, at $loose: apply" 4
    effective_are 1 1 "$loose" 1
    ip rule del priority 5270
    ok_again "the rule is gone, after $loose"
done

# A card that is strict already stays so: nothing waits, but it is told.
ip rule add from 172.16.6.4 lookup 52 priority 5270
overruled "strict already" "$RULE"
run check --json
json "no value waits" '.summary.routing.held == 0'
expect "the peer does not reach it" peer_does_not_reach 172.16.6.4

# A person may insist.
sysctl -q -w net.ipv4.conf.eth2.rp_filter=2
run_apply --force
effective_are 1 1 1 1
ip rule del priority 5270

# --- rules for a part, and for what local sockets do not send

before 2
ip rule add to 17.0.0.0/8 lookup 52 priority 5270
ip rule add fwmark 0x80000/0xff0000 lookup 52 priority 5271
ip rule add from all iif eth1 lookup 52 priority 5272
ip rule add from 172.16.6.0/24 to 10.0.0.0/8 lookup 52 priority 5273
ok_again "rules for others"
for n in 0 1 2 3; do ip rule del priority "527$n"; done

# --- not all rules that come first are in the way: the same way, and no route in the table

ip route add default via 172.16.6.1 dev eth2 table 53
ip rule add from 172.16.6.4 lookup 53 priority 5270
ip rule add from 172.16.6.4 lookup 54 priority 5269
before 2
ok_again "a rule that leads the same way"
ip rule del priority 5270
ip rule del priority 5269

# --- a rule that refuses, and one that is not for some mark

before 2
ip rule add from 172.16.6.4 priority 5270 unreachable
run_apply
expect_status "a rule that refuses: apply" 4
effective_are 1 1 2 1
overruled "a rule that refuses" 'rule 5270: from 172\.16\.6\.4 unreachable: what 172\.16\.6\.4 sends to 172\.16\.6\.1 leaves by no device'
ip rule del priority 5270
ip rule add not fwmark 0xca6c lookup 52 priority 5270
run check --json
json "every card is overruled" '.summary.routing.overruled == 3'
ip rule del priority 5270
ok_again "no rule"

# --- halves of the internet in main, which is asked first

before 2
ip route add 0.0.0.0/1 via 172.16.4.1
ip route add 128.0.0.0/1 via 172.16.4.1
run_apply
expect_status "halves in main: apply" 4
effective_are 1 2 2 2
all_nics_answer "halves in main"
overruled_by_half='route 0\.0\.0\.0/1 via 172\.16\.4\.1 dev eth0 in table main: what 172\.16\.6\.4 sends to 17\.0\.0\.1 leaves by eth0, not by eth2'
run routes show
says "the route is named" "$OUT" "^note: eth2: overruled by $overruled_by_half"
sed -i 's/^gateway = first/&\nmain-first = no/' /etc/rpfpolicy.d/10-test.conf
run_apply
expect_status "main comes last: apply" 0
effective_are 1 1 1 1
all_nics_answer "main comes last"
policy_file 10-test.conf < <(policy observe)
ip route del 0.0.0.0/1
ip route del 128.0.0.0/1
ok_again "no halves"

# A route in main for some network is what main is asked first for.
before 2
ip route add 17.0.0.0/16 via 172.16.4.1

ok_again "networks in main"
ip route del 17.0.0.0/16


# --- IPv6: told, and holds no value

before 2
ip -6 route add default via fd00:4::1 table 52
ip -6 rule add from fd00:6::4 lookup 52 priority 5270
run_apply
effective_are 1 1 1 1
all_nics_answer "an earlier rule in IPv6"
overruled "in IPv6" 'rule 5270: from fd00:6::4 lookup 52: what fd00:6::4 sends to fd00:6::1 leaves by eth0, not by eth2'
ip -6 rule del priority 5270
ok_again "not in IPv6"

# --- the agent; its sweep comes too late to help

[ -x "$AGENT" ] || system_end
STATUS=/run/rpfpolicy/status.json # not that of a command any more
before 2
ip rule add from 172.16.6.4 lookup 52 priority 5270
accept_policy < <(policy enforce)
watch_start
agent_start
agent_wait_log 'eth2: policy routing is overruled by rule 5270: from 172.16.6.4 lookup 52: what 172.16.6.4'
agent_wait_log 'eth2: rp_filter stays loose and becomes strict'
becomes eth1 rp_filter 1
becomes eth3 rp_filter 1
agent_caught_up
watch_stop
expect_equal "eth2 was never strict" "$(watched eth2)" 2
all_nics_answer "the agent waits"
wait_until "status tells it" status_is '[.routing.devices[] | select(.state == "overruled" and .held) | .device] | join(" ")' eth2
wait_until "and counts it" status_is '.routing.states | "\(.overruled) \(.ok)"' '1 2'
wait_until "metrics, too" grep -qx 'rpfpolicy_agent_routing_devices{state="overruled"} 1' "$SYSTEM_WORK/metrics"
expect "also to people" sh -c 'rpfpolicy status | grep -q "eth2: .*overruled.*does not become stricter.*overruled by rule 5270"'
ip rule del priority 5270
becomes eth2 rp_filter 1
agent_wait_log 'eth2: policy routing is not overruled any more'
wait_until "status tells that" status_is '.routing.states.ok' 3
all_nics_answer "the rule is gone"
expect "everything is right" everything_right

# One that comes when the card is strict already: it stays so, and is told.
ip rule add from all lookup 52 priority 5270
wait_until "all of them are overruled" status_is '.routing.states.overruled' 3
agent_caught_up
effective_are 1 1 1 1
expect "check says the same" not everything_right
expect "and names the rule" grep -q 'overruled by rule 5270: from all lookup 52' /run/test/check.out
ip rule del priority 5270
wait_until "none of them is" status_is '.routing.states.ok' 3
expect "everything is right then" everything_right

# A route of somebody else in main, and in the table of a rule that comes first. Nothing is read for it but
# what the kernel is asked.
sysctl -q -w net.ipv4.conf.eth2.rp_filter=1
ip route flush table 52
ip rule add from 172.16.6.4 lookup 52 priority 5270
agent_caught_up
status_is '.routing.states.ok' 3 || fail "an empty table is in the way"
for where in 'main' 52; do
    ip route add 16.0.0.0/4 via 172.16.4.1 table "$where"
    wait_until "a route in $where takes it elsewhere" status_is '[.routing.devices[] | select(.state == "overruled").device] | contains(["eth2"])' true
    ip route del 16.0.0.0/4 table "$where"
    wait_until "it is gone from $where" status_is '.routing.states.ok' 3
done
ip -6 rule add from fd00:6::4 lookup 52 priority 5270
ip -6 route flush table 52
ip -6 route add fd00:6::/64 via fd00:4::1 table 52
wait_until "a route of IPv6" status_is '.routing.states.overruled' 1
ip -6 route del fd00:6::/64 table 52
wait_until "it is gone" status_is '.routing.states.ok' 3
ip -6 rule del priority 5270
ip rule del priority 5270

# What others have many of is none of its business.
plans=$(agent_status .routing.plans)
messages=$(agent_status .sockets.route.messages)
for n in $(seq 0 255); do
    echo "route add 100.64.$n.0/24 via 172.16.4.1"
    echo "route add 100.65.$n.0/24 via 172.16.4.1 table 99"
done | ip -batch -
agent_caught_up
expect_equal "it does not plan for other routes" "$(agent_status .routing.plans)" "$plans"
expect "the kernel does not even tell of them" test "$(agent_status .sockets.route.messages)" -lt $((messages + 100))

# One line each time that it came and went, for each card.
agent_stop
expect_equal "said when it began" "$(log_count 'eth1: policy routing is overruled')" 2
expect_equal "and when it was over" "$(log_count 'eth1: policy routing is not overruled any more')" 2

# --- a card without carrier does not become strict before it has one

carrier_is() {
    [ "$(cat /sys/class/net/eth2/carrier)" = "$1" ]
}

ip route replace default via 172.16.4.1 table 52
ip rule add from 172.16.6.4 lookup 52 priority 5270
sysctl -q -w net.ipv4.conf.eth2.rp_filter=2
ip -n r2 link set vm2 down
wait_until "the carrier is lost" carrier_is 0
watch_start
agent_start
wait_until "status tells that eth2 is overruled" status_is '[.routing.devices[] | select(.state == "overruled").device] | join(" ")' eth2
ip -n r2 link set vm2 up
wait_until "the carrier is back" carrier_is 1
agent_caught_up
watch_stop
expect_equal "eth2 was never strict" "$(watched eth2)" 2

# --- a rule that comes and goes does not fill the journal

for n in $(seq 10); do
    ip rule del priority 5270
    wait_until "the rule is gone, $n" status_is '.routing.states.ok' 3
    ip rule add from 172.16.6.4 lookup 52 priority 5270
    wait_until "and here again, $n" status_is '.routing.states.overruled' 1
done
expect "no more than six lines" test "$(log_count 'eth2: policy routing is')" -le $((6 + 5))
ip rule del priority 5270
wait_until "the rule is gone at last" status_is '.routing.states.ok' 3

# --- more next hops than are looked at: of that card alone

hops=$(for n in $(seq 2 131); do echo "nexthop via 172.16.4.$n dev eth0"; done)
# shellcheck disable=SC2086 # words
ip route add default table 54 $hops
ip rule add from 172.16.6.4 lookup 54 priority 5271
wait_until "eth2 is overruled" status_is '[.routing.devices[] | select(.state == "overruled").device] | join(" ")' eth2
run check
expect_status "check tells of it" 2
says "and by what" "$OUT" 'a route with more next hops than are looked at'
ip rule del priority 5271
agent_stop
system_end
