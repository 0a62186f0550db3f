#!/bin/bash
# Somebody moves `all` or `default`, and root's programs put it right: apply, the hook, a trial that is
# taken back, restore, an agent that starts. Devices without a rule are again what they were before, by
# root's own record, whatever an agent claims; also beside another writer in a loop.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"
AGENT_LOG=/run/test/agent.log
: >"$AGENT_LOG"

set_value() {
    echo "$3" >"$CONF/$1/$2"
}

values() {
    all_values | grep '/rp_filter:'
}

apply() {
    rpfpolicy apply "$@" >/run/test/apply.out 2>&1 </dev/null
    APPLY_STATUS=$?
    [ "$APPLY_STATUS" = 0 ] || sed 's/^/    /' /run/test/apply.out >&2
}

# as_before TEXT
as_before() {
    expect_equal "$1: every value is what it was" "$(values)" "$BEFORE"
}

# hook DEVICE: what udev runs when it appears.
hook() {
    ACTION=add INTERFACE=$1 IFINDEX=$(cat "/sys/class/net/$1/ifindex") \
        "$SYSTEM_BUILD/agent/helper/rpfpolicy-helper"
}

kill_trial() {
    kill "$TRIAL"
}

# trial_ends COMMAND…: apply --confirm of a policy with one more rule waits, then the command ends it.
# Another writer moves `all` once more meanwhile.
trial_ends() {
    policy_file 20-trial.conf <<<$'[rp_filter]\ntrial* = loose'
    rpfpolicy apply --confirm=300s >/run/test/trial.out 2>&1 </dev/null &
    TRIAL=$!
    wait_until "the trial waits" grep -q 'rpfpolicy confirm' /run/test/trial.out
    set_value all rp_filter 2
    "$@" >/run/test/confirm.out 2>&1
    wait "$TRIAL"
    rm /etc/rpfpolicy.d/20-trial.conf
}

for device in eth0 plain0 plain1 numbered0 trial0; do
    add_device "$device"
done
ip address add 192.0.2.1/24 dev numbered0
set_value all rp_filter 0
set_value plain1 rp_filter 1
policy_file 10-test.conf <<'POLICY'
[agent]
mode = enforce
[rp_filter]
eth* = strict
default = off
all = off
POLICY
ORIGINAL=$(values)
apply
expect_equal "apply succeeds" "$APPLY_STATUS" 0
add_device late0 # of which root knows nothing
BEFORE=$(values)

# --- an agent that starts afterwards

set_value all rp_filter 2
agent_start
becomes all rp_filter 0
as_before "the first agent was started"
agent_stop KILL # one that is told to stop tells the hook to stand back

# --- nobody repairs, and root applies once more

set_value all rp_filter 2
expect_equal "plan speaks of all alone" "$(rpfpolicy plan --json | jq -c '[.writes[].name]')" '["all"]'
apply
as_before "all was moved"
set_value default rp_filter 2
apply
as_before "default was moved, with devices that followed"
set_value default rp_filter 2
set_value all rp_filter 1
apply
as_before "both were moved"
set_value all rp_filter 2
add_device eth9
hook eth9
expect_value eth9 rp_filter 1
ip link delete eth9
as_before "the hook put a device right"
set_value all rp_filter 2
rpfpolicy accept --force >/run/test/accept.out 2>&1
apply
as_before "the policy was accepted while all was moved"

# --- a trial

set_value all rp_filter 2
BEFORE_TRIAL=$BEFORE
trial_ends kill_trial
expect "the trial is taken back" grep -q 'put back' /run/test/trial.out
apply
as_before "the trial was taken back"
set_value all rp_filter 2
trial_ends rpfpolicy confirm
expect_value trial0 rp_filter 2
BEFORE=${BEFORE_TRIAL/trial0\/rp_filter:0/trial0/rp_filter:2}
apply # without the rule of the trial
as_before "the trial was confirmed"
set_value trial0 rp_filter 0
BEFORE=$BEFORE_TRIAL

# --- restore: what others moved meanwhile stays, and is not what devices become

ip link delete late0
set_value all rp_filter 2
set_value default rp_filter 2
rpfpolicy restore >/run/test/restore.out 2>&1
expect_value all rp_filter 2
set_value all rp_filter 0
set_value default rp_filter 0
expect_equal "restore: every value is what it was at first" "$(values)" "$ORIGINAL"
rpfpolicy resume >/run/test/out 2>&1
add_device late0
apply
as_before "apply after restore"

# --- beside an agent of a user of its own, which is started while all is moved, and claims what it likes

claim() {
    echo "rp_filter 2 2 $1 $2 2" >>/run/rpfpolicy/before
}

set_value all rp_filter 2
agent_start_as_user
becomes all rp_filter 0
as_before "the agent was started"
hostile_start "$CONF/all/rp_filter" 2
HOSTILE_ALL=$HOSTILE_PID
hostile_start "$CONF/default/rp_filter" 2
wait_until "all is marked" status_is '[.conflicts[].device] | index("all") != null' true
for _ in $(seq 10); do
    apply
    claim -1 all
    claim -2 default
    add_device eth9
    hook eth9
    ip link delete eth9
done
hostile_stop
HOSTILE_PID=$HOSTILE_ALL
hostile_stop
becomes all rp_filter 0
becomes default rp_filter 0
as_before "all and default were moved again and again"
expect "check agrees" everything_right
agent_stop

# --- what may stay is the state from then on

policy_file 10-test.conf <<'POLICY'
[agent]
mode = enforce
[rp_filter]
eth* = strict
POLICY
apply
set_value all rp_filter 1
apply
BEFORE=$(values)
set_value all rp_filter 2
apply
as_before "all is what somebody may write"
rpfpolicy pause all --reason=test >/run/test/out 2>&1
set_value all rp_filter 2
rpfpolicy resume all >/run/test/out 2>&1
apply
expect_value all rp_filter 1
expect_effective plain0 2
ok "what is written during a pause counts"
system_end
