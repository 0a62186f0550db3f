#!/bin/bash
# Four cards in one subnet, and pods behind a bridge and a veth without an address: every answer
# leaves by the card whose address was asked, and to a pod it leaves by none, with strict everywhere.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"

sysctl -q -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=1
nics_peer
nics_namespace r1
ip -n r1 link add lan type bridge
ip -n r1 address add 172.16.4.1/24 dev lan
ip -n r1 link set lan up
ip link add to-r1 netns peer type veth peer name core netns r1
in_namespace peer ip link set to-r1 master net up
ip -n r1 address add 172.16.0.1/24 dev core
ip -n r1 link set core up
ip -n peer route add 172.16.4.0/24 via 172.16.0.1
for n in 0 1 2 3; do
    ip link add "eth$n" type veth peer name "vm$n" netns r1
    ip -n r1 link set "vm$n" master lan up
    ip address add "172.16.4.$((n + 4))/24" dev "eth$n"
    ip link set "eth$n" up
done
ip route add default via 172.16.4.1

# Which card the answer to ADDRESS leaves by.
sent_by() {
    ip route get 172.16.0.4 from "$1" | sed -n 's/.* dev \([^ ]*\).*/\1/p'
}

in_subnet() {
    ip -n r1 neigh flush all
    in_namespace r1 ping -q -n -c 1 -W 0.5 "$1" >/dev/null 2>&1
}

policy_file 10-test.conf <<'X'
[routing]
eth* = auto
[routing eth*]
gateway = first
X
rpfpolicy routes show >"$SYSTEM_WORK/out" 2>&1
expect "without arp_filter there is advice" grep -q arp_filter "$SYSTEM_WORK/out"

policy_file 10-test.conf <<'X'
[rp_filter]
*    = strict
[arp_filter]
eth* = yes
[arp_announce]
eth* = 2
[routing]
eth* = auto
[routing eth0]
gateway = auto
[routing eth*]
gateway = first
X
rpfpolicy apply --once >"$SYSTEM_WORK/out" 2>&1 || {
    cat "$SYSTEM_WORK/out" >&2
    fail "apply"
}
for n in 0 1 2 3; do
    expect_equal "what 172.16.4.$((n + 4)) sends leaves by its card" \
        "$(sent_by 172.16.4.$((n + 4)))" "eth$n"
    expect "the peer reaches 172.16.4.$((n + 4))" peer_reaches "172.16.4.$((n + 4))"
    expect "so does the router, in the subnet" in_subnet "172.16.4.$((n + 4))"
done
expect_equal "each card's rule for the subnet stands before the one for main" \
    "$(ip rule | awk '/suppress/ { exit } /to 172.16.4.0\/24 lookup 210/ { n++ } END { print n + 0 }')" 4
rpfpolicy routes show >"$SYSTEM_WORK/out" 2>&1
expect_equal "with arp_filter in place there is no advice" "$(grep -c arp_filter "$SYSTEM_WORK/out")" 0

# --- pods

# Both families. bridged is behind a bridge that has an address, routed behind a veth that has none.
sysctl -q -w net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 net.ipv4.ip_forward=1
nics_namespace bridged
nics_namespace routed
ip link add pods type bridge
ip address add 10.244.0.1/24 dev pods
ip -6 address add fd00:244::1/64 dev pods nodad
ip link set pods up
ip link add lxc0 type veth peer name eth0 netns bridged
ip link set lxc0 master pods up
ip -n bridged address add 10.244.0.2/24 dev eth0
ip -n bridged address add fd00:244::2/64 dev eth0 nodad
ip -n bridged link set eth0 up
ip -n bridged route add default via 10.244.0.1
ip -n bridged route add default via fd00:244::1
ip link add lxc1 type veth peer name eth0 netns routed
ip link set lxc1 up
ip -6 address add fe80::1/64 dev lxc1 nodad
ip -n routed address add 10.245.0.2/32 dev eth0
ip -n routed address add fd00:245::2/128 dev eth0 nodad
ip -n routed link set eth0 up
sysctl -q -w net.ipv4.conf.lxc1.proxy_arp=1
ip -n routed route add default dev eth0
ip -n routed route add default via fe80::1 dev eth0
ip route add 10.245.0.2 dev lxc1
ip route add fd00:245::2 dev lxc1
for n in 0 1 2 3; do
    ip -6 address add "fd00:4::$((n + 4))/64" dev "eth$n" nodad
done
ip -n r1 address add fd00:4::1/64 dev lan nodad
ip -n r1 address add fd00::1/64 dev core nodad
ip -n peer route add fd00:4::/64 via fd00::1
ip route add default via fd00:4::1

# reaches NAMESPACE ADDRESS / node_reaches FROM ADDRESS: FROM may be left empty.
reaches() {
    in_namespace "$1" ping -q -n -c 1 -W 0.5 "$2" >/dev/null 2>&1
}

node_reaches() {
    ping -q -n -c 1 -W 0.5 ${1:+-I "$1"} "$2" >/dev/null 2>&1
}

# all_ways_work WHEN: to and from each card's address, from near, from far away, and of pods.
all_ways_work() {
    local n four six pod

    expect_effective pods 1
    expect_effective lxc1 1
    for n in 0 1 2 3; do
        four=172.16.4.$((n + 4)) six=fd00:4::$((n + 4))
        expect_effective "eth$n" 1
        ip -n r1 neigh flush all
        for address in "$four" "$six"; do
            expect "$1: from the subnet to $address" reaches r1 "$address"
            expect "$1: from far away to $address" reaches peer "$address"
            for pod in bridged routed; do
                expect "$1: from the $pod pod to $address" reaches "$pod" "$address"
            done
        done
        for pod in 10.244.0.2 10.245.0.2; do
            expect "$1: from $four to pod $pod" node_reaches "$four" "$pod"
        done
        for pod in fd00:244::2 fd00:245::2; do
            expect "$1: from $six to pod $pod" node_reaches "$six" "$pod"
        done
        expect "$1: from $four to the subnet" node_reaches "$four" 172.16.4.1
        expect "$1: from $four to far away" node_reaches "$four" 172.16.0.4
        expect "$1: from $six to the subnet" node_reaches "$six" fd00:4::1
        expect "$1: from $six to far away" node_reaches "$six" fd00::4
    done
    for pod in 10.244.0.2 10.245.0.2 fd00:244::2 fd00:245::2; do
        expect "$1: from the node to pod $pod" node_reaches '' "$pod"
    done
}

apply() {
    rpfpolicy apply --once "$@" >"$SYSTEM_WORK/out" 2>&1 || {
        cat "$SYSTEM_WORK/out" >&2
        fail "apply $*"
    }
}

rpfpolicy routes flush >/dev/null
rpfpolicy routes plan >"$SYSTEM_WORK/plan"
apply
all_ways_work "set up"
OURS=$(ours)

# --- the commands of the plan, as printed

rpfpolicy routes flush >/dev/null
table=$((21000 + $(cat /sys/class/net/eth1/ifindex)))
expect "the plan names the rule for the subnet" \
    grep -q "ip -4 rule add from 172.16.4.5 to 172.16.4.0/24 lookup $table priority 20000 protocol 182" \
    "$SYSTEM_WORK/plan"
expect "and the one for the rest" \
    grep -q "ip -4 rule add from 172.16.4.5 lookup $table priority 20200 protocol 182" "$SYSTEM_WORK/plan"
sed -n 's/^ *[0-9]* *\(ip -[46] .* protocol 182\) .*/\1/p' "$SYSTEM_WORK/plan" >"$SYSTEM_WORK/commands"
expect "a shell runs the plan" sh -e "$SYSTEM_WORK/commands"
expect "which leaves what apply makes" ours_are "$OURS"
expect "nothing is left to do" rpfpolicy routes plan

# --- what was once made, one rule before main for all ways

for family in -4 -6; do
    ip "$family" rule show | sed -n 's/^20000:\tfrom \([^ ]*\) to [^ ]* lookup \([0-9]*\) proto 182.*/\1 \2/p' |
        while read -r from old; do
            ip "$family" rule del priority 20000 from "$from"
            ip "$family" rule del priority 20200 from "$from"
            ip "$family" rule add priority 20000 from "$from" lookup "$old" protocol 182
        done
    ip "$family" rule del priority 20100
done
expect "a pod does not reach a card's address that way" not reaches bridged 172.16.4.5
apply
expect "it is exchanged" ours_are "$OURS"
expect_equal "what is there before goes last" \
    "$(sed -n 's/^ip -4 rule \(add\|del\) .*/\1/p' "$SYSTEM_WORK/out" | uniq | xargs)" 'add del'
all_ways_work "exchanged"

# --- main-first = no is what it says: pods have their ways in main. Whom that cuts is told before,
# also where the device of a pod takes every source: no packet of it is dropped, but the replies are lost

unset SSH_CONNECTION
sed -i 's/^\[rp_filter\]/&\npods = off\nlxc* = off/' /etc/rpfpolicy.d/10-test.conf
rpfpolicy routes flush --force >/dev/null 2>&1
serve sshd 0.0.0.0 22
connect_from bridged pod 10.244.0.2 172.16.4.5 22
connect_from peer far 172.16.0.4 172.16.4.4 22
rpfpolicy plan --impact >"$SYSTEM_WORK/out"
expect "nobody is cut where main comes first" grep -q 'nobody seen now would be cut' "$SYSTEM_WORK/out"
apply
expect_equal "so the pod goes on" "$(ask pod)" passes
sed -i 's/^gateway = first/&\nmain-first = no/; s/^gateway = auto/&\nmain-first = no/' \
    /etc/rpfpolicy.d/10-test.conf
rpfpolicy plan --impact >"$SYSTEM_WORK/out"
expect "the pod is named" grep -qE \
    '^pods +tcp 10.244.0.2:[0-9]+ 172.16.4.5:22 sshd \([0-9]+\) replies would leave by another device \(eth1\) +-$' \
    "$SYSTEM_WORK/out"
expect "who is far away is not" not grep -q ' 172\.16\.0\.4' "$SYSTEM_WORK/out"
expect_equal "in JSON, too" "$(rpfpolicy plan --impact --json |
    jq -r '.impact[] | select(.protocol == "tcp") | "\(.device) \(.peer) \(.step) \(.way_back[]) \(.keep)"')" \
    'pods 10.244.0.2 astray eth1 null'
expect "apply refuses" not rpfpolicy apply --once >"$SYSTEM_WORK/out" 2>&1
expect "for its sake" grep -q 'refused: this would cut the SSH session from 10.244.0.2' "$SYSTEM_WORK/out"
apply --force
expect_equal "so it is" "$(ask pod) $(ask far)" "dropped passes"
expect_equal "all rules stand before main" "$(ip rule | grep -c 'proto 182')" 4
expect_equal "and lead everywhere" "$(ip rule | grep -c '^20000:.*from 172.16.4.[4-7] lookup .* proto 182')" 4
expect "a pod does not reach a card's address then" not reaches bridged 172.16.4.5
expect "far away is reached" peer_reaches 172.16.4.5
expect "nothing is left to do then" rpfpolicy routes plan
sed -i '/^main-first/d; /= off$/d' /etc/rpfpolicy.d/10-test.conf
apply --force
expect "without it, all is as before" ours_are "$OURS"
all_ways_work "as before"
system_end
