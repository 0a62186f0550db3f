#!/bin/bash
# Random sequences of changes beside the agent, and beside one that is killed in the middle.
# Arguments: how many sequences, the seed.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"
sequences=${1:-500} seed=${2:-$RANDOM}

# The same devices here and in a namespace without an agent. Nothing settles in its own time.
ip netns add twin || system_skip "a second network namespace cannot be made here"
for where in "ip" "ip -n twin"; do
    $where link set lo up
    for n in 1 2 3; do
        $where link add "eth$n" type veth peer name "peer$n"
        $where link set "eth$n" addrgenmode none
        $where link set "peer$n" addrgenmode none up
        $where link set "eth$n" up
        $where address add "172.16.$((n + 4)).4/24" dev "eth$n"
    done
done
accept_policy <<'END'
[agent]
mode = enforce
sweep = 1d ; events alone
[rp_filter]
mark* = off
[routing]
eth1..3 = auto
[routing eth*]
gateway = first
END

agent_start
expect "random changes, seed $seed" env AGENT_PID="$AGENT_PID" python3 \
    "$SYSTEM_SOURCE/tests/agent/routing_random.py" "$sequences" "$seed" "$AGENT_LOG"
expect "random changes and SIGKILL, seed $seed" env AGENT_PID="$AGENT_PID" KILL=1 \
    AGENT_START="$AGENT --verbose" python3 "$SYSTEM_SOURCE/tests/agent/routing_random.py" \
    "$((sequences / 5))" "$((seed + 1))" "$AGENT_LOG"
[ "$FAILURES" = 0 ] || tail -n 60 "$AGENT_LOG" >&2
system_end
