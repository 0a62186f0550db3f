# shellcheck shell=bash
# The host with four network cards, in a system of its own (system.sh): eth0..eth3 in 172.16.4.0/24 to
# 172.16.7.0/24 and fd00:4::/64 to fd00:7::/64, its default route through 172.16.4.1 on eth0. Router r1
# serves eth0 and eth1, router r2 eth2 and eth3; both lead to the peer 172.16.0.4, fd00::4.
#
#   system_enter "$@"
#   nics_setup
#   peer_reaches 172.16.5.4 && …
#   in_namespace peer ping …

NICS_STREAM=$SYSTEM_SOURCE/tests/lib/stream.py

# in_namespace NAME COMMAND…
in_namespace() {
    ip netns exec "$@"
}

# The others forward, take every source, and never look for duplicates of their addresses.
nics_namespace() {
    ip netns add "$1" || system_skip "a second network namespace cannot be made here"
    in_namespace "$1" sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
        net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
        net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
    ip -n "$1" link set lo up
}

# nics_link NAMESPACE NAME IPV4 IPV6 DEVICE: a cable from DEVICE here, not yet up here.
nics_link() {
    ip link add "$5" type veth peer name "$2" netns "$1"
    ip -n "$1" address add "$3" dev "$2"
    ip -n "$1" address add "$4" dev "$2" nodad
    ip -n "$1" link set "$2" up
}

nics_routers() {
    local router=$1 number=$2 third=$3

    nics_namespace "$router"
    ip link add "to-$router" netns peer type veth peer name core netns "$router"
    in_namespace peer ip link set "to-$router" master net up
    ip -n "$router" address add "172.16.0.$number/24" dev core
    ip -n "$router" address add "fd00::$number/64" dev core nodad
    ip -n "$router" link set core up
    ip -n peer route add "172.16.$third.0/23" via "172.16.0.$number"
    ip -n peer route add "fd00:$third::/64" via "fd00::$number"
    ip -n peer route add "fd00:$((third + 1))::/64" via "fd00::$number"
}

nics_peer() {
    nics_namespace peer
    ip -n peer link add net type bridge
    ip -n peer address add 172.16.0.4/24 dev net
    ip -n peer address add fd00::4/64 dev net nodad
    ip -n peer link set net up
}

# All strict, as a hardened distribution leaves it; all at 0.
# The kernel makes link-local addresses, and routes for them, some time after a card is up.
nics_link_local() {
    [ "$(ip -6 route show table local type local | grep -c '^local fe80:')" = 4 ] &&
        [ "$(ip -6 route show | grep -c '^fe80::/64 ')" = 4 ]
}

nics_setup() {
    local n router

    sysctl -q -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=1 \
        net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
    nics_peer
    nics_routers r1 1 4
    nics_routers r2 2 6
    for n in 0 1 2 3; do
        router=r$((n / 2 + 1))
        nics_link "$router" "vm$n" "172.16.$((n + 4)).1/24" "fd00:$((n + 4))::1/64" "eth$n"
        ip address add "172.16.$((n + 4)).$([ "$n" = 0 ] && echo 2 || echo 4)/24" dev "eth$n"
        ip address add "fd00:$((n + 4))::4/64" dev "eth$n" nodad
        ip link set "eth$n" up
    done
    ip route add default via 172.16.4.1
    ip route add default via fd00:4::1
    # Traffic between the routers' other networks crosses the peer's.
    ip -n r1 route add 172.16.6.0/23 via 172.16.0.2
    ip -n r2 route add 172.16.4.0/23 via 172.16.0.1
    eventually "the cards have their link-local addresses" nics_link_local
}

# As the networks of clouds do it: a card may send only from its own addresses.
nics_guard_sources() {
    local n router

    for n in 0 1 2 3; do
        router=r$((n / 2 + 1))
        in_namespace "$router" nft -f - <<X
table inet guard$n {
    chain forward {
        type filter hook forward priority 0;
        iifname "vm$n" ip saddr != 172.16.$((n + 4)).0/24 drop
        iifname "vm$n" ip6 saddr != fd00:$((n + 4))::/64 drop
    }
}
X
    done
}

nics_trust_sources() {
    in_namespace r1 nft flush ruleset
    in_namespace r2 nft flush ruleset
}

# ours: all rules and routes of ours, in the shape of ip. Rules of one priority stand in the order in
# which they were added, so that they are sorted.
ours() {
    local family

    for family in -4 -6; do
        ip -N "$family" rule show | grep 'proto 182'
        ip -N "$family" route show table all proto 182
    done | sort
}

ours_are() {
    [ "$(ours)" = "$1" ]
}

# foreign: all others.
foreign() {
    local family

    for family in -4 -6; do
        ip -N "$family" rule show | grep -v 'proto 182'
        ip -N "$family" -d route show table all | grep -v 'proto 182' | sed 's/ expires [0-9]*sec//'
    done
}

peer_reaches() {
    in_namespace peer ping -q -n -c 1 -W 0.5 "$1" >/dev/null 2>&1
}

peer_does_not_reach() {
    ! peer_reaches "$1"
}

# all_nics_answer / only_the_first_answers: in IPv4.
all_nics_answer() {
    local address

    for address in 172.16.4.2 172.16.5.4 172.16.6.4 172.16.7.4; do
        expect "$1: the peer reaches $address" peer_reaches "$address"
    done
}

only_the_first_answers() {
    local address

    expect "$1: the peer reaches 172.16.4.2" peer_reaches 172.16.4.2
    for address in 172.16.5.4 172.16.6.4 172.16.7.4; do
        expect "$1: the peer does not reach $address" peer_does_not_reach "$address"
    done
}

# stream_start ADDRESS: a TCP connection from the peer to ADDRESS here that talks all the time.
stream_start() {
    coproc STREAM_SERVER { exec python3 "$NICS_STREAM" serve "$1"; }
    NICS_SERVER=$STREAM_SERVER_PID
    read -r NICS_PORT <&"${STREAM_SERVER[0]}" || system_abort "the server does not start"
    exec {NICS_STREAM_FD}< <(exec ip netns exec peer python3 "$NICS_STREAM" talk "$1" "$NICS_PORT" \
        "$SYSTEM_WORK/stream-stop")
    rm -f "$SYSTEM_WORK/stream-stop"
    read -r -t 10 <&"$NICS_STREAM_FD" || system_abort "no connection to $1"
}

# stream_stop: what became of it: "N messages, N sent again" in $STREAM_RESULT.
stream_stop() {
    : >"$SYSTEM_WORK/stream-stop"
    read -r -t 30 STREAM_RESULT <&"$NICS_STREAM_FD" || STREAM_RESULT="the connection is dead"
    exec {NICS_STREAM_FD}<&-
    kill "$NICS_SERVER" 2>/dev/null
    wait "$NICS_SERVER" 2>/dev/null
}

# expect_stream_unharmed TEXT: it lived, and no packet was lost on the way.
expect_stream_unharmed() {
    stream_stop
    case $STREAM_RESULT in
    [1-9]*' messages, 0 sent again') ok "$1: $STREAM_RESULT" ;;
    *) fail "$1: $STREAM_RESULT" ;;
    esac
}
