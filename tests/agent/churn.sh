#!/bin/bash
# The agent's memory while devices come, are renamed, are written back and go, policies and pauses are
# replaced, and connections that would be cut come and go: after the first rounds it stays what it is.
# Arguments: rounds, veth pairs in each.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

rounds=${1:-600}
pairs=${2:-50}

policy() {
    accept_policy <<POLICY
[agent]
mode = enforce
metrics-file = /run/test/metrics
[set quiet]
kind = veth
name = quiet*
[rp_filter]
lxc* = off
mark* = off
@unnumbered = loose
@quiet = strict|loose
eth* = strict, observe
* = strict
[log_martians]
lxc* = yes
* = no
[exception number$1]
devices = lxc1
rp_filter = loose
reason = another policy each time
POLICY
}

# Kilobytes that belong to the process alone; valgrind and sanitizers have their own.
memory() {
    awk '/^Private_(Clean|Dirty):/ { sum += $2 } END { print sum }' "/proc/$AGENT_PID/smaps_rollup"
}

# A neighbour that would be cut by the rule for eth*, another one each time.
ip netns add peer
ip link add eth0 type veth peer name link0 netns peer
ip addr add 192.0.2.1/24 dev eth0
ip link set eth0 up
ip netns exec peer ip link set link0 up
neighbour() {
    ip neigh flush dev eth0 nud all
    ip neigh replace "203.0.$(($1 / 250 % 250)).$(($1 % 250 + 1))" dev eth0 \
        lladdr 02:00:00:00:00:01 nud reachable
}

batch() {
    local i

    for ((i = 0; i < pairs; i++)); do
        echo "link add lxc$i type veth peer name veth$i"
        echo "link set veth$i name ren$i"
        [ $((i % 3)) != 0 ] || echo "link set lxc$i up"
        [ $((i % 3)) != 0 ] || echo "addr add 10.$((i / 250)).$((i % 250)).1/32 dev lxc$i"
        [ $((i % 2)) != 0 ] || echo "link set lxc$i name quiet$i"
        [ $((i % 7)) != 0 ] || echo "link property add dev ren$i altname other-name-of-$i"
    done
    for ((i = 0; i < pairs; i++)); do
        echo "link delete ren$i"
    done
}

policy 0
agent_start
batch >/run/test/batch
warm=$((rounds / 4)) highest=0
for ((round = 1; round <= rounds; round++)); do
    ip -batch /run/test/batch || system_abort "the devices could not be made"
    echo $((round % 3)) >"$CONF/eth0/log_martians"
    neighbour "$round"
    [ $((round % 25)) != 0 ] || policy "$round"
    [ $((round % 7)) != 0 ] || rpfpolicy pause 'lxc*' --reason="round $round" --for=2s >/dev/null 2>&1
    if [ $((round % (rounds / 20 + 1))) = 0 ] || [ "$round" = "$rounds" ]; then
        agent_caught_up
        now=$(memory)
        echo "round $round: $now kB, $(agent_status '"\(.resyncs) full reads, \(.evidence.looks) looks, " +
            "\([.evidence.rules[]?.peers] | add) peers"')"
        if [ "$round" -le "$warm" ]; then
            [ "$now" -le "$highest" ] || highest=$now
        else
            last=$now
        fi
    fi
done
[ "$highest" -gt 0 ] || system_abort "no measurement while warming up"
expect "no more than 256 kB beyond the $highest kB of the first quarter: $last kB" \
    test "$last" -le "$((highest + 256))"
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
system_end
