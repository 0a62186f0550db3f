#!/bin/bash
# `plan`, `apply` and `accept`: the same writes in each, nothing changed by what must not change
# anything, and an honest exit status.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

ACCEPTED=/var/lib/rpfpolicy/accepted.conf

# unchanged TEXT COMMAND...: no setting changes while it runs.
unchanged() {
    local text=$1 before

    shift
    before=$(all_values)
    "$@"
    expect_equal "$text changes no setting" "$(all_values | md5sum)" "$(md5sum <<<"$before")"
}

unprivileged() {
    setpriv --reuid=65534 --regid=65534 --clear-groups "$SYSTEM_BUILD/agent/cli/rpfpolicy" "$@" \
        >"$OUT" 2>"$ERR"
    STATUS=$?
}

ip link add eno1 type veth peer name lxc1
ip link add eno2 type veth peer name lxc2
ip addr add 192.0.2.1/24 dev eno1
ip link set eno1 up
sysctl -qw net.ipv4.conf.all.rp_filter=2

# --- nothing to carry out

for verb in plan apply accept; do
    run "$verb"
    expect_status "$verb without a policy" 1
    says "$verb without a policy says how a first one looks" "$ERR" '\* = strict'
done
policy_file 10-test.conf <<'END'
[rp_filter]
lxc* = of
END
for verb in plan apply accept; do
    unchanged "$verb with a broken policy" run "$verb"
    expect_status "$verb with a broken policy" 1
    says "$verb with a broken policy names the line" "$ERR" '10-test.conf:2: '
    expect "$verb with a broken policy accepts nothing" test ! -e "$ACCEPTED"
done

for text in '' '# nothing' '[rp_filter]' $'[agent]\nmode = enforce' $'[set s]\nname = e*' '[-later]'; do
    policy_file 10-test.conf <<<"$text"
    for verb in plan apply accept 'routes apply' validate; do
        # shellcheck disable=SC2086 # words
        unchanged "$verb without a rule in '$text'" run $verb
        expect_status "$verb without a rule in '$text'" 1
        says "$verb without a rule in '$text' names file and line" "$ERR" \
            "^/etc/rpfpolicy.d/10-test.conf: no rule in any file; .* write 'mode = observe' in \[agent\]$"
    done
    expect "without a rule in '$text' nothing is accepted" test ! -e "$ACCEPTED"
done

# --- plan and dry run

policy_file 10-test.conf <<'END'
[rp_filter]
lxc* = off
eno1 = strict
END
unchanged plan run plan
expect_status "plan with something to do" 2
says "plan shows all" "$OUT" '^ *[0-9]+ all +rp_filter 2 -> 0 +loose -> off +makes room for lxc\*=off'
says "plan keeps what no rule speaks of" "$OUT" '^ *[0-9]+ eno2 +rp_filter 0 -> 2 .*keeps it'
cp "$OUT" "$SYSTEM_WORK/plan"
run plan --json
expect_status "plan --json" 2
json "plan --json has the writes" '.writes | length > 3 and all(has("step") and has("ifindex") and
    has("name") and has("key") and has("old") and has("new") and has("before") and has("after") and
    has("reason") and has("rule"))'
json "steps never go back" '[.writes[].step] | . == sort'
jq -r '.writes[] | "\(.name) \(.old) \(.new)"' "$OUT" >"$SYSTEM_WORK/planned"
unchanged "apply --dry-run" run apply --dry-run
expect_status "apply --dry-run with something to do" 2
expect "apply --dry-run accepts nothing" test ! -e "$ACCEPTED"
cp "$OUT" "$SYSTEM_WORK/dry"
run apply --dry-run --json
json "apply --dry-run --json says so" '.dry_run and (.writes | length > 3)'
unchanged "accept" run accept
expect_status "accept" 0
expect "accept puts it into force" test -s "$ACCEPTED"
says "accept says what" "$OUT" '^Accepted: 1 file, 2 rules, mode observe'

# --- without privilege

unchanged "apply without privilege" unprivileged apply
expect_status "apply without privilege" 1
says "apply without privilege says what it needs" "$ERR" 'needs root'
unprivileged plan
expect_status "plan without privilege" 2
expect_equal "plan without privilege is the same plan" "$(cat "$OUT")" "$(cat "$SYSTEM_WORK/plan")"
unprivileged apply --dry-run
expect_status "apply --dry-run without privilege" 2

# --- apply

umask 077
run apply --once
umask 022
expect_status "apply" 0
expect_equal "who may only read can read the state" "$(stat -c %a /run/rpfpolicy)" 755
expect_equal "apply prints what the dry run printed" "$(cat "$OUT")" "$(cat "$SYSTEM_WORK/dry")"
expect_equal "apply makes the planned writes, those of devices alike in one line" \
    "$(awk -F ': ' '{ n = split($1, names, ", "); split($2, words, "[ ,]+")
        for (i = 1; i <= n; i++) print names[i], words[2], words[4] }' "$OUT" | sort)" \
    "$(sort "$SYSTEM_WORK/planned")"
says "apply says where things stand" "$ERR" 'every device is as the policy wants'
says "apply says that nothing will keep it" "$ERR" 'mode = enforce'
for device in lxc1 lxc2; do expect_effective "$device" 0; done
expect_effective eno1 1
expect_effective eno2 2
run check
expect_status "check after apply" 0
run plan
expect_status "plan after apply" 0
says "plan after apply" "$OUT" '^Nothing to do\.$'
unchanged "a second apply" run apply --once
expect_status "a second apply" 0
says "a second apply" "$OUT" '^Nothing to do\.$'
run apply --once --json
expect_status "apply --json with nothing to do" 0
json "apply --json with nothing to do" '.writes == [] and .summary.failed == 0'

# --- acceptance and mode

policy_file 10-test.conf <<'END'
[agent]
mode = enforce
[rp_filter]
lxc* = off
eno1 = loose
END
run check --json
json "a saved file is not in force" '.policy.accepted == false'
run check
says "check says that another policy is in force" "$OUT" 'Another policy is in force'
run apply --once --json
expect_status "apply --json" 0
json "apply --json has results" '(.writes | length == 1) and .writes[0].result == "written" and
    .writes[0].error == null and .summary.written == 1 and .dry_run == false'
run check --json
json "apply puts it into force" '.policy.accepted and .policy.mode == "enforce"'
json "what is enforced is marked" '[.devices[].keys[] | select(.rule != null) | .enforced] | all'

# --- who keeps it

run apply --once
says_not "apply does not miss an agent where none can be started" "$ERR" warning
mkdir -p /etc/systemd/system
echo '[Unit]' >/etc/systemd/system/rpfpolicy-agent.service
run apply --once
expect_status "apply beside an agent that does not run" 0
says "apply beside an agent that does not run says so" "$ERR" \
    "^rpfpolicy: warning: the agent does not run, .*'systemctl enable --now rpfpolicy-agent'$"
touch /run/rpfpolicy-root/stand-back
run apply --once
says "apply beside an agent that was stopped says so" "$ERR" \
    "^rpfpolicy: warning: the agent was stopped, .*'systemctl start rpfpolicy-agent'$"
rm /run/rpfpolicy-root/stand-back
agent_seen enforcing
run apply --once
says_not "apply beside an agent has nothing to warn of" "$ERR" warning
exec 8>&-
rm /etc/systemd/system/rpfpolicy-agent.service

# --- observed rules and pins

policy_file 10-test.conf <<'END'
[rp_filter]
eno2 = off, observe
END
run plan
expect_status "plan with an observed rule" 0
unchanged "apply with an observed rule" run apply --once
expect_status "apply with an observed rule" 0
says "what is only observed is not said to be as wanted" "$ERR" \
    '1 key is not as a rule wants that only observes'
run check
expect_status "check with an observed rule that is not met" 2
policy_file 10-test.conf <<'END'
[rp_filter]
all = strict
END
sysctl -qw net.ipv4.conf.eno2.rp_filter=0
run plan
expect_status "a pin that changes devices without a rule" 2
says "such devices are listed" "$OUT" '^note: .all. changes lxc1, .*: rp_filter off -> strict$'
run plan --json
json "such devices are in plan --json" '.casualties | map(.name) | contains(["lxc1", "eno2"])'

# --- some write fails

policy_file 10-test.conf <<'END'
[rp_filter]
all = unmanaged
default = unmanaged
lxc1 = strict
eno1 = strict
END
sysctl -qw net.ipv4.conf.all.rp_filter=0
mount --bind /dev/full "$CONF/lxc1/rp_filter"
run apply --once
expect_status "a write that fails" 4
says "a write that fails is shown" "$OUT" '^lxc1: rp_filter 0 -> 1, .* failed: '
expect_effective eno1 1
umount "$CONF/lxc1/rp_filter"
run apply --once
expect_status "apply after the obstacle is gone" 0
expect_effective lxc1 1

# --- what no write can put right is no silent nothing

policy_file 10-test.conf <<'END'
[rp_filter]
all = unmanaged
default = unmanaged
* = strict
END
sysctl -qw net.ipv4.conf.all.rp_filter=2
for verb in plan 'apply --dry-run' apply; do
    # shellcheck disable=SC2086 # a verb and its option
    run $verb
    expect_status "$verb without a write, where something cannot be had" 2
    says "$verb without a write" "$OUT" '^Nothing to do'
    says "$verb without a write tells what cannot be had" "$OUT" \
        '^note: rp_filter of [^ ]+: cannot be strict: .* all = unmanaged, /etc/rpfpolicy.d/10-test.conf:2$'
done
sysctl -qw net.ipv4.conf.all.rp_filter=0

# --- someone else writes

exec 9>/run/rpfpolicy.lock
flock 9
policy_file 10-test.conf <<'END'
[rp_filter]
lxc1 = loose
END
before=$(md5sum <"$ACCEPTED")
timeout 60 rpfpolicy apply --once >"$OUT" 2>"$ERR" 9>&-
STATUS=$?
expect_status "apply while another program holds the lock" 1
says "apply while another program holds the lock says so" "$ERR" 'someone else'
expect_equal "apply while another program holds the lock accepts nothing" \
    "$(md5sum <"$ACCEPTED")" "$before"
exec 9>&-

# --- what cannot be had

policy_file 10-test.conf <<'END'
[log_martians]
eno1 = no
[routing]
eno1 = auto
END
sysctl -qw net.ipv4.conf.all.log_martians=1
sysctl -qw net.ipv4.conf.eno1.log_martians=0
run plan --json
expect_status "plan where nothing can be done" 2
json "plan --json has no write" '.writes == [] and .routes == []'
json "but what stands in the way" '.impossible | length == 1 and (.[0] |
    .name == "eno1" and .key == "log_martians" and .state == "impossible" and .effective == 1 and
    .wanted == 0 and .rule.line == 2 and (.message | test("all. is 1")))'
json "also of routing" '.routing | length == 1 and (.[0] | .name == "eno1" and
    .state == "impossible" and (.message | test("no IPv4 gateway")))'
for option in --dry-run --force; do
    run apply --once --json "$option"
    json "and so has apply $option" '[.impossible[] | "\(.name) \(.key)"] == ["eno1 log_martians"]'
done
policy_file 10-test.conf <<<$'[routing]\neno1 = auto'
for options in --dry-run ''; do
    # shellcheck disable=SC2086 # none, or one
    run apply --once --json $options
    expect_status "apply $options where only routing cannot be had" 2
    json "apply $options tells which" '.writes == [] and .routes == [] and .impossible == [] and
        (.routing | length == 1) and (.routing[0] | .name == "eno1" and .state == "impossible" and
        (.message | test("no IPv4 gateway")))'
done
policy_file 10-test.conf <<<$'[rp_filter]\n* = strict\neno1 = off'
sysctl -qw net.ipv4.conf.all.rp_filter=2
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,ro,bind /proc/sys/net
run plan --json
json "of default, too" '.impossible | any(.name == "default" and .key == "rp_filter" and
    .ifindex == -2 and (.message | test("read-only")))'
umount /proc/sys/net
sysctl -qw net.ipv4.conf.all.log_martians=0
run plan --json
json "and nothing where all can be had" '(.writes | length > 0) and .impossible == [] and .routing == []'

# --- from rules that are enforced to none

policy_file 10-test.conf <<<$'[agent]\nmode = enforce\n[rp_filter]\nlxc1 = off'
run accept
enforced=$(md5sum <"$ACCEPTED")
: >/etc/rpfpolicy.d/10-test.conf
for verb in accept apply 'accept --force' 'apply --force'; do
    # shellcheck disable=SC2086 # words
    run $verb
    expect_status "$verb of an emptied file" 1
    expect_equal "$verb of an emptied file accepts nothing" "$(md5sum <"$ACCEPTED")" "$enforced"
done
policy_file 10-test.conf <<<$'[agent]\nmode = observe'
run validate
expect_status "none, and the word for it, is a policy" 0
expect_equal "none, and the word for it: the sum" "$(cat "$OUT")" "1 file, 0 rules, valid"
for verb in accept apply 'apply --confirm=1s' 'routes apply' 'accept --policy=/dev/null'; do
    # shellcheck disable=SC2086 # words
    unchanged "$verb of no rules" run $verb
    expect_status "$verb of no rules" 1
    says "$verb of no rules is refused" "$ERR" 'refused: the policy has no rules, while rules are enforced'
    says "$verb of no rules says the way on" "$ERR" 'to end that on purpose, give --force'
    expect_equal "$verb of no rules accepts nothing" "$(md5sum <"$ACCEPTED")" "$enforced"
done
for verb in accept apply 'routes apply' 'accept --policy=/dev/null'; do
    # shellcheck disable=SC2086 # words
    run $verb --force
    expect_status "$verb --force" 0
    expect "$verb --force ends it" grep -qx 'mode = observe' "$ACCEPTED"
    policy_file 20-more.conf <<<$'[agent]\nmode = enforce\n[rp_filter]\nlxc1 = off'
    run accept
    expect_status "$verb --force: and back" 0
    rm /etc/rpfpolicy.d/20-more.conf
done
policy_file 20-more.conf <<<$'[rp_filter]\nlxc1 = off'
run accept
expect_status "rules that are only observed" 0
rm /etc/rpfpolicy.d/20-more.conf
run accept
expect_status "no rules after those" 0

# --- nowhere to accept it to

policy_file 10-test.conf <<<$'[rp_filter]\nlxc1 = strict|loose'
mount -o remount,ro /var/lib
run apply --once
expect_status "apply without a place for the accepted policy" 1
says "apply without a place for the accepted policy names it" "$ERR" \
    '/var/lib/rpfpolicy/accepted.conf cannot be written: Read-only file system'
mount -o remount,rw /var/lib

# --- no place for the lock, nor for what --confirm needs

mount --bind /run /run
mount -o remount,ro,bind /run
before=$(md5sum <"$ACCEPTED")
rpfpolicy apply --once >/dev/null 2>/var/lib/err
expect_equal "apply where /run is read-only: exit status" "$?" 1
says "apply where /run is read-only names the file" /var/lib/err \
    '/run/rpfpolicy.lock cannot be written: Read-only file system; nothing was accepted'
expect_equal "apply where /run is read-only accepts nothing" "$(md5sum <"$ACCEPTED")" "$before"
rpfpolicy routes apply >/dev/null 2>/var/lib/err
expect_equal "routes apply where /run is read-only: exit status" "$?" 1
says "routes apply where /run is read-only names the file" /var/lib/err \
    '/run/rpfpolicy.lock cannot be written: Read-only file system; nothing was accepted'
expect_equal "routes apply where /run is read-only accepts nothing" "$(md5sum <"$ACCEPTED")" "$before"
policy_file 10-test.conf <<<$'[rp_filter]\nlxc1 = off'
rpfpolicy apply --once --confirm >/dev/null 2>/var/lib/err
expect_equal "apply --confirm where /run is read-only: exit status" "$?" 1
says "apply --confirm where /run is read-only names the file" /var/lib/err \
    '/run/rpfpolicy-root/confirm cannot be written: Read-only file system'
umount /run

system_end
