# shellcheck shell=bash
# For tests of who would be cut: a peer in a namespace of its own with two links to this host, servers
# here, and connections from there that say whether they still pass. After system_enter.
#
#   peers_world                                  # eth0 192.0.2.1, eth1 198.51.100.1, all off
#   serve sshd 0.0.0.0 22
#   connect one 203.0.113.1 192.0.2.1 22         # the peer sends in by eth0
#   ask one                                      # "passes" or "dropped"

declare -A IN ANSWERS

in_peer() { ip netns exec peer "$@"; }

# What the peer sends to 192.0.2.1 comes in by eth0. The way back to 203.0.113.1 leaves by eth1, to .2
# by eth0, to .3 by both.
peers_world() {
    local device address

    ip netns add peer
    ip link add eth0 type veth peer name link0 netns peer
    ip link add eth1 type veth peer name link1 netns peer
    ip addr add 192.0.2.1/24 dev eth0
    ip addr add 198.51.100.1/24 dev eth1
    ip link set eth0 up
    ip link set eth1 up
    in_peer ip addr add 192.0.2.2/24 dev link0
    in_peer ip addr add 198.51.100.2/24 dev link1
    for address in 203.0.113.1 203.0.113.2 203.0.113.3; do
        in_peer ip addr add "$address/32" dev lo
    done
    for device in lo link0 link1; do in_peer ip link set "$device" up; done
    in_peer sysctl -qw net.ipv4.conf.all.rp_filter=0
    for device in all eth0 eth1 default; do sysctl -qw "net.ipv4.conf.$device.rp_filter=0"; done
    ip route add 203.0.113.1 via 198.51.100.2
    ip route add 203.0.113.2 via 192.0.2.2
    ip route add 203.0.113.3 nexthop via 198.51.100.2 nexthop via 192.0.2.2
}

# program_of_root NAME: from here on `serve NAME` is a program of that name, not only called so.
program_of_root() {
    mkdir -p "$SYSTEM_WORK/bin"
    cp "$(readlink -f "$(command -v python3)")" "$SYSTEM_WORK/bin/$1"
}

# serve NAME ADDRESS PORT [OPTION]: a server that calls itself NAME and gives back what it is sent.
# OPTION: "device=DEVICE" binds it, "mark=N" marks what it sends, "udp" connects to who speaks first.
serve() {
    local program=$SYSTEM_WORK/bin/$1

    [ -x "$program" ] || program=python3
    mkfifo "$SYSTEM_WORK/serving-$3"
    "$program" "$SYSTEM_SOURCE/tests/lib/echo.py" serve "$SYSTEM_WORK/serving-$3" "$@" &
    read -r <"$SYSTEM_WORK/serving-$3"
}

# connect NAME FROM TO PORT [COUNT|udp]: connections from the peer; its port in
# $SYSTEM_WORK/NAME.port.
connect() {
    connect_from peer "$@"
}

# connect_from NAMESPACE NAME FROM TO PORT [COUNT|udp]
connect_from() {
    local in out namespace=$1

    shift
    mkfifo "$SYSTEM_WORK/$1.in" "$SYSTEM_WORK/$1.out"
    ip netns exec "$namespace" python3 "$SYSTEM_SOURCE/tests/lib/echo.py" connect "$2" "$3" "$4" \
        "${5:-1}" <"$SYSTEM_WORK/$1.in" >"$SYSTEM_WORK/$1.out" &
    exec {in}<>"$SYSTEM_WORK/$1.in" {out}<>"$SYSTEM_WORK/$1.out"
    read -r -t 120 <&"$out" || system_abort "no connection from $2 to $3, port $4"
    echo "$REPLY" >"$SYSTEM_WORK/$1.port"
    IN[$1]=$in
    ANSWERS[$1]=$out
}

# ask NAME: sends on its first connection: "passes" or "dropped".
ask() {
    echo >&"${IN[$1]}"
    read -r -t 60 <&"${ANSWERS[$1]}" || REPLY="no word of $1"
    echo "$REPLY"
}

# port_of NAME
port_of() {
    cat "$SYSTEM_WORK/$1.port"
}
