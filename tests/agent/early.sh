#!/bin/bash
# A device tells of its settings before its RTM_NEWLINK. Where the name alone decides it is put right
# by then; where it does not, nothing is written before more is known. A preloaded library keeps the
# messages of the link group from the agent, so that what is done was done without them.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

# preload LIBRARY: into the agents to come.
preload() {
    local library=$SYSTEM_BUILD/tests/lib/$1.so

    [ -e "$library" ] || system_abort "$library is not built"
    # A program built with the address sanitizer wants to be told that it does not come first.
    AGENT_RUNNER="env LD_PRELOAD=$library ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0"
}

sysctl -qw net.ipv4.conf.default.rp_filter=1
accept_policy <<'END'
[agent]
mode = enforce
sweep = 1d
[set bridges]
kind = bridge
[rp_filter]
default   = unmanaged
veth*     = off
@bridges  = loose
lxc*      = off
mark*     = off
tap*      = off, observe
@physical = loose
[log_martians]
lxc*      = yes
END
preload no-links
agent_start
before=$(agent_status .devices.total)

ip link add lxc1 type veth peer name pod1
becomes lxc1 rp_filter 0
ok "a name decides"
agent_caught_up
expect_value lxc1 log_martians 0
expect_value pod1 rp_filter 1
ok "only about what is known: rp_filter of lxc1"

ip link add veth1 type bridge
agent_caught_up
expect_value veth1 rp_filter 1
ok "a set that may hold the device comes first: nothing is written before its kind is known"

echo 2 >"$CONF/lxc1/rp_filter"
becomes lxc1 rp_filter 0
ok "who writes there before that message is answered, too"

same_as_before() {
    status_is .devices.total "$before"
}
ip link add wire1 type veth peer name pod2
ip link set dev wire1 name lxc2
becomes lxc2 rp_filter 0
ok "so it is under another name"
ip link delete lxc2

ip link delete lxc1
ip link delete veth1
wait_until "nothing is left of them" same_as_before
ok "a device that goes before it was announced is forgotten, as one that could not be made in the end"

ip link add veth2 type bridge
ip link add veth3 type veth peer name pod3
agent_caught_up
kill -HUP "$AGENT_PID" # reads everything
becomes veth2 rp_filter 2
becomes veth3 rp_filter 0
ok "when everything is read the rest follows"
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0

# --- the RTM_NEWLINK comes after all, but later than what somebody wrote meanwhile

preload late-links
agent_start
ip link add tap1 type bridge
wait_until "the wrong value of tap1 is seen" status_is .devices.drift 1
echo 0 >"$CONF/tap1/rp_filter"
agent_caught_up
wait_until "the newer value of tap1 counts, not that of its RTM_NEWLINK" status_is .devices.drift 0
agent_stop
expect_equal "that agent stopped cleanly, too" "$AGENT_STATUS" 0

# Where udev renames it is asked of /sys whether the device is on a bus: tests/agent/physical.sh.
system_end
