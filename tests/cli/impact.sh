#!/bin/bash
# `plan --impact` says exactly who is cut afterwards, and `apply` does not cut an SSH session unasked.
# The host has two links to a peer that answers on several addresses; each connection is a real one.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

OUT=$SYSTEM_WORK/out
ERR=$SYSTEM_WORK/err
ACCEPTED=/var/lib/rpfpolicy/accepted.conf
unset SSH_CONNECTION

run() {
    rpfpolicy "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
}

expect_status() {
    expect_equal "$1: exit status" "$STATUS" "$2"
}

says() {
    expect "$1" grep -qE -- "$3" "$2"
}

json() {
    expect "$1" jq -e "$2" "$OUT" >/dev/null
}

# listed JQ: the peers of plan --impact --json that the filter takes, "DEVICE PEER" in order.
listed() {
    rpfpolicy plan --impact --json 2>/dev/null |
        jq -r ".impact[] | select($1) | \"\(.device) \(.peer)\"" | sort -u | paste -sd,
}

# serve NAME ADDRESS PORT: a server that calls itself NAME and gives back what it is sent.
serve() {
    mkfifo "$SYSTEM_WORK/serving-$3"
    python3 - "$@" <<'END' &
import socket, sys, threading
name, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
open('/proc/self/comm', 'w').write(name)
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((address, port))
server.listen(2000)
with open(f'/run/test/serving-{port}', 'w') as ready:
    ready.write('yes\n')
def echo(connection):
    while data := connection.recv(100):
        connection.sendall(data)
while True:
    threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()
END
    read -r <"$SYSTEM_WORK/serving-$3"
}

# A client in the peer: connects COUNT times, says so, then sends and expects an echo at each line
# that it reads.
cat >"$SYSTEM_WORK/client.py" <<'END'
import socket, sys
source, address, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
connections = [socket.create_connection((address, port), 5, (source, 0)) for _ in range(count)]
for connection in connections:
    connection.settimeout(1)
print(connections[0].getsockname()[1], flush=True)
for line in sys.stdin:
    try:
        connections[0].sendall(b'x')
        print('passes' if connections[0].recv(1) else 'closed', flush=True)
    except socket.timeout:
        print('dropped', flush=True)
END

ip netns add peer
ip link add eth0 type veth peer name link0 netns peer
ip link add eth1 type veth peer name link1 netns peer
ip addr add 192.0.2.1/24 dev eth0
ip addr add 198.51.100.1/24 dev eth1
ip link set eth0 up
ip link set eth1 up
in_peer() { ip netns exec peer "$@"; }
in_peer ip addr add 192.0.2.2/24 dev link0
in_peer ip addr add 198.51.100.2/24 dev link1
for address in 203.0.113.1 203.0.113.2 203.0.113.3; do
    in_peer ip addr add "$address/32" dev lo
done
for device in lo link0 link1; do in_peer ip link set "$device" up; done
in_peer sysctl -qw net.ipv4.conf.all.rp_filter=0
sysctl -qw net.ipv4.conf.all.rp_filter=0
for device in eth0 eth1 default; do sysctl -qw "net.ipv4.conf.$device.rp_filter=0"; done
# What the peer sends to 192.0.2.1 comes in by eth0. The way back to .1 leaves by eth1, to .2 by
# eth0, to .3 by both.
ip route add 203.0.113.1 via 198.51.100.2
ip route add 203.0.113.2 via 192.0.2.2
ip route add 203.0.113.3 nexthop via 198.51.100.2 nexthop via 192.0.2.2

serve sshd 0.0.0.0 22
serve webserver 0.0.0.0 80

policy_file 10-test.conf <<'END'
[rp_filter]
eth0 = strict
END
run plan --impact
expect_status "plan --impact without a peer" 2
says "nobody would be cut" "$OUT" '1 device becomes stricter, and nobody seen now would be cut'

# connect NAME FROM TO PORT [COUNT]: connections from the peer; its port in $SYSTEM_WORK/NAME.port.
connect() {
    local in out

    mkfifo "$SYSTEM_WORK/$1.in" "$SYSTEM_WORK/$1.out"
    in_peer python3 "$SYSTEM_WORK/client.py" "$2" "$3" "$4" "${5:-1}" \
        <"$SYSTEM_WORK/$1.in" >"$SYSTEM_WORK/$1.out" &
    exec {in}<>"$SYSTEM_WORK/$1.in" {out}<>"$SYSTEM_WORK/$1.out"
    read -r <&"$out"
    echo "$REPLY" >"$SYSTEM_WORK/$1.port"
    IN[$1]=$in
    ANSWERS[$1]=$out
}

# ask NAME: sends on its first connection: "passes" or "dropped".
ask() {
    echo >&"${IN[$1]}"
    read -r <&"${ANSWERS[$1]}"
    echo "$REPLY"
}

declare -A IN ANSWERS

# --- who is listed

connect asymmetric 203.0.113.1 192.0.2.1 22
PORT=$(cat "$SYSTEM_WORK/asymmetric.port")
connect symmetric 203.0.113.2 192.0.2.1 80
connect ecmp 203.0.113.3 192.0.2.1 80

expect_equal "only the connection with another way back is listed" "$(listed true)" \
    "eth0 203.0.113.1"
run plan --impact
expect_status "plan --impact" 2
says "it names peer, port and process" "$OUT" "^eth0 +tcp 203.0.113.1:$PORT +192.0.2.1:22 +sshd \([0-9]+\)"
says "it tells why" "$OUT" 'the way back uses another device'
says "it tells the line that keeps it" "$OUT" 'eth0 = loose'
says "it speaks of the route cache" "$OUT" 'until the route cache is flushed'
run plan --impact --json
json "as JSON" ".impact == [.impact[0]] and (.impact[0] | .device == \"eth0\" and .certain and
    .seen_as == \"socket\" and .protocol == \"tcp\" and .peer == \"203.0.113.1\" and
    .port == $PORT and .local == \"192.0.2.1\" and .local_port == 22 and
    .process.name == \"sshd\" and .mode == \"strict\" and .step == \"strict\" and
    .way_back == [\"eth1\"] and .keep == {\"section\": \"[rp_filter]\", \"line\": \"eth0 = loose\"})"
run plan --json
json "without --impact nothing is said of it" 'has("impact") | not'

# --- lock-out

run check --json
json "check warns of the lock-out" '.warnings | any(.code == "lockout" and .examples == ["eth0"])'
before=$(all_values)
run apply
expect_status "apply that would cut an SSH session" 1
says "it says which" "$ERR" "refused: .* SSH session from 203.0.113.1:$PORT to 192.0.2.1:22 of sshd on eth0"
says "it says why" "$ERR" 'the way back uses another device \(eth1\)'
says "it says the line that helps" "$ERR" '^ +eth0 = loose$'
says "it says how to go on" "$ERR" 'apply --force'
expect_equal "nothing is written" "$(all_values | md5sum)" "$(md5sum <<<"$before")"
expect "nothing is accepted" test ! -e "$ACCEPTED"
run apply --dry-run
expect_status "a dry run is only warned" 2
says "it is warned" "$ERR" 'warning: this would cut the SSH session'

# Another port, another program: not an SSH session, but the one we are in.
SSH_CONNECTION="203.0.113.1 $PORT 192.0.2.1 22" run apply
says "our own session by SSH_CONNECTION" "$ERR" "refused: .*203.0.113.1:$PORT"
SSH_CONNECTION='203.0.113.1 x; 192.0.2.1 22' run apply
says "SSH_CONNECTION with nonsense is passed over" "$ERR" "refused: .*203.0.113.1:$PORT"

cat >>/etc/rpfpolicy.d/10-test.conf <<'END'
eth0 = loose
END
run apply
expect_status "apply with the line that was named" 0
expect_equal "the session lives" "$(ask asymmetric)" passes
policy_file 10-test.conf <<'END'
[rp_filter]
eth0 = strict
END
run apply --force
expect_status "apply --force" 0
says "apply --force warns" "$ERR" 'warning: this would cut the SSH session'
expect_effective eth0 1

# --- what was listed is what is cut

expect_equal "the listed connection is cut" "$(ask asymmetric)" dropped
expect_equal "the one with the way back on the same device is not" "$(ask symmetric)" passes
expect_equal "the one with the way back on both is not" "$(ask ecmp)" passes

system_end
