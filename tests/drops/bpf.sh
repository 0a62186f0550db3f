#!/bin/bash
# Packets that are really dropped, for every reason, as `rpfpolicy drops` sees them by BPF; whether
# what it advises would have let them pass; and that a flood neither fills memory nor is miscounted.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/drops/wire.sh
. "$SYSTEM_SOURCE/tests/drops/wire.sh"

rpfpolicy drops --for=1s --json >"$OUT" || system_abort "drops does not run"
[ "$(jq -r .source.name "$OUT")" = bpf ] ||
    system_skip "no BPF: $(jq -r .source.not_bpf "$OUT")"

BY_BPF=bpf_link
ODD=$'\e[2J\xff|;'
ODD_SHOWN='\x1B[2J\xFF|;'

wire_peer
ip netns add other
ip -n other link set lo up
wire eth0
wire eth1
wire "$ODD"
wire eth0 other
# a node with one numbered device, the default route through it, and another network behind eth1
ip address add 10.0.0.1/24 dev eth0
ip route add default via 10.0.0.254
ip route add 198.51.100.0/24 dev eth1
ip route add 198.18.0.0/15 dev eth1
ip -n other address add 10.0.0.1/24 dev eth0

settings() {
    sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=1 \
        net.ipv4.conf.eth1.rp_filter=2 net.ipv4.conf.eth0.accept_local=0 \
        net.ipv4.conf.eth0.route_localnet=0 net.ipv4.conf.eth1.accept_local=0
    echo 1 >"$CONF/$ODD/rp_filter"
}
settings
ip netns exec other sysctl -qw net.ipv4.conf.all.rp_filter=1

# --- every reason ---------------------------------------------------------------------------------

# device, source, packets, reason, step of the decision, advice
cases=(
    'eth0|198.51.100.9|3|rp_filter|strict|[rp_filter] eth0 = loose'
    'eth1|192.0.2.9|4|rp_filter|unnumbered|[rp_filter] eth1 = off'
    'eth1|0.1.2.3|1|rp_filter|unnumbered|[rp_filter] eth1 = off'
    'eth0|10.0.0.1|5|local source|own-source|[accept_local] eth0 = yes'
    'eth1|10.0.0.1|2|local source|own-source|[rp_filter] eth1 = off and [accept_local] eth1 = yes'
    'eth0|224.0.0.1|6|invalid source|source-invalid|no setting'
    'eth0|255.255.255.255|1|invalid source|source-invalid|no setting'
    'eth0|0.0.0.0|2|invalid source|source-invalid|no setting'
    'eth0|10.0.0.255|3|invalid source|not-unicast|[rp_filter] eth0 = off'
    'eth0|127.0.0.1|7|localnet|source-loopback|[rp_filter] eth0 = loose and [accept_local] eth0 = yes and [route_localnet] eth0 = yes'
)

send_cases() {
    local device source packets rest

    for case in "${cases[@]}"; do
        IFS='|' read -r device source packets rest <<<"$case"
        send "$device" "$packets" "$source" 10.0.0.1 >"$SYSTEM_WORK/rate"
    done
}

follow_start $BY_BPF --json
before=$(dropped)
send_cases
send other/eth0 50 192.0.2.77 10.0.0.1 >"$SYSTEM_WORK/rate"
wait_for "the drops" has_dropped $((before + 8))
follow_stop
expect_equal "an interrupt is the normal end" "$STATUS" 0
expect "nothing is complained about" test ! -s "$ERR"
for case in "${cases[@]}"; do
    IFS='|' read -r device source packets reason step advice <<<"$case"
    text="$source on $device, $reason"
    expect_equal "$text: packets" "$(flow "$device" "$source" "$reason" .packets)" "$packets"
    expect_equal "$text: why" "$(flow "$device" "$source" "$reason" .step)" "$step"
    expect_equal "$text: advice" "$(flow "$device" "$source" "$reason" .cure.text)" "$advice"
done
expect "where the reply leaves by another way that is told, with the rule" \
    grep -q "^'198.51.100.0/24 dev eth1 scope link' in table main, by rule 32766" \
    <(flow eth0 198.51.100.9 rp_filter .cure.replies)
expect_equal "to nobody in particular" "$(flow eth0 10.0.0.1 'local source' .cure.replies)" null
expect_equal "every flow is there once" "$(jq '.flows | length' "$OUT")" "${#cases[@]}"
expect_equal "the other namespace drops, and is not shown" \
    "$(dropped other)/$(jq '[.flows[] | select(.source == "192.0.2.77")] | length' "$OUT")" 50/0
expect_equal "the kernel's counter agrees" \
    "$(jq '.packets.rp_filter - .reverse_path_counter' "$OUT")" 0
expect_equal "no room was missing" "$(jq '[.unlisted[]] | add' "$OUT")" 0

# --- is the advice true? --------------------------------------------------------------------------

cp "$OUT" "$SYSTEM_WORK/first"
i=0
while IFS=$'\t' read -r device source lines; do
    settings
    jq -r '.[] | "net.ipv4.conf.\(.pattern).\(.key)=\(.value)"' <<<"$lines" |
        sed 's/=off$/=0/; s/=loose$/=2/; s/=yes$/=1/' | xargs sysctl -qw ||
        fail "the advice cannot be followed: $lines"
    follow_start $BY_BPF --json "$device"
    send "$device" 3 "$source" 10.0.0.1 >"$SYSTEM_WORK/rate"
    # one that is certainly dropped, so that all before it were judged
    send "$device" 1 224.0.0.9 10.0.0.1 >"$SYSTEM_WORK/rate"
    follow_stop
    expect_equal "$source passes $device with what was advised" \
        "$(jq -r '[.flows[] | .source] | join(" ")' "$OUT")" 224.0.0.9
    i=$((i + 1))
done < <(jq -r '.flows[] | select(.cure.kind == "rules") | [.device, .source, (.cure.lines | tojson)] | join("\t")' "$SYSTEM_WORK/first")
expect_equal "advice was given and tried" "$i" 7
settings

# --- two namespaces at once -----------------------------------------------------------------------

# Both drop the same packets on a device of the same name; each is asked for its own.
ip netns exec other "$SYSTEM_BUILD/agent/cli/rpfpolicy" drops --json >"$SYSTEM_WORK/other" 2>&1 &
other=$!
# shellcheck disable=SC2317 # by name
theirs() {
    for fd in /proc/[0-9]*/fd/*; do
        case $(readlink "$fd") in *bpf_link*) return 0 ;; esac
    done
    return 1
}
wait_for "following in the other namespace" theirs
follow_start $BY_BPF --json
send eth0 11 198.51.100.9 10.0.0.1 >"$SYSTEM_WORK/rate"
send other/eth0 13 198.51.100.9 10.0.0.1 >"$SYSTEM_WORK/rate"
kill -INT "$other"
wait "$other"
follow_stop
expect_equal "two namespaces: ours" "$(flow eth0 198.51.100.9 rp_filter .packets)" 11
expect_equal "two namespaces: the other" \
    "$(jq '[.flows[] | select(.device == "eth0") | .packets] | add' "$SYSTEM_WORK/other")" 13

# --- as text --------------------------------------------------------------------------------------

policy_file 10-test.conf <<'END'
[rp_filter]
* = strict
eth* = strict
eth1 = off
[exception lab]
devices = eth0
rp_filter = strict
reason = measured
END
follow_start $BY_BPF
send eth0 2 198.51.100.9 10.0.0.1 >"$SYSTEM_WORK/rate"
wait_for "a line" grep -q 'eth0: 198.51.100.9 to 10.0.0.1: rp_filter' "$OUT"
expect "a new flow is one line, at once, with the exception that decides" \
    grep -Eq '^[0-9:]{8} eth0: .*: rp_filter, .*; accepted by: \[exception lab\] rp_filter = loose, but replies leave by '\''198.51.100.0/24 dev eth1 scope link'\'' in table main, by rule 32766' "$OUT"
send eth1 1 192.0.2.9 10.0.0.1 >"$SYSTEM_WORK/rate"
wait_for "a line" grep -q 'eth1: 192.0.2.9' "$OUT"
expect "what the policy already asks for is to be applied" \
    grep -Eq 'eth1: .*accepted by: rpfpolicy apply, but replies leave by .default via ' "$OUT"
send "$ODD" 1 192.0.2.9 10.0.0.1 >"$SYSTEM_WORK/rate"
wait_for "a line" grep -qF "$ODD_SHOWN: 192.0.2.9" "$OUT"
follow_stop
expect_equal "text: printable ASCII only" "$(LC_ALL=C grep -caP '[^\n\x20-\x7e]' "$OUT")" 0
expect "text: says by what it follows" grep -q 'by BPF' "$OUT"
expect "text: says what it cannot see" grep -q '^Not seen: ' "$OUT"
expect "text: the summary" grep -Eq '^4 packets of 3 flows in [0-9.]+ m?s\.$' "$OUT"
rm /etc/rpfpolicy.d/10-test.conf

follow_start $BY_BPF --json -- "$ODD"
send "$ODD" 2 192.0.2.9 10.0.0.1 >"$SYSTEM_WORK/rate"
send eth0 2 198.51.100.9 10.0.0.1 >"$SYSTEM_WORK/rate"
follow_stop
expect_equal "an odd name comes back whole, and only that device" \
    "$(jq -r '[.flows[].device_bytes] | join(" ")' "$OUT")" 1b5b324aff7c3b
expect_equal "an odd name in the advice stands for its bytes" \
    "$(jq -r '.flows[0].cure.lines[0].pattern' "$OUT")" '??2J?|?'

# --- a flood --------------------------------------------------------------------------------------

memory() {
    awk -v key="$1:" '$1 == key { print $2 }' "/proc/$FOLLOWER/status"
}

follow_start $BY_BPF --json
rss=$(memory VmRSS)
before=$(dropped)
rate=$(send eth0 100000 198.51.100.9 10.0.0.1)
rate_many=$(send eth0 100000 198.18.0.0+20000 10.0.0.1)
after=$(dropped)
grown=$(($(memory VmRSS) - rss))
peak=$(memory VmHWM)
ticks=$(awk '{ print $14 + $15 }' "/proc/$FOLLOWER/stat")
follow_stop
echo "flood: sent $rate/s from one source and $rate_many/s from 20,000; $((after - before)) dropped;" \
    "memory grew by $grown KiB, at most $peak KiB were in use; $ticks ticks of CPU"
expect "the flood was dropped" test $((after - before)) -gt 150000
expect_equal "each packet of the flood is counted" "$(jq .packets.rp_filter "$OUT")" "$(jq .reverse_path_counter "$OUT")"
expect_equal "listed and unlisted make the whole" \
    "$(jq '([.flows[].packets] | add) + ([.unlisted[]] | add) - ([.packets[]] | add)' "$OUT")" 0
expect "no more than 4096 flows are kept" jq -e '.flows | length <= 4096' "$OUT" >"$SYSTEM_WORK/true"
expect_equal "the flow with most packets is not pushed out" "$(jq -r '.flows[0].source' "$OUT")" 198.51.100.9
[ -n "${ASAN_OPTIONS:-}" ] || expect "memory stays bounded ($grown KiB more)" test "$grown" -lt 8192

# --- a rule about ports ----------------------------------------------------------------------------

# The way back differs for this protocol and port only: advice that did not know them would say that
# nothing is dropped.
ip route add 203.0.113.0/24 dev eth0
ip route add 203.0.113.0/24 dev eth1 table 100
ip rule add ipproto udp sport 9 lookup 100
follow_start $BY_BPF --json
send eth0 2 203.0.113.9 10.0.0.1 >"$SYSTEM_WORK/rate"
follow_stop
expect_equal "a rule about ports: packets" "$(flow eth0 203.0.113.9 rp_filter .packets)" 2
expect_equal "a rule about ports: why" "$(flow eth0 203.0.113.9 rp_filter .step)" strict

# --- the command line -----------------------------------------------------------------------------

rpfpolicy drops --for=1s >"$OUT" 2>"$ERR"
expect_equal "--for ends by itself: exit status" "$?" 0
expect "--for ends by itself: the summary" grep -Eq '^0 packets of 0 flows in 1(\.[0-9])? s\.$' "$OUT"
for bad in 0 x -1s ''; do
    rpfpolicy drops --for="$bad" >"$OUT" 2>"$ERR"
    expect_equal "--for='$bad' is refused" "$?" 1
done
rpfpolicy drops nosuch --for=1s >"$OUT" 2>"$ERR"
expect_equal "a device that is not there is refused" "$?" 1
rpfpolicy drops --for=1s >/dev/full 2>"$ERR"
expect_equal "what cannot be written is an error" "$?" 1

system_end
