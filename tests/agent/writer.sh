#!/bin/bash
# Somebody writes one device back in a tight loop: the agent does not join in, says so once, keeps
# the other devices right, and goes on as before when it is over. The same for `all`.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

cpu_ticks() {
    awk '{ print $14 + $15 }' "/proc/$AGENT_PID/stat"
}

marked() {
    status_is '[.conflicts[].device] | index("eth0") != null' true
}

not_fast() {
    status_is '[.conflicts[] | select(.pace == "fast")] | length' 0
}

# others_are_repaired FILE…: each of some foreign writes is undone although the war goes on.
others_are_repaired() {
    local i

    for i in 1 2 3; do
        echo 2 >"$CONF/eth$i/rp_filter"
        becomes "eth$i" rp_filter 1
    done
    add_device "lxc$1"
    becomes "lxc$1" rp_filter 0
}

# At most one entry per change of the mark: none to slow, slow to fast.
said_seldom() {
    expect "$1: said once per change of state" test "$(log_count 'keeps writing')" -le 2
    expect "$1: said" test "$(log_count 'keeps writing')" -ge 1
}

for i in 0 1 2 3; do
    add_device "eth$i"
done
accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
lxc* = off
* = strict
POLICY

# told OPTION…: check tells of the drift of eth0, which is not there at each moment.
told() {
    rpfpolicy check eth0 "$@" >/run/test/check.out 2>&1
    grep -q drift /run/test/check.out
}

explained() {
    rpfpolicy explain eth0 >/run/test/explain.out 2>&1
    grep -q 'Who else may have written it' /run/test/explain.out
}

# The line of sysctl.d that happens to hold the same number.
sysctl_d 50-same.conf <<<'net.ipv4.conf.eth0.rp_filter = 2'
agent_start
hostile_start "$CONF/eth0/rp_filter" 2
wait_until "eth0 is marked" marked
wait_until "check tells of it" told
expect "the cause is the other program" grep -q '^drift .* another program keeps writing it$' /run/test/check.out
expect "and no line that holds the same number" sh -c '! grep -q 50-same /run/test/check.out'
wait_until "check tells programs of it" told --json
expect "JSON names the writer" jq -e '[.devices[].keys[] | .origin == "writer" and .cause == null] == [true]' \
    /run/test/check.out
wait_until "explain asks who else may have written it" explained
expect "which it knows" grep -q 'Another program keeps writing it' /run/test/explain.out
rm /etc/sysctl.d/50-same.conf
others_are_repaired 1
expect "repairs back off" test "$(agent_status '.keys.rp_filter.repaired')" -lt 40
said_seldom "one value again and again"
expect "and how often, in the unit that fits" grep -qE \
    'keeps writing.*: 3 repairs, the latest every [0-9.]+ m?s on .*; they now wait up to 10 ms\. ' \
    "$AGENT_LOG"
rpfpolicy check >/run/test/check.out 2>&1
expect "check warns of it" grep -q '^warning: writer: .*\[1: eth0\]' /run/test/check.out
rpfpolicy explain eth0 >/run/test/explain.out
expect "and so does explain" grep -q 'keeps writing this back' /run/test/explain.out
rpfpolicy explain eth1 >/run/test/explain.out
expect "not for another device" sh -c '! grep -q "keeps writing" /run/test/explain.out'
hostile_stop
becomes eth0 rp_filter 1
agent_stop

agent_start
before=$(cpu_ticks)
hostile_start "$CONF/eth0/rp_filter" 2 3 0
wait_until "eth0 is marked" marked
wait_until "the flood is sat out" status_is '.sockets.netconf.pauses > 0' true
others_are_repaired 2
hostile_stop
echo "the agent took $(($(cpu_ticks) - before)) ticks meanwhile"
said_seldom "a flood of values"
becomes eth0 rp_filter 1
wait_until "it recovers" not_fast
expect "the end is said" test "$(log_count 'nothing writes rp_filter back')" = 1
echo 0 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 1
agent_stop

agent_start
hostile_start "$CONF/all/rp_filter" 2 1
agent_wait_log "keeps writing \`all\` or"
wait_until "status has it" status_is '[.conflicts[] | "\(.device) \(.key)"] | index("all any") != null' true
rpfpolicy status >/run/test/out
expect "and says so to people" grep -qE '^all +any +(fast|slow) ' /run/test/out
rpfpolicy check >/run/test/check.out 2>&1
expect "and check warns of it" grep -q '^warning: writer: ' /run/test/check.out
sleep 1 # the war goes on
resyncs=$(agent_status .resyncs)
said_seldom "a war over \`all\`"
expect "the agent does not read everything all the time" test "$resyncs" -lt 40
hostile_stop
becomes all rp_filter 0
wait_until "all right after the war" everything_right
agent_stop
expect_equal "the agent stops cleanly" "$AGENT_STATUS" 0
system_end
