#!/bin/bash
# What another policy makes wrong is nobody's doing, however late it is put right: after the lock was held
# by somebody else, after a pause. A device, and `default`.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

policy() {
    cat <<END
[agent]
mode = enforce
sweep = 1d
[rp_filter]
all     = unmanaged
default = $1
eth*    = $1
END
}

# take_policy VALUE: what `rpfpolicy accept` does, without the lock.
take_policy() {
    local hash

    hash=$(agent_status .policy.hash)
    cp "/run/test/accepted-$1" /var/lib/rpfpolicy/new
    mv /var/lib/rpfpolicy/new /var/lib/rpfpolicy/accepted.conf
    wait_until "the policy is in force" status_is ".policy.hash != \"$hash\"" true
}

# three_writes DEVICE WRONG RIGHT: it takes three repairs of what somebody wrote to name a writer.
three_writes() {
    for _ in 1 2; do
        echo "$2" >"$CONF/$1/rp_filter"
        becomes "$1" rp_filter "$3"
    done
    agent_looked_again
    expect "$1: no writer is named after two" status_is '.conflicts | length' 0
    echo "$2" >"$CONF/$1/rp_filter"
    becomes "$1" rp_filter "$3"
    wait_until "$1: one is after three" status_is '.conflicts | length' 1
}

# both_become VALUE
both_become() {
    becomes eth0 rp_filter "$1"
    becomes default rp_filter "$1"
}

# with_lock_held POLICY BEFORE AFTER: the values
with_lock_held() {
    exec 9>>/run/rpfpolicy.lock
    flock 9
    take_policy "$1"
    expect_value eth0 rp_filter "$2"
    exec 9>&-
    both_become "$3"
}

with_pause() {
    rpfpolicy pause --reason=test >/dev/null
    take_policy "$1"
    expect_value eth0 rp_filter "$2"
    rpfpolicy resume >/dev/null
    both_become "$3"
}

add_device eth0
for value in loose strict; do
    accept_policy < <(policy "$value")
    cp /var/lib/rpfpolicy/accepted.conf "/run/test/accepted-$value"
done
agent_start
both_become 1
with_lock_held loose 1 2
three_writes eth0 1 2
with_lock_held strict 2 1
three_writes default 2 1
with_pause loose 1 2
three_writes eth0 1 2
with_pause strict 2 1
three_writes default 2 1
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
system_end
