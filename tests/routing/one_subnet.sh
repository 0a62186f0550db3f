#!/bin/bash
# Four cards in one subnet: every answer leaves by the card whose address was asked, with strict
# everywhere.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
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
rpfpolicy apply >"$SYSTEM_WORK/out" 2>&1 || {
    cat "$SYSTEM_WORK/out" >&2
    fail "apply"
}
for n in 0 1 2 3; do
    expect_equal "what 172.16.4.$((n + 4)) sends leaves by its card" \
        "$(sent_by 172.16.4.$((n + 4)))" "eth$n"
    expect "the peer reaches 172.16.4.$((n + 4))" peer_reaches "172.16.4.$((n + 4))"
    expect "so does the router, in the subnet" in_subnet "172.16.4.$((n + 4))"
done
expect "each rule stands before the one for main" \
    test "$(ip rule | awk '/suppress/ { exit } /lookup 210/ { n++ } END { print n + 0 }')" -ge 3
rpfpolicy routes show >"$SYSTEM_WORK/out" 2>&1
expect_equal "with arp_filter in place there is no advice" "$(grep -c arp_filter "$SYSTEM_WORK/out")" 0
system_end
