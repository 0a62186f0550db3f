#!/bin/bash
# Any system call fails, or memory runs out, while a command accepts, writes, tries or puts back: it
# never crashes, never says that something is done which is not, and ends with exit status 0 only where
# all is done. Compared with what is in the kernel and on the disk then.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/trial.sh
. "$SYSTEM_SOURCE/tests/lib/trial.sh"

EVERY=${1:-0} # 1: each call; 0: some
STATE=/var/lib/rpfpolicy
REACHED=$SYSTEM_WORK/reached
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "SEED=$SEED"
RUNS=0

printf '[rp_filter]\neth0 = off\n' >"$SYSTEM_WORK/old.conf"
printf '[rp_filter]\neth0 = loose\n' >"$SYSTEM_WORK/new.conf"
NEW=(--policy="$SYSTEM_WORK/new.conf")

begin() {
    echo 0 >"$CONF/eth0/rp_filter"
    rm -rf "$STATE" /run/rpfpolicy /run/rpfpolicy-root /run/rpfpolicy.lock "$REACHED"
    mkdir "$STATE"
    cp "$SYSTEM_WORK/accepted-old" "$STATE/accepted.conf"
    VALUE=0 POLICY=old
}

begin_applied() {
    begin
    rpfpolicy apply --once "${NEW[@]}" >/dev/null 2>&1 || system_abort "apply"
    VALUE=2 POLICY=new
}

now() {
    cat "$CONF/eth0/rp_filter"
}

# The policy in force where no trial lives.
in_force() {
    local file=$STATE/accepted.conf

    [ "$(head -c 18 "$file")" != rpfpolicy-on-trial ] || file=$file.before
    for policy in old new; do
        cmp -s "$file" "$SYSTEM_WORK/accepted-$policy" && echo "$policy"
    done
}

# is WHAT IS WANTED: fails by name, and counts as one where nothing fails.
is() {
    [ "$2" = "$3" ] || fail "$1: is '$2', expected '$3'; it said: $(cat "$OUT" "$ERR" | tail -n 5)"
}

# Where the lines of writes say that something was written, and where it says that nothing was.
told_truly() {
    if ! grep -q 'put back:\|were put back' "$ERR"; then # afterwards
        ! grep -q '^eth0: rp_filter 0 -> 2' "$OUT" || grep -q '^eth0: .*failed' "$OUT" ||
            is "$1: it was written" "$(now)" 2
        ! grep -qh 'as the policy wants it\|^Nothing to do' "$OUT" "$ERR" ||
            is "$1: it is as the policy wants it" "$(now)" 2
    fi
    ! grep -qE 'nothing was (accepted or written|written|done|changed)' "$ERR" ||
        is "$1: nothing was written" "$(now)" "$VALUE"
    ! grep -qE 'nothing was (accepted|done|changed)' "$ERR" ||
        is "$1: nothing was accepted" "$(in_force)" "$POLICY"
    if grep -q 'values and policy were put back' "$ERR"; then
        is "$1: the values were put back" "$(now)" 0
        is "$1: the policy was put back" "$(in_force)" old
    fi
    if grep -qi 'confirmed, the new values stay' "$OUT" "$ERR" && ! grep -q 'not confirmed' "$ERR"; then
        expect_new "$1: it was confirmed"
    fi
}

# Who confirms where a write failed, as was told, confirms that.
expect_new() {
    is "$1, the policy" "$(in_force)" new
    if grep -q 'still not as wanted\|write failed' "$ERR"; then
        is "$1 where a write failed: apply's exit status" "$STATUS" 4
    else
        is "$1, the value" "$(now)" 2
    fi
}

look() {
    RUNS=$((RUNS + 1))
    [ "$STATUS" -le 4 ] || fail "$1: exit status $STATUS"
    told_truly "$1"
}

run_apply() {
    begin
    failing apply --once "${NEW[@]}"
    look "$1"
    if [ "$STATUS" = 0 ]; then
        is "$1: exit status 0, the value" "$(now)" 2
        is "$1: exit status 0, the policy" "$(in_force)" new
    fi
}

run_accept() {
    begin
    failing accept "${NEW[@]}"
    look "$1"
    is "$1: the policy" "$(in_force)" "$([ "$STATUS" = 0 ] && echo new || echo old)"
}

run_restore() {
    begin_applied
    rm -f "$REACHED"
    failing restore
    look "$1"
    [ "$STATUS" != 0 ] || is "$1: exit status 0, the value" "$(now)" 0
}

failing() {
    env "${FAILING[@]}" timeout --foreground 60 "$RPFPOLICY" "$@" >"$OUT" 2>"$ERR" </dev/null
    STATUS=$?
}

waits_or_ended() {
    grep -q "rpfpolicy confirm' within" "$APPLY_ERR" || [ ! -e "/proc/$APPLY/exe" ]
}


# run_trial WHAT VERB: confirmed from elsewhere, or not.
run_trial() {
    begin
    env "${FAILING[@]}" "$RPFPOLICY" apply --once --confirm=300s "${NEW[@]}" >"$OUT" 2>"$ERR" </dev/null &
    APPLY=$!
    APPLY_ERR=$ERR
    wait_until "$1: it waits" waits_or_ended
    if [ "$2" = confirm ]; then
        "$RPFPOLICY" confirm >"$SYSTEM_WORK/confirm.out" 2>&1
        CONFIRMED=$?
        [ "$CONFIRMED" = 0 ] || kill -TERM "$APPLY" 2>/dev/null
    else
        CONFIRMED=1
        kill -TERM "$APPLY" 2>/dev/null
    fi
    wait "$APPLY" 2>/dev/null
    STATUS=$?
    [ "$STATUS" != 143 ] || STATUS=1 # it had not got so far as to wait
    look "$1"
    if [ "$CONFIRMED" = 0 ]; then
        expect_new "$1: confirm ended with exit status 0"
    else
        expect_old "$1"
    fi
}

# Nobody confirmed it: whatever failed, it is not accepted for good.
expect_old() {
    [ "$STATUS" != 0 ] || fail "$1: nobody confirmed it, exit status 0"
    is "$1: nobody confirmed it, the policy" "$(in_force)" old
}

run_confirmed() {
    run_trial "$1" confirm
}

run_refused() {
    run_trial "$1" refuse
}

# walk VERB ERROR STEP [VARIABLE=VALUE...]
walk() {
    local verb=$1 error=$2 step=$3 n

    shift 3
    [ "$EVERY" = 0 ] || step=$((step > 60 ? 7 : 1))
    for ((n = 1 + RANDOM % step; ; n += step)); do
        preload_with fail-at-call FAIL_AT=$n FAIL_WITH="$error" FAIL_FILE="$REACHED" "$@"
        FAILING=("${PRELOADED[@]}")
        "run_$verb" "$verb, $error at call $n $*"
        [ -e "$REACHED" ] || break
    done
}

add_device eth0
for policy in old new; do
    rpfpolicy accept --policy="$SYSTEM_WORK/$policy.conf" >/dev/null || system_abort "accept"
    cp "$STATE/accepted.conf" "$SYSTEM_WORK/accepted-$policy"
done

for verb in apply accept restore confirmed refused; do
    for error in ENOSPC EROFS EIO; do
        walk "$verb" "$error" 10
        walk "$verb" "$error" 10 FAIL_FOR_EVER=1
    done
    walk "$verb" EMFILE 17
    walk "$verb" EMFILE 17 FAIL_FOR_EVER=1
    is_sanitized "$RPFPOLICY" || walk "$verb" ENOMEM 400
    case $verb in confirmed | refused)
        for error in ENOSPC EROFS EIO EMFILE; do
            walk "$verb" "$error" 10 FAIL_CHILD=1
            walk "$verb" "$error" 10 FAIL_CHILD=1 FAIL_FOR_EVER=1
        done
        is_sanitized "$RPFPOLICY" || walk "$verb" ENOMEM 40 FAIL_CHILD=1
        ;;
    esac
done
ok "commands with a failing call: $RUNS"
system_end
