#!/bin/bash
# Thousands of devices made, renamed and deleted at random: in the end each is as the policy says,
# also with receive buffers so small that messages are lost.
# Arguments: number of veth pairs, seed.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

pairs=${1:-1000}
seed=${2:-$RANDOM}
echo "$pairs pairs, seed $seed"

# storm SEED PREFIX: a batch for ip(8): pairs are made, often renamed, sometimes deleted or up.
storm() {
    python3 - "$pairs" "$1" "$2" <<'PYTHON'
import random
import sys

pairs, seed, prefix = int(sys.argv[1]), sys.argv[2], sys.argv[3]
random.seed(seed)
kinds = ["lxc", "veth", "eno", "cali"]
live = []
for i in range(pairs):
    names = [f"{random.choice(kinds)}{prefix}a{i}", f"{random.choice(kinds)}{prefix}b{i}"]
    print(f"link add {names[0]} type veth peer name {names[1]}")
    live.append(names)
    if random.random() < 0.4:
        pair = random.choice(live)
        side = random.randrange(2)
        new = f"{random.choice(kinds)}{prefix}r{i}"
        print(f"link set {pair[side]} name {new}")
        pair[side] = new
    if random.random() < 0.3:
        pair = live.pop(random.randrange(len(live)))
        print(f"link delete {pair[0]}")
    if random.random() < 0.1 and live:
        print(f"link set {random.choice(live)[0]} up")
PYTHON
}

play() {
    storm "$1" "$2" >/run/test/batch
    ip -batch /run/test/batch || system_abort "the storm could not be made"
}

accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
lxc* = off
cali* = loose
mark* = off
* = strict
[log_martians]
eno* = yes
* = no
POLICY

agent_start
play "$seed" a
agent_caught_up
wait_until "all right after the storm" everything_right
ok "a storm ends as the policy says"
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0

# Standing still, the agent has to miss something.
agent_start --receive-buffer=4096
kill -STOP "$AGENT_PID"
play "$seed-small" b
kill -CONT "$AGENT_PID"
wait_until "all right in spite of lost messages" everything_right
agent_stop
expect_equal "that agent stopped cleanly too" "$AGENT_STATUS" 0
expect "messages were lost" test "$(jq '[.sockets[].overruns] | add' "$STATUS")" -gt 0
system_end
