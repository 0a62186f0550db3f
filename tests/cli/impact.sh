#!/bin/bash
# `plan --impact` says exactly who is cut afterwards, and `apply` does not cut an SSH session unasked.
# The host has two links to a peer that answers on several addresses; each connection is a real one.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

ACCEPTED=/var/lib/rpfpolicy/accepted.conf
unset SSH_CONNECTION
ulimit -n 8192

# listed JQ: the peers of plan --impact --json that the filter takes, "DEVICE PEER" in order.
listed() {
    rpfpolicy plan --impact --json 2>/dev/null |
        jq -r ".impact[] | select($1) | \"\(.device) \(.peer)\"" | sort -u | paste -sd,
}

peers_world
serve sshd 0.0.0.0 22
serve webserver 0.0.0.0 80

policy_file 10-test.conf <<'END'
[rp_filter]
eth0 = strict
END
run plan --impact
expect_status "plan --impact without a peer" 2
says "nobody would be cut" "$OUT" '1 device becomes stricter, and nobody seen now would be cut'

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
run_apply
expect_status "apply that would cut an SSH session" 1
says "it says which" "$ERR" "refused: .* SSH session from 203.0.113.1:$PORT to 192.0.2.1:22 of sshd on eth0"
says "it says why" "$ERR" 'the way back uses another device \(eth1\)'
says "it says the line that helps" "$ERR" '^ +eth0 = loose$'
says "it says how to go on" "$ERR" 'apply --force'
says "it says how to try" "$ERR" 'apply --confirm'
expect_equal "nothing is written" "$(all_values | md5sum)" "$(md5sum <<<"$before")"
expect "nothing is accepted" test ! -e "$ACCEPTED"
run_apply --dry-run
expect_status "a dry run is only warned" 2
says "it is warned" "$ERR" 'warning: this would cut the SSH session'
run_apply --dry-run --json
json "apply --json has who would be cut" '(.impact | length) == 1 and .impact_unknown == 0 and
    .impact[0].peer == "203.0.113.1" and .impact[0].keep.line == "eth0 = loose"'

rpfpolicy apply --once --confirm=1s </dev/null >"$OUT" 2>"$ERR"
says "apply --confirm goes on, warned" "$ERR" 'warning: this would cut the SSH session'
expect_equal "and it is put back" "$(all_values | md5sum)" "$(md5sum <<<"$before")"
expect_equal "so the session lives" "$(ask asymmetric)" passes

# Another port, another program: not an SSH session, but the one we are in.
SSH_CONNECTION="203.0.113.1 $PORT 192.0.2.1 22" run_apply
says "our own session by SSH_CONNECTION" "$ERR" "refused: .*203.0.113.1:$PORT"
SSH_CONNECTION='203.0.113.1 x; 192.0.2.1 22' run_apply
says "SSH_CONNECTION with nonsense is passed over" "$ERR" "refused: .*203.0.113.1:$PORT"

cat >>/etc/rpfpolicy.d/10-test.conf <<'END'
eth0 = loose
END
run_apply
expect_status "apply with the line that was named" 0
expect_equal "the session lives" "$(ask asymmetric)" passes
policy_file 10-test.conf <<'END'
[rp_filter]
eth0 = strict
END
run_apply --force
expect_status "apply --force" 0
says "apply --force warns" "$ERR" 'warning: this would cut the SSH session'
expect_effective eth0 1

# --- what was listed is what is cut

expect_equal "the listed connection is cut" "$(ask asymmetric)" dropped
expect_equal "the one with the way back on the same device is not" "$(ask symmetric)" passes
expect_equal "the one with the way back on both is not" "$(ask ecmp)" passes

# --- neighbours, devices without an address, addresses that are on no link

policy_file 10-test.conf <<'END'
[rp_filter]
eth* = off
all = off
END
run_apply
expect_status "everything off again" 0
ip link add eth2 type veth peer name link2 netns peer
ip link set eth2 up
in_peer ip link set link2 up
ip addr add 10.255.0.1/32 dev lo
for address in 203.0.113.4 203.0.113.5 203.0.113.6; do in_peer ip addr add "$address/32" dev lo; done
ip route add 203.0.113.4 via 192.0.2.2
ip route add 203.0.113.5 via 192.0.2.2
ip route add 203.0.113.6 via 192.0.2.2
# .4 speaks to eth1 as if it were on that link, .5 likewise to eth2, which has no address.
in_peer ip route add 198.51.100.1/32 dev link1 src 203.0.113.4
in_peer ip route add 192.0.2.1/32 dev link2 src 203.0.113.5 table 5
in_peer ip rule add from 203.0.113.5 lookup 5
in_peer ip route add 10.255.0.1/32 via 192.0.2.1
heard() {
    ip neigh flush dev eth1
    ip neigh flush dev eth2
    in_peer ip neigh flush dev link1
    in_peer ip neigh flush dev link2
    in_peer ping -q -c1 -W1 -I 203.0.113.4 198.51.100.1 >/dev/null
    in_peer ping -q -c1 -W1 -I 203.0.113.5 192.0.2.1 >/dev/null
}
heard
expect "the neighbours are there" test -n "$(ip neigh show 203.0.113.4 dev eth1)$(
    ip neigh show 203.0.113.5 dev eth2)"
policy_file 10-test.conf <<'END'
[rp_filter]
eth1 = strict
eth2 = loose
END
connect unnumbered 203.0.113.5 192.0.2.1 80
expect_equal "a neighbour is listed on the device that heard it, a connection where its peer is heard" \
    "$(listed '.certain')" "eth1 203.0.113.4,eth2 203.0.113.5"
run plan --impact --json
json "a neighbour" '.impact | any(.peer == "203.0.113.4" and .seen_as == "neighbour" and
    .process == null and .port == null and .step == "strict" and .keep.line == "eth1 = loose")'
json "a device without an address" '.impact | any(.peer == "203.0.113.5" and .mode == "loose" and
    .step == "unnumbered" and .process.name == "webserver" and .keep.line == "eth2 = off")'
run_apply
expect_status "apply that cuts nobody's session" 0
says "apply says who is cut" "$ERR" '2 connections and neighbours would be cut'
expect_equal "the one on the device without an address is cut" "$(ask unnumbered)" dropped
expect "the neighbour is cut" \
    eval '! in_peer ping -q -c1 -W1 -I 203.0.113.4 198.51.100.1 >/dev/null'

policy_file 10-test.conf <<'END'
[rp_filter]
eth* = off
END
run_apply
connect anycast 203.0.113.1 10.255.0.1 22
policy_file 10-test.conf <<'END'
[rp_filter]
eth0 = strict
eth1 = strict
END
# Where the peer is heard is certain: not here, where only its router asks for addresses.
in_peer sysctl -qw net.ipv4.conf.link0.arp_announce=2
ip neigh flush dev eth0
expect_equal "an address that is on no link can be reached by any" \
    "$(listed '.local == "10.255.0.1" and (.certain | not)')" "eth0 203.0.113.1"
SSH_CONNECTION="203.0.113.1 $(cat "$SYSTEM_WORK/anycast.port") 10.255.0.1 22" run_apply
expect_status "what may be cut is a session, too" 1
says "it says that it is not sure" "$ERR" 'this may cut the SSH session'

# --- random ways back: what is listed is what no longer passes

policy_file 10-test.conf <<'END'
[rp_filter]
eth* = off
END
run_apply
RANDOM=4711
wrong=0
for ((round = 0; round < 5; round++)); do
    wanted=() expected='' got=''
    for device in eth0 eth1; do
        words=(off strict loose)
        wanted+=("$device = ${words[RANDOM % 3]}")
    done
    for peer in 1 2 3; do
        ways=("via 198.51.100.2" "via 192.0.2.2" "nexthop via 198.51.100.2 nexthop via 192.0.2.2"
            "via 192.0.2.2 dev eth0 metric 7")
        ip route flush "203.0.113.$peer/32"
        # shellcheck disable=SC2086 # words of a route
        ip route add "203.0.113.$peer" ${ways[RANDOM % 4]}
        connect "round$round-$peer" "203.0.113.$peer" 192.0.2.1 "$((RANDOM % 2 ? 80 : 22))"
    done
    printf '%s\n' '[rp_filter]' "${wanted[@]}" | policy_file 10-test.conf
    run plan --impact --json
    for peer in 1 2 3; do
        port=$(cat "$SYSTEM_WORK/round$round-$peer.port")
        expected+=" $(jq -r "if .impact | any(.port == $port) then \"dropped\" else \"passes\" end" "$OUT")"
    done
    run_apply --force
    for peer in 1 2 3; do got+=" $(ask "round$round-$peer")"; done
    [ "$got" = "$expected" ] ||
        { fail "round $round, ${wanted[*]}: is$got, should be$expected"; wrong=$((wrong + 1)); }
    printf '%s\n' '[rp_filter]' 'eth* = off' | policy_file 10-test.conf
    run_apply
done
expect_equal "what is listed is what no longer passes" "$wrong" 0

# --- many

ip route flush 203.0.113.1/32
ip route add 203.0.113.1 via 198.51.100.2
connect many 203.0.113.1 192.0.2.1 80 1000
policy_file 10-test.conf <<'END'
[rp_filter]
eth0 = strict
END
run plan --impact --json
json "1,000 connections are listed with their process" \
    '[.impact[] | select(.local_port == 80 and .process.name == "webserver")] | length >= 1000'

system_end
