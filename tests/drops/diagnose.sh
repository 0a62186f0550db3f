#!/bin/bash
# `rpfpolicy diagnose` on a host with four cards where something does not answer: each kind of
# finding made by real packets, its cause and cure; and nothing found where nothing is wrong.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"
# shellcheck source=tests/lib/nics.sh
. "$SYSTEM_SOURCE/tests/lib/nics.sh"

nics_setup

# found FILTER: of which kind there is a finding that the filter takes
found() {
    [ "$(jq "[.findings[] | select($1)] | length > 0" "$OUT")" = true ]
}

# while_pinging NAMESPACE ADDRESS: diagnose while somebody asks for an answer again and again
while_pinging() {
    local namespace=$1 address=$2 pid

    shift 2
    ip netns exec "$namespace" ping -q -n -i 0.2 -w 20 "$address" >/dev/null 2>&1 &
    pid=$!
    run diagnose --for=4s "$@" # the kernel asks again after a second
    kill "$pid" 2>/dev/null # it may have ended: then nothing answered
    wait "$pid" 2>/dev/null
}

# --- nothing ----------------------------------------------------------------------------------------

accept_policy <<'X'
[rp_filter]
eth* = strict
X
run diagnose --for=1s
expect_status "nothing is wrong" 0
says "nothing is wrong" "$OUT" "^Nothing was found"

# --- dropped packets --------------------------------------------------------------------------------

while_pinging peer 172.16.5.4 --json
expect_status "packets are dropped" 2
expect "the first finding is what loses packets" test "$(jq -r '.findings[0].kind' "$OUT")" = drops
expect "with the card, the peer and their number" \
    found '.kind == "drops" and .devices == ["eth1"] and .packets >= 2 and
        (.what | contains("from 172.16.0.4 to 172.16.5.4"))'
expect "the cause names the value and the line that wants it" \
    found '.kind == "drops" and (.cause | test("rp_filter is strict, as .*10-test.conf:2 wants it"))'
expect "and the route that is guilty" \
    found '.kind == "drops" and (.cause | test("default via 172.16.4.1 dev eth0.*rule 32766"))'
expect "the cure is one that was tried: with loose the reply would leave elsewhere" \
    found '.kind == "drops" and (.cure | test("eth1 = auto(.|\\n)*rpfpolicy apply --once$")) and (.cure | test("loose") | not)'
expect "it says where to read on" \
    found '.more == "rpfpolicy explain eth1 --peer=172.16.0.4"'

while_pinging peer 172.16.5.4 --peer=192.0.2.1
says_not "another peer's packets are not told" "$OUT" "packets from 172.16.0.4"
says "the peer's own ways" "$OUT" "A packet from 192.0.2.1 is"
says "by the card that is strict" "$OUT" "by eth1 to 172.16.5.4: dropped"
says "by the card of the default route" "$OUT" "by eth0 to 172.16.4.2: accepted"

# --- unanswered ARP ---------------------------------------------------------------------------------

ip route add 172.16.5.1/32 via 172.16.4.1
ip -n r1 neigh flush dev vm1
ip neigh flush dev eth1
while_pinging r1 172.16.5.4 --json
expect "an ARP request without an answer is found" \
    found '.kind == "arp" and .devices == ["eth1"] and .packets >= 1 and
        (.what | contains("172.16.5.1")) and (.what | contains("172.16.5.4"))'
ip route del 172.16.5.1/32
while_pinging r1 172.16.5.4 --json
expect "one that is answered is not" not found '.kind == "arp"'

# while_asking DEVICE TARGET SENDER [VLAN]: diagnose while somebody asks in r1 again and again
while_asking() {
    local pid

    ip netns exec r1 python3 "$SYSTEM_SOURCE/tests/lib/keep-asking-arp.py" "$@" >/dev/null 2>&1 &
    pid=$!
    run diagnose --for=3s --json
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

while_asking vm1 172.16.5.4 10.9.0.1..40
expect_equal "many who ask for the same reason in vain are one finding" \
    "$(jq -c '[.findings[] | select(.kind == "arp") | [.devices, .others]]' "$OUT")" '[[["eth1"],39]]'
expect "with the requests of all" found '.kind == "arp" and .packets >= 40'
while_asking vm1 172.16.5.4 10.9.0.1 7
expect "who asks in a VLAN does not ask the card" not found '.kind == "arp"'
while_asking vm1 172.16.5.4 10.9.0.1 0
expect "with a priority alone it does" found '.kind == "arp" and .devices == ["eth1"]'

ip link add br0 type bridge
ip link set eth1 master br0
ip address del 172.16.5.4/24 dev eth1
ip address add 172.16.5.4/24 dev br0
ip link set br0 up
while_asking vm1 172.16.5.4 10.9.0.1
expect_equal "by the port of a bridge the bridge is asked" \
    "$(jq -c '[.findings[] | select(.kind == "arp").devices]' "$OUT")" '[["br0"]]'
ip link delete br0
ip address add 172.16.5.4/24 dev eth1

# --- values and routing -----------------------------------------------------------------------------

echo 2 >/proc/sys/net/ipv4/conf/eth2/rp_filter
echo 2 >/proc/sys/net/ipv4/conf/eth3/rp_filter
run diagnose --for=1s --json
expect "cards alike are one finding" \
    found '.kind == "state" and .n_devices == 2 and .devices == ["eth2", "eth3"]'
expect "with what puts them right" found '.kind == "state" and .cure == "rpfpolicy apply --once"'

ip link add 'a;b' type veth peer name other
policy_file 20-odd.conf <<'X'
[rp_filter]
a?b = strict
X
echo 2 >'/proc/sys/net/ipv4/conf/a;b/rp_filter'
run diagnose --for=1s --json
expect "what is to be typed is quoted" found '.more == "rpfpolicy explain '\''a;b'\''"'
ip link delete 'a;b'
rm /etc/rpfpolicy.d/20-odd.conf

policy_file 10-test.conf <<'X'
[routing]
eth1 = auto
[routing eth1]
gateway = first
[rp_filter]
eth* = strict
X
run diagnose --for=1s --json
expect "routing that is not in place is found" found '.kind == "routing" and .devices == ["eth1"]'
rpfpolicy apply --once >/dev/null 2>&1 || system_abort "apply failed"
run diagnose --for=1s
expect_status "all is as the policy wants it" 0

# --- who may ask ------------------------------------------------------------------------------------

setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all \
    "$(command -v rpfpolicy)" diagnose --for=1s >"$OUT" 2>"$ERR"
says "without privileges it says what is not seen" "$OUT" "Not seen: ARP requests"
run diagnose --peer=nonsense
expect_status "a peer that is no address" 1

system_end
