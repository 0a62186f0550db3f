#!/bin/bash
# `restore`: back to what was there before the first write since boot, what others changed since
# excepted, past no third value, and then nobody undoes it.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

# The values of the host, without those of devices that were made later.
values() {
    all_values | grep "/rp_filter:" | grep -Ev '^(\./)?(new|lxc9)'
}

sysctl -qw net.ipv4.conf.default.rp_filter=0
for device in eth0 eth1 eth2 lxc1 lxc2; do add_device "$device"; done
sysctl -qw net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.rp_filter=2
sysctl -qw net.ipv4.conf.eth1.rp_filter=1 net.ipv4.conf.eth2.rp_filter=7

run restore
expect_status "restore before anything was written" 0
says "restore before anything was written says so" "$ERR" 'nothing was written here since boot'

# --- what the agent's user put in place of the record keeps nobody waiting

mkdir -p /run/rpfpolicy /run/rpfpolicy-root
mkfifo /run/rpfpolicy/before /run/rpfpolicy-root/before
timeout 60 rpfpolicy restore >"$OUT" 2>"$ERR"
expect_equal "restore with a fifo for a record: exit status" "$?" 0
says "restore with a fifo for a record finds none" "$ERR" 'nothing was written here since boot'
rm /run/rpfpolicy/before /run/rpfpolicy-root/before
expect "and pauses nothing" test ! -e /run/rpfpolicy-root/paused

first=$(values)
policy_file 10-test.conf <<'END'
[agent]
mode = enforce
[rp_filter]
lxc* = off
* = strict
END
run apply --once
expect_status "apply" 0
expect_effective lxc1 0
expect_effective eth0 1
second=$(values)

# --- and back, and forth

before=$(all_values)
run restore --dry-run
expect_status "restore --dry-run" 2
says "restore --dry-run shows the writes" "$OUT" '^all: rp_filter 0 -> 2.*as it was before'
expect_equal "restore --dry-run writes nothing" "$(all_values)" "$before"
expect "restore --dry-run pauses nothing" test ! -e /run/rpfpolicy-root/paused
setpriv --reuid=65534 --regid=65534 --clear-groups "$SYSTEM_BUILD/agent/cli/rpfpolicy" restore \
    >"$OUT" 2>"$ERR"
expect_equal "restore without privilege: exit status" "$?" 1
expect_equal "restore without privilege writes nothing" "$(all_values)" "$before"

watch_start
run restore
watch_stop
expect_status "restore" 0
expect_equal "every value is what it was" "$(values)" "$first"
for device in eth0 eth1 eth2 lxc1 lxc2; do
    case $device in lxc*) was=0 ;; *) was=1 ;; esac
    expect_equal "$device went back past no third value" "$(watched "$device")" "$was 2"
done
run check
says "all of it is paused" "$OUT" 'restored to what was there before'
before=$(all_values)
run apply --once
expect_equal "apply leaves it so" "$(all_values)" "$before"
run restore
expect_status "restore a second time" 0
says "restore a second time has nothing to do" "$OUT" '^Nothing to put back\.$'
run resume
run apply --once
expect_status "apply after resume" 0
expect_equal "it is as after the first apply" "$(values)" "$second"

# --- killed at each of its writes: past no third value, and the next one completes it

killed() {
    # A program built with the address sanitizer wants to be told that it does not come first.
    env LD_PRELOAD="$SYSTEM_BUILD/tests/lib/end-at-write.so" \
        ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
}

for variable in END_AT_WRITE END_AFTER_WRITE; do
    for n in $(seq 50); do
        killed "$variable=$n" "$SYSTEM_BUILD/agent/cli/rpfpolicy" restore
        [ "$STATUS" = 137 ] || break
        for device in eth0 lxc1; do
            case $device$(effective "$device") in
            eth01 | eth02 | lxc10 | lxc12) ;;
            *) fail "$variable=$n: $device is at a third value: $(effective "$device")" ;;
            esac
        done
        run restore
        expect_status "the next restore after $variable=$n" 0
        expect_equal "the next restore completes it" "$(values)" "$first"
        run resume
        run apply --once
        expect_equal "it is as after the first apply" "$(values)" "$second"
    done
    expect "killed at several writes" test "$n" -gt 4
    run resume
    run apply --once
done

# --- what someone else changed since, devices that are gone, renamed or new

sysctl -qw net.ipv4.conf.eth1.rp_filter=0
ip link delete lxc2
ip link set eth2 name new2
add_device lxc9
run restore --json
expect_status "restore after others wrote" 2
json "what was changed is listed" '[.skipped[] | select(.why == "changed")] | length == 1 and
    .[0].name == "eth1" and .[0].value == 0 and .[0].wrote == 1 and .[0].before == 1' ||
    jq .skipped "$OUT"
json "what was renamed is listed" '[.skipped[] | select(.why == "renamed")] | length == 1 and
    .[0].name == "new2" and .[0].before == 7'
json "nothing failed" '.summary.failed == 0 and .summary.paused'
expect_value eth1 rp_filter 0
expect_value all rp_filter 2
expect_value lxc1 rp_filter 0
expect_value default rp_filter 2
run resume
run apply --once
expect_effective lxc1 0
expect_effective eth1 1

# --- one device: effectively what it was, under the present `all`

run restore lxc1
expect_status "restore of one device" 0
expect_effective lxc1 2
expect_value all rp_filter 0
expect_effective eth0 1
run check --json
json "it is paused, nothing else is" '.summary.paused == 1 and .pauses[0].devices == "lxc1"'
run apply --once
expect_effective lxc1 2
run restore nothere
expect_status "restore of a device that is not there" 1
run resume
run apply --once
expect_effective lxc1 0

# --- `all` was changed by someone else: it stays, devices become what they effectively were

sysctl -qw net.ipv4.conf.all.rp_filter=1
run restore
expect_status "restore with another all" 2
says "all is listed" "$OUT" '^all: rp_filter left at 1: someone else'
expect_value all rp_filter 1
expect_effective lxc1 2
expect_effective eth0 2

# --- `all` is not ours, and somebody else moved it after our first write: not of two moments

run resume
rm /run/rpfpolicy-root/before
policy_file 10-test.conf <<'END'
[agent]
mode = enforce
[rp_filter]
all = unmanaged
eth* = loose
END
sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.eth1.rp_filter=1
run apply --once
expect_effective eth0 2
sysctl -qw net.ipv4.conf.all.rp_filter=0
run restore
expect_status "restore with an all that was never ours" 0
expect_value all rp_filter 0
expect_effective eth0 1
expect_effective eth1 1

run resume
rm /run/rpfpolicy-root/before
run apply --once
expect_effective eth0 2
sysctl -qw net.ipv4.conf.all.rp_filter=2
run restore --json
expect_status "restore of what all rules out" 2
json "what all rules out is listed" '[.skipped[] | select(.why == "ruled-out") | .name] == ["eth0", "eth1"]'
expect_value eth0 rp_filter 1
run restore
says "and said" "$OUT" '^eth0: rp_filter cannot be strict again, as it was: .all. is 2$'
sysctl -qw net.ipv4.conf.all.rp_filter=0
run restore
expect_status "restore once all allows it" 0
expect_effective eth0 1

# --- a full disk: nothing is half done

run resume
rm /run/rpfpolicy-root/before
sysctl -qw net.ipv4.conf.all.rp_filter=2
policy_file 10-test.conf <<'END'
[rp_filter]
lxc* = off
* = strict
END
run apply --once
expect_effective lxc1 0
mount -t tmpfs -o size=16k,mode=0755 tmpfs /mnt
cp -a /run/rpfpolicy-root/. /mnt
mount --move /mnt /run/rpfpolicy-root
cat /dev/zero >/run/rpfpolicy-root/fill 2>/dev/null
before=$(all_values)
run restore
expect_status "restore with a full disk" 1
says "restore with a full disk says so" "$ERR" 'cannot pause.*No space left.*nothing was changed'
expect_equal "restore with a full disk writes nothing" "$(all_values)" "$before"
rm /run/rpfpolicy-root/fill
run restore lxc1
expect_status "restore with room again" 0
expect_effective lxc1 2

system_end
