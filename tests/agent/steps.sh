#!/bin/bash
# Enforcing in steps, with an agent at work all the time: from a host with nothing, to a policy that
# describes it, to relaxing lxc* while everything else is only observed and evidence is collected, to
# an exception for whom the evidence shows, to full enforcement. Nobody who passes is cut on the way.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"

OUT=/run/test/out
POLICY=/etc/rpfpolicy.d/10-host.conf

run() {
    rpfpolicy "$@" >"$OUT" 2>&1
    RESULT=$?
}

says() {
    expect "$1" grep -qE -- "$2" "$OUT"
}

# everybody_passes TEXT
everybody_passes() {
    local name answer

    for name in asymmetric symmetric ecmp; do
        answer=$(ask "$name")
        [ "$answer" = passes ] || fail "$1: the $name connection is $answer"
    done
    ok "$1: who passed passes"
}

# values: without those of the devices that the test makes to see that the agent has caught up.
values() {
    all_values | grep -v '^\(./\)\?mark'
}

pod_reaches_host() {
    ip netns exec pod ping -q -c1 -W1 -I 10.0.0.9 192.0.2.9 >/dev/null
}

# --- the host: everything loose, as a distribution has it; a pod whose traffic comes in by a device
# without an address and goes back by another; a peer with another way back, served here

peers_world
ip addr add 192.0.2.9/32 dev lo
ip netns add pod
for i in 1 2; do
    ip link add "lxc$i" type veth peer name "pod$i" netns pod
    ip link set "lxc$i" up
    ip netns exec pod ip link set "pod$i" up
done
ip netns exec pod ip addr add 10.0.0.9/32 dev pod1
ip netns exec pod ip route add 192.0.2.9/32 dev pod1
ip netns exec pod sysctl -qw net.ipv4.conf.all.rp_filter=0
ip route add 10.0.0.9 dev lxc2
sysctl -qw net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.rp_filter=2
serve webserver 192.0.2.1 80
connect asymmetric 203.0.113.1 192.0.2.1 80
connect symmetric 203.0.113.2 192.0.2.1 80
connect ecmp 203.0.113.3 192.0.2.1 80
expect "loose on a device without an address cuts the pod" not pod_reaches_host

# --- nothing: no policy

before=$(values)
agent_start
run check
expect_equal "without a policy there is nothing to check" "$RESULT" 1
expect_equal "and nothing is written" "$(values)" "$before"

# --- a policy that describes it, observed and then enforced: nothing changes

rpfpolicy generate policy >"$POLICY"
run validate
expect_equal "the generated policy is valid" "$RESULT" 0
run plan
expect_equal "there is nothing to do under it" "$RESULT" 0
run accept
wait_until "the agent observes it" status_is .policy.mode observe
expect_equal "observed, it changes nothing" "$(values)" "$before"
{
    printf '[agent]\nmode = enforce\n'
    cat "$POLICY"
} >/run/test/policy && cp /run/test/policy "$POLICY"
run accept
expect_equal "it is accepted for enforcing" "$RESULT" 0
wait_until "the agent enforces it" status_is .enforcing true
add_device mark0
wait_until "the agent has looked at what came" status_is .devices.total 6
expect_equal "enforced, it changes nothing" "$(values)" "$before"
everybody_passes "a policy that describes the host"
sysctl -qw net.ipv4.conf.eth1.rp_filter=1 net.ipv4.conf.all.rp_filter=0
becomes eth1 rp_filter 2
ok "and it is held"
run check
expect_equal "check agrees" "$RESULT" 0
ip link delete mark0

# --- lxc* relaxed and enforced, all else observed

policy() {
    cat >"$POLICY"
    run accept
    [ "$RESULT" = 0 ] || cat "$OUT"
    expect_equal "accepted" "$RESULT" 0
}
policy <<'END'
[agent]
mode = enforce
metrics-file = /run/test/metrics
[rp_filter]
lxc* = off
eth1 = strict|loose
mark* = off
* = strict, observe
END
becomes lxc1 rp_filter 0
agent_caught_up
for device in eth0 eth1; do expect_effective "$device" 2; done
expect "the pod is no longer cut" pod_reaches_host
everybody_passes "lxc* relaxed"
wait_until "evidence is collected" status_is '.evidence.rules | map("\(.pattern) \(.peers)")[]' '* 1'
run status
says "status tells whom strict would cut" \
    '^\* = strict +/etc/rpfpolicy.d/10-host.conf:8 +1 +1 +2.* eth0 203.0.113.1: '
run check --json
expect "that is drift which nobody repairs" jq -e '[.devices[] | select(.name == "eth0").keys[] |
    .state, .enforced] == ["drift", false]' "$OUT" >/dev/null

# --- what would happen now, and an exception for whom the evidence shows

sed 's/, observe//' "$POLICY" >/run/test/full
run --policy=/run/test/full plan --impact
says "the plan of full enforcement names the same peer" \
    '^eth0 +tcp 203.0.113.1:.*webserver .*the way back uses another device.*eth0 = loose'
policy <<'END'
[agent]
mode = enforce
metrics-file = /run/test/metrics
[rp_filter]
lxc* = off
eth1 = strict|loose
mark* = off
* = strict, observe
[exception partner]
devices = eth0
rp_filter = loose
reason = the partner's network answers by the other link
ref = NET-4711
until = 2099-12-31
END
wait_until "a look was made under it" grep -q '^rpfpolicy_agent_would_drop_peers_total{.*:8"} 0$' \
    /run/test/metrics
wait_until "it has looked" status_is '.evidence.looks > 0' true
expect_equal "nobody would be cut any more" "$(agent_status '.evidence.rules[0].peers')" 0
run check --json
expect "the exception is in the report" jq -e '.exceptions[0] | .name == "partner" and
    .ref == "NET-4711" and .until == "2099-12-31" and (.expired | not)' "$OUT" >/dev/null

# --- full enforcement

sed -i 's/, observe//' "$POLICY"
run apply
expect_equal "full enforcement, over nobody's dead connection" "$RESULT" 0
says "nobody is cut by it" 'every device is as the policy wants it'
expect "nobody is named" not grep -q 'would be cut' "$OUT"
expect_effective eth0 2
expect_effective eth1 2
expect_effective lxc1 0
wait_until "the agent has it" status_is .evidence null
everybody_passes "full enforcement"
expect "the pod too" pod_reaches_host
add_device eth7
becomes eth7 rp_filter 1
sysctl -qw net.ipv4.conf.all.rp_filter=2
becomes all rp_filter 0
sysctl -qw net.ipv4.conf.lxc1.rp_filter=2
becomes lxc1 rp_filter 0
run check
expect_equal "nothing is left to do" "$RESULT" 0

# --- the date of an exception passes: a warning, no write

sed -i 's/^until = .*/until = 2020-01-01/' "$POLICY"
run accept
expect_equal "an exception past its date is accepted" "$RESULT" 0
agent_caught_up
expect_effective eth0 2
run check
says "it is warned of" 'warning: expired: .*partner'
expect_equal "and is no drift" "$RESULT" 0
run check --strict
expect_equal "but to who asks strictly" "$RESULT" 2
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
system_end
