#!/bin/bash
# Whatever happened, in whatever order: in the end every device is as the policy says.
# Arguments: steps, seed, rounds.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

steps=${1:-400}
seed=${2:-$RANDOM$RANDOM}
rounds=${3:-1}

ip netns add away
for ((round = 0; round < rounds; round++)); do
    echo "seed $((seed + round)), $steps steps"
    python3 "$SYSTEM_SOURCE/tests/agent/fuzz.py" "$((seed + round))" "$steps" "$AGENT" \
        >/run/test/steps 2>/run/test/fuzz.err || {
        tail -n 40 /run/test/steps /run/test/fuzz.err "$AGENT_LOG" >&2
        system_abort "seed $((seed + round))"
    }
    AGENT_PID=$(cat /run/test/agent.pid)
    # Wars over `all` in the last steps are sat out for some seconds.
    wait_until "all right after seed $((seed + round))" everything_right
    kill -TERM "$AGENT_PID"
    wait_until "the agent ends" test ! -e "/proc/$AGENT_PID"
    : >"$AGENT_LOG"
done
ok "events in any order end as the policy says"
system_end
