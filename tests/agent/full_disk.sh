#!/bin/bash
# A full /run keeps the agent from telling what it does, not from doing it; with room again it tells.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

fill() {
    for directory in /run/rpfpolicy /run/rpfpolicy-root; do
        cat /dev/zero >"$directory/fill" 2>/dev/null
        expect "$directory is full" eval "! echo more >$directory/more" 2>/dev/null
    done
}

policy() {
    accept_policy <<POLICY
[agent]
mode = enforce
[rp_filter]
lxc* = off
mark* = off
* = $1
POLICY
}

add_device eth0
policy strict
for directory in /run/rpfpolicy /run/rpfpolicy-root; do
    mkdir -p "$directory"
    mount -t tmpfs -o size=32k,mode=0755 tmpfs "$directory" || system_skip "no tmpfs here"
done
fill
agent_start
becomes eth0 rp_filter 1
ok "it starts"
agent_wait_log 'Status and metrics could not be written'
add_device lxc1
becomes lxc1 rp_filter 0
for _ in 1 2; do
    echo 2 >"$CONF/eth0/rp_filter"
    becomes eth0 rp_filter 1
done
policy loose
becomes eth0 rp_filter 2
agent_caught_up
expect_equal "that nobody can be told is said once" "$(log_count 'cannot be told')" 1
expect_equal "so is that there is no status" "$(log_count 'Status and metrics could not')" 1
wait_until "check works" everything_right
rpfpolicy pause eth0 --reason='no room' >/run/test/out 2>&1
expect_equal "a pause that cannot be kept is refused" "$?" 1

rm /run/rpfpolicy/fill /run/rpfpolicy-root/fill
add_device lxc2
becomes lxc2 rp_filter 0
wait_until "with room again there is a status" status_is .enforcing true
enforcing() {
    [ "$(rpfpolicy status --json | jq -r .agent.state)" = enforcing ]
}
wait_until "and it is told that the agent enforces" enforcing
fill
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
expect "and left word of it" test -e /run/rpfpolicy-root/stand-back
system_end
