#!/bin/bash
# A pause across the real udev hook, the agent, and the agent's restart; and how each of them says so.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

# --- the hook

system_start_udev
accept_policy <<'END'
[agent]
mode = enforce
metrics-file = /run/test/metrics
[rp_filter]
mark* = off
* = strict
END
sysctl -qw net.ipv4.conf.default.rp_filter=0
add_device eth0
system_settle
expect_value eth0 rp_filter 1
rpfpolicy pause 'lxc*' --reason='the hook, too' >/dev/null
sysctl -qw net.ipv4.conf.default.rp_filter=0
add_device lxc1
add_device eth1
add_device "x'y*"
add_device $'a\\b\xff'
system_settle
expect_value lxc1 rp_filter 0
expect_value eth1 rp_filter 1
rpfpolicy resume >/dev/null
sysctl -qw net.ipv4.conf.default.rp_filter=0
add_device lxc2
system_settle
expect_value lxc2 rp_filter 1

# --- the agent

agent_start --verbose
becomes lxc1 rp_filter 1
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
becomes eth0 rp_filter 1
agent_wait_log 'To hold it: rpfpolicy pause --reason=TEXT eth0'
command=$(sed -n 's/.*To hold it: \(rpfpolicy pause .* eth0\)$/\1/p' "$AGENT_LOG" | head -1)
expect "the command of the log works as it is printed" eval "$command" >/dev/null
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
sysctl -qw net.ipv4.conf.eth1.rp_filter=0
becomes eth1 rp_filter 1
agent_caught_up
expect_value eth0 rp_filter 0
agent_wait_log 'Paused: eth0, until the next boot, by root: TEXT'
wait_until "status shows the pause" jq -e '.devices.paused == 1 and (.pauses | length) == 1 and
    .pauses[0].devices == "eth0"' "$STATUS" >/dev/null
wait_until "metrics show the pause" grep -q '^rpfpolicy_agent_paused 1$' /run/test/metrics
wait_until "metrics count the device" \
    grep -q '^rpfpolicy_agent_devices{state="paused"} 1$' /run/test/metrics

agent_stop
agent_start --verbose
agent_caught_up
expect_value eth0 rp_filter 0
rpfpolicy resume eth0 >/dev/null
becomes eth0 rp_filter 1
agent_wait_log 'Resumed: eth0, was paused by root: TEXT'

echo 0 >"$CONF/x'y*/rp_filter"
becomes "x'y*" rp_filter 1
command=$(sed -n 's/.*To hold it: \(rpfpolicy pause .*\)$/\1/p' "$AGENT_LOG" | tail -1)
expect "so does that of a name with quotes" eval "$command" >/dev/null
agent_wait_log "Paused: x'y*, until the next boot, by root: TEXT"
rpfpolicy resume >/dev/null
echo 0 >"$CONF"/$'a\\b\xff/rp_filter'
becomes $'a\\b\xff' rp_filter 1
command=$(sed -n 's/.*To hold it: \(rpfpolicy pause .*\)$/\1/p' "$AGENT_LOG" | tail -1)
expect "so does that of a name with odd bytes" eval "$command" >/dev/null
agent_wait_log 'Paused: a\x5Cb\xFF, until the next boot, by root: TEXT'
wait_until "and it is that device that is paused" jq -e '.devices.paused == 1' "$STATUS" >/dev/null
rpfpolicy resume >/dev/null

# --- everything, `all` and `default`; and a time

rpfpolicy pause --reason='for now' --for=1h >/dev/null
sysctl -qw net.ipv4.conf.all.rp_filter=2
sysctl -qw net.ipv4.conf.default.rp_filter=0
add_device eth2
expect_value all rp_filter 2
rpfpolicy pause --reason='for a moment' --for=1s >/dev/null
becomes all rp_filter 0
becomes eth2 rp_filter 1
becomes default rp_filter 1
agent_wait_log 'The time of a pause is up: everything, was paused by root: for a moment'

# --- `all` alone, also where it stands in the way of rules: `default` is kept right

rpfpolicy pause all --reason='all alone' >/dev/null
agent_wait_log 'Paused: all, until the next boot, by root: all alone'
sysctl -qw net.ipv4.conf.all.rp_filter=1
sysctl -qw net.ipv4.conf.default.rp_filter=2
becomes default rp_filter 1
expect_value all rp_filter 1
rpfpolicy resume >/dev/null
becomes all rp_filter 0

# --- a damaged file: nobody knows what is paused, so nothing is written, also after a start

untouched() {
    expect_value eth0 rp_filter 0
    expect_value mark rp_filter 1
    expect_value default rp_filter 0
}
rpfpolicy pause eth0 --reason=stays >/dev/null
agent_wait_log 'Paused: eth0, until the next boot, by root: stays'
echo garbage >/run/rpfpolicy-root/paused
agent_wait_log 'as long as it is there nothing is written anywhere'
add_device mark
sysctl -qw net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.default.rp_filter=0
agent_looked_again
untouched
agent_stop
agent_start
untouched
rm /run/rpfpolicy-root/paused
becomes eth0 rp_filter 1
becomes mark rp_filter 0
becomes default rp_filter 1
ip link delete mark

# --- a pause whose file is not seen to change, since its directory was removed

accept_policy <<'END'
[agent]
mode = enforce
sweep = 1s
[rp_filter]
mark* = off
* = strict
END
rm -rf --one-file-system /run/rpfpolicy
rpfpolicy pause eth0 --reason='not seen' >/dev/null
agent_wait_log 'Paused: eth0, until the next boot, by root: not seen'
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
rpfpolicy resume >/dev/null
becomes eth0 rp_filter 1
agent_stop
agent_start

# --- restore: a running agent undoes nothing of it

rpfpolicy restore >/dev/null 2>&1
expect_value eth0 rp_filter 0
agent_wait_log 'Paused: everything, until the next boot, by root: restored'
wait_until "status has everything paused" jq -e '.devices.drift == 0 and .devices.ok == 0' "$STATUS" \
    >/dev/null
expect_value eth0 rp_filter 0
rpfpolicy resume >/dev/null
becomes eth0 rp_filter 1

# --- an apply that nobody confirms: the agent takes the new policy, and the one before again

cp /var/lib/rpfpolicy/accepted.conf /run/test/accepted
policy_file 10-test.conf <<'END'
[agent]
mode = enforce
[rp_filter]
mark* = off
* = loose
END
rpfpolicy apply --confirm=3s >/dev/null 2>/run/test/apply.err </dev/null &
wait_until "apply waits" grep -q 'rpfpolicy confirm' /run/test/apply.err
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
becomes eth0 rp_filter 2
wait "$!"
expect "the policy before is accepted again" \
    cmp /var/lib/rpfpolicy/accepted.conf /run/test/accepted
becomes eth0 rp_filter 1
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
becomes eth0 rp_filter 1
agent_stop
system_end
