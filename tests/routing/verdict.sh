#!/bin/bash
# What `verdict` says of a policy with routing before it is applied is what packets meet afterwards: its
# rules and routes as they will be. What it says of now goes by those that are there.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

PEER=172.16.0.4

# Without its file of earlier values, which would be left in /tmp.
drops() {
    nstat -asz TcpExtIPReversePathFilter | awk '/^TcpExt/ { print $2 }'
}

# met ADDRESS: what becomes of a ping from the peer: accept where it is answered, drop where it is
# counted.
met() {
    local before

    before=$(drops)
    if peer_reaches "$1"; then
        echo accept
    elif [ "$(drops)" -gt "$before" ]; then
        echo drop
    else
        echo lost
    fi
}

# policy MODE [LINE...]: the mode of eth0 to eth2, and more of the policy.
policy() {
    printf '%s\n' '[rp_filter]' "eth0..2 = $1" "${@:2}" | policy_file 10-test.conf
}

ROUTING=('[routing]' 'eth1..3 = auto' '[routing eth*]' 'gateway = first')

# foretold TEXT DEVICE NOW THEN [OPTION...]: so `verdict` says of a packet from the peer to
# 172.16.5.4, and then its answer is in $OUT.
foretold() {
    run verdict "$PEER" "$2" --to=172.16.5.4 --json "${@:5}"
    expect_status "$1: verdict" 0
    expect_equal "$1: now, and under the policy" \
        "$(jq -r '"\(.now.result) \(.policy.result)"' "$OUT")" "$3 $4"
}

# comes_true TEXT DEVICE NOW THEN: the same, and so it is, before `apply` and after it.
comes_true() {
    local text=$1 device=$2 now=$3 then=$4

    foretold "$@"
    expect_equal "$text: a packet now" "$(met 172.16.5.4)" "$now"
    cp "$OUT" "$SYSTEM_WORK/foretold"
    run_apply
    expect_equal "$text: a packet after apply" "$(met 172.16.5.4)" "$then"
    foretold "$text, applied" "$device" "$then" "$then"
    expect_equal "$text: the way back is the one foretold" "$(jq -c .route "$OUT")" \
        "$(jq -c .policy.route "$SYSTEM_WORK/foretold")"
    json "$text: no way is left to change" '.policy.rerouted == false'
}

nics_setup

# --- dropped today, passes afterwards, and back

policy strict "${ROUTING[@]}"
run verdict "$PEER" eth1
says "the headline tells of the routes" "$OUT" \
    'by eth1: dropped, rp_filter is strict; accepted under the policy, which wants strict and other routes$'
says "the way back now" "$OUT" '^  way back     default via 172.16.4.1 dev eth0 table main$'
says "the way back then" "$OUT" '^  way then     default via 172.16.5.1 dev eth1 table [0-9]+, by rules and routes as'
says "the policy" "$OUT" '^  policy       accepted  strict \(.*10-test.conf:2\): the way back uses this'
comes_true "strict with a way of its own" eth1 drop accept
run verdict "$PEER" eth1
says_not "where the ways are there none is told apart" "$OUT" 'way then|other routes'
policy strict
comes_true "strict, and the way goes" eth1 accept drop

# --- one that is loose today

policy loose
comes_true "loose" eth1 drop accept
policy strict
foretold "from loose to strict" eth1 accept drop
json "as the ways stay" '.policy.rerouted == false and .policy.route == .route'
policy strict "${ROUTING[@]}"
comes_true "from loose to strict with a way of its own" eth1 accept accept

# --- passes today and is dropped afterwards, since the new way is another one: in by eth0

policy strict '[routing]' '* = off'
run_apply
ip -n r1 route add 172.16.5.4/32 via 172.16.4.2
policy strict "${ROUTING[@]}"
comes_true "in by the card of the default route" eth0 accept drop
ip -n r1 route del 172.16.5.4/32

# --- nothing of IPv4 changes, or there is no policy

ip -6 rule del from fd00:5::4
foretold "a rule of IPv6 is missing" eth1 accept accept
json "which is of no matter here" '.policy.rerouted == false'
rm /etc/rpfpolicy.d/10-test.conf
run verdict "$PEER" eth1 --json
json "without a policy nothing is wanted" '.policy == null and .now.result == "accept"'
policy_file 10-test.conf <<<'[rp_filter]
eth3 = off'
run verdict "$PEER" eth1
says "a policy that says nothing of the device takes its way all the same" "$OUT" \
    'accepted, rp_filter is strict; dropped under the policy, which wants other routes$'

# --- a pause is no part of the policy

policy loose
run_apply
policy strict "${ROUTING[@]}"
rpfpolicy pause eth1 --reason=test >/dev/null
foretold "paused" eth1 accept accept
rpfpolicy resume >/dev/null

# --- what others have in our tables

TABLE=$((21000 + $(cat /sys/class/net/eth1/ifindex)))
policy strict "${ROUTING[@]}"
run_apply
sysctl -qw net.ipv4.conf.eth1.src_valid_mark=1
ip rule add priority 20050 fwmark 9 lookup "$TABLE"
policy strict
foretold "a mark that leads into a table of ours, which is going" eth1 accept drop --mark=9
run_apply
foretold "and is gone" eth1 drop drop --mark=9
ip rule del priority 20050
policy strict "${ROUTING[@]}"
run_apply
ip route add 172.16.0.0/24 via 172.16.6.1 dev eth2 table "$TABLE"
policy strict "${ROUTING[@]}" '[routing]' 'eth3 = off'
foretold "a route beside ours while others go" eth1 drop drop
json "which are not those of this card" '.policy.rerouted'
run_apply
expect_equal "a packet after apply" "$(met 172.16.5.4)" drop
ip route del 172.16.0.0/24 table "$TABLE"
policy strict
run_apply

# --- what cannot be had, and what cannot be told

policy strict "${ROUTING[@]}"
ip route add 198.51.100.0/24 dev eth1 table "$TABLE"
comes_true "a table of somebody else" eth1 drop drop
json "is named" ".warnings | any(test(\"routing of eth1, which cannot be had now: table $TABLE is used\"))"
ip route del 198.51.100.0/24 dev eth1 table "$TABLE"
ip rule add priority 10 lookup main suppress_ifgroup 7
foretold "a rule that only the kernel can apply" eth1 drop null
json "leaves all else unknown" '.policy | .step == null and .route == null and .rerouted'
run verdict "$PEER" eth1
says "in words" "$OUT" 'rp_filter is strict; under the policy that is not known$'
says "and why" "$OUT" '^  policy       unknown   strict \(.*\): an ip rule looks at something that is not known'
system_end
