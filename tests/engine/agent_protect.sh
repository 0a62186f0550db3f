#!/bin/bash
# The agent that accepts by itself, with a third engine: a value that waits for that cuts nobody, whom
# `protect` names.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/../agent/agent.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"

# shellcheck disable=SC2034 # of agent.sh
AGENT=$SYSTEM_BUILD/tests/engine/rpfpolicy-agent-probe
KERNEL=$SYSTEM_WORK/probe
mkdir "$KERNEL"
peers_world
serve apiserver 192.0.2.1 6443
connect api 203.0.113.1 192.0.2.1 6443

# policy WHAT-ETH0-SHALL-BE
policy() {
    printf '%s\n' '[agent]' 'mode = enforce' 'protect = tcp/6443' '[rp_filter]' 'mark* = off' "eth0 = $1"
}

export PROBE="$KERNEL eth0 0 1 0"
accept_policy < <(policy off)
agent_start --accept
policy strict | policy_file 10-test.conf
agent_wait_log "The policy on disk is not accepted: it would cut 203.0.113.1:"
expect_value eth0 rp_filter 0
agent_stop

rm "$KERNEL/a-way"
touch "$KERNEL/a-barred"
accept_policy < <(policy off)
agent_start --accept
policy strict | policy_file 10-test.conf
wait_until "a policy by which eth0 waits is accepted" grep -qx 'eth0 = strict' /var/lib/rpfpolicy/accepted.conf
agent_caught_up
expect_value eth0 rp_filter 0
expect_equal "the connection lives" "$(ask api)" passes
agent_stop
system_end
