#!/bin/bash
# Good and broken policies in turn, under load: each good one is in force at once, a broken one is
# refused and changes nothing; damage to the accepted one does not disarm the agent.
# Argument: number of takeovers.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

count=${1:-100}

good() {
    cat <<POLICY
[agent]
mode = enforce
[rp_filter]
eth* = $1
lxc* = off
mark* = off
* = strict
# $2
POLICY
}

storm() {
    local i=0

    while [ -e /run/test/storming ]; do
        i=$((i + 1))
        ip link add "veth$i" type veth peer name "lxc$i"
        ip link delete "lxc$i"
    done
    return 0
}

in_force() {
    status_is .policy.hash "$1"
}

add_device eth0
accept_policy < <(good strict 0)
agent_start
: >/run/test/storming
storm &
storm_pid=$!
refused=0
for ((i = 1; i <= count; i++)); do
    case $((i % 3)) in
    0)
        good "nonsense" "$i" >/etc/rpfpolicy.d/10-test.conf
        rpfpolicy accept 2>>/run/test/errors >/dev/null || refused=$((refused + 1))
        continue
        ;;
    1) wanted=2 text=loose ;;
    2) wanted=0 text=off ;;
    esac
    good "$text" "$i" >/etc/rpfpolicy.d/10-test.conf
    rpfpolicy accept >/run/test/accept.out 2>&1 || fail "a good policy is not accepted"
    [ $((i % 10)) -gt 2 ] || becomes eth0 rp_filter "$wanted"
done
expect_equal "each broken policy was refused" "$refused" "$((count / 3))"
becomes eth0 rp_filter "$wanted"
good strict last >/etc/rpfpolicy.d/10-test.conf
rpfpolicy accept >/dev/null 2>&1
becomes eth0 rp_filter 1
rm /run/test/storming
wait "$storm_pid"
agent_caught_up
wait_until "all right after all" everything_right
expect "new policies are nobody's war" test "$(log_count 'keeps writing')" = 0

# Whoever damages the accepted policy does not disarm the agent.
{
    good strict damaged | sed '/^mode/a sweep = 1s'
    printf '[log_martians]\neth0 = yes\n'
} >/etc/rpfpolicy.d/10-test.conf
rpfpolicy accept >/dev/null 2>&1
agent_caught_up
echo damage >>/var/lib/rpfpolicy/accepted.conf
agent_wait_log 'the accepted policy cannot be used'
for _ in 1 2; do # of which the kernel tells nothing: two sweeps at least
    echo 0 >"$CONF/eth0/log_martians"
    becomes eth0 log_martians 1
done
expect_equal "that it is damaged is said once" "$(log_count 'the accepted policy cannot')" 1
echo 0 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 1
ok "a damaged policy leaves the old one in force"

good loose again >/etc/rpfpolicy.d/10-test.conf
rpfpolicy accept >/dev/null 2>&1
becomes eth0 rp_filter 2
kill -HUP "$AGENT_PID"
echo 1 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 2
ok "a reload changes nothing that is right"

rm /var/lib/rpfpolicy/accepted.conf
agent_wait_log 'No policy is accepted'
echo 0 >"$CONF/eth0/rp_filter"
wait_until "status says that nothing is in force" status_is .policy null
expect_value eth0 rp_filter 0
rpfpolicy accept >/dev/null 2>&1
becomes eth0 rp_filter 2
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
system_end
