#!/bin/bash
# Of a VRF the settings of the port decide by which a packet comes in, never those of the VRF itself: what
# `verdict`, `plan --impact`, the guard against lock-outs and `explain` say, against real packets.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

unset SSH_CONNECTION

# As peers_world, with both links in the VRF red.
vrf_world() {
    peers_world
    ip link add red type vrf table 100 || system_abort "this kernel has no VRFs"
    ip link set red up
    ip link set eth0 master red
    ip link set eth1 master red
    ip route add 203.0.113.1 via 198.51.100.2 table 100
    ip route add 203.0.113.2 via 192.0.2.2 table 100
    ip addr add 10.255.0.1/32 dev red
    in_peer ip route add 10.255.0.1/32 via 192.0.2.1
    sysctl -qw net.ipv4.conf.red.rp_filter=0
    # Whom its router asks for is heard nowhere but on the router's links.
    in_peer sysctl -qw net.ipv4.conf.link0.arp_announce=2 net.ipv4.conf.link1.arp_announce=2
}

# kernel_says: about a packet from 203.0.113.1 to 192.0.2.1, which comes in by eth0.
kernel_says() {
    if in_peer ping -q -n -c 2 -i 0.2 -W 1 -I 203.0.113.1 192.0.2.1 >/dev/null; then
        echo accept
    else
        echo drop
    fi
}

# we_say: about the same packet.
we_say() {
    rpfpolicy verdict --json --policy=/dev/null 203.0.113.1 eth0 --to 192.0.2.1 2>"$ERR" |
        jq -r .now.result
    [ ! -s "$ERR" ] || cat "$ERR"
}

# listed PORT: what is listed of this local port, "DEVICE PEER certain|possible", in order.
listed() {
    rpfpolicy plan --impact --json 2>/dev/null | jq -r ".impact[] | select(.local_port == $1) |
        \"\(.device) \(.peer) \(if .certain then \"certain\" else \"possible\" end)\"" | sort |
        paste -sd,
}

policy() {
    { echo '[rp_filter]' && printf '%s\n' "$@"; } | policy_file 10-test.conf
}

everything_off() {
    policy 'all = off' 'eth* = off' 'red = off'
    rpfpolicy apply --once >/dev/null 2>&1 || system_abort "everything cannot be put off"
}

vrf_world

# --- whose value decides: of the port 0, 1 and 2, of the VRF 0, 1 and 2

for port in 0 1 2; do
    for vrf in 0 1 2; do
        sysctl -qw "net.ipv4.conf.eth0.rp_filter=$port" "net.ipv4.conf.red.rp_filter=$vrf"
        wanted=accept
        [ "$port" != 1 ] || wanted=drop
        expect_equal "eth0 at $port, red at $vrf: the kernel" "$(kernel_says)" "$wanted"
        expect_equal "eth0 at $port, red at $vrf: verdict" "$(we_say)" "$wanted"
    done
done

# --- rules: strict on the port, and a rule may lead to a table with the way back by the port

sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.red.rp_filter=0
ip route add 203.0.113.1 via 192.0.2.2 dev eth0 table 200
# expect_rule WANTED RULE...: what it makes of the packet; "same": whatever the kernel makes of it, where that
# differs between versions, and then it may be called not known.
expect_rule() {
    local wanted=$1 real says

    shift
    ip rule add pref 500 "$@" lookup 200
    real=$(kernel_says)
    says=$(we_say)
    ip rule delete pref 500
    [ "$wanted" = same ] || expect_equal "rule $*: the kernel" "$real" "$wanted"
    case $wanted:$says in
    same:*'not known here'*) ok "rule $*: said to be not known" ;;
    *) expect_equal "rule $*: verdict" "$says" "$real" ;;
    esac
}

release=$(uname -r)
major=${release%%.*} minor=${release#*.} minor=${minor%%.*}
since() { [ $((major * 1000 + minor)) -ge $(($1 * 1000 + $2)) ]; }
named=same lo=same
! since 6 15 || named=accept
! since 5 18 || lo=accept
expect_rule accept from 192.0.2.1
expect_rule drop from 203.0.113.1
expect_rule accept to 203.0.113.1
expect_rule drop from 198.51.100.1
expect_rule accept not from 198.51.100.1
expect_rule "$named" iif red
expect_rule drop oif red
expect_rule "$lo" iif lo
expect_rule "$([ "$lo" = same ] && echo same || echo drop)" iif eth0
expect_rule drop oif eth0
expect_rule drop iif eth1
ip rule add pref 1500 from 192.0.2.1 lookup 200
expect_equal "a rule behind that of the VRFs: the kernel" "$(kernel_says)" drop
expect_equal "a rule behind that of the VRFs: verdict" "$(we_say)" drop
ip route delete 203.0.113.1 table 100
expect_equal "where the VRF has no route: the kernel" "$(kernel_says)" accept
expect_equal "where the VRF has no route: verdict" "$(we_say)" accept
ip rule delete pref 1500
ip route add 203.0.113.1 via 198.51.100.2 table 100
rpfpolicy verdict 203.0.113.1 eth1 --json --policy=/dev/null >"$OUT"
json "a packet is taken as one to the device's address" '.destination == "198.51.100.1"'
rpfpolicy verdict 203.0.113.1 red --json --policy=/dev/null >"$OUT"
json "that nothing comes in by the VRF itself is said" '.warnings | any(test("is a VRF"))'

# --- lock-out: a session of a server that is bound to the VRF, as `ip vrf exec` has it

everything_off
serve sshd 192.0.2.1 22 device=red
connect session 203.0.113.1 192.0.2.1 22
connect symmetric 203.0.113.2 192.0.2.1 22
ip neigh flush all
policy 'eth0 = strict'
expect_equal "it is listed on the port, for certain" "$(listed 22)" "eth0 203.0.113.1 certain"
run check --json
json "check warns of the lock-out" '.warnings | any(.code == "lockout" and .examples == ["eth0"])'
run_apply
expect_status "apply that would cut it" 1
says "it says which" "$ERR" 'refused: this would cut the SSH session from 203.0.113.1:.* on eth0'
says "it says the line that helps" "$ERR" '^ +eth0 = loose$'
expect_effective eth0 0
expect_equal "it lives" "$(ask session)" passes
policy 'red = strict'
expect_equal "the VRF becomes strict: nobody is listed" "$(listed 22)" ""
run_apply
expect_status "apply on the VRF" 0
expect_value red rp_filter 1
expect_equal "the session lives" "$(ask session)" passes
policy 'eth0 = loose'
run_apply
expect_status "apply with the line that was named" 0
expect_equal "the session lives, in loose" "$(ask session)" passes
policy 'eth0 = strict'
run_apply --force
expect_status "apply --force" 0
expect_equal "it is cut" "$(ask session)" dropped
expect_equal "the one with the right way back is not" "$(ask symmetric)" passes

# --- an address on the VRF itself, and a server for all VRFs

everything_off
sysctl -qw net.ipv4.tcp_l3mdev_accept=1
serve everywhere 0.0.0.0 8080
connect free 203.0.113.1 192.0.2.1 8080
connect loopback 203.0.113.1 10.255.0.1 8080
ip neigh flush all
policy 'eth0 = strict'
expect_equal "by the port's address for certain, by the VRF's possibly" "$(listed 8080)" \
    "eth0 203.0.113.1 certain,eth0 203.0.113.1 possible"
run_apply --force
expect_equal "to the port's address it is cut" "$(ask free)" dropped
expect_equal "to the VRF's, too" "$(ask loopback)" dropped

# --- neighbours

everything_off
in_peer ping -q -c1 -W1 -I 192.0.2.2 192.0.2.1 >/dev/null
ip route add 192.0.2.2/32 via 198.51.100.2 table 100
policy 'eth0 = strict'
run plan --impact --json
json "a neighbour in the VRF" \
    '.impact | any(.device == "eth0" and .peer == "192.0.2.2" and .seen_as == "neighbour")'
ip route delete 192.0.2.2/32 table 100

# --- what explain and routes say

policy 'eth0 = strict'
rpfpolicy apply --once --force >/dev/null 2>&1
run explain eth0 --peer 203.0.113.1
says "explain: where replies leave" "$OUT" 'from 192.0.2.1 to 203.0.113.1: by eth1 via 198.51.100.2'
says "explain: why no routing" "$OUT" 'cannot be had: it belongs to a VRF'
says "explain: loose" "$OUT" '^ *eth0 = loose'
says_not "explain: no line of routing" "$OUT" '\[routing\]'
run explain red --peer 203.0.113.1
says "explain: the VRF itself decides nothing" "$OUT" 'Nothing by itself: packets come in by the ports'
says_not "explain: nothing is dropped by the VRF itself" "$OUT" 'strict drops'
printf '[routing]\neth0 = auto\n' | policy_file 10-test.conf
run routes show
says "routes show: why" "$OUT" 'belongs to a VRF'
run check --json --policy=/dev/null
json "the port is not moot" '[.. | objects | select(.device? == "eth0" and .state? == "moot")] == []'

system_end
