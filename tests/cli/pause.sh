#!/bin/bash
# `pause` and `resume` as every command sees them: what is paused is neither written nor drift, says
# so everywhere, and ends by its time whatever the wall clock says.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

PAUSED=/run/rpfpolicy-root/paused

sysctl -qw net.ipv4.conf.default.rp_filter=0
for device in eth0 eth1 lxc1 'a*b' '-x'; do ip link add name "$device" type bridge; done
sysctl -qw net.ipv4.conf.all.rp_filter=0
policy_file 10-test.conf <<'END'
[rp_filter]
* = strict
END

# --- what is refused

run pause eth0
expect_status "no reason" 1
says "no reason: says what is missing" "$ERR" '--reason=TEXT'
for blank in '' '   ' $'\t\n' $'\xc2\xa0\xe3\x80\x80 '; do
    run pause eth0 --reason="$blank"
    expect_status "a reason of $(printf %q "$blank")" 1
    says "a reason of $(printf %q "$blank"): says what is missing" "$ERR" '--reason=TEXT'
done
for words in 'pause eth0 --reason' 'pause --reason' 'pause --for=1h eth0 --reason' \
    'pause eth0 --reason=x --for'; do
    # shellcheck disable=SC2086 # words
    run $words
    expect_status "$words" 1
    says "$words: says what is missing" "$ERR" "a value is missing behind '${words##* }'"
done
run pause eth0 --reason=x --for=soon
expect_status "a time that is none" 1
run pause @physical --reason=x
expect_status "a set" 1
says "a set: says so" "$ERR" 'sets cannot be named'
run pause 'eth1..' eth0 --reason=x
expect_status "one bad pattern" 1
expect "nothing is paused by what was refused" test ! -e "$PAUSED"
setpriv --reuid=65534 --regid=65534 --clear-groups "$SYSTEM_BUILD/agent/cli/rpfpolicy" \
    pause --reason=x >"$OUT" 2>"$ERR"
expect_equal "without privilege: exit status" "$?" 1
says "without privilege: says what it needs" "$ERR" 'needs root'

# --- one device

SUDO_USER=alice run pause eth0 --reason='ticket 7: a "test" of \ things' --for=2h
expect_status "pause eth0" 0
says "pause says what" "$OUT" '^Paused: eth0, for 120 min, by alice: ticket 7'
run plan
says_not "plan leaves it out" "$OUT" ' eth0 .*-> strict'
says "plan says so" "$OUT" '^note: paused, .* by alice: eth0 \(ticket 7.*1 device would be written'
run apply --once
expect_status "apply with a pause" 0
says "apply says that one is paused" "$ERR" 'every device that is not paused is as the policy'
says "apply says which" "$OUT" '^note: paused, .*: eth0 '
expect_value eth0 rp_filter 0
expect_value eth1 rp_filter 1
run check
expect_status "check with a pause" 0
says "check shows it" "$OUT" '^paused +eth0 +rp_filter .*a pause, see below'
says "check tells who and why, once" "$OUT" '^note: paused, for 120 min, by alice: eth0 \(ticket 7'
says "check counts it" "$OUT" '1 paused'
run check --json
json "check --json: state" '[.devices[] | select(.name == "eth0").keys[].state] == ["paused"]'
json "check --json: summary" '.summary.paused == 1 and .summary.drift == 0'
json "check --json: pauses" '.pauses | length == 1 and .[0].devices == "eth0" and
    .[0].by == "alice" and .[0].reason == "ticket 7: a \"test\" of \\ things" and
    .[0].left > 7000 and .[0].left <= 7200'
run check --format=nagios
expect_status "check for monitoring" 0
run list eth0
says "list shows it" "$OUT" 'eth0 .*strict \(paused\)'
run explain eth0
says "explain tells who and why" "$OUT" 'paused.*wanted strict.*left alone.*alice.*ticket 7'
says "explain tells how to end it" "$OUT" "rpfpolicy resume 'eth0'"
run apply --dry-run --force
says "apply --dry-run --force includes it" "$OUT" '^eth0: rp_filter 0 -> 1'
run apply --once --force
expect_status "apply --force" 0
expect_value eth0 rp_filter 1
run resume eth1
expect_status "resume of what is not paused" 0
says "resume of what is not paused says so" "$ERR" "'eth1' was not paused"
run resume eth0
expect_status "resume" 0
expect_equal "resume says what it ended" "$(cat "$OUT")" 'Resumed: eth0.'
run resume
expect_equal "resume of nothing says so" "$(cat "$OUT")" 'Nothing is paused.'

# --- names that mean something else, patterns, everything

run pause --reason=x -- 'a*b' -x
expect_status "strange names" 0
run resume -- -x
expect_equal "resume says what is left" "$(sed 's/ by .*//' "$OUT")" \
    "$(printf '%s\n' 'Resumed: -x.' 'Paused: a*b, until the next boot,')"
run pause --reason=x -- -x
says_not "pause ends none" "$OUT" '^Resumed'
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
echo 0 >"$CONF/a*b/rp_filter"
run apply --once
expect_value 'a*b' rp_filter 0
expect_value eth0 rp_filter 1
run resume -- 'a*b' -x
expect "strange names are resumed" test ! -e "$PAUSED"
run pause 'lxc*' --reason=x
sysctl -qw net.ipv4.conf.lxc1.rp_filter=0
add_device lxc2
sysctl -qw net.ipv4.conf.lxc2.rp_filter=0
run apply --once
expect_value lxc1 rp_filter 0
expect_value lxc2 rp_filter 0
run resume lxc1
expect_status "resume of a part" 1
says "resume of a part names the whole" "$ERR" "rpfpolicy resume 'lxc\*'"
run pause lxc1 --reason=y
run resume lxc1
expect_status "resume where a wider pause holds" 1
expect_equal "resume where a wider pause holds says what ended and what does not" \
    "$(sed '/^Paused/s/ by .*//' "$OUT")" "$(printf '%s\n' \
        'Ended: the pause of lxc1, which stays paused by a wider one.' \
        'Paused: lxc*, until the next boot,')"
ip link set lxc2 name eth2
run apply --once
expect_value eth2 rp_filter 1
run pause eth1 'eth*' --reason=y
run resume eth1 'eth*'
expect_status "resume of a device and of the wider one" 0
expect_equal "resume of a device and of the wider one, no word beside" "$(cat "$ERR")" ''
expect_equal "resume of both says so" "$(head -n 2 "$OUT")" $'Resumed: eth1.\nResumed: eth*.'
run pause --reason='hands off'
expect_status "pause everything" 0
run explain default --key rp_filter
says "explain of default that is paused" "$OUT" '^default: rp_filter holds [0-9]+, so new devices start [a-z]+ \([0-9]\): paused, left alone until .*: hands off$'
sysctl -qw net.ipv4.conf.all.rp_filter=2
sysctl -qw net.ipv4.conf.eth1.rp_filter=2
before=$(all_values)
run apply --once
expect_status "apply with everything paused" 0
expect_equal "apply with everything paused writes nothing" "$(all_values)" "$before"
run check --json
json "all and default are paused" '.all.rp_filter.state == "paused" and
    .default.rp_filter.state == "paused"'
run pause eth1 'eth*' --reason=y
run resume eth1 'eth*'
expect_status "resume of a part of everything" 1
expect_equal "resume of a part of everything says so" "$(sed '/^Paused/s/ by .*//' "$OUT")" \
    "$(printf '%s\n' 'Ended: the pause of eth1, which stays paused by a wider one.' \
        'Ended: the pause of eth*, which stays paused by a wider one.' \
        'Paused: lxc*, until the next boot,' 'Paused: everything, until the next boot,')"
run resume
expect_status "resume everything" 0
says "resume everything says so" "$OUT" '^Resumed: everything\.$'
run apply --once
expect_status "apply after resume" 0
expect_effective eth1 1

# --- `all` moves for others: a paused device stays effectively as it is

sysctl -qw net.ipv4.conf.all.rp_filter=2
run pause lxc1 --reason=x
run apply --once
expect_value all rp_filter 1
expect_effective lxc1 2
expect_effective eth1 1
run resume
run pause all --reason=x
sysctl -qw net.ipv4.conf.all.rp_filter=2
run apply --once
expect_value all rp_filter 2
run check --json
json "all is paused" '.all.rp_filter.state == "paused"'
run resume
run apply --once
expect_value all rp_filter 1

# --- time

sysctl -qw net.ipv4.conf.all.rp_filter=0
run pause eth0 --reason=x --for=1s
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
for _ in $(seq 50); do
    run plan
    [ "$STATUS" = 2 ] && break
    sleep 0.1
done
expect_status "after its time" 2
run pause eth0 --reason=x
sed -i '1!s/^[0-9]\+ \([0-9]\+\) [0-9]\+ /0 \1 1 /' "$PAUSED"
run check
says "a pause from 1970 by the wall clock still counts" "$OUT" '^paused +eth0'
says "without a time it says until when" "$OUT" 'until the next boot'

# --- a container's own boot id, which a service with a /proc of its own does not see

echo 11111111-2222-3333-4444-555555555555 >"$SYSTEM_WORK/boot_id"
unshare --mount sh -c "mount --bind '$SYSTEM_WORK/boot_id' /proc/sys/kernel/random/boot_id &&
    rpfpolicy check" >"$OUT"
says "a pause counts for who is told another boot id" "$OUT" '^paused +eth0'

# --- another boot, damage, a full disk

sed -i '1s/.*/rpfpolicy-paused 1 00000000-0000-0000-0000-000000000000 0/' "$PAUSED"
run plan
expect_status "a pause of another boot" 2
run apply --once
expect_value eth0 rp_filter 1
echo 'something else' >"$PAUSED"
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
run apply --once
expect_status "a damaged file" 1
says "a damaged file is named" "$ERR" "$PAUSED"
expect_value eth0 rp_filter 0
rm "$PAUSED"
run pause eth1 --reason='this one stays'
mount -t tmpfs -o size=16k,mode=0755 tmpfs /mnt
cp -a /run/rpfpolicy-root/. /mnt
mount --move /mnt /run/rpfpolicy-root
rm -f /run/rpfpolicy-root/before
cat /dev/zero >/run/rpfpolicy-root/fill 2>/dev/null
mount -t tmpfs -o size=16k,mode=0755 tmpfs /run/rpfpolicy
cat /dev/zero >/run/rpfpolicy/fill 2>/dev/null
run pause eth0 --reason="$(printf '%05000d' 0)"
expect_status "a full disk" 1
says "a full disk: says so" "$ERR" 'No space left.*nothing was changed'
run check --json
json "the pause before stays" '.pauses | length == 1 and .[0].devices == "eth1"'
run apply --once
expect_status "apply with a full /run" 0
expect_value eth0 rp_filter 1
says "apply with a full /run warns" "$ERR" 'could not be recorded'
run resume
expect_status "resume with a full disk" 0
expect "resume with a full disk removes it" test ! -e "$PAUSED"

system_end
