#!/bin/bash
# `rpfpolicy drops` where BPF is not allowed: what the kernel log and the counter tell, and that it
# says what cannot be seen that way.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/drops/wire.sh
. "$SYSTEM_SOURCE/tests/drops/wire.sh"

FOLLOW=(setpriv "--bounding-set=-bpf,-perfmon,-sys_admin")
"${FOLLOW[@]}" true || system_skip "capabilities cannot be dropped here"

wire_peer
wire eth0
ODD=$'\e[2J\xff|;'
wire "$ODD"
ip address add 10.0.0.1/24 dev eth0
sysctl -qw net.ipv4.conf.all.rp_filter=1

# --- the counter ----------------------------------------------------------------------------------

kmsg=$SYSTEM_WORK/kmsg
touch "$kmsg"
[ ! -c /dev/kmsg ] || { mount --bind /dev/kmsg "$kmsg" && umount /dev/kmsg; }
for there in nothing null; do
    rm -f /dev/kmsg
    [ $there = nothing ] || ln -s /dev/null /dev/kmsg
    follow_start signalfd
    # shellcheck disable=SC2119
    before=$(dropped)
    send eth0 9 192.0.2.9 10.0.0.1 >"$SYSTEM_WORK/rate"
    wait_for "the drops" has_dropped $((before + 9))
    wait_for "a line" grep -q '^rp_filter dropped ' "$OUT"
    follow_stop
    expect_equal "no kernel log ($there): exit status" "$STATUS" 0
    expect "no kernel log ($there): says by what it follows" grep -q ', by the counter IPRev' "$OUT"
    expect "no kernel log ($there): says why not by BPF" \
        grep -q '^BPF cannot be used: CAP_BPF and CAP_PERFMON are needed' "$OUT"
    expect "no kernel log ($there): says why not by the log" \
        grep -q '^The kernel log cannot be read: ' "$OUT"
    expect "no kernel log ($there): says what it cannot see" grep -q '^Not seen: devices' "$OUT"
    expect "no kernel log ($there): the number is known" \
        grep -q '^The counter says that rp_filter dropped 9\.$' "$OUT"
done
rm -f /dev/kmsg
touch /dev/kmsg
mount --bind "$kmsg" /dev/kmsg

# --- the kernel log -------------------------------------------------------------------------------

[ "$FAILURES" = 0 ] || system_end
{ [ -c /dev/kmsg ] && (: </dev/kmsg) 2>/dev/null; } ||
    system_skip "the kernel log cannot be read here"

follow_start /dev/kmsg
follow_stop
expect "says that nothing is logged where log_martians is no" \
    grep -q '^Not seen: drops on 3 of 3 devices, where log_martians is no' "$OUT"

# The kernel logs few lines in a while, of the whole machine: again until it takes ours.
sysctl -qw net.ipv4.conf.all.log_martians=1
# shellcheck disable=SC2317 # by name
logged() {
    send "$1" 1 "$2" 10.0.0.1 >"$SYSTEM_WORK/rate"
    grep -qF "$3: $2 to 10.0.0.1: $4" "$OUT"
}
follow_start /dev/kmsg
wait_for "a martian in the log" logged eth0 192.0.2.9 eth0 rp_filter
wait_for "a martian in the log" logged eth0 10.0.0.1 eth0 'local source'
wait_for "a martian in the log" logged eth0 224.0.0.1 eth0 'invalid source'
wait_for "a martian in the log" logged eth0 127.0.0.1 eth0 localnet
wait_for "a martian in the log" logged "$ODD" 192.0.2.8 '\x1B[2J\xFF|;' rp_filter
follow_stop
expect "says by what it follows" grep -q ', by the martians in the kernel log' "$OUT"
expect "says why not by BPF" grep -q '^BPF cannot be used: CAP_BPF and CAP_PERFMON' "$OUT"
expect "log_martians is on everywhere" test "$(grep -c 'where log_martians is no' "$OUT")" = 0
expect_equal "text: printable ASCII only" "$(LC_ALL=C grep -caP '[^\n\x20-\x7e]' "$OUT")" 0
expect "the advice is there, too" \
    grep -Eq 'eth0: 192.0.2.9 .*accepted by: \[rp_filter\] eth0 = off' "$OUT"

# It is stopped so that packets and interrupt are there at once.
follow_start /dev/kmsg --json -- "$ODD"
kill -STOP "$FOLLOWER"
send eth0 1 192.0.2.9 10.0.0.1 >"$SYSTEM_WORK/rate"
send "$ODD" 1 192.0.2.8 10.0.0.1 >"$SYSTEM_WORK/rate"
kill -INT "$FOLLOWER"
kill -CONT "$FOLLOWER"
wait "$FOLLOWER"
expect_equal "--json: exit status" "$?" 0
expect_equal "--json: names the source" "$(jq -r .source.name "$OUT")" log
expect_equal "--json: only that device" "$(jq '[.flows[] | select(.device == "eth0")] | length' "$OUT")" 0
expect_equal "--json: of that one the last packet before the end, too" \
    "$(jq -c '[.flows[] | [.source, .packets]]' "$OUT")" '[["192.0.2.8",1]]'
expect_equal "--json: the counter counts what the log leaves out" \
    "$(jq .reverse_path_counter "$OUT")" 2

system_end
