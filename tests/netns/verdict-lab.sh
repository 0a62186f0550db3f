#!/bin/bash
# The laboratory of two hosts: 1.1.1.1 here and 2.2.2.2 there, on loopbacks, two links between them.
# The return route is moved to the second link. What `verdict` says is held against pings and against
# what the kernel logs and counts.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

OUT=$SYSTEM_WORK/out
ERR=$SYSTEM_WORK/err

there() {
    ip netns exec there "$@"
}

# verdict ARGUMENT...: fills $OUT.
verdict() {
    rpfpolicy verdict --json --policy=/dev/null "$@" >"$OUT" 2>"$ERR" || {
        fail "verdict $*: exit status $?"
        cat "$ERR" >&2
    }
}

# json EXPRESSION: of the answer as a Python object a
json() {
    python3 -c "import json; a = json.load(open('$OUT')); v = a['verdicts']; print($1)"
}

# says TEXT MODE RESULT STEP
says() {
    expect_equal "$1: $2" "$(json "v['$2']['result'] + ' ' + v['$2']['step']")" "$3 $4"
}

drops() {
    awk '/^TcpExt:/ { if (!n++) { for (i = 1; i <= NF; i++) name[i] = $i }
        else for (i = 1; i <= NF; i++) if (name[i] == "IPReversePathFilter") print $i }' \
        /proc/net/netstat
}

ping_from_there() {
    there ping -q -n -c 1 -W 1 -I 2.2.2.2 1.1.1.1 >/dev/null 2>&1
}

# ask_kernel DEVICE: would strict take a packet from there?
ask_kernel() {
    echo 1 >"$CONF/$1/rp_filter"
    if ip route get 1.1.1.1 from 2.2.2.2 iif "$1" >/dev/null 2>&1; then
        echo accepted
    else
        echo dropped
    fi
}

# ping_in MODE WANTED: one ping with rp_filter in that mode on the first link, WANTED yes or no.
ping_in() {
    local got=no

    echo "$1" >"$CONF/lab1/rp_filter"
    if ping_from_there; then got=yes; fi
    expect_equal "rp_filter $1 on lab1: the ping is answered" "$got" "$2"
}

# --- the two hosts -------------------------------------------------------------------------------

ip netns add there || system_skip "a second network namespace cannot be made here"
for n in 1 2; do
    ip link add "lab$n" type veth peer name "far$n" netns there
    ip addr add "10.0.$n.1/30" dev "lab$n"
    ip link set "lab$n" up
    there ip addr add "10.0.$n.2/30" dev "far$n"
    there ip link set "far$n" up
    # The far host takes what comes, so that only this one decides.
    there sysctl -q -w "net.ipv4.conf.far$n.rp_filter=0"
done
there sysctl -q -w net.ipv4.conf.all.rp_filter=0
there ip link set lo up
ip addr add 1.1.1.1/32 dev lo
there ip addr add 2.2.2.2/32 dev lo
there ip route add 1.1.1.1 via 10.0.1.1 src 2.2.2.2
ip route add 2.2.2.2 via 10.0.1.2
echo 0 >"$CONF/all/rp_filter"

# --- the way back is the way it came -------------------------------------------------------------

verdict 2.2.2.2 lab1 --to 1.1.1.1
for mode in strict loose; do says "symmetric" "$mode" accept reverse-match; done
says "symmetric" off accept off
expect_equal "the question is repeated" \
    "$(json "a['source'] + ' ' + a['destination'] + ' ' + a['device']")" "2.2.2.2 1.1.1.1 lab1"
expect_equal "the route is told" "$(json "a['route']['text']")" \
    "2.2.2.2/32 via 10.0.1.2 dev lab1 table main"
expect_equal "an empty policy wants nothing" "$(json "a['policy']")" None
for mode in 0 1 2; do ping_in "$mode" yes; done

# --- an own address as source: nobody added a rule yet, so `local` and `main` are one trie ------------

verdict 10.0.2.1 lab1 --to 1.1.1.1
expect_equal "the table of an own address is told" "$(json "a['route']['text']")" \
    "local 10.0.2.1/32 dev lab2 table local"

# --- the return route is moved to the second link ------------------------------------------------

ip route replace 2.2.2.2 via 10.0.2.2
verdict 2.2.2.2 lab1 --to 1.1.1.1
says "moved" off accept off
says "moved" strict drop strict
says "moved" loose accept loose
expect_equal "the route is told" "$(json "a['route']['next_hops'][0]['device']")" lab2
verdict 2.2.2.2 lab2 --to 1.1.1.1
says "on the second link" strict accept reverse-match
ping_in 0 yes
ping_in 2 yes
before=$(drops)
ping_in 1 no
expect "the kernel counted the drop" test "$(drops)" -gt "$before"

if ! dmesg >/dev/null 2>&1; then
    echo "the kernel's log cannot be read here"
else
    # What others log can use up the allowance of the log for some seconds: try again.
    martians() { dmesg | grep -c 'martian source 1.1.1.1 from 2.2.2.2, on dev lab1' || :; }
    seen=$(martians)
    verdict 2.2.2.2 lab1 --to 1.1.1.1
    echo 1 >"$CONF/lab1/log_martians"
    for ((i = 0; i < 10; i++)); do verdict 2.2.2.2 lab1 --to 1.1.1.1; done
    expect_equal "verdict itself logs no martian" "$(martians)" "$seen"
    for ((i = 0; i < 15 && $(martians) == seen; i++)); do ping_from_there; done
    expect "the dropped packet is logged as a martian" test "$(martians)" -gt "$seen"
    seen=$(martians)
    for ((i = 0; i < 15 && $(martians) == seen; i++)); do
        verdict 2.2.2.2 lab1 --to 1.1.1.1 --ask-kernel
        # The allowance comes back with time only: let one ping time out elsewhere.
        [ "$(martians)" -gt "$seen" ] || ping -q -c 1 -W 1 10.0.2.3 >/dev/null 2>&1
    done
    expect "asked for its own verdict the kernel logs one, too" test "$(martians)" -gt "$seen"
    expect_equal "and drops" "$(json "a['kernel']")" drop
    expect "of which we warn" grep -q 'log_martians' "$OUT"
    echo 0 >"$CONF/lab1/log_martians"
fi

# --- no route back at all ------------------------------------------------------------------------

ip route del 2.2.2.2
verdict 2.2.2.2 lab1 --to 1.1.1.1
says "no route" off accept off
says "no route" strict drop no-route
says "no route" loose drop no-route
expect_equal "no route is null" "$(json "a['route']")" None
before=$(drops)
ping_in 0 no
expect_equal "off lets the packet in: it is the answer that finds no way" "$(drops)" "$before"
ping_in 2 no
expect "loose drops it" test "$(drops)" -gt "$before"

# --- a default route makes loose meaningless -----------------------------------------------------

ip route add default via 10.0.2.2
verdict 2.2.2.2 lab1 --to 1.1.1.1
says "default route elsewhere" loose accept loose
expect "we warn that loose accepts nearly everything" \
    grep -q 'only a default route leads back to the source' "$OUT"
ping_in 2 yes
ping_in 1 no

# --- a device without an address -----------------------------------------------------------------

ip addr flush dev lab1
there ip route replace 1.1.1.1 dev far1 src 2.2.2.2
verdict 2.2.2.2 lab1 --to 1.1.1.1
says "without address" loose drop unnumbered
says "without address" off accept off
ping_in 2 no
ping_in 0 yes

# --- two default routes of one metric, and the first gateway is dead -----------------------------

ip addr add 10.0.1.1/30 dev lab1
ip route replace default via 10.0.1.2
ip route append default via 10.0.2.2
ip neigh replace 10.0.1.2 dev lab1 nud failed
verdict 2.2.2.2 lab1 --to 1.1.1.1
expect "what is sent takes the other one" grep -q 'dev lab2' <(ip route get fibmatch 2.2.2.2)
says "the first default route is dead" strict accept reverse-match
verdict 2.2.2.2 lab2 --to 1.1.1.1
says "the second default route is used" strict drop strict
expect_equal "a packet on lab1 passes strict" "$(ask_kernel lab1)" accepted
expect_equal "a packet on lab2 does not" "$(ask_kernel lab2)" dropped
ip route del default via 10.0.1.2
ip neigh del 10.0.1.2 dev lab1

# --- blackholes and own addresses ----------------------------------------------------------------

ip route add blackhole 2.2.2.2
verdict 2.2.2.2 lab1 --to 1.1.1.1
says "blackhole" off accept off
says "blackhole" loose drop no-route
expect_equal "the blackhole is told" "$(json "a['route']['type']")" blackhole
verdict 10.0.2.1 lab1 --to 1.1.1.1
for mode in off strict loose; do says "own address as source" "$mode" drop own-source; done
echo 1 >"$CONF/lab1/accept_local"
verdict 10.0.2.1 lab1 --to 1.1.1.1
says "own address with accept_local" off accept accept-local
says "own address with accept_local" strict drop strict
says "own address with accept_local" loose accept accept-local
echo 0 >"$CONF/lab1/accept_local"

# --- marks ---------------------------------------------------------------------------------------

ip rule add fwmark 7 lookup 100
ip route add 2.2.2.2 via 10.0.1.2 dev lab1 table 100
verdict 2.2.2.2 lab1 --to 1.1.1.1 --mark 7
says "mark without src_valid_mark" strict drop no-route
expect "we warn that the mark does not count" grep -q 'src_valid_mark is off' "$OUT"
echo 1 >"$CONF/lab1/src_valid_mark"
verdict 2.2.2.2 lab1 --to 1.1.1.1 --mark 0x7
says "mark with src_valid_mark" strict accept reverse-match
verdict 2.2.2.2 lab1 --to 1.1.1.1
says "no mark" strict drop no-route
expect "we ask for the mark" grep -q 'name the packet.s with --mark' "$OUT"

# --- ARP: who asks has no mark, and strict is asked about him, too --------------------------------

# arp MODE: result and step.
arp() {
    json "v['$1']['arp']['result'] + ' ' + v['$1']['arp']['step']"
}

# Does the far host, which has forgotten the address, learn it again with rp_filter in that mode?
learns_in() {
    echo "$1" >"$CONF/lab1/rp_filter"
    there ip neigh flush dev far1
    there ping -q -n -c 1 -W 1 10.0.1.1 >/dev/null 2>&1
    if there ip neigh show 10.0.1.1 dev far1 | grep -q lladdr; then echo yes; else echo no; fi
}

ip route add 10.0.1.2/32 dev lab2
ip route add 10.0.1.2/32 dev lab1 table 100
echo 1 >"$CONF/lab1/rp_filter"
verdict 10.0.1.2 lab1 --mark 7
says "a neighbour with a mark" strict accept reverse-match
expect_equal "without ARP" "$(arp strict)" "unanswered source-dropped"
expect_equal "with loose it is answered" "$(arp loose)" "answered own-address"
expect_equal "now" "$(json "a['now']['result'] + ' ' + a['now']['arp']")" "accept unanswered"
expect "we warn that it goes mute" grep -q 'the ARP requests of their sender are not answered' "$OUT"
before=$(drops)
expect_equal "strict: the far host learns the address" "$(learns_in 1)" no
expect_equal "which is counted nowhere" "$(drops)" "$before"
expect_equal "loose: the far host learns the address" "$(learns_in 2)" yes
ip route del 10.0.1.2/32 dev lab2
verdict 10.0.1.2 lab1
expect_equal "the way back by the card" "$(arp strict)" "answered own-address"
expect_equal "strict: then it does" "$(learns_in 1)" yes
echo 8 >"$CONF/lab1/arp_ignore"
verdict 10.0.1.2 lab1
expect_equal "arp_ignore" "$(arp strict)" "unanswered arp-ignore"
expect_equal "arp_ignore: the far host learns the address" "$(learns_in 1)" no
echo 0 >"$CONF/lab1/arp_ignore"

# --- the policy, and words -----------------------------------------------------------------------

policy_file 10-test.conf <<'X'
[rp_filter]
lab* = strict
[accept_local]
lab1 = yes
X
echo 2 >"$CONF/lab1/rp_filter"
rpfpolicy verdict --json 10.0.2.1 lab1 >"$OUT" || fail "verdict with a policy"
expect_equal "the default destination is the device's address" "$(json "a['destination']")" 10.0.1.1
expect_equal "now" "$(json "a['now']['mode'] + ' ' + a['now']['result']")" "loose drop"
expect_equal "the policy" "$(json "a['policy']['mode'] + ' ' + a['policy']['result']")" "strict drop"
expect_equal "with all its keys" "$(json "a['policy']['step']")" strict
rpfpolicy verdict 10.0.2.1 lab1 >"$OUT" || fail "verdict in words"
for text in 'From 10.0.2.1 to 10.0.1.1 by lab1: dropped, rp_filter is loose' 'way back     local 10.0.2.1' \
    '10-test.conf:2' 'any allow-default' 'early demux' 'IPsec' '--mark' 'ARP now      unanswered' \
    'ARP then     unanswered'; do
    expect "says: $text" grep -qF -- "$text" "$OUT"
done

# --- what is refused -----------------------------------------------------------------------------

refused() {
    local text=$1

    shift
    rpfpolicy verdict "$@" >"$OUT" 2>"$ERR"
    expect_equal "verdict $*: exit status" $? 1
    expect "verdict $*: says '$text'" grep -qF -- "$text" "$ERR"
}

refused "not an IPv4 address" 2.2.2 lab1
refused "--to takes an IPv4 address" 2.2.2.2 lab1 --to ::1
refused "'rpfpolicy explain DEVICE --peer=fd00::4'" fd00::4 lab1
refused "no device 'lab9'" 2.2.2.2 lab9
refused "--mark takes a number" 2.2.2.2 lab1 --mark=-1
refused "--mark takes a number" 2.2.2.2 lab1 --mark=0x100000000
refused "only with --proto" 2.2.2.2 lab1 --dport 22
refused "--proto takes a number" 2.2.2.2 lab1 --proto ospff --dport 22
refused "--dport takes a number" 2.2.2.2 lab1 --proto tcp --dport 65536

ip netns del there
system_end
