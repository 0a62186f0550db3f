#!/bin/bash
# Somebody removes the directory of the state, or the lock, under a running agent: it comes back with new
# ones, so that commands find it, pauses are heeded, and nothing is written while others hold the lock.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

# started TIMES: the agent, in all.
started() {
    [ "$(log_count 'Started: ')" = "$1" ]
}

# agent_is STATE: what commands are told.
agent_is() {
    [ "$(rpfpolicy status --json | jq -r .agent.state)" = "$1" ]
}

policy() {
    accept_policy <<END
[agent]
mode = $1
sweep = $2
[rp_filter]
mark* = off
* = strict
END
}

add_device eth0
policy enforce 1h
agent_start
wait_until "commands see it" agent_is enforcing

rm -rf --one-file-system /run/rpfpolicy
agent_wait_log '/run/rpfpolicy/agent was removed'
wait_until "it comes back" started 2
wait_until "commands see it again" agent_is enforcing
"$AGENT" >/run/test/second 2>&1
expect_equal "there is no second one" "$?" 1
rpfpolicy pause eth0 --reason='in the new directory' >/dev/null
agent_wait_log 'Paused: eth0'
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
agent_caught_up
expect_value eth0 rp_filter 0
rpfpolicy resume >/dev/null
becomes eth0 rp_filter 1

# The lock is beside that directory; who holds a new one is not disturbed.
rm /run/rpfpolicy.lock
exec 9>/run/rpfpolicy.lock
flock 9
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
agent_wait_log '/run/rpfpolicy.lock was removed'
wait_until "it comes back for that, too" started 3
expect_value eth0 rp_filter 0
exec 9>&-
becomes eth0 rp_filter 1

# An observing one writes nothing under the lock, but looks in its sweep.
policy observe 1s
wait_until "it observes" status_is .enforcing false
rm /run/rpfpolicy.lock
wait_until "it comes back in the sweep" started 4

# What is in the way of the word that it stopped does not hold it up.
mkfifo /run/rpfpolicy-root/stand-back
agent_stop
expect_equal "it stopped cleanly" "$AGENT_STATUS" 0
system_end
