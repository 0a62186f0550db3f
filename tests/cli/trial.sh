#!/bin/bash
# Whose policy is in force while an `apply --confirm` waits and after it ended, however that was: by
# SIGKILL to its guardian, a power cut, or on a disk that is read-only. And that nobody else accepts or
# writes meanwhile, whatever the order in which two commands take their steps: what ended with exit
# status 0 is not undone by a trial that nobody confirms.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/trial.sh
. "$SYSTEM_SOURCE/tests/lib/trial.sh"

ROUNDS=${1:-15} # of two commands at random times
STATE=/var/lib/rpfpolicy
STOPPED=$SYSTEM_WORK/stopped

# The three policies, and what eth0 is under them.
for policy in old:off plain:loose trial:strict; do
    printf '[rp_filter]\neth0 = %s\n' "${policy#*:}" >"$SYSTEM_WORK/${policy%:*}.conf"
done

in_force() {
    local policy

    for policy in old plain trial; do
        "$RPFPOLICY" check --policy="$SYSTEM_WORK/$policy.conf" --json >"$SYSTEM_WORK/in-force"
        jq -e .policy.accepted "$SYSTEM_WORK/in-force" >/dev/null && echo "$policy" && return
    done
    echo none
}

expect_in_force() {
    expect_equal "$1: the policy in force" "$(in_force)" "$2"
}

begin() {
    echo 0 >"$CONF/eth0/rp_filter"
    "$RPFPOLICY" accept --policy="$SYSTEM_WORK/old.conf" >/dev/null || system_abort "accept"
}

waits() {
    grep -q "rpfpolicy confirm' within" "$APPLY_ERR"
}

# trial_start [VARIABLE=VALUE...]: an apply --confirm in the background.
trial_start() {
    : >"$APPLY_ERR"
    env "$@" "$RPFPOLICY" apply --once --policy="$SYSTEM_WORK/trial.conf" --confirm="${TIME:-300s}" \
        >"$SYSTEM_WORK/apply.out" 2>"$APPLY_ERR" </dev/null &
    APPLY=$!
}

trial_waits() {
    trial_start
    wait_until "apply waits" waits
}

ended() {
    [ ! -e "/proc/$APPLY/exe" ] && [ -z "$(guardian)" ]
}

# The process beside the one that applies.
guardian() {
    local pid

    for pid in /proc/[0-9]*; do
        [ "${pid#/proc/}" != "$APPLY" ] &&
            { tr '\0' ' ' <"$pid/cmdline"; } 2>/dev/null |
            grep -q "^$RPFPOLICY apply .*--confirm=" && echo "${pid#/proc/}"
    done
}

# Nobody confirms it.
trial_ends() {
    kill -TERM "$APPLY" 2>/dev/null
    wait "$APPLY" 2>/dev/null
    STATUS=$?
    wait_until "the guardian ends" ended
}

kill_guardian() {
    kill -KILL "$(guardian)"
    wait "$APPLY" 2>/dev/null
    STATUS=$?
    wait_until "the guardian ends" ended
}

reboot_run() {
    rm -rf /run/rpfpolicy /run/rpfpolicy-root /run/rpfpolicy.lock
}

nothing_is_left() {
    [ ! -e "$STATE/accepted.conf.before" ] && [ ! -e "$STATE/accepted.conf.trial" ] &&
        [ ! -e /run/rpfpolicy-root/confirm ]
}

# A guardian that was forked this moment is not seen yet by who looks for it.
nothing_left() {
    wait_until "$1: nothing of the trial is left" nothing_is_left
}

add_device eth0

# --- the guardian is killed

for policy in plain trial; do
    for verb in accept "apply --once"; do
        begin
        trial_waits
        expect_in_force "while it waits" trial
        kill_guardian
        expect_equal "the guardian is killed: exit status" "$STATUS" 1
        says "the guardian is killed: says what is in force" "$APPLY_ERR" \
            'the one accepted before is in force again'
        expect_in_force "the guardian is killed" old
        expect_value eth0 rp_filter 1
        # shellcheck disable=SC2086 # a verb and its option
        run $verb --policy="$SYSTEM_WORK/$policy.conf"
        expect_status "$verb of $policy after that" 0
        expect_in_force "$verb of $policy after that" "$policy"
        reboot_run
        expect_in_force "$verb of $policy after that, the next boot" "$policy"
        run accept --policy="$SYSTEM_WORK/$policy.conf"
        nothing_left "$verb of $policy after that"
    done
done

begin
trial_waits
kill_guardian
trial_waits
expect_in_force "another trial after that" trial
trial_ends
expect_in_force "nobody confirms it" old
nothing_left "nobody confirms it"
trial_waits
kill_guardian
trial_waits
run confirm
expect_status "and one that is confirmed" 0
wait "$APPLY"
wait_until "the guardian ends" ended
expect_in_force "and one that is confirmed" trial
reboot_run
expect_in_force "and one that is confirmed, the next boot" trial
nothing_left "and one that is confirmed"

# --- the system goes down while it waits: what is on the disk then

power_cut() {
    rm -rf $STATE
    cp -a "$SYSTEM_WORK/frozen" $STATE
    reboot_run
}

rm -rf $STATE
trial_waits
cp -a $STATE "$SYSTEM_WORK/frozen"
trial_ends
expect_in_force "nothing was accepted before" none
power_cut
expect_in_force "nothing was accepted before, power cut" none
run accept --policy="$SYSTEM_WORK/plain.conf"
expect_in_force "nothing was accepted before, power cut, accept" plain
nothing_left "nothing was accepted before, power cut, accept"
rm -rf "$SYSTEM_WORK/frozen"

begin
trial_waits
cp -a $STATE "$SYSTEM_WORK/frozen"
trial_ends
power_cut
expect_in_force "power cut" old
run accept --policy="$SYSTEM_WORK/plain.conf"
expect_status "power cut, accept" 0
expect_in_force "power cut, accept" plain
nothing_left "power cut, accept"
power_cut
trial_waits
expect_in_force "power cut, another trial" trial
trial_ends
expect_in_force "power cut, another trial that nobody confirms" old

# --- it cannot be made good

read_only() {
    mount --bind $STATE $STATE || system_skip "no bind mount here"
    mount -o remount,bind,ro $STATE || system_skip "no read-only mount here"
}

begin
trial_waits
read_only
run confirm
expect_status "confirm where nothing can be written" 1
says "it names the file" "$ERR" "cannot confirm: $STATE/accepted.conf cannot be written: Read-only"
says "and says what comes" "$ERR" 'everything is put back in [0-9]+ s unless it is confirmed'
expect "it waits on" test -e "/proc/$APPLY/exe"
umount $STATE
run confirm
expect_status "confirm when it can be written again" 0
wait "$APPLY"
expect_equal "the apply: exit status" "$?" 0
wait_until "the guardian ends" ended
reboot_run
expect_in_force "the next boot" trial

begin
trial_waits
read_only
trial_ends
expect "not confirmed where nothing can be written: exit status" test "$STATUS" != 0
expect_value eth0 rp_filter 0
expect_in_force "not confirmed where nothing can be written" old
umount $STATE
reboot_run
expect_in_force "not confirmed where nothing can be written, the next boot" old
run accept --policy="$SYSTEM_WORK/old.conf"

read_only
run apply --once --policy="$SYSTEM_WORK/trial.conf" --confirm=1s
expect_status "no trial where nothing can be written" 1
says "it names the file" "$ERR" "$STATE/accepted.conf.before cannot be written: Read-only"
umount $STATE

# --- two at once, stopped at each of their steps

# at_step N [VARIABLE=VALUE...]: variables by which a program stops at its step N.
at_step() {
    rm -f "$STOPPED"
    preload_with stop-at-step STOP_AT="$1" STOP_FILE="$STOPPED" "${@:2}"
}

is_stopped() {
    [ -s "$STOPPED" ] && grep -q '^[0-9]* (.*) T' "/proc/$(cat "$STOPPED")/stat"
}

plain_start() {
    env "$@" >"$OUT" 2>"$ERR" </dev/null &
    PLAIN=$!
}

plain_stops_or_ends() {
    is_stopped || [ ! -e "/proc/$PLAIN/exe" ]
}

trial_waits_or_ends() {
    waits || [ ! -e "/proc/$APPLY/exe" ]
}

trial_stops_or_waits() {
    is_stopped || trial_waits_or_ends
}

trial_stops_or_ends() {
    is_stopped || ended
}

lock_is_held() {
    ! flock -n /run/rpfpolicy.lock true
}

plain_ends() {
    wait "$PLAIN"
    PLAIN_STATUS=$?
}

# look WHAT: the invariant, when the trial is over, too. Exit status 2: it has written, and when it looked again the trial had.
look() {
    if [ "$PLAIN_STATUS" = 0 ] || [ "$PLAIN_STATUS" = 2 ]; then
        expect_in_force "$1, exit status $PLAIN_STATUS" plain
        expect_equal "$1, exit status $PLAIN_STATUS: eth0" "$(value eth0 rp_filter)" 2
    else
        expect_equal "$1: exit status" "$PLAIN_STATUS" 1
        says "$1, exit status 1: says why" "$ERR" 'awaits its confirmation'
        case $(in_force) in
        old | plain) ok "$1, exit status 1: the trial is not in force" ;;
        *) fail "$1, exit status 1: the policy in force is $(in_force)" ;;
        esac
        expect_equal "$1, exit status 1: eth0" "$(value eth0 rp_filter)" 0
    fi
    nothing_left "$1"
}

APPLY_PLAIN=("$RPFPOLICY" apply --once --policy="$SYSTEM_WORK/plain.conf")

for n in $(seq 60); do
    begin
    at_step "$n"
    plain_start "${PRELOADED[@]}" "${APPLY_PLAIN[@]}"
    wait_until "the plain apply stops at step $n" plain_stops_or_ends
    is_stopped || break
    lock_is_held || beside=true
    trial_start
    ! "${beside:-false}" || wait_until "the trial begins beside step $n" trial_waits_or_ends
    unset beside
    kill -CONT "$PLAIN"
    plain_ends
    wait_until "the trial waits after step $n" trial_waits_or_ends
    trial_ends
    look "apply stopped at step $n, apply --confirm, not confirmed"
done
wait "$PLAIN"
expect "stopped at several steps" test "$n" -gt 4

# --- the guardian is killed while apply writes: how much it wrote is told

no_guardian() {
    [ -z "$(guardian)" ]
}

# In a network of its own each time: a device follows \`default\` only until that is written.
cut_off() {
    local n=$1

    ip link set lo up
    for device in eth0 eth1; do ip link add "$device" type bridge; done
    ip address add 192.0.2.1/24 dev eth0
    sysctl -qw net.ipv4.conf.all.rp_filter=2
    at_step "$n"
    env "${PRELOADED[@]}" "$RPFPOLICY" apply --once --policy="$SYSTEM_WORK/parts.conf" --confirm=300s \
        >"$OUT" 2>"$ERR" </dev/null &
    PLAIN=$!
    APPLY=$PLAIN
    APPLY_ERR=$ERR
    wait_until "apply stops at step $n, or waits" trial_stops_or_waits
    is_stopped || kill -TERM "$PLAIN"
    is_stopped || return 1
    for pid in $(guardian); do kill -KILL "$pid"; done
    wait_until "the guardian ends" no_guardian
    kill -CONT "$PLAIN"
    wait "$PLAIN"
    return 0
}

printf '[rp_filter]\neth0 = strict\n* = loose\n[log_martians]\n* = yes\n' >"$SYSTEM_WORK/parts.conf"
export -f preload_with cut_off no_guardian at_step wait_until system_abort is_stopped \
    trial_waits_or_ends trial_stops_or_waits waits guardian
export SYSTEM_WORK SYSTEM_BUILD RPFPOLICY STOPPED OUT ERR
between=0
for n in $(seq 60); do
    begin
    unshare --net bash -c "cut_off $n" || break
    written=$(awk -F ': ' '/effectively/ { n += split($1, names, ", ") } END { print n + 0 }' "$OUT")
    told=$(sed -n 's/.*put everything back is gone; //p' "$ERR")
    [ -n "$told" ] || continue
    case $written in
    0) expected='nothing was (accepted or )?written' ;;
    1) expected='written until then: 1 value' ;;
    *) expected="written until then: $written values" ;;
    esac
    expect "the guardian is killed at step $n, $written values written: '$told'" \
        grep -qxE "$expected" <<<"$told"
    [ "$written" = 0 ] || between=$((between + 1))
done
expect "it was killed after some writes" test "$between" -gt 1

# The plain apply has looked for a trial that waits, and found none, before the trial begins.
for child in '' STOP_CHILD=1; do
    for n in $(seq 60); do
        begin
        at_step 1
        plain_start "${PRELOADED[@]}" "${APPLY_PLAIN[@]}"
        wait_until "the plain apply stops" is_stopped
        # shellcheck disable=SC2086 # a word or none
        at_step "$n" $child
        trial_start "${PRELOADED[@]}"
        wait_until "the trial gets to step $n" trial_stops_or_waits
        if ! is_stopped; then
            kill -TERM "$APPLY"
            wait_until "the trial gets to step $n" trial_stops_or_ends
        fi
        if ! is_stopped; then
            kill -CONT "$PLAIN"
            wait "$PLAIN" "$APPLY"
            break
        fi
        lock_is_held && kill -CONT "$(cat "$STOPPED")"
        kill -CONT "$PLAIN"
        plain_ends
        kill -CONT "$(cat "$STOPPED")" 2>/dev/null
        wait_until "the trial goes on after step $n" trial_waits_or_ends
        trial_ends
        look "apply beside apply --confirm stopped at step $n ${child:+of the guardian}"
    done
    expect "stopped at several steps" test "$n" -gt 4
done

# --- it goes back, which waits for another program

guardian_awaits_lock() {
    local fd

    for fd in "/proc/$(guardian)/fd/"*; do
        [ "$(readlink "$fd")" != /run/rpfpolicy.lock ] || return 0
    done
    return 1
}

begin
trial_waits
exec 9>/run/rpfpolicy.lock
flock 9
kill -TERM "$APPLY"
wait_until "the guardian awaits the lock" guardian_awaits_lock
run confirm 9>&-
expect_status "confirm while it goes back" 1
says "confirm while it goes back: says so" "$ERR" 'too late, everything is being put back'
run apply --once --policy="$SYSTEM_WORK/plain.conf" 9>&-
expect_status "apply while it goes back" 1
says "apply while it goes back: says so" "$ERR" 'was not confirmed and is being put back'
exec 9>&-
trial_ends
expect_value eth0 rp_filter 0

# --- all others that accept or write

for verb in accept restore 'routes apply' 'routes flush'; do
    begin
    run apply --once --policy="$SYSTEM_WORK/plain.conf"
    run accept --policy="$SYSTEM_WORK/old.conf"
    at_step 1
    # shellcheck disable=SC2086 # words
    plain_start "${PRELOADED[@]}" "$RPFPOLICY" --policy="$SYSTEM_WORK/plain.conf" $verb
    wait_until "$verb stops" plain_stops_or_ends
    expect "$verb stops before it takes the lock" is_stopped
    trial_waits
    kill -CONT "$PLAIN"
    plain_ends
    expect_equal "$verb while a trial waits: exit status" "$PLAIN_STATUS" 1
    says "$verb while a trial waits: says why" "$ERR" 'awaits its confirmation'
    expect_value eth0 rp_filter 1
    expect_in_force "$verb while a trial waits" trial
    expect "$verb while a trial waits: nothing is paused" test ! -e /run/rpfpolicy-root/paused
    trial_ends
    expect_in_force "$verb while a trial waited" old
    expect_value eth0 rp_filter 2
done

# --- two at random times

SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "SEED=$SEED"
for n in $(seq "$ROUNDS"); do
    begin
    how=$((RANDOM % 3))
    (
        sleep "0.0$((RANDOM % 90 + 10))"
        exec "${APPLY_PLAIN[@]}" >"$OUT" 2>"$ERR"
    ) &
    PLAIN=$!
    sleep "0.0$((RANDOM % 90 + 10))"
    trial_start
    sleep "0.0$((RANDOM % 90 + 10))"
    if [ "$how" = 0 ]; then
        kill -KILL "$APPLY"
    elif [ "$how" = 1 ]; then
        for pid in $(guardian); do kill -KILL "$pid"; done
    fi
    plain_ends
    [ "$how" = 0 ] || wait_until "the trial waits" trial_waits_or_ends
    trial_ends
    # The socket of a killed one stays until another takes its place, and the next apply may be killed before.
    [ "$how" != 1 ] || rm -f /run/rpfpolicy-root/confirm
    [ "$how" = 1 ] && [ "$PLAIN_STATUS" != 0 ] && continue # the values stay, as was tested
    if [ "$how" = 1 ]; then
        expect_in_force "round $n, the guardian is killed" plain
    else
        look "round $n"
    fi
done

system_end
