#!/bin/bash
# The agent keeps policy routing on the host with four network cards: set up, kept while addresses,
# links and other programs change things under an open connection, and left alone where it must be.
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
nics_setup
sysctl -q -w net.ipv4.conf.all.promote_secondaries=1

rule_is_there() {
    ip -N rule show | grep -q "from $1 lookup .* proto 182"
}

rule_is_gone() {
    ! rule_is_there "$1"
}

nothing_is_ours() {
    [ -z "$(ours)" ]
}

# A fresh look by the command finds nothing to do.
in_order() {
    rpfpolicy routes plan >"$SYSTEM_WORK/plan" 2>&1 || {
        sed 's/^/    /' "$SYSTEM_WORK/plan"
        return 1
    }
}

policy() {
    cat <<END
[agent]
mode = $1
sweep = 1d
metrics-file = /run/test/metrics
[rp_filter]
mark* = off
* = strict
[routing]
eth1..3 = auto
[routing eth*]
gateway = first
END
}

# --- observe: everything is shown, nothing is written

policy observe | accept_policy
agent_start
wait_until "status shows the drift" status_is .routing.states.drift 3
expect "observe mode writes nothing" nothing_is_ours
agent_stop

# --- set up

before=$(foreign)
policy enforce | accept_policy
agent_start
wait_until "all three are set up" status_is .routing.states.ok 3
all_nics_answer "the agent routes"
for n in 5 6 7; do
    expect "IPv6: the peer reaches fd00:$n::4" peer_reaches "fd00:$n::4"
done
expect "the command has nothing to do" in_order
expect_equal "others' routes and rules are what they were" "$(foreign)" "$before"
wait_until "metrics count the devices" \
    grep -q '^rpfpolicy_agent_routing_devices{state="ok"} 3$' /run/test/metrics
full=$(ours)

# --- flushed by somebody else, under traffic

stream_start 172.16.6.4
for _ in 1 2; do
    ip route flush table "$(ip rule show | sed -n 's/.*from 172.16.6.4 lookup \([0-9]*\).*/\1/p')"
    ip -N rule show | sed -n 's/:.*from \(172.16[^ ]*\) lookup.*proto 182.*/ \1/p' |
        while read -r priority address; do
            ip rule del priority "$priority" from "$address"
        done
    wait_until "what was flushed is back" ours_are "$full"
done
stream_stop
expect "the connection lives: $STREAM_RESULT" test "$STREAM_RESULT" != "the connection is dead"
agent_wait_log 'policy routing was put back'
ip rule flush
ip rule add lookup main priority 32766
ip rule add lookup default priority 32767
wait_until "all rules were flushed and ours are back" ours_are "$full"
expect "the command has nothing to do" in_order

# --- addresses under traffic

stream_start 172.16.5.4
ip address add 172.16.5.9/24 dev eth1
wait_until "an added address has its rule" rule_is_there 172.16.5.9
expect "and is reached" peer_reaches 172.16.5.9
ip address add 172.16.6.9/24 dev eth2
ip address del 172.16.6.4/24 dev eth2
wait_until "a replaced address has its rule" rule_is_there 172.16.6.9
wait_until "the one before has none" rule_is_gone 172.16.6.4
ip address add 172.16.6.4/24 dev eth2
ip address del 172.16.6.9/24 dev eth2
ip address del 172.16.5.9/24 dev eth1
wait_until "and back" ours_are "$full"
expect_stream_unharmed "a neighbour's addresses changed"
ip -6 address add fd00:5::99/64 dev eth1 nodad
wait_until "an IPv6 address has its rule" sh -c 'ip -6 rule show | grep -q fd00:5::99'
ip -6 address change fd00:5::99/64 dev eth1 preferred_lft 0
agent_caught_up
expect "a deprecated one, too" sh -c 'ip -6 rule show | grep -q fd00:5::99'
ip -6 address del fd00:5::99/64 dev eth1
wait_until "and not when it is gone" ours_are "$full"

# --- links

ip -n r1 link set vm1 down
agent_caught_up
ip -n r1 link set vm1 up
wait_until "a cable that was out is in again" ours_are "$full"
blamed=$(log_count 'eth1: policy routing was put back')
ip link set eth1 down
wait_until "a device that is down has no rule" rule_is_gone 172.16.5.4
ip link set eth1 up
ip address add fd00:5::4/64 dev eth1 nodad
wait_until "and up has it again" ours_are "$full"
expect "the peer reaches it" peer_reaches 172.16.5.4
expect_equal "nobody is blamed for it" "$(log_count 'eth1: policy routing was put back')" "$blamed"
ip link set eth3 down
ip link set eth3 name lan3
ip link set lan3 up
wait_until "a device with a name that is not asked for has nothing" rule_is_gone 172.16.7.4
ip link set lan3 down
ip link set lan3 name eth3
ip link set eth3 up
ip address add fd00:7::4/64 dev eth3 nodad
wait_until "and has it again under its own" ours_are "$full"

# --- pauses

rpfpolicy pause eth2 --reason=test >/dev/null
wait_until "the pause is seen" status_is .routing.states.paused 1
ip address add 172.16.6.8/24 dev eth2
agent_caught_up
expect "paused: no rule is added" rule_is_gone 172.16.6.8
expect "paused: what is there stays" ours_are "$full"
rpfpolicy resume >/dev/null
wait_until "resumed: it is" rule_is_there 172.16.6.8
ip address del 172.16.6.8/24 dev eth2
wait_until "as before" ours_are "$full"

# --- conflicts

before=$(foreign)
ip rule add from 10.1.2.3 lookup main priority 20200
wait_until "a rule at our priority is a conflict" status_is .routing.states.conflict 3
expect "it keeps what it has" ours_are "$full"
agent_wait_log 'eth1: policy routing leaves it alone: a rule of somebody else stands at priority 20200'
ip rule del priority 20200 from 10.1.2.3
wait_until "and none when it is gone" status_is .routing.states.ok 3
table=$(ip rule show | sed -n 's/.*from 172.16.6.4 lookup \([0-9]*\).*/\1/p')
for family in -4 -6; do
    prefix=$([ "$family" = -4 ] && echo 10.8.0.0/16 || echo 2001:db8:8::/48)
    ip "$family" route add "$prefix" dev eth1 table "$table"
    wait_until "a route in a card's table is one" status_is .routing.states.conflict 1
    expect "it keeps what it has then" ours_are "$full"
    ip "$family" route del "$prefix" table "$table"
    wait_until "and none when that is gone" status_is .routing.states.ok 3
done

# What is replaced is gone without a message of its own.
for replace in "-4 route replace default via 172.16.6.9" "-4 route replace 172.16.6.0/24" \
    "-6 route replace default via fd00:6::9 metric 1024" "-6 route replace fd00:6::/64 metric 1024"; do
    # shellcheck disable=SC2086
    ip $replace dev eth2 table "$table"
    wait_until "'ip $replace' in our table is a conflict" status_is .routing.states.conflict 1
    expect "and took a route of ours away" not ours_are "$full"
    # shellcheck disable=SC2086
    ip ${replace/replace/del} dev eth2 table "$table"
    wait_until "when it is gone ours is back" ours_are "$full"
    wait_until "and nothing is in the way" status_is .routing.states.ok 3
done

# --- somebody without end

hostile() {
    while :; do
        ip rule del from 172.16.7.4 2>/dev/null
    done
}
hostile &
pid=$!
wait_until "somebody who never ends is found out" grep -q 'eth3: something keeps changing' "$AGENT_LOG"
wait_until "status shows it" jq -e '.routing.devices[] | select(.device == "eth3") | .writer' \
    "$STATUS" >/dev/null
wait_until "others are not kept waiting" rule_is_there 172.16.5.4
kill "$pid"
wait "$pid" 2>/dev/null
wait_until "and when it stops, the rule is back" ours_are "$full"

# --- messages that are lost

agent_stop
agent_start --receive-buffer=4096
for i in $(seq 300); do
    echo "address add 172.16.7.$((i % 200 + 20))/32 dev eth3"
    echo "address del 172.16.7.$((i % 200 + 20))/32 dev eth3"
done | ip -batch - || fail "addresses cannot be added"
agent_caught_up
wait_until "after lost messages everything is right" ours_are "$full"
expect "the command has nothing to do" in_order

# --- the end of it

agent_stop
expect "ended, it leaves everything as it is" ours_are "$full"
ip rule del from 172.16.5.4
agent_start
wait_until "started, it puts right what it finds" ours_are "$full"
expect_equal "others' routes and rules are what they were" "$(foreign)" "$before"
accept_policy <<'END'
[agent]
mode = enforce
[rp_filter]
mark* = off
END
wait_until "without the section nothing of ours is left" nothing_is_ours
expect_equal "and others' routes and rules are what they were" "$(foreign)" "$before"
system_end
