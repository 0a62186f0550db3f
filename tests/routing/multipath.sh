#!/bin/bash
# A main default route with several next hops, or with a nexthop object: each card that one leads through
# finds its gateway there, and only one by which all replies leave anyway has no rules.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/../agent/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
nics_setup

# gateway DEVICE FAMILY: "ADDRESS SOURCE" as `routes show` has it.
gateway() {
    rpfpolicy routes show --json | jq -r ".devices[] | select(.name == \"$1\") |
        .gateways.$2 | \"\\(.address) \\(.source)\""
}


policy_file 10-test.conf <<'X'
[rp_filter]
* = strict
[routing]
eth* = auto
[routing eth3]
gateway = first
[routing eth*]
gateway = auto none
X

# --- over two cards

ip route replace default nexthop via 172.16.4.1 dev eth0 nexthop via 172.16.5.1 dev eth1
ip route add default via 172.16.6.1 dev eth2 metric 100
expect_equal "the first card of two has its gateway" "$(gateway eth0 ipv4)" "172.16.4.1 main"
expect_equal "so has the second" "$(gateway eth1 ipv4)" "172.16.5.1 main"
expect_equal "a worse route is not the one by which replies leave" "$(gateway eth2 ipv4)" \
    "172.16.6.1 main"
rpfpolicy apply --once >"$SYSTEM_WORK/out" 2>&1
expect_equal "apply has done it all" "$?" 0
all_nics_answer "two next hops, strict everywhere"
rpfpolicy routes apply --once >"$SYSTEM_WORK/out" 2>&1
expect "and again there is nothing to do" grep -q '^Nothing to do' "$SYSTEM_WORK/out"

# --- two routers on one card

ip route replace default nexthop via 172.16.4.1 dev eth0 nexthop via 172.16.4.3 dev eth0
expect_equal "all replies leave by it anyway" "$(gateway eth0 ipv4)" "null null"

# --- a nexthop object

ip route del default
ip route del default
if ip nexthop add id 7 via 172.16.4.1 dev eth0 2>/dev/null; then
    ip route add default nhid 7
    expect_equal "the card of a nexthop object is the first" "$(gateway eth0 ipv4)" "null null"
    ip route replace default via 172.16.5.1 dev eth1
    ip route add default metric 9 nhid 7
    expect_equal "which is a gateway like any other" "$(gateway eth0 ipv4)" "172.16.4.1 main"
    ip route del default metric 9
    ip nexthop del id 7
fi

# --- IPv6, where next hops come and go one by one

policy_file 10-test.conf <<'X'
[agent]
mode = enforce
sweep = 1d
[rp_filter]
mark* = off
[routing]
eth0..1 = auto
[routing eth*]
gateway = none auto
X
ip -6 route del default
ip -6 route add default via fe80::1 dev eth0
ip -6 route append default via fe80::2 dev eth0
expect_equal "two routers of one card" "$(gateway eth0 ipv6)" "null null"
[ -x "$AGENT" ] || system_end
rpfpolicy accept >/dev/null 2>&1
agent_start
wait_until "the second card has no gateway" status_is .routing.states.impossible 1
ip -6 route append default via fe80::3 dev eth1
wait_until "one more next hop is one" sh -c 'ip -6 rule show | grep -q "from fd00:5::4 "'
expect "and then the first card has rules, too" sh -c 'ip -6 rule show | grep -q "from fd00:4::4 "'
ip -6 route del default via fe80::3 dev eth1
wait_until "a next hop that is gone is none" status_is .routing.states.impossible 1
agent_stop
system_end
