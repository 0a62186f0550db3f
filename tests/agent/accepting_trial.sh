#!/bin/bash
# The agent with --accept and `trial` in the policy: what is on disk is accepted on trial, goes back by itself when
# a probe fails or nobody confirms, is not tried again, also by the next agent, until the policy changes or somebody
# accepts it; and a trial whose guardian ended with the agent is over.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"
AGENT_STATUS_FILE=$STATUS
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

CONFIRM=/run/rpfpolicy-root/confirm
PROBE=tcp/203.0.113.1:6443

unset SSH_CONNECTION

# policy AGENT-LINE LINE...
policy() {
    printf '%s\n' '[agent]' 'mode = enforce' 'sweep = 2s' 'metrics-file = /run/rpfpolicy/agent.prom' "$1" \
        '[rp_filter]' 'mark* = off' "${@:2}" | policy_file 10-test.conf
}

# refused_is JQ-CONDITION
refused_is() {
    jq -e ".refused | $1" "$AGENT_STATUS_FILE" >/dev/null 2>&1
}

on_trial() {
    rpfpolicy status --json | jq -e '.trial.text' >/dev/null
}

ended() {
    [ ! -e "$CONFIRM" ]
}

# guardians: their process ids, of the agent and all that it started.
guardians() {
    local pid
    for pid in /proc/[0-9]*; do
        { tr '\0' ' ' <"$pid/cmdline"; } 2>/dev/null | grep -q 'rpfpolicy-agent' && echo "${pid#/proc/}"
    done
}

failed() {
    rpfpolicy status --json | jq -r ".failed_trial$1"
}

peers_world
in_peer ip route add 198.51.100.1 dev link0
in_peer sysctl -qw net.ipv4.conf.link0.arp_ignore=0
ip netns exec peer python3 -m http.server --bind 203.0.113.1 6443 >/dev/null 2>&1 &
answers() {
    python3 -c 'import socket; socket.create_connection(("203.0.113.1", 6443), 1)' 2>/dev/null
}
wait_until "the peer answers" answers

# --- nothing was accepted before

policy 'trial = 300s' 'eth0 = loose' 'eth1 = off'
agent_start --accept
agent_wait_log 'The policy on disk is accepted on trial for 300 s, then it goes back'
becomes eth1 rp_filter 0
expect "it is on trial" on_trial
expect "it is not refused" refused_is '. == null'
kill -KILL "$AGENT_PID"
wait "$AGENT_PID" 2>/dev/null
# As the end of a container does.
for pid in $(guardians); do
    kill -KILL "$pid"
done
agent_start --accept
agent_wait_log 'is not accepted: its trial failed: the process that watched over it was ended. Nothing was accepted before'
wait_until "it is refused" refused_is 'startswith("its trial failed: the process")'
expect "no policy is in force" jq -e '.policy == null and .enforcing == false' "$AGENT_STATUS_FILE"
expect "no trial was begun" not on_trial
run status
says "status says so" "$OUT" 'The trial of the policy on disk failed: the process that watched over it was ended'

# --- another one is tried, and confirmed

policy 'trial = 300s' 'eth0 = loose' 'eth1 = loose'
wait_until "it is on trial" on_trial
becomes eth1 rp_filter 2
wait_until "it is not refused" refused_is '. == null'
run confirm
expect_status "confirm" 0
agent_wait_log 'The policy on trial is kept: it was confirmed'
wait_until "the trial ends" ended
OLD=$(rpfpolicy status --json | jq -r .accepted)
expect_equal "no trial failed" "$(failed '')" null

# --- a probe fails

policy "trial = 300s
probe = $PROBE" 'eth0 = strict' 'eth1 = loose'
agent_wait_log "values: $PROBE could be reached before"
becomes eth0 rp_filter 2
wait_until "it is refused" refused_is "startswith(\"its trial failed: $PROBE could\")"
expect_equal "the policy of before is in force" "$(rpfpolicy status --json | jq -r .accepted)" "$OLD"
expect "the peer can be reached again" answers
wait_until "the metrics say so" grep -qx 'rpfpolicy_agent_policy_refused 1' /run/rpfpolicy/agent.prom
FAILED=$(failed .hash)
kill -HUP "$AGENT_PID"
agent_stop

# --- the next agent goes on with the policy of before

echo 0 >"$CONF/eth0/rp_filter"
agent_start --accept
agent_wait_log "The policy on disk, $FAILED, is not accepted: its trial failed: $PROBE could be reached before"
becomes eth0 rp_filter 2
expect "no trial was begun" not on_trial
expect_equal "why is still known" "$(failed .why)" "$PROBE could be reached before, and cannot any more"
expect_equal "the policy of before is in force" "$(rpfpolicy status --json | jq -r .accepted)" "$OLD"
expect "a decision of the history tells" jq -se 'any(.[]; .decision.what == "rollback")' <(rpfpolicy status --json)

# --- somebody accepts it all the same

run accept --force
expect_status "accept" 0
becomes eth0 rp_filter 1
wait_until "it is not refused" refused_is '. == null'
expect_equal "no trial failed" "$(failed '')" null

# --- nobody confirms; the agent's guardian alone is killed

policy 'trial = 2s' 'eth0 = loose' 'eth1 = off'
agent_wait_log 'values: nobody confirmed it in time'
becomes eth1 rp_filter 2
policy 'trial = 300s' 'eth0 = loose' 'eth1 = off' 'eth2 = off'
agent_wait_log 'The policy on disk is accepted on trial for 300 s'
becomes eth1 rp_filter 0
for pid in $(guardians); do
    [ "$pid" = "$AGENT_PID" ] || kill -KILL "$pid"
done
agent_wait_log 'The process that watched over the policy on trial was ended'
becomes eth1 rp_filter 2
wait_until "it is refused" refused_is 'startswith("its trial failed")'
policy 'trial = 300s' 'eth0 = loose' 'eth1 = off' 'eth3 = off'
wait_until "without who begins trials it is refused" refused_is 'test("process that begins trials is gone")'

# --- kept by its own end

agent_stop
policy 'trial = 1s
trial-ends = keep' 'eth0 = loose' 'eth1 = off'
agent_start --accept
agent_wait_log 'The policy on trial is kept: its time passed'
becomes eth1 rp_filter 0
agent_stop
system_end
