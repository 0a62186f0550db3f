#!/bin/bash
# The file of pauses cannot be opened for a while, though nothing changes it: nothing is written as
# long as nobody knows what is paused, and when it can be opened again work goes on.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

export REFUSE_OPEN=/run/test/refuse
# A program built with the address sanitizer wants to be told that it does not come first.
# shellcheck disable=SC2034 # agent_start runs the agent by it
AGENT_RUNNER="env LD_PRELOAD=$SYSTEM_BUILD/tests/lib/refuse-open.so \
ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0"

[ -e "$SYSTEM_BUILD/tests/lib/refuse-open.so" ] || system_abort "refuse-open.so is not built"
add_device eth0
add_device eth1
accept_policy <<'END'
[agent]
mode = enforce
sweep = 1s
[rp_filter]
mark* = off
* = strict
END
# The directory that a running agent watches is there before it.
rpfpolicy pause eth1 --reason='stays paused' >/dev/null
agent_start
becomes eth0 rp_filter 1

echo /run/rpfpolicy-root/paused >"$REFUSE_OPEN"
touch /run/rpfpolicy-root/paused
sysctl -qw net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0
agent_wait_log '/run/rpfpolicy-root/paused cannot be used: Too many open files in system'
tried_often() {
    [ "$(grep -c refused "$REFUSE_OPEN")" -ge 4 ]
}
wait_until "it tries again" tried_often
expect_value eth0 rp_filter 0
expect_equal "but says so once" "$(log_count 'cannot be used')" 1
rm "$REFUSE_OPEN"
becomes eth0 rp_filter 1
expect_value eth1 rp_filter 0
agent_wait_log '/run/rpfpolicy-root/paused can be used again'
expect_equal "what was paused all the time is not told anew" "$(log_count 'Paused: eth1')" 1

# A link to nowhere is no file of pauses, nor is it none: commands refuse to work with it, too.
rm /run/rpfpolicy-root/paused
becomes eth1 rp_filter 1
ln -s /no/such/file /run/rpfpolicy-root/paused
agent_wait_log '/run/rpfpolicy-root/paused cannot be used: Too many levels of symbolic links'
agent_stop
system_end
