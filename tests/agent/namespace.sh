#!/bin/bash
# A network namespace of somebody else: its devices, its own state, neither sysctl.d nor udev of the
# host; and no link that the agent's user may leave leads root elsewhere.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

inside() {
    ip netns exec other "$@"
}

command_inside() {
    inside "$SYSTEM_BUILD/agent/cli/rpfpolicy" "$@" >/run/test/out 2>&1
}

foreign_is() {
    [ "$(inside cat "/proc/sys/net/ipv4/conf/$1/rp_filter")" = "$2" ]
}

# What an agent of root's does from its start to its end, or till it ends by itself.
agent_life_inside() {
    agent_run_inside
    wait_until "an agent starts or ends" started_or_ended
    kill "$AGENT_PID" 2>/dev/null
    wait "$AGENT_PID"
}

started_or_ended() {
    grep -q 'Started: ' "$AGENT_LOG" || ! kill -0 "$AGENT_PID" 2>/dev/null
}

user_cannot() {
    ! "${AGENT_AS_USER[@]}" "$@" 2>/dev/null
}

# agent_run_inside: not by a function, whose shell would be the process that is ended.
agent_run_inside() {
    : >"$AGENT_LOG"
    ip netns exec other "$AGENT" --verbose 2>>"$AGENT_LOG" &
    AGENT_PID=$!
}

policy_file 10-test.conf <<'POLICY'
[agent]
mode = enforce
[rp_filter]
lxc* = off
* = strict
POLICY
sysctl_d 50-host.conf <<'CONF'
net.ipv4.conf.*.rp_filter = 2
CONF
add_device eth0
before=$(all_values)
ip netns add other || system_abort "no namespace"
inside ip link add name lxc7 type bridge
inside sh -c 'echo 2 >/proc/sys/net/ipv4/conf/lxc7/rp_filter'
inode=$(inside stat -Lc %i /proc/self/ns/net)
state=/run/rpfpolicy-netns/$inode
orders=/run/rpfpolicy-root/$inode
install -d -o 1234 -g 1234 /run/rpfpolicy

# With the capability alone it can make no directory for its state.
expect "there is such a user" "${AGENT_AS_USER[@]}" true
inside timeout 10 "${AGENT_AS_USER[@]}" "$AGENT" >/run/test/out 2>&1
expect_equal "without a directory it does not start" "$?" 1
expect_equal "and says what root is to run first, and no more" "$(cat /run/test/out)" \
    "rpfpolicy-agent: $state is not there, and only root can make it: run 'rpfpolicy accept' as \
root in this network namespace first"
install -d /run/rpfpolicy-netns
inside timeout 10 "${AGENT_AS_USER[@]}" "$AGENT" >/run/test/out 2>&1
expect_equal "nor where root made the one above it" "$?" 1
expect "and says the same" grep -q "^rpfpolicy-agent: $state is not there" /run/test/out
rmdir /run/rpfpolicy-netns

# A link where that user may put one is not followed.
mkdir /run/test/elsewhere
"${AGENT_AS_USER[@]}" ln -s /run/test/elsewhere "/run/rpfpolicy/netns-$inode"
expect "the policy is accepted" command_inside accept
expect_equal "nothing went where a link of the user leads" "$(ls /run/test/elsewhere)" ""
expect_equal "the state has a directory of its own" "$(stat -c %u:%g:%a "$state")" 1234:1234:755
expect_equal "the one above it is root's" "$(stat -c %u:%g:%a /run/rpfpolicy-netns)" 0:0:755
expect "what was accepted is elsewhere" test -f "$orders/accepted.conf"
expect_equal "in a directory of root's" "$(stat -c %u:%g:%a "$orders")" 0:0:755
expect "where that user can put nothing" user_cannot touch "$orders/paused"
expect "and from where it can take nothing" user_cannot rm "$orders/accepted.conf"
expect "that user can put no link there" user_cannot ln -s /run/test/elsewhere /run/rpfpolicy-netns/1
expect "and cannot move what is there" user_cannot mv "$state" "$state.moved"

# Should there be something else, it stays as it is.
for command in 'ln -s /run/test/elsewhere' touch; do
    rm -rf --one-file-system "$state" "$orders"
    $command "$state"
    command_inside accept
    expect_equal "where '$command' made it, root still accepts" "$?" 0
    command_inside apply
    expect_equal "and applies" "$?" 0
    inside sh -c 'echo 2 >/proc/sys/net/ipv4/conf/lxc7/rp_filter'
done
expect_equal "nothing went there" "$(ls /run/test/elsewhere)" ""

# Whose the lock is that was made while the directory was root's.
rm -rf --one-file-system "$state" "$orders"
chown 0:0 /run/rpfpolicy
command_inside apply
expect_equal "what root made for itself is root's" "$(stat -c %u "$orders/rpfpolicy.lock")" 0
chown 1234:1234 /run/rpfpolicy
inside timeout 10 "${AGENT_AS_USER[@]}" "$AGENT" >/run/test/out 2>&1
expect_equal "with which no other user's agent starts" "$?" 1
expect_equal "and says what helps" "$(cat /run/test/out)" \
    "rpfpolicy-agent: $orders/rpfpolicy.lock cannot be had by this user: run 'rpfpolicy accept' as \
root in this network namespace first"
command_inside accept
expect_equal "the lock goes with its directory" "$(stat -c %u "$orders/rpfpolicy.lock")" 1234
rm -f "$orders/rpfpolicy.lock"
command_inside apply
expect_equal "and a new one is given, too" "$(stat -c %u "$orders/rpfpolicy.lock")" 1234
expect "in whose place it can put no other" user_cannot rm -f "$orders/rpfpolicy.lock"

# Each file there may be a link that this user made.
victim=/run/test/victim
for name in {before,status.json}{,.new} flushed{,.pending} agent accepted.conf paused stand-back \
    confirm rpfpolicy.lock; do
    echo root >$victim
    rm -rf --one-file-system "$state" "$orders"
    command_inside accept
    for target in $victim /run/test/elsewhere/made; do
        "${AGENT_AS_USER[@]}" ln -sfn "$target" "$state/$name"
        inside sh -c 'echo 2 >/proc/sys/net/ipv4/conf/lxc7/rp_filter'
        for words in accept 'apply --force' 'pause --reason=test' resume 'apply --force --confirm=1s' restore; do
            # shellcheck disable=SC2086 # words
            command_inside $words
        done
        agent_life_inside
    done
    expect_equal "$name: what it leads to is as it was" "$(stat -c %u:%s $victim)" 0:5
    expect_equal "$name: nothing was made by it" "$(ls /run/test/elsewhere)" ""
    rm -f /run/test/elsewhere/made
done

# Nor is what that user puts into its own directory obeyed.
rm -rf --one-file-system "$state" "$orders"
command_inside accept
"${AGENT_AS_USER[@]}" touch "$state/stand-back" "$state/paused" "$state/confirm"
inside sh -c 'echo 2 >/proc/sys/net/ipv4/conf/lxc7/rp_filter'
command_inside status
expect "nobody was stopped on purpose" not grep -q 'stopped on purpose' /run/test/out
expect "nothing is paused" not grep -q -i paused /run/test/out
expect "nothing awaits a confirmation" command_inside apply
expect "what is to be written is" foreign_is lxc7 0

# An agent of root's.
rm -rf --one-file-system "$state" "$orders"
inside sh -c 'echo 2 >/proc/sys/net/ipv4/conf/lxc7/rp_filter'
command_inside accept
agent_run_inside
agent_wait_log 'Started: '
wait_until "lxc7 is off" foreign_is lxc7 0
inside ip link add name eth7 type bridge
wait_until "eth7 is strict" foreign_is eth7 1
expect "state of its own" test -e "$state/status.json"
expect_equal "nothing outside is touched" "$(all_values)" "$before"
# shellcheck disable=SC2034 # agent_status reads it
STATUS=$state/status.json
expect "it says what it does" status_is .enforcing true
agent_stop
expect "its stop is its own" test -e "$orders/stand-back" -a ! -e /run/rpfpolicy-root/stand-back

# The same with the capability alone, in a directory that a command of root has made before.
rm -rf --one-file-system "$state" "$orders"
command_inside accept
agent_start_as_user ip netns exec other
inside sh -c 'echo 2 >/proc/sys/net/ipv4/conf/lxc7/rp_filter'
wait_until "lxc7 is off" foreign_is lxc7 0
wait_until "it says so in its own state" status_is .enforcing true
expect "no word to udev, which is another namespace's" test ! -e /run/rpfpolicy-agent/enforcing
inside setpriv --reuid=65534 --regid=65534 --clear-groups \
    "$SYSTEM_BUILD/agent/cli/rpfpolicy" check --json >/run/test/out
expect_equal "check without privilege sees that agent" "$(jq -r .agent.state /run/test/out)" enforcing
expect_equal "and no line of the host" \
    "$(jq '[.devices[].keys[] | select(.inherited == 2)] | length' /run/test/out)" 0
expect_equal "nothing outside is touched by that one" "$(all_values)" "$before"
agent_stop

# Deleted under a running agent: it ends, so that the namespace can go. While it has another name it stays.
has_ended() {
    ! kill -0 "$AGENT_PID" 2>/dev/null
}
has_no_device() {
    ! ip link show "$1" >/dev/null 2>&1
}
# delete_under COMMAND…: an agent, and the end of a cable that goes with the namespace.
delete_under() {
    ip link add outside type veth peer name inside netns other
    command_inside accept
    agent_start_as_user "$@"
    ip netns attach another "$AGENT_PID"
    ip netns delete other
    ip netns exec another sh -c 'echo 2 >/proc/sys/net/ipv4/conf/lxc7/rp_filter'
    wait_until "it works on under the other name" netns_value_is another lxc7 0
    ip netns delete another
    wait_until "it ends with its last name" has_ended
    wait "$AGENT_PID"
    expect_equal "without an error" "$?" 0
    expect "it says why" grep -q 'this network namespace was deleted' "$AGENT_LOG"
    wait_until "the namespace is gone" has_no_device outside
}
netns_value_is() {
    [ "$(ip netns exec "$1" cat "/proc/sys/net/ipv4/conf/$2/rp_filter")" = "$3" ]
}
delete_under ip netns exec other
expect_equal "nothing of its state is left" "$(ls "$state")" ""

ip netns add other
inside ip link add name lxc7 type bridge
AGENT_AS_USER=()
state=/run/rpfpolicy-netns/$(inside stat -Lc %i /proc/self/ns/net)
chown 0:0 /run/rpfpolicy
# What a dead namespace with the same number left is not taken for this one's.
command_inside accept
echo 1 >"${state/-netns/-root}/namespace"
agent_run_inside
agent_wait_log 'No policy is accepted'
agent_wait_log 'Started: '
agent_stop

delete_under ip netns exec other
expect "root's directories go, too" test ! -e "$state" -a ! -e "${state/-netns/-root}"
system_end
