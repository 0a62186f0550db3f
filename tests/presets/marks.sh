#!/bin/bash
# Tailscale and wg-quick on a host with a strict uplink: their own packets carry a mark, which leads them past
# the tunnel, and netfilter gives it back to the answers. src_valid_mark on the uplink lets these in; without
# it the tunnel itself is dropped.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
# shellcheck source=tests/presets/host.sh
. "$(dirname "$0")/host.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

# tunnel NAME ADDRESS
tunnel() {
    device veth "$1"
    ip address add "$2" dev "$1"
}

# asked MARK: what becomes of a packet with this mark to the other end of the tunnel, and of its answer.
asked() {
    python3 "$SYSTEM_SOURCE/tests/presets/echo-udp.py" ask "$1" $FAR 41641
}

# marks PRESET DEVICE MARK
marks() {
    in_force "$1" strict
    expect_equal "$1: the tunnel's own packets" "$(asked "$3")" answered
    expect_equal "$1: the tunnel's traffic" "$(arrives pod wire "$2" 198.51.100.7 $OWN)" accepted
    expect_equal "$1: from far away without the mark, past the tunnel" "$(arrives lan wire eth0 $FAR $HOST)" dropped
    in_force "$1" strict @physical
    sysctl -qw net.ipv4.conf.eth0.src_valid_mark=0 # which nothing asks for any more
    expect_equal "$1: without '@physical'" "$(asked "$3")" dropped
}

# offers REGEX: among the cures in $OUT there is one with such a text.
offers() {
    jq -r '.cures[].text' "$OUT" | grep -qE -- "$1"
}

# explained PRESET MARK: what explain says while the packets with the mark are dropped, and its cure, pasted.
explained() {
    run explain eth0 --peer=$FAR --mark="$2" --json
    json "$1: explain says that they are dropped" '.passes == false'
    jq -r '[.cures[] | select(.text | test("src_valid_mark"))][0].text' "$OUT" >/etc/rpfpolicy.d/30-cure.conf
    expect "$1: it says what line" grep -qx 'eth0 = yes' /etc/rpfpolicy.d/30-cure.conf
    rpfpolicy apply --force >"$SYSTEM_WORK/apply" 2>&1
    expect_equal "$1: the line, pasted" "$(asked "$2")" answered
    run explain eth0 --peer=$FAR --mark="$2" --json
    json "$1: then explain says that they pass" '.passes and .cures == []'
    run explain eth0 --peer=$FAR --json
    json "$1: and of packets of which no mark is told not that they are dropped" '.passes == null'
    rm /etc/rpfpolicy.d/30-cure.conf
}

nft add table ip tunnel 2>"$SYSTEM_WORK/nft" || system_skip "nft does not work here: $(cat "$SYSTEM_WORK/nft")"
nft delete table ip tunnel
host_setup
ip -n lan address add $FAR/32 dev lo
# The router knows the uplink for good: what ARP needs is asked on its own.
ip -n lan neighbour replace $HOST lladdr 02:50:48:00:00:01 dev wire nud permanent
mkfifo "$SYSTEM_WORK/ready"
in_namespace lan python3 "$SYSTEM_SOURCE/tests/presets/echo-udp.py" serve "$SYSTEM_WORK/ready" $FAR 41641 &
read -r _ <"$SYSTEM_WORK/ready"

# --- Tailscale 1.102.3 with an exit node

OWN=100.64.0.1
tunnel tailscale0 $OWN/32
ip route add default dev tailscale0 table 52
ip rule add priority 5210 fwmark 0x80000/0xff0000 lookup main
ip rule add priority 5230 fwmark 0x80000/0xff0000 lookup default
ip rule add priority 5250 fwmark 0x80000/0xff0000 unreachable
ip rule add priority 5270 lookup 52
nft -f - <<'END'
table ip tunnel {
    chain in {
        type filter hook prerouting priority mangle
        ct state established,related ct mark & 0xff0000 != 0 meta mark set ct mark & 0xff0000
    }
    chain out {
        type route hook output priority mangle
        ct state new meta mark & 0xff0000 != 0 ct mark set meta mark & 0xff0000
    }
}
END
marks tailscale tailscale0 0x80000
ip route add throw 192.0.2.0/24 table 52
explained tailscale 0x80000
ip route del throw 192.0.2.0/24 table 52
in_force tailscale strict
expect "tailscale: no ARP on a strict uplink with an exit node" not answers_arp lan wire $BESIDE $HOST
ip route add throw 192.0.2.0/24 table 52
expect "tailscale: ARP with --exit-node-allow-lan-access" answers_arp lan wire $BESIDE $HOST
ip route del throw 192.0.2.0/24 table 52
sed -i 's/^eth0 = strict/eth0 = loose/' /etc/rpfpolicy.d/10-node.conf
on_a_bus rpfpolicy apply --force >"$SYSTEM_WORK/apply" 2>&1
expect "tailscale: ARP on a loose uplink" answers_arp lan wire $BESIDE $HOST
ip route flush table 52
for priority in 5210 5230 5250 5270; do
    ip rule del priority $priority
done
nft delete table ip tunnel
rm /etc/rpfpolicy.d/20-preset-tailscale.conf
device_gone tailscale0

# --- wg-quick 1.0.20260223 with AllowedIPs = 0.0.0.0/0

OWN=10.9.0.1
tunnel wg0 $OWN/24
ip route add default dev wg0 table 51820
ip rule add priority 32764 not fwmark 51820 lookup 51820
ip rule add priority 32763 lookup main suppress_prefixlength 0
nft -f - <<END
table ip tunnel {
    chain raw {
        type filter hook prerouting priority raw
        iifname != "wg0" ip daddr $OWN fib saddr type != local drop
    }
    chain in {
        type filter hook prerouting priority mangle
        meta l4proto udp meta mark set ct mark
    }
    chain out {
        type filter hook postrouting priority mangle
        meta l4proto udp meta mark 51820 ct mark set meta mark
    }
}
END
marks wireguard wg0 51820
explained wireguard 51820
run explain eth0 --peer=$FAR --mark=0 --json
expect "wireguard: no way past the tunnel is offered" not offers 'ip r|routing|= auto'
in_force wireguard strict
expect "wireguard: ARP on the uplink" answers_arp lan wire $BESIDE $HOST
ip rule del priority 32764
ip rule del priority 32763
ip route flush table 51820
nft delete table ip tunnel
rm /etc/rpfpolicy.d/20-preset-wireguard.conf
device_gone wg0

# --- TPROXY: a mark that leads to this host itself is seen by the reverse lookup, too

ip rule add priority 100 fwmark 1 lookup 100
ip route add local default dev lo table 100
nft -f - <<'END'
table ip proxy {
    chain in {
        type filter hook prerouting priority mangle
        meta l4proto udp meta mark set 1
    }
}
END
sysctl -qw net.ipv4.conf.eth0.src_valid_mark=1
expect_equal "TPROXY with src_valid_mark" "$(arrives lan wire eth0 $FAR $HOST)" "0 accepted, 0 dropped"
run explain eth0 --peer=$FAR --mark=1 --json
json "TPROXY: explain says so" '.passes == false and (.culprit | test("rule 100"))'
expect "TPROXY: accept_local, by which others could pass for this host, is not offered" not offers accept_local
jq -r '[.cures[] | select(.kind == "policy")][0].text' "$OUT" >/etc/rpfpolicy.d/30-cure.conf
rpfpolicy apply --force >"$SYSTEM_WORK/apply" 2>&1
expect_equal "TPROXY: the cure, pasted" "$(arrives lan wire eth0 $FAR $HOST)" accepted

system_end
