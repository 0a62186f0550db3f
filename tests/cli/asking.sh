#!/bin/bash
# `apply` on a terminal: it shows what it would do, asks, and does nothing without a yes; what is another
# thing when the answer comes is shown and asked again. And what it tells in the end of what others did.
# shellcheck disable=SC2016 # what another shell shall expand
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

ACCEPTED=/var/lib/rpfpolicy/accepted.conf
SEEN=$SYSTEM_WORK/seen # what the person sees; $OUT: what went to stdout

mkdir /dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts || system_skip "no terminals here"
ln -s pts/ptmx /dev/ptmx

# answer ANSWER [BEFORE] -- ARGUMENT...: `apply` on a terminal.
answer() {
    local answer=$1 before=

    shift
    [ "$1" = -- ] || { before=$1 && shift; }
    shift
    NO_COLOR=${COLORLESS-1} timeout 60 python3 "$SYSTEM_SOURCE/tests/lib/on-terminal.py" \
        --before="$before" --output="$OUT" '[y/N]' "$answer" rpfpolicy apply "$@" >"$SEEN"
    STATUS=$?
    tr -d '\r' <"$SEEN" >"$ERR"
}

asked() {
    expect_equal "$1: questions" "$(grep -c '\[y/N\]' "$ERR")" "$2"
}

for i in $(seq 40); do add_device "lxc$i"; done
add_device eno1
values() {
    local file

    for file in "$CONF"/lxc*/rp_filter; do echo "$1" >"$file"; done
    echo 0 >"$CONF/all/rp_filter"
    echo 0 >"$CONF/default/rp_filter"
}
policy() {
    policy_file 10-test.conf <<<$'[agent]\nmode = '"${1:-enforce}"$'\n[rp_filter]\nlxc* = strict'
}
again() {
    rm -rf "$ACCEPTED" /etc/rpfpolicy.d/*
    values 0
    policy "$@"
}

# --- no, nothing, yes

for no in n '' yesterday N 'y y' end; do
    again
    before=$(all_values)
    answer "$no" -- --color=never
    expect_status "the answer '$no'" 1
    asked "the answer '$no'" 1
    expect_equal "the answer '$no' writes nothing" "$(all_values)" "$before"
    expect "the answer '$no' accepts nothing" test ! -e "$ACCEPTED"
    says "the answer '$no': it is said" "$ERR" '^rpfpolicy: nothing was accepted or written$'
    expect "the answer '$no': stdout is empty" test ! -s "$OUT"
done
says "40 devices alike are one line of what is shown" "$ERR" \
    '^lxc1, lxc2, lxc3 and 37 more: rp_filter 0 -> 1, effectively off -> strict: lxc\*=strict '
for yes in y Y yes YES; do
    again
    answer "$yes" --
    expect_status "the answer '$yes'" 0
    asked "the answer '$yes'" 1
    for i in 1 40; do expect_value "lxc$i" rp_filter 1; done
    expect "the answer '$yes' accepts" test -s "$ACCEPTED"
    expect_equal "the answer '$yes': 40 devices alike are one line" "$(wc -l <"$OUT")" 1
    says "the answer '$yes': that line" "$OUT" \
        '^lxc1, lxc2, lxc3 and 37 more: rp_filter 0 -> 1, effectively off -> strict: lxc\*=strict '
done
answer y --
asked "with nothing to do it does not ask" 0
expect_status "nothing to do" 0
again
values 1
answer n --
asked "a policy that is only to be accepted" 1
says "a policy that is only to be accepted: it is said" "$ERR" 'Nothing is to be written now'
expect "a policy that is only to be accepted is not" test ! -e "$ACCEPTED"

# --- without the question

for option in --yes -y; do
    again
    answer n -- "$option"
    asked "$option" 0
    expect_status "$option" 0
    expect_value lxc1 rp_filter 1
done
again
answer n -- --dry-run
asked "--dry-run" 0
again
run apply
expect_status "without a terminal" 0
says_not "without a terminal nothing is asked" "$ERR" 'y/N'
expect_value lxc1 rp_filter 1
again
answer y -- --json
asked "--json" 1
json "--json puts nothing else to stdout" '.writes | length == 40 and all(.result == "written" and .by == "apply")'
expect "--json shows the plan on stderr" grep -q '^lxc1, lxc2, lxc3 and 37 more: ' "$ERR"

# --- colours, as of a diff

again
COLORLESS='' TERM=xterm answer y --
says "old and new are coloured where a person looks" "$SEEN" $'effectively \033\\[31moff\033\\[0m -> \033\\[32mstrict\033\\[0m'
says_not "and not where stdout is a file" "$OUT" $'\033'

# --- what has changed while it waited

again
answer y 'echo 1 >/proc/sys/net/ipv4/conf/lxc7/rp_filter; ip link del lxc40' --
asked "a device that is gone, and one that somebody has put right" 1
expect_status "a device that is gone, and one that somebody has put right" 0
says "what somebody else wrote is told" "$OUT" '^lxc7: rp_filter 0 -> 1, .* - written by another program meanwhile$'
add_device lxc40
again
answer y 'ip link add lxc41 type bridge' --
asked "a device that is new" 1
expect_status "a device that is new" 0
expect_value lxc41 rp_filter 1
ip link del lxc41
again
answer y 'echo 2 >/proc/sys/net/ipv4/conf/eno1/rp_filter' --
asked "a device that no rule speaks of" 1
says "what somebody wrote there is told, too" "$OUT" \
    '^eno1: rp_filter 0 -> 2, effectively off -> loose: not by this policy - written by another program meanwhile$'
echo 0 >"$CONF/eno1/rp_filter"

again
answer y '[ $1 -gt 1 ] || printf "[agent]\nmode = enforce\n[rp_filter]\nlxc* = strict\nlxc1 = loose\n" >/etc/rpfpolicy.d/10-test.conf' --
asked "the policy on disk" 2
says "the policy on disk: it is said" "$ERR" '^rpfpolicy: the policy on disk has changed since that was shown; now it is:$'
expect_status "the policy on disk" 0
expect_value lxc1 rp_filter 2
expect_equal "the policy on disk: that is in force" "$(grep -c loose "$ACCEPTED")" 1
again
answer y '[ $1 -gt 1 ] || echo 2 >/proc/sys/net/ipv4/conf/all/rp_filter' --
asked "\`all\`" 2
expect_status "\`all\`" 0
expect_effective lxc1 1
again
answer y '[ $1 -gt 1 ] || rpfpolicy pause lxc3 --reason=test >/dev/null' --
asked "the target of a listed device" 2
says "the target of a listed device: it is said" "$ERR" 'what becomes of a device has changed since'
expect_value lxc3 rp_filter 0
expect_value lxc4 rp_filter 1
rpfpolicy resume >/dev/null
values 0
again
echo 1 >"$CONF/lxc3/rp_filter"
answer y '[ $1 -gt 1 ] || echo 0 >/proc/sys/net/ipv4/conf/lxc3/rp_filter' --
asked "a device that was right, and is not any more" 2
says "a device that was right: it is said" "$ERR" 'what becomes of a device has changed since'
expect_value lxc3 rp_filter 1
again
answer y 'echo $(($1 % 2 + 1)) >/proc/sys/net/ipv4/conf/all/rp_filter' --
asked "it is another thing each time" 3
expect_status "it is another thing each time" 1
says "it is another thing each time: it ends" "$ERR" 'for the third time; nothing was accepted or written'
expect "it is another thing each time: nothing is accepted" test ! -e "$ACCEPTED"
expect_value lxc1 rp_filter 0
again
answer y 'echo "lxc* = of" >>/etc/rpfpolicy.d/10-test.conf' --
asked "a policy that is broken by now" 1
expect_status "a policy that is broken by now" 1
expect "a policy that is broken by now is not accepted" test ! -e "$ACCEPTED"

# --- nobody else waits for the answer

again
answer n 'timeout 20 rpfpolicy apply >/run/test/other 2>&1 </dev/null; echo $? >/run/test/status' --
expect_equal "another apply while it waits" "$(cat /run/test/status)" 0
expect "another apply accepts" test -s "$ACCEPTED"
expect_value lxc1 rp_filter 1
expect_status "and this one ends by its answer" 1

# --- routes and rules that an agent was the first to write

again
ip address add 172.16.4.4/24 dev lxc1
ip link set lxc1 up
printf '[routing]\nlxc1 = auto\n[routing lxc1]\ngateway = 172.16.4.1\n' >>/etc/rpfpolicy.d/10-test.conf
agent_seen enforcing
answer y 'rpfpolicy routes apply >/run/test/other 2>&1 </dev/null; echo 1 >/proc/sys/net/ipv4/conf/lxc2/rp_filter' --
asked "an agent that is first" 1
expect_status "an agent that is first" 0
says "routes that it wrote are told" "$OUT" '^ip -4 route add default via 172.16.4.1 .* - made by the agent meanwhile$'
says "rules that it wrote are told" "$OUT" '^ip -4 rule add .* - made by the agent meanwhile$'
says "so are values" "$OUT" '^lxc2: rp_filter 0 -> 1, .* - written by the agent meanwhile$'
says_not "and none as somebody else's" "$OUT" 'another program'
exec 8>&-
rpfpolicy routes flush >/dev/null 2>&1
again
printf '[routing]\nlxc1 = auto\n[routing lxc1]\ngateway = 172.16.4.1\n' >>/etc/rpfpolicy.d/10-test.conf
answer y 'rpfpolicy routes apply >/run/test/other 2>&1 </dev/null' -- --json
json "by another command, in JSON" '(.routes | length > 1 and all(.by == "other" and .result == "done")) and
    .summary.routes.done == (.routes | length)'
rpfpolicy routes flush >/dev/null 2>&1

# --- --confirm asks first

again
answer n -- --confirm=30s
asked "--confirm" 1
expect_status "--confirm and no" 1
expect "--confirm and no: nothing is on trial" test ! -e /run/rpfpolicy-root/confirm
expect "--confirm and no: nothing is accepted" test ! -e "$ACCEPTED"
again
answer y -- --confirm=30s
says "--confirm and yes asks once more in the end" "$ERR" 'Keep these values\? \[y/N\]'
expect_status "--confirm and yes" 0
expect_value lxc1 rp_filter 1

# --- who may not

again
chmod 0755 "$SYSTEM_WORK" && chmod 0666 "$OUT"
timeout 60 python3 "$SYSTEM_SOURCE/tests/lib/on-terminal.py" '[y/N]' y \
    setpriv --reuid=65534 --regid=65534 --clear-groups "$SYSTEM_BUILD/agent/cli/rpfpolicy" apply >"$ERR"
asked "who may not write is not asked" 0
says "who may not write is told so" "$ERR" 'needs root'

# --- mode = observe

again observe
before=$(all_values)
run apply
expect_status "observe" 2
expect_equal "observe writes nothing" "$(all_values)" "$before"
expect "observe accepts" test -s "$ACCEPTED"
says "observe says what would be written" "$OUT" '^lxc1, lxc2, lxc3 and 37 more: rp_filter 0 -> 1, '
says "observe says that, and the way on" "$ERR" "^'rpfpolicy apply --once'"
run apply --json
json "observe in JSON" '.observe and (.dry_run | not) and (.writes | length == 40 and all(has("result") | not)) and
    .summary.written == 0'
answer n --
asked "observe, in force already" 0
rm "$ACCEPTED"
answer n --
asked "observe, not in force" 1
says "observe, not in force: what is asked" "$ERR" 'Its mode is observe: nothing is written. \[y/N\]'
expect "observe, not in force: no" test ! -e "$ACCEPTED"
answer y --
expect "observe, not in force: yes" test -s "$ACCEPTED"
expect_value lxc1 rp_filter 0
answer n -- --once
asked "--once" 1
expect_value lxc1 rp_filter 0
run apply --once
expect_status "--once" 0
expect_value lxc1 rp_filter 1
run apply
expect_status "observe with nothing to do" 0
policy_file 10-test.conf <<<$'[rp_filter]\nlxc* = loose'
run apply
expect_value lxc1 rp_filter 1
says "a policy that says nothing of a mode observes" "$ERR" '^rpfpolicy: mode is observe'

system_end
