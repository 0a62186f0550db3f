#!/bin/bash
# A wrong wall clock, and one that jumps, changes nothing but what is shown: not what is written, not
# how long a pause or an unconfirmed apply lasts, not what the agent does, not whether it is taken for
# dead.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

OUT=/run/test/out
ERR=/run/test/err
export WRONG_CLOCK=/run/test/clock
YEARS=$((50 * 365 * 86400))
# A program built with the address sanitizer wants to be told that it does not come first.
PRELOAD=(env "LD_PRELOAD=$SYSTEM_BUILD/tests/lib/wrong-clock.so"
    "ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0")
# shellcheck disable=SC2034 # agent_start runs the agent by it
AGENT_RUNNER="${PRELOAD[*]}"

clock_is_wrong_by() {
    echo "$1" >"$WRONG_CLOCK.new" && mv "$WRONG_CLOCK.new" "$WRONG_CLOCK"
}

run() {
    "${PRELOAD[@]}" "$SYSTEM_BUILD/agent/cli/rpfpolicy" "$@" >"$OUT" 2>"$ERR" </dev/null
}

ended() {
    [ ! -e /run/rpfpolicy-root/confirm ] && [ ! -e /var/lib/rpfpolicy/accepted.conf.trial ]
}

[ -e "$SYSTEM_BUILD/tests/lib/wrong-clock.so" ] || system_abort "wrong-clock.so is not built"
add_device eth0
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
policy_file 10-test.conf <<'END'
[agent]
mode = enforce
[rp_filter]
mark* = off
* = strict
[exception dated]
devices = eth0
rp_filter = loose
reason = until then
until = 2050-06-30
END

# --- the date of an exception: the same writes before and after it

clock_is_wrong_by 0
run plan
cp "$OUT" /run/test/plan
for by in -"$YEARS" "$YEARS"; do
    clock_is_wrong_by "$by"
    run plan
    expect_equal "wrong by $by s: the same plan" "$(cat "$OUT")" "$(cat /run/test/plan)"
done
run check --json
expect "the clock is wrong, and the date is past by it" \
    jq -e '(.time | .[0:4] | tonumber) > 2060 and .exceptions[0].expired' "$OUT" >/dev/null

# --- the agent: started in the past, as before the first word of a time server

clock_is_wrong_by -"$YEARS"
run accept
agent_start
becomes eth0 rp_filter 2
run pause eth0 --reason='by a clock of the past' --for=1h
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
clock_is_wrong_by "$YEARS"
agent_caught_up
expect_value eth0 rp_filter 0
ok "a pause does not end as the clock jumps"
run status --json
expect "the agent is not taken for dead as the clock jumps" \
    jq -e '.agent.state == "enforcing" and (.agent.stale | not)' "$OUT" >/dev/null
run pause eth0 --reason='by a clock of the future' --for=1s
clock_is_wrong_by -"$YEARS"
becomes eth0 rp_filter 2
agent_wait_log 'The time of a pause is up'
ok "nor does it last longer as the clock goes back"
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
becomes eth0 rp_filter 2
ok "and repairs go on"
agent_stop

# --- an apply that nobody confirms, and one that is confirmed after the jump

clock_is_wrong_by 0
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
apply_waits() {
    "${PRELOAD[@]}" "$SYSTEM_BUILD/agent/cli/rpfpolicy" apply "--confirm=$1" >"$OUT" 2>"$ERR" \
        </dev/null &
    APPLY=$!
    wait_until "apply waits" grep -q 'rpfpolicy confirm' "$ERR"
}
apply_waits 60s
clock_is_wrong_by "$YEARS"
expect_effective eth0 2
"${PRELOAD[@]}" "$SYSTEM_BUILD/agent/cli/rpfpolicy" confirm >/dev/null
expect_equal "a jump does not end the time to confirm" "$?" 0
wait "$APPLY"
expect_equal "confirmed" "$?" 0
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
apply_waits 2s
clock_is_wrong_by -"$YEARS"
wait "$APPLY"
expect_equal "and does not prolong it" "$?" 1
wait_until "the guardian ends" ended
expect_value eth0 rp_filter 0
system_end
