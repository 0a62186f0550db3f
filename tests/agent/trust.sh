#!/bin/bash
# Trust runs one way: what the agent's user puts into the directories that it may write tells, and orders
# nothing. What commands, helper and agent obey is root's, and the agent reads it there.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

ORDERS=/run/rpfpolicy-root
helper=$SYSTEM_BUILD/agent/helper/rpfpolicy-helper

# hook DEVICE: the helper, as udev runs it for a device that was added.
hook() {
    env -i ACTION=add INTERFACE="$1" IFINDEX="$(cat "/sys/class/net/$1/ifindex")" "$helper" \
        >/run/test/hook 2>&1
}

user_cannot() {
    ! "${AGENT_AS_USER[@]}" "$@" 2>/dev/null
}

agent_state_is() {
    [ "$(rpfpolicy status --json | jq -r .agent.state)" = "$1" ]
}

add_device eth0
accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
mark* = off
* = strict
POLICY
agent_start_as_user
agent_wait_log 'Started: '

# --- who may write where

expect_equal "what is obeyed is in a directory of root's" "$(stat -c %u:%g:%a "$ORDERS")" 0:0:755
expect "in which the agent's user can put nothing" user_cannot touch "$ORDERS/paused"
expect "nor a directory" user_cannot mkdir "$ORDERS/new"
rpfpolicy pause eth0 --reason=root >/dev/null 2>&1
agent_wait_log 'Paused: eth0'
ok "the agent obeys a pause of root's, at once"
expect_equal "whose file is root's" "$(stat -c %u:%g:%a "$ORDERS/paused")" 0:0:644
for command in 'rm -f' 'truncate -s 0' 'ln -sf /dev/null'; do
    # shellcheck disable=SC2086 # words
    expect "on which its user cannot do '$command'" user_cannot $command "$ORDERS/paused"
done
expect "nor by a rename" user_cannot mv "$ORDERS/paused" /run/rpfpolicy/paused
echo 2 >"$CONF/eth0/rp_filter"
agent_caught_up
expect_value eth0 rp_filter 2
rpfpolicy resume >/dev/null 2>&1
becomes eth0 rp_filter 1

# --- what its user makes up is not obeyed

rpfpolicy pause --reason=root >/dev/null 2>&1
cp "$ORDERS/paused" /run/test/paused
rpfpolicy resume >/dev/null 2>&1
for name in paused stand-back confirm flushed accepted.conf; do
    "${AGENT_AS_USER[@]}" cp /run/test/paused "/run/rpfpolicy/$name"
done
echo 2 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 1
ok "a pause that its user made up holds up no agent"
agent_stop KILL
echo 2 >"$CONF/eth0/rp_filter"
rpfpolicy check --json >/run/test/check
expect_equal "nor is it shown" "$(jq '.pauses | length' /run/test/check)" 0
hook eth0
expect_value eth0 rp_filter 1
ok "the helper neither pauses nor stands back for it"
expect "the agent that was killed was not stopped" agent_state_is absent
echo 2 >"$CONF/eth0/rp_filter"
rpfpolicy apply >/run/test/out 2>&1
expect_equal "apply neither pauses for it nor awaits a confirmation" "$?" 0
expect_value eth0 rp_filter 1

# A flush of root's is not taken for done because the agent's user says so.
ip link set eth0 up
echo 0 >"$CONF/eth0/rp_filter"
rm -f "$ORDERS/flushed"
printf '%020d\n' "$(($(cut -d. -f1 /proc/uptime) * 1000000))" >/run/test/now
"${AGENT_AS_USER[@]}" cp /run/test/now /run/rpfpolicy/flushed
rpfpolicy apply --json >/run/test/out 2>/run/test/err
expect_equal "root's flush is its own" "$(jq .summary.flushed /run/test/out)" true
expect "of which root's directory tells" test -s "$ORDERS/flushed"

# --- a stop on purpose is told by the unit, with root's rights

agent_start_as_user
agent_wait_log 'Started: '
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
expect "which its user cannot tell" agent_state_is absent
EXIT_CODE=killed EXIT_STATUS=KILL "$helper" --after-agent
expect "a crash is no stop" agent_state_is absent
EXIT_CODE=exited EXIT_STATUS=75 "$helper" --after-agent
expect "nor is the end of one that is followed by another" agent_state_is absent
"$helper" --after-agent
expect "nor what systemd says nothing of" agent_state_is absent
EXIT_CODE=exited EXIT_STATUS=0 "$helper" --after-agent
expect "a stop on purpose is" agent_state_is stopped
expect "which its user cannot take back" user_cannot rm -f "$ORDERS/stand-back"
echo 2 >"$CONF/eth0/rp_filter"
hook eth0
expect_value eth0 rp_filter 2
ok "the helper stands back"
"$helper" --before-agent
expect "the next start takes it back" agent_state_is absent
hook eth0
expect_value eth0 rp_filter 1
system_end
