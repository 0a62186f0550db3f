#!/bin/bash
# Who may write when: without a policy, in observe mode, when an enforcing policy comes later,
# without privilege, and with the capability alone.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

policy() {
    cat <<POLICY
[agent]
mode = $1
[rp_filter]
lxc* = off
mark* = off
* = strict
POLICY
}

capabilities() {
    sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$AGENT_PID/status"
}

without_capabilities() {
    [ "$(capabilities)" = 0000000000000000 ]
}

add_device eth0
untouched=$(all_values)
agent_start
agent_wait_log 'No policy is accepted: nothing is written'
expect_equal "no policy, no writes" "$(all_values)" "$untouched"
expect_equal "status says that no policy is in force" "$(agent_status .policy)" null
expect "no policy, no capability" without_capabilities
agent_stop

accept_policy < <(policy observe)
agent_start
expect "the capability is dropped in observe mode" without_capabilities
echo 2 >"$CONF/eth0/rp_filter"
wait_until "drift is counted" status_is .devices.drift 1
expect_value eth0 rp_filter 2
expect_equal "observing" "$(rpfpolicy status --json | jq -r .agent.state)" observing
pid=$AGENT_PID
accept_policy < <(policy enforce)
becomes eth0 rp_filter 1
expect_equal "it is the same process" "$(agent_status .pid)" "$pid"
expect_equal "enforcing" "$(rpfpolicy status --json | jq -r .agent.state)" enforcing
accept_policy < <(policy observe)
wait_until "observing again" status_is .enforcing false
echo 2 >"$CONF/eth0/rp_filter"
wait_until "drift is counted" status_is .devices.drift 1
expect_value eth0 rp_filter 2
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0

accept_policy < <(policy enforce)
setpriv --reuid=65534 --regid=65534 --clear-groups "$AGENT" >/run/test/out 2>&1
expect_equal "without privilege it does not start" "$?" 1
expect_equal "and says so in one line" "$(wc -l </run/test/out)" 1
expect "which names the capability" grep -q CAP_NET_ADMIN /run/test/out

# refuses WHERE [OPTION…]: it cannot start, and says what file it could not have.
refuses() {
    "$AGENT" "${@:2}" >/run/test/out 2>&1
    expect_equal "without $1 it does not start" "$?" 1
    expect "and says so" grep -qE "^rpfpolicy-agent: $1: (Read-only file system|No such file)" \
        /run/test/out
}
mkdir -p /run/rpfpolicy /run/test/root
mount -t tmpfs -o ro tmpfs /run/rpfpolicy
refuses /run/rpfpolicy/agent
umount /run/rpfpolicy
mount -t tmpfs -o ro tmpfs /run/test/root
refuses /run/test/root/run/rpfpolicy --root=/run/test/root
umount /run/test/root
refuses /no/such/root --root=/no/such/root
refuses /no/such/root --sysctl-root=/no/such/root
refuses /no/such/net --proc-sys-net=/no/such/net
# As a unit gives them whose variables are empty.
agent_start --root= --sysctl-root=
agent_stop
expect_equal "with empty roots it starts, without any" "$AGENT_STATUS" 0

agent_start_as_user
becomes eth0 rp_filter 1
expect "the marker for the udev rule is there" test -e /run/rpfpolicy-agent/enforcing
expect_equal "it has one capability" "$(capabilities)" 0000000000001000
rpfpolicy apply >/dev/null 2>&1
add_device lxc1
becomes lxc1 rp_filter 0
echo 2 >"$CONF/all/rp_filter"
becomes all rp_filter 0
echo 2 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 1
expect "it can write its status" status_is .enforcing true
expect "what lxc1 had is on record" grep -q ' lxc1 ' /run/rpfpolicy/before
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
expect "the marker for the udev rule is gone" test ! -e /run/rpfpolicy-agent/enforcing

# Root records for itself, as udev's helper does at boot before systemd-tmpfiles made that user's directory.
rm -rf --one-file-system /run/rpfpolicy
add_device lxc3
echo 2 >"$CONF/lxc3/rp_filter"
rpfpolicy apply >/dev/null 2>&1
expect "root's record has what lxc3 had" grep -q '^rp_filter 2 .* lxc3 ' /run/rpfpolicy-root/before
agent_start_as_user
echo 2 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 1
expect "what eth0 had is on record" grep -q '^rp_filter 2 .* eth0 ' /run/rpfpolicy/before
expect "and still what lxc3 had" grep -q '^rp_filter 2 .* lxc3 ' /run/rpfpolicy-root/before
agent_stop

# Its user may make no directory in /run: when that of its state is removed it ends, for its unit to
# make it and to start it again.
agent_start_as_user
rm -rf --one-file-system /run/rpfpolicy
wait "$AGENT_PID"
expect_equal "without its directory it asks to be started again" "$?" 75
expect "and says why" grep -q '/run/rpfpolicy/agent was removed' "$AGENT_LOG"
expect "the marker for the udev rule is gone meanwhile" test ! -e /run/rpfpolicy-agent/enforcing
mkdir /run/rpfpolicy

# An observing one cannot get the capability back: it ends, and its unit starts it again.
accept_policy < <(policy observe)
agent_start_as_user
expect "the capability is dropped" without_capabilities
accept_policy < <(policy enforce)
wait "$AGENT_PID"
expect_equal "it asks to be started again" "$?" 75
expect "that is no stop" test ! -e /run/rpfpolicy-root/stand-back

system_end
