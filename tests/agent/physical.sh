#!/bin/bash
# A device on a bus is judged by the name that udev gives it in the end, never by the kernel's: not
# when it appears, not by a plan for everything meanwhile, not by an agent that starts meanwhile.
# The real udevd renames; that the devices are on a bus is what a preloaded library tells the agent.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

PRELOAD=$SYSTEM_BUILD/tests/lib/bus-parent.so
[ -e "$PRELOAD" ] || system_abort "$PRELOAD is not built"
# A program built with the address sanitizer wants to be told that it does not come first.
# shellcheck disable=SC2034 # agent_start runs the agent by it
AGENT_RUNNER="env LD_PRELOAD=$PRELOAD ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0"

# udevd asks this program before it renames; it says so and waits.
mkfifo /run/test/held /run/test/go
cat >/run/test/hold <<'END'
#!/bin/sh
echo "$INTERFACE" >/run/test/held
read -r _ </run/test/go
END
chmod +x /run/test/hold
udev_rules 10-test.rules <<'END'
SUBSYSTEM=="net", ACTION=="add", KERNEL=="phys*", PROGRAM="/run/test/hold", NAME="eno%n"
END
system_start_udev_without_rule

# add_held NAME [ADDRESS]: a device that udevd has taken up and not finished with.
add_held() {
    ip link add "$1" ${2:+address "$2"} type veth peer name "peer${1#phys}"
    read -r <>/run/test/held
    expect_equal "udev is at $1" "$REPLY" "$1"
}

go() {
    echo >/run/test/go
}

accept_policy <<'END'
[agent]
mode = enforce
[rp_filter]
phys* = off
eno* = loose
mark* = off
* = strict
[log_martians]
@physical = yes
* = no
END
agent_start
becomes default rp_filter 1

# --- one that is on no bus has its value at once: so the hold is no obstacle by itself

add_held phys1
becomes phys1 rp_filter 0
go
becomes eno1 rp_filter 2
expect_value eno1 log_martians 0

# --- one on a bus

add_held phys2 02:50:48:00:00:02
agent_caught_up
expect_value phys2 rp_filter 1
expect_value phys2 log_martians 0
echo 0 >"$CONF/default/rp_filter"
becomes default rp_filter 1
agent_caught_up
expect_value phys2 rp_filter 1
ok "a plan for everything leaves it alone, too"
echo 2 >"$CONF/all/rp_filter"
becomes all rp_filter 0
agent_caught_up
expect_effective phys2 1
ok "and so does one that puts all back"
go
becomes eno2 rp_filter 2
becomes eno2 log_martians 1
ok "it is judged by the name that udev gave it"

# --- an agent that starts meanwhile, and has to put default right first

agent_stop
sysctl -qw net.ipv4.conf.default.rp_filter=1
add_held phys3 02:50:48:00:00:03
sysctl -qw net.ipv4.conf.default.rp_filter=0
by_kernel_name='phys[23]: .*/10-test.conf:4'
expect "phys2 was never judged by that name" not grep -q "$by_kernel_name" "$AGENT_LOG"
agent_start
becomes default rp_filter 1
agent_caught_up
expect_value phys3 rp_filter 1
go
becomes eno3 rp_filter 2
expect "nor phys3" not grep -q "$by_kernel_name" "$AGENT_LOG"

# --- one that udev has finished with long ago is put right at the start

agent_stop
sysctl -qw net.ipv4.conf.eno3.rp_filter=1
agent_start
becomes eno3 rp_filter 2
all_right() {
    # shellcheck disable=SC2086 # a command and its arguments
    $AGENT_RUNNER "$SYSTEM_BUILD/agent/cli/rpfpolicy" check >/run/test/check.out 2>&1
}
wait_until "all right" all_right
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
system_end
