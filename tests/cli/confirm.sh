#!/bin/bash
# `apply --confirm`: kept when it is confirmed, here or from elsewhere; put back when the time is up,
# the terminal is lost, or the process is killed at any of its writes.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/trial.sh
. "$SYSTEM_SOURCE/tests/lib/trial.sh"

ACCEPTED=/var/lib/rpfpolicy/accepted.conf
PENDING=/run/rpfpolicy-root/confirm

ended() {
    [ ! -e "$PENDING" ] && [ ! -e "$ACCEPTED.trial" ]
}

WITH=() # variables of the next apply_waits
# apply_waits [OPTION...]: an apply in the background that waits for its confirmation.
apply_waits() {
    : >"$APPLY_ERR"
    env "${WITH[@]}" "$RPFPOLICY" apply --once "$@" >"$SYSTEM_WORK/apply.out" 2>"$APPLY_ERR" </dev/null &
    APPLY=$!
    wait_until "apply waits" grep -q "rpfpolicy confirm" "$APPLY_ERR"
}

apply_ends() {
    wait "$APPLY" 2>/dev/null
    STATUS=$?
    wait_until "the guardian ends" ended
}

expect_back() {
    expect_equal "$1: every value is back" "$(all_values)" "$OLD_VALUES"
    expect_equal "$1: the policy accepted before is back" "$(cat "$ACCEPTED" 2>&1)" "$OLD_POLICY"
    expect "$1: nothing is left over" test ! -e "$ACCEPTED.before"
}

note_old() {
    OLD_VALUES=$(all_values)
    OLD_POLICY=$(cat "$ACCEPTED" 2>&1)
}

mkdir /dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts || system_skip "no terminals here"
ln -s pts/ptmx /dev/ptmx

# Written once, and numbered: none of them follows default.
sysctl -qw net.ipv4.conf.default.rp_filter=0
for device in eth0 eth1 lxc1; do add_device "$device"; done
ip address add 192.0.2.1/24 dev eth0
for device in eth0 eth1 lxc1; do sysctl -qw "net.ipv4.conf.$device.rp_filter=0"; done
sysctl -qw net.ipv4.conf.lo.rp_filter=0
sysctl -qw net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.rp_filter=2
policy_file 10-test.conf <<'END'
[rp_filter]
lxc* = off
* = strict
END

# --- nothing was accepted before: nothing is afterwards

note_old
apply_waits --confirm=1s
expect_effective lxc1 0
expect_effective eth0 1
apply_ends
expect_status "the time is up" 1
says "the time is up: says so" "$APPLY_ERR" 'not confirmed: values and policy were put back'
expect_back "the time is up"
system_log_sync
expect_log 'not confirmed: [0-9]+ values'

# --- kept

apply_waits --confirm
run apply --once
expect_status "another apply meanwhile" 1
says "another apply meanwhile says why" "$ERR" 'awaits its confirmation'
for verb in accept restore; do
    run "$verb"
    expect_status "$verb meanwhile" 1
done
run apply --once --confirm=5s
expect_status "another apply --confirm meanwhile" 1
run apply --once --confirm=soon
says "what is no time is refused as that" "$ERR" "takes a time such as 60s.*'soon'"
setpriv --reuid=65534 --regid=65534 --clear-groups "$RPFPOLICY" confirm \
    >"$OUT" 2>"$ERR"
expect_equal "confirm without privilege: exit status" "$?" 1
run confirm
expect_status "confirm" 0
apply_ends
expect_status "an apply that is confirmed" 0
expect_effective lxc1 0
expect_effective eth0 1
expect "the policy is accepted" test -s "$ACCEPTED"
expect "nothing is left over of the one before" test ! -e "$ACCEPTED.before"
run confirm
expect_status "confirm with nothing to confirm" 1

# --- kept, though the disk fails at the last moment

policy_file 10-test.conf <<'END'
[rp_filter]
lxc* = off
* = strict, observe
END
preload_with refuse-open REFUSE_SYNC="$SYSTEM_WORK/refuse-sync"
WITH=("${PRELOADED[@]}")
apply_waits --confirm
WITH=()
: >"$SYSTEM_WORK/refuse-sync"
run confirm
expect_status "confirm where the disk fails" 0
says "it tells of the disk" "$ERR" "warning: $ACCEPTED is in place, but not safely on the disk: Input"
apply_ends
expect_status "the apply that is confirmed then" 0
says "it tells of the disk, too" "$APPLY_ERR" "is in place, but not safely on the disk: Input"
expect "what was confirmed is accepted" grep -q 'rpfpolicy-accepted' "$ACCEPTED"
policy_file 10-test.conf <<'END'
[rp_filter]
lxc* = off
* = strict
END
run accept
rm "$SYSTEM_WORK/refuse-sync"

# --- a policy was accepted before

policy_file 10-test.conf <<'END'
[rp_filter]
* = loose
END
note_old
apply_waits --confirm=1s
expect_effective eth0 2
apply_ends
expect_back "the time is up, with a policy before"

apply_waits --confirm
kill -KILL "$APPLY"
apply_ends
expect_back "killed while it waits"

apply_waits --confirm
kill -INT "$APPLY"
kill -TERM "$APPLY"
apply_ends
expect_status "ended while it waits" 1
expect_back "ended while it waits"

apply_waits --confirm
ip link set eth1 name eth9
sysctl -qw net.ipv4.conf.lxc1.rp_filter=1
kill -KILL "$APPLY"
apply_ends
expect_value lxc1 rp_filter 1
expect_effective eth0 1
ip link set eth9 name eth1
for device in eth1 lxc1; do
    echo "${OLD_VALUES}" | sed -n "s|^\(./\)\?$device/rp_filter:||p" >"$CONF/$device/rp_filter"
done
expect_back "with others at work"

# --- on a terminal

on_terminal() {
    python3 "$SYSTEM_SOURCE/tests/lib/on-terminal.py" 'Keep these values?' "$1" \
        "$RPFPOLICY" apply --yes --once --confirm=30s >"$OUT"
    STATUS=$?
    wait_until "the guardian ends" ended
}

on_terminal n
expect_status "no at the prompt" 1
expect_back "no at the prompt"
on_terminal lost
expect_back "the terminal is lost"
on_terminal y
expect_status "yes at the prompt" 0
expect_effective eth0 2
says "the prompt says how long" "$OUT" 'Keep these values\? \[y/N\] (29|30) s'

# --- killed at each of its writes

policy_file 10-test.conf <<'END'
[rp_filter]
lxc* = off
* = strict
END
sysctl -qw net.ipv4.conf.all.rp_filter=2
note_old

killed() {
    preload_with end-at-write
    env "${PRELOADED[@]}" "$@" >"$OUT" 2>"$ERR" </dev/null
    STATUS=$?
    wait_until "the guardian ends" ended
}

n=0
for variable in END_AT_WRITE END_AFTER_WRITE; do
    for n in $(seq 50); do
        killed "$variable=$n" "$RPFPOLICY" apply --once --confirm=1s
        [ "$STATUS" = 137 ] || break
        expect_back "--confirm, $variable=$n"
    done
    expect "killed at several writes" test "$n" -gt 4
    expect_back "--confirm, not killed any more"
done

effectives() {
    for device in default lo eth0 eth1 lxc1; do effective "$device"; done | xargs
}

put_old() {
    echo "$OLD_VALUES" | grep '/rp_filter:' | while IFS=: read -r file value; do
        echo "$value" >"$CONF/$file"
    done
    echo 2 >"$CONF/all/rp_filter"
}

old=$(effectives)
run apply --once
new=$(effectives)
for variable in END_AT_WRITE END_AFTER_WRITE; do
    for n in $(seq 50); do
        put_old
        killed "$variable=$n" "$RPFPOLICY" apply --once
        [ "$STATUS" = 137 ] || break
        between=$(effectives)
        for i in 1 2 3 4 5; do
            is=$(cut -d' ' -f$i <<<"$between")
            case $is in
            "$(cut -d' ' -f$i <<<"$old")" | "$(cut -d' ' -f$i <<<"$new")") ;;
            *) fail "$variable=$n: device $i is at a third value: $between" ;;
            esac
        done
        run apply --once
        expect_status "the next apply after $variable=$n" 0
        expect_equal "the next apply completes it" "$(effectives)" "$new"
    done
    expect "killed at several writes" test "$n" -gt 4
done

# --- a full disk in /run is no obstacle to going back

put_old
note_old
rm -f /run/rpfpolicy-root/before
mount -t tmpfs -o size=16k,mode=0755 tmpfs /mnt
mount --move /mnt /run/rpfpolicy-root
cat /dev/zero >/run/rpfpolicy-root/fill 2>/dev/null
apply_waits --confirm=1s
expect_effective eth0 1
apply_ends
expect_status "with a full disk" 1
expect_equal "with a full disk: every value is back" "$(all_values)" "$OLD_VALUES"

system_end
