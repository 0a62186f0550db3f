#!/bin/bash
# `plan --impact` for every kind of connection there is: sockets bound to a device, sockets and rules
# with marks, IPv4 on IPv6 sockets, UDP, and what is only forwarded, as connection tracking knows it.
# Each is a real one, and after `apply` those that were listed no longer pass.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

# listed PORT: what is listed of this local port, "DEVICE PEER certain|possible", in order.
listed() {
    rpfpolicy plan --impact --json 2>/dev/null | jq -r ".impact[] | select(.local_port == $1) |
        \"\(.device) \(.peer) \(if .certain then \"certain\" else \"possible\" end)\"" | sort |
        paste -sd,
}

policy() {
    policy_file 10-test.conf
}

# everything_off: as at the start, so that the next connections can be made.
everything_off() {
    printf '%s\n' '[rp_filter]' 'all = off' 'eth* = off' | policy
    rpfpolicy apply --once >/dev/null 2>&1 || system_abort "everything cannot be put off"
}

strict() {
    printf '%s\n' '[rp_filter]' 'eth0 = strict' 'eth1 = strict' | policy
}

peers_world
ip addr add 10.255.0.1/32 dev lo
in_peer ip route add 10.255.0.1/32 via 192.0.2.1
# Whom its router asks for is heard nowhere but on the router's links.
in_peer sysctl -qw net.ipv4.conf.link0.arp_announce=2 net.ipv4.conf.link1.arp_announce=2

# --- bound to a device: nothing else reaches the socket, wherever its address is

serve bound 10.255.0.1 8080 device=eth0
serve free 10.255.0.1 8081
connect bound 203.0.113.1 10.255.0.1 8080
connect bound-right 203.0.113.2 10.255.0.1 8080
connect free 203.0.113.1 10.255.0.1 8081
ip neigh flush all
strict
expect_equal "a bound socket is listed on its device, for certain" "$(listed 8080)" \
    "eth0 203.0.113.1 certain"
expect_equal "one that is not bound wherever it would be cut" "$(listed 8081)" \
    "eth0 203.0.113.1 possible"
run_apply
expect_equal "the bound one is cut" "$(ask bound)" dropped
expect_equal "with the right way back it is not" "$(ask bound-right)" passes
everything_off
connect bound-other 203.0.113.1 10.255.0.1 8080
printf '%s\n' '[rp_filter]' 'eth1 = strict' | policy
expect_equal "another device becomes stricter: not listed" "$(listed 8080)" ""
run_apply
expect_equal "and not cut" "$(ask bound-other)" passes

# --- an address that was left on a port of a bridge: what is sent to it comes in by the bridge

everything_off
ip link add br0 type bridge
ip link set br0 address "$(cat /sys/class/net/eth0/address)" up
ip addr add 192.0.2.9/24 dev br0
ip link set eth0 master br0
ip route replace 192.0.2.2/32 dev br0
ip neigh flush all
in_peer ip neigh flush all
serve bridged 192.0.2.1 8005
connect bridged 203.0.113.1 192.0.2.1 8005
ip neigh flush all
printf '%s\n' '[rp_filter]' 'br0 = strict' | policy
expect_equal "it is listed on the bridge" "$(listed 8005)" "br0 203.0.113.1 certain"
run_apply
expect_equal "and cut there" "$(ask bridged)" dropped
ip link delete br0
ip neigh flush all
in_peer ip neigh flush all

# --- IPv4 on an IPv6 socket

everything_off
serve mapped :: 8006
connect mapped 203.0.113.1 192.0.2.1 8006
connect mapped-right 203.0.113.2 192.0.2.1 8006
strict
run plan --impact --json
json "IPv4 on an IPv6 socket is listed, once" '[.impact[] | select(.local_port == 8006)] |
    length == 1 and .[0].peer == "203.0.113.1" and .[0].process.name == "mapped" and .[0].certain'
run_apply
expect_equal "it is cut" "$(ask mapped)" dropped
expect_equal "with the right way back it is not" "$(ask mapped-right)" passes
everything_off
connect mapped-own 203.0.113.1 192.0.2.1 8006
strict
SSH_CONNECTION="::ffff:203.0.113.1 $(port_of mapped-own) ::ffff:192.0.2.1 8006" run_apply
expect_equal "the session we are in, as a mapped address" "$STATUS" 1
expect "it is named" grep -q "refused: .*203.0.113.1:$(port_of mapped-own)" "$ERR"

# --- UDP

serve udp 192.0.2.1 5353 udp
connect udp 203.0.113.1 192.0.2.1 5353 udp
strict
run plan --impact --json
json "a connected UDP socket" '.impact | any(.local_port == 5353 and .protocol == "udp" and
    .peer == "203.0.113.1" and .process.name == "udp")'
run_apply
expect_equal "it is cut" "$(ask udp)" dropped

# --- marks: a way back of its own for marked packets, where src_valid_mark has the check use it

everything_off
ip rule add fwmark 7 lookup 7
ip route add 203.0.113.1 via 192.0.2.2 table 7
if nft add table ip marks 2>/dev/null; then
    nft add chain ip marks in '{ type filter hook prerouting priority mangle; }'
    nft add rule ip marks in tcp dport 8007 meta mark set 7
    serve marked 192.0.2.1 8007 mark=7
    serve unmarked 192.0.2.1 8008
    sysctl -qw net.ipv4.conf.eth0.src_valid_mark=1
    connect marked 203.0.113.1 192.0.2.1 8007
    connect unmarked 203.0.113.1 192.0.2.1 8008
    strict
    expect_equal "with the mark there is a way back: not listed" "$(listed 8007)" ""
    expect_equal "without it there is none" "$(listed 8008)" "eth0 203.0.113.1 certain"
    run_apply
    expect_equal "the marked one passes" "$(ask marked)" passes
    expect_equal "the other one is cut" "$(ask unmarked)" dropped
    # Strict already; what changes is that the mark no longer counts.
    printf '%s\n' '[rp_filter]' 'eth0 = strict' '[src_valid_mark]' 'eth0 = no' | policy
    expect_equal "the mark will not count any more: listed" "$(listed 8007)" \
        "eth0 203.0.113.1 certain"
    run check --json
    json "check sees nobody's session in that" '.warnings | all(.code != "lockout")'
    SSH_CONNECTION="203.0.113.1 $(port_of marked) 192.0.2.1 8007" run check --json
    json "but our own, though no device becomes stricter by a mode" \
        '.warnings | any(.code == "lockout" and .examples == ["eth0"])'
    run_apply --force
    expect_equal "and cut" "$(ask marked)" dropped
    sysctl -qw net.ipv4.conf.eth0.src_valid_mark=0
    nft delete table ip marks
else
    echo "no nftables here: packets cannot be marked, that part is left out"
    [ "${CI:-}" != true ] || fail "no nftables"
fi
ip rule delete fwmark 7

# --- forwarded: no socket here, connection tracking knows it

everything_off
ip netns add pod
in_pod() { ip netns exec pod "$@"; }
ip link add eth2 type veth peer name link2 netns pod
ip addr add 10.0.0.1/24 dev eth2
ip link set eth2 up
in_pod ip link set lo up
in_pod ip addr add 10.0.0.2/24 dev link2
in_pod ip link set link2 up
in_pod ip route add default via 10.0.0.1
sysctl -qw net.ipv4.ip_forward=1
for device in eth0 eth1 eth2; do sysctl -qw "net.ipv4.conf.$device.send_redirects=0"; done
if ! nft add table ip nat 2>/dev/null || [ ! -e /proc/sys/net/netfilter/nf_conntrack_count ]; then
    echo "no connection tracking here: that part is left out"
    [ "${CI:-}" != true ] || fail "no connection tracking"
    system_end
fi
run plan --impact --json
expect_equal "asking does not start connection tracking" \
    "$(cat /proc/sys/net/netfilter/nf_conntrack_count)" 0
nft add chain ip nat pre '{ type nat hook prerouting priority dstnat; }'
nft add rule ip nat pre ip daddr 192.0.2.1 tcp dport 2222 dnat to 10.0.0.2:22
nft add rule ip nat pre ip daddr 192.0.2.1 udp dport 5300 dnat to 10.0.0.2:53

# serve_in_pod NAME PORT [OPTION]
serve_in_pod() {
    mkfifo "$SYSTEM_WORK/serving-pod-$2"
    in_pod python3 "$SYSTEM_SOURCE/tests/lib/echo.py" serve "$SYSTEM_WORK/serving-pod-$2" "$1" \
        0.0.0.0 "${@:2}" &
    read -r <"$SYSTEM_WORK/serving-pod-$2"
}
serve_in_pod sshd 22
serve_in_pod dns 53 udp
serve webserver 192.0.2.1 80
connect published 203.0.113.1 192.0.2.1 2222
connect published-right 203.0.113.2 192.0.2.1 2222
connect published-udp 203.0.113.1 192.0.2.1 5300 udp
connect direct 203.0.113.1 192.0.2.1 80
# Out of the pod to a server behind the other link, which the peer's answers come back by eth0 from.
mkfifo "$SYSTEM_WORK/serving-out"
in_peer python3 "$SYSTEM_SOURCE/tests/lib/echo.py" serve "$SYSTEM_WORK/serving-out" git 203.0.113.1 \
    22 &
read -r <"$SYSTEM_WORK/serving-out"
in_peer ip route add 10.0.0.0/24 via 192.0.2.1
connect_from pod outgoing 10.0.0.2 203.0.113.1 22
ip neigh flush all
expect "connection tracking has them" \
    test "$(cat /proc/sys/net/netfilter/nf_conntrack_count)" -ge 5
strict
run plan --impact --json
json "a published port, as it was sent to and by whom" '[.impact[] | select(.local_port == 2222)] |
    length == 1 and (.[0] | .device == "eth0" and .peer == "203.0.113.1" and
    .local == "192.0.2.1" and .seen_as == "tracked" and .process == null and .step == "strict" and
    .way_back == ["eth1"] and .certain)'
json "UDP, too" '.impact | any(.local_port == 5300 and .protocol == "udp" and
    .seen_as == "tracked")'
json "what has a socket here is listed once, with its process" '[.impact[] |
    select(.local_port == 80)] | length == 1 and .[0].process.name == "webserver"'
run verdict 203.0.113.1 eth0 --to=2222@192.0.2.1 --json
json "verdict takes a published port for what is behind it" '.destination == "10.0.0.2" and
    .published == {"address": "192.0.2.1", "port": 2222, "targets": 1} and
    .verdicts.strict.result == "drop" and .verdicts.strict.step == "strict"'
run verdict 203.0.113.1 eth0 --to=5300@192.0.2.1 --proto=udp --json
json "of the protocol that was named" '.destination == "10.0.0.2" and .published.port == 5300'
run explain eth0 --peer=203.0.113.1 --to=2222@192.0.2.1 --json
json "so does explain" '(.finding | test("^203.0.113.1 -> 10.0.0.2 by eth0: ")) and .passes == false and
    .published == {"address": "192.0.2.1", "port": 2222, "targets": 1}'
run explain eth0 --peer=203.0.113.1 --to=5300@192.0.2.1 --proto=udp
says "explain: of the protocol that was named" "$OUT" "^Sent to port 5300 of 192.0.2.1"
run explain eth0 --peer=203.0.113.1 --to=5300@192.0.2.1
expect_status "explain: a port without a flow" 1
says "explain: asks for the address behind it" "$ERR" "Name the address behind"
run verdict 203.0.113.1 eth0 --to=2222@192.0.2.1
says "and says what it stands for" "$OUT" "^Sent to port 2222 of 192.0.2.1"
run verdict 203.0.113.1 eth0 --to=5300@192.0.2.1
expect_status "a port without a flow" 1
says "asks for the address behind it" "$ERR" "Name the address behind"
run verdict 203.0.113.1 eth0 --to=0@192.0.2.1
expect_status "a port that is none" 1
setpriv --reuid=65534 --regid=65534 --clear-groups "$SYSTEM_BUILD/agent/cli/rpfpolicy" \
    plan --impact --json >"$OUT" 2>"$ERR"
json "without privilege it is not known, and nothing fails" \
    '.impact | all(.seen_as != "tracked") and any(.local_port == 80)'
run_apply
expect_equal "a pod's session out, and one into it by a published port, are no lock-out" "$STATUS" 0
expect_equal "the published port is cut" "$(ask published)" dropped
expect_equal "with the right way back it is not" "$(ask published-right)" passes
expect_equal "UDP is cut" "$(ask published-udp)" dropped
expect_equal "what has a socket here is cut" "$(ask direct)" dropped

# Only one device: the answers to the pod come in by it from a neighbour.
everything_off
connect_from pod outgoing2 10.0.0.2 203.0.113.1 22
in_peer ping -q -c1 -W1 -I 203.0.113.1 192.0.2.1 >/dev/null
strict
expect_equal "answers to a pod are not listed as a session here" "$(
    SSH_CONNECTION='' rpfpolicy apply --dry-run 2>&1 | grep -c 'SSH session')" 0

system_end
