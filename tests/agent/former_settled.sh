#!/bin/bash
# What root's record of former values takes for settled, and what not: one of `all` and `default` while the
# other is put right, what a trial let stay, what another policy lets stay, a policy in force that cannot be
# read, and what root saw after it wrote.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"
AGENT_LOG=/run/test/agent.log
: >"$AGENT_LOG"

set_value() {
    echo "$2" >"$CONF/$1/rp_filter"
}

apply() {
    rpfpolicy apply "$@" >/run/test/apply.out 2>&1 </dev/null
}

# policy MODE VALUE
policy() {
    policy_file 10-test.conf <<<$'[agent]\nmode = '"$1"$'\n[rp_filter]\neth* = '"$2"$'\ndefault = off'
}

# begin: everything is 0, and root has seen it.
begin() {
    local device

    for device in all default eth0 plain0 plain1; do set_value "$device" 0; done
    rm -f /run/rpfpolicy-root/former /run/rpfpolicy-root/before
    policy enforce strict
    apply
}

# expect_values TEXT ALL PLAIN
expect_values() {
    local device

    for device in "all $2" "plain0 $3" "plain1 $3"; do
        expect_equal "$1: ${device% *}" "$(value "${device% *}" rp_filter)" "${device#* }"
    done
}

for device in eth0 plain0 plain1; do add_device "$device"; done

begin
set_value all 1
set_value default 2
apply
set_value all 2
apply
expect_values "all was settled while default was put right" 1 0

begin
set_value all 2
policy enforce loose
rpfpolicy apply --confirm=300s >/run/test/trial.out 2>&1 </dev/null &
trial=$!
wait_until "the trial waits" grep -q 'rpfpolicy confirm' /run/test/trial.out
kill "$trial"
wait "$trial"
policy enforce strict
apply
expect_values "a trial let it stay, and was taken back" 0 0

begin
set_value all 2
policy observe strict
apply --once
expect_values "a policy that only observes was carried out once" 0 0

begin
set_value all 2
echo garbage >/var/lib/rpfpolicy/accepted.conf
apply
expect_values "the policy in force could not be read" 0 0

begin
set_value all 2
apply
set_value all 1
apply
set_value all 2
agent_start
becomes all rp_filter 1
agent_caught_up
expect_values "an agent starts after root saw another value than it had written" 1 0
agent_stop
system_end
