#!/bin/bash
# A published port on a second card: strict drops what is forwarded from there, whatever the rules for
# the host's own addresses say. What cures it, and a published port on the first card that goes on working.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
nics_setup

# A container behind a bridge, with its port 80 published as port 8080 of every address of the host.
container() {
    ip netns add container || system_skip "a second network namespace cannot be made here"
    ip -n container link set lo up
    ip link add br0 type bridge
    ip link add pod type veth peer name eth0 netns container
    ip link set pod master br0 up
    ip address add 10.88.0.1/24 dev br0
    ip link set br0 up
    ip -n container address add 10.88.0.2/24 dev eth0
    ip -n container link set eth0 up
    ip -n container route add default via 10.88.0.1
    sysctl -q -w net.ipv4.ip_forward=1
    nft -f - <<'X' || system_skip "the kernel has no nftables NAT"
table ip publish {
    chain prerouting {
        type nat hook prerouting priority dstnat;
        fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80
    }
    chain output {
        type nat hook output priority -100;
        fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80
    }
    chain postrouting {
        type nat hook postrouting priority srcnat;
        ip saddr 10.88.0.0/24 oifname != "br0" masquerade
        fib saddr type local oifname "br0" masquerade
    }
}
X
    coproc WEB { exec ip netns exec container python3 -c '
import socket
listener = socket.create_server(("0.0.0.0", 80))
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.sendall(b"hello")
    connection.close()
'; }
    read -r <&"${WEB[0]}" || system_abort "the container does not listen"
}

# asked PLACE ADDRESS: does the container answer somebody there at port 8080 of ADDRESS?
connect='
import socket, sys
try:
    sys.exit(socket.create_connection((sys.argv[1], 8080), timeout=0.7).recv(5) != b"hello")
except OSError:
    sys.exit(1)
'

peer_is_served() {
    in_namespace peer python3 -c "$connect" "$1"
}

peer_is_not_served() {
    ! peer_is_served "$1"
}

host_is_served() {
    python3 -c "$connect" "$1"
}

host_is_not_served() {
    ! host_is_served "$1"
}

container
expect "by the first card the peer is served" peer_is_served 172.16.4.2
expect "and the host itself" host_is_served 172.16.4.2
expect "by the second it is not" peer_is_not_served 172.16.5.4

# --- rules for the host's own addresses do not help what is forwarded -----------------------------

# apply_policy MAIN_FIRST: rules for all four cards, also for the first, which would need none.
apply_policy() {
    policy_file 10-test.conf <<X
[rp_filter]
eth* = strict
[routing]
eth0..3 = auto
[routing eth0]
main-first = $1
[routing eth1]
table = 202
[routing eth*]
gateway = first
X
    rpfpolicy apply --once >"$SYSTEM_WORK/out" 2>&1 || {
        cat "$SYSTEM_WORK/out" >&2
        fail "apply"
    }
}

apply_policy no
expect "a rule for the first card that stands before main breaks its port for the host" \
    host_is_not_served 172.16.4.2
apply_policy auto
expect "behind main it does not" host_is_served 172.16.4.2
expect "nor for the peer" peer_is_served 172.16.4.2
expect "the second card answers a ping in strict" peer_reaches 172.16.5.4
expect "but its published port is still dropped" peer_is_not_served 172.16.5.4
rpfpolicy check >"$SYSTEM_WORK/out" 2>&1
expect "of which check warns" grep -q 'strict-forward.*eth1' "$SYSTEM_WORK/out"

# --- the cures -----------------------------------------------------------------------------------

echo 2 >"$CONF/eth1/rp_filter"
expect "loose: the published port is served" peer_is_served 172.16.5.4
echo 1 >"$CONF/eth1/rp_filter"
expect "strict again: it is not" peer_is_not_served 172.16.5.4

rpfpolicy explain eth1 >"$SYSTEM_WORK/out"
words=$(tr -s ' \n' ' ' <"$SYSTEM_WORK/out")
expect "explain tells of it" grep -q "eth1 forwards.*203.0.113.1 -> 10.88.0.[0-9]* by eth1: dropped" <<<"$words"
expect "and what is guilty" grep -q "is 'default via 172.16.4.1 dev eth0' in table main" <<<"$words"
expect "loose, by which replies leave elsewhere, is not told as a cure" \
    grep -q "None of the cures that were tried" <<<"$words"
expect "nor what it cannot try" [ -z "$(grep -E '^ +(ip |nft |eth1 = )' "$SYSTEM_WORK/out")" ]

# The manual's way, as it is printed there.
sed -n '/^\*strict-forward\*/,/^\*lockout\*/s/^\t\t*\(ip rule\|nft\) /\1 /p' \
    "$SYSTEM_SOURCE/packaging/man/rpfpolicy.1.scd" >"$SYSTEM_WORK/manual"
expect "two commands of the manual" [ "$(wc -l <"$SYSTEM_WORK/manual")" = 2 ]
expect "which can be pasted" bash -e "$SYSTEM_WORK/manual"
expect "marks alone are not enough" peer_is_not_served 172.16.5.4
echo 1 >"$CONF/eth1/src_valid_mark"
expect "marks and src_valid_mark: the published port is served" peer_is_served 172.16.5.4
expect "the first card's, too" peer_is_served 172.16.4.2
expect "and the host itself" host_is_served 172.16.4.2

kill "$WEB_PID"
system_end
