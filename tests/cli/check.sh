#!/bin/bash
# `check` and `list` on a real set of devices: what people, scripts and monitoring systems are told,
# in every format and with every exit status.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

sysctl_d 10-network-security.conf <<'END'
# from the distribution
net.ipv4.conf.default.rp_filter=2
net.ipv4.conf.all.rp_filter=2
END
sysctl_d 50-default.conf <<'END'
net.ipv4.conf.*.rp_filter = 2
END
ip link add eno1 type veth peer name far
ip addr add 192.0.2.1/24 dev eno1
ip link set eno1 up
ip link add lxc1 type veth peer name lxc2
ip link add br0 type bridge
ip link set far master br0
run_systemd_sysctl --prefix=/net/ipv4/conf

# --- without a policy

run check
expect_status "check without a policy" 1
expect_equal "check without a policy: stdout" "$(cat "$OUT")" ""
says "check without a policy says how a first one looks" "$ERR" '\* = strict'
run check --format=nagios
expect_status "nagios without a policy" 3
says "nagios without a policy is UNKNOWN" "$OUT" '^RPFPOLICY UNKNOWN - '
run list
expect_status "list without a policy" 0
says "list without a policy shows devices" "$OUT" '^eno1 +rp_filter +2 loose +2 -$'
run list --json
json "list --json has the devices" '.devices | map(.name) | contains(["lo", "eno1", "lxc1"])'
json "list --json without a policy says so" '.policy.valid == false and .policy.hash == null'

# --- a broken policy

policy_file 10-test.conf <<'END'
[rp_filter]
* = stritc
END
run check
expect_status "check with a broken policy" 1
says "check names the line" "$ERR" '^/etc/rpfpolicy.d/10-test.conf:2: '
expect_equal "check with a broken policy: stdout" "$(cat "$OUT")" ""
run check --json
expect_status "check --json with a broken policy" 1
json "check --json tells that the policy is not valid" '.policy.valid == false'
json "check --json gives the errors" '.errors[0] | .line == 2 and (.file | endswith("10-test.conf"))'
json "check --json names the files of the broken policy" \
    '.policy.files == ["/etc/rpfpolicy.d/10-test.conf"]'
run check --format=prometheus
expect_status "prometheus with a broken policy" 1
expect_equal "prometheus with a broken policy: stdout" "$(cat "$OUT")" ""
run check --format=csv
expect_equal "csv with a broken policy: stdout" "$(cat "$OUT")" ""
run list
expect_status "list with a broken policy" 1
says "list with a broken policy still lists" "$OUT" '^eno1 '

# --- no device

for name in all default; do
    for verb in check list; do
        policy_file 10-test.conf <<<$'[rp_filter]\n* = strict'
        run "$verb" "$name"
        expect_status "$verb $name" 1
        says "$verb $name tells where to look" "$ERR" "'rpfpolicy explain $name'"
    done
done

# --- drift

policy_file 10-test.conf <<'END'
[rp_filter]
lxc* = off
eno1 = strict
eth7 = loose
br0  = strict|loose
END
run check
expect_status "drift" 2
says "drift of a device: values, rule and cause" "$OUT" \
    '^drift +lxc1 +rp_filter +loose \(2\) +off +/etc/rpfpolicy.d/10-test.conf:2 +/etc/sysctl.d/50-default.conf:1$'
says "drift of all: the line that gave it" "$OUT" \
    '^drift +all .* /etc/sysctl.d/10-network-security.conf:3$'
says "an exact name without a device" "$OUT" "no device 'eth7' \(/etc/rpfpolicy.d/10-test.conf:4\)"
says "the sum" "$OUT" '^6 devices: .*3 drift'
says "how to enforce is said last" <(tail -n 1 "$OUT") "rpfpolicy apply"
expect_equal "what is ok is not listed" "$(grep -c '^ok' "$OUT")" 0
expect "drift stands before warnings" awk \
    '/^drift/ { if (warned) exit 1; seen = 1 } /^warning/ { warned = 1 } END { exit !(seen && warned) }' \
    "$OUT"
policy_file 05-shadowed.conf <<<$'[rp_filter]\neno1 = off'
rpfpolicy check >"$OUT" 2>&1
expect "drift stands before warnings about lines of the policy, how to go on is last" awk \
    '/^drift/ { if (warned) exit 1; seen = 1 } /: warning: .* can never win/ { warned = 1 }
    { last = /enforce|rpfpolicy apply/ } END { exit !(seen && warned && last) }' "$OUT"
rm /etc/rpfpolicy.d/05-shadowed.conf
run check --all
says "--all lists what is ok" "$OUT" '^ok +br0 '
says "--all lists what no rule speaks of" "$OUT" '^unmanaged +lo '
says "--all lists ports" "$OUT" '^(moot|unmanaged) +far '
run check eno1 lxc2
expect_equal "check of two devices lists only those" \
    "$(awk '$1 == "drift" && $2 != "all" && $2 != "default" { print $2 }' "$OUT" | sort | xargs)" \
    "eno1 lxc2"
run check 'lxc*'
expect_status "a pattern is no device" 1
says "a pattern is no device, and that is why" "$ERR" "no device 'lxc\*'; patterns are not known here"
run check nosuch eno1
expect_status "check of an unknown device" 1
says "check of an unknown device names it" "$ERR" "'nosuch'"
expect_equal "check of an unknown device: stdout" "$(cat "$OUT")" ""
ip link property add dev eno1 altname the-first
run check the-first --json
json "a device is found by its altname" '.devices | map(.name) == ["eno1"]'

# --- written at run time

sysctl_d 50-default.conf </dev/null
run check lxc1
says "a value that nobody wrote leads to the line of default" "$OUT" \
    '^drift +lxc1 .* /etc/sysctl.d/10-network-security.conf:2$'
run check lxc1 --json
json "and for programs" '.devices[].keys[] | .origin == "default" and .cause.line == 2 and .obstacle == null'
former=$(value lxc1 rp_filter)
sysctl -qw net.ipv4.conf.lxc1.rp_filter=7
run check lxc1
says "a value no file gives" "$OUT" '^drift +lxc1 .* no line of sysctl.d$'
run check lxc1 --json
json "a value no file gives, for programs" '.devices[].keys[] | .origin == "run-time" and .cause == null'
sysctl -qw "net.ipv4.conf.lxc1.rp_filter=$former"
# What nobody wrote to the device is not said to be written to it.
mv /etc/sysctl.d/10-network-security.conf "$SYSTEM_WORK"
sysctl -qw net.ipv4.conf.lxc1.rp_filter=0
run check lxc1
says "a value that is overruled" "$OUT" '^drift +lxc1 .* .all. is 2$'
mv "$SYSTEM_WORK/10-network-security.conf" /etc/sysctl.d
sysctl -qw "net.ipv4.conf.lxc1.rp_filter=$former"

# --- what this user may not read

system_unprivileged() {
    setpriv --reuid=65534 --regid=65534 --clear-groups "$SYSTEM_WORK/rpfpolicy" "$@" \
        >"$OUT" 2>"$ERR"
    STATUS=$?
}

cp "$(command -v rpfpolicy)" "$SYSTEM_WORK/rpfpolicy"
system_unprivileged check
expect_status "check without privilege" 2
expect_equal "check without privilege: stderr" "$(cat "$ERR")" ""
mkdir -m 0700 /var/lib/rpfpolicy
chmod 0600 /etc/sysctl.d/10-network-security.conf
system_unprivileged check
expect_status "check where files cannot be read" 2
says "a file of sysctl.d that cannot be read" "$ERR" \
    'warning: .*/etc/sysctl.d/10-network-security.conf: cannot open: Permission denied'
says "an accepted policy that cannot be read" "$OUT" 'in force is not known'
chmod 0644 /etc/sysctl.d/10-network-security.conf
rmdir /var/lib/rpfpolicy

# --- only observed

printf '[rp_filter]\n* = strict, observe\n' >"$SYSTEM_WORK/observe"
run check --policy="$SYSTEM_WORK/observe"
expect_status "drift that is only observed" 2
expect "nothing is offered that apply does not do" not grep -q "rpfpolicy plan" "$OUT"

# --- JSON

run check --json
expect_status "check --json" 2
json "top level" '([.schema, .version, .host, .time] | all(. != null)) and has("machine_id") and
    .schema == 1 and has("agent") and (.time | fromdateiso8601 > 0)'
json "policy" '.policy | (.hash | test("^[0-9a-f]{16}$")) and .mode == "observe" and .valid and
    (.accepted | not) and .files == ["/etc/rpfpolicy.d/10-test.conf"]'
json "summary has every count" '.summary | [.devices, .ok, .drift, .latent, .impossible, .paused,
    .moot, .unmanaged, .warnings, .unmatched] | all(type == "number")'
json "the summary adds up" '.summary | .devices == .ok + .drift + .latent + .impossible + .paused +
    .moot + .unmanaged and .devices == 6 and .drift == 3 and .unmatched == 1'
json "all and default" '.all.rp_filter | .configured == 2 and .wanted == 0 and .state == "drift" and
    .rule.line == 2 and .cause.file == "/etc/sysctl.d/10-network-security.conf" and
    (.message | startswith("too large for lxc* = off"))'
json "default, too" '
    (.default.rp_filter | has("configured") and has("wanted") and has("state"))'
json "rules" '.rules | length == 4 and .[0] == {"file": "/etc/rpfpolicy.d/10-test.conf", "line": 2,
    "key": "rp_filter", "pattern": "lxc*", "value": "off", "matches": 2} and .[2].matches == 0'
json "warnings" '.warnings | length > 0 and all(has("code") and has("rule") and has("count") and
    has("examples") and has("message"))'
json "devices" '.devices | length == 6 and all(has("ifindex") and has("name") and
    (.keys | length > 0))'
json "keys" '[.devices[].keys[]] | all(has("key") and has("configured") and has("effective") and
    has("wanted") and has("accepted") and has("enforced") and has("inherited") and has("state") and
    has("guard") and has("rule") and has("cause") and has("message"))'
json "alternatives" '.devices[] | select(.name == "br0").keys[0] | .accepted == [1, 2] and
    .wanted == 2 and .state == "ok" and .rule.pattern == "br0"'
json "no rule" '.devices[] | select(.name == "lo").keys[0] | .wanted == null and .rule == null and
    .accepted == []'
cp "$OUT" "$SYSTEM_WORK/object"
run check --format=ndjson
expect_status "ndjson" 2
expect_equal "ndjson has the same devices" \
    "$(jq -cS 'select(.type == "device") | del(.type)' "$OUT")" \
    "$(jq -cS '.devices[]' "$SYSTEM_WORK/object")"
expect_equal "ndjson ends with the summary" "$(tail -n 1 "$OUT" | jq -r .type)" summary
expect_equal "--json is --format=json" "$(rpfpolicy check --format=json | jq 'del(.time)')" \
    "$(jq 'del(.time)' "$SYSTEM_WORK/object")"

# --- CSV

run check --format=csv
expect_status "csv" 2
expect "csv: every line has as many cells as the first" python3 -c '
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
sys.exit(not (len(rows) == 9 and all(len(row) == len(rows[0]) for row in rows)))' "$OUT"
says "csv: a device" "$OUT" '^[0-9]+,lxc1,rp_filter,drift,2,2,0,'

# --- nagios

run check --format=nagios
expect_status "nagios with drift" 2
says "nagios with drift is CRITICAL" <(head -n 1 "$OUT") \
    '^RPFPOLICY CRITICAL - .* \| devices=6;;;0 .*drift=3;'
ip link set lxc1 up
run check --format=nagios
says "nagios names the devices and the line of a warning" "$OUT" \
    '^warning: loose-unnumbered: .* \[1: lxc1\] \(/etc/rpfpolicy.d/10-test.conf:2\)$'
ip link set lxc1 down

# --- prometheus

run check --format=prometheus
expect_status "prometheus with drift" 2
says "prometheus: drift by rule" "$OUT" '^rpfpolicy_keys\{key="rp_filter",state="drift",rule="lxc\*=off"\} 2$'
says "prometheus: states without a device" "$OUT" \
    '^rpfpolicy_keys\{key="rp_filter",state="impossible",rule="lxc\*=off"\} 0$'
says "prometheus: policy" "$OUT" \
    '^rpfpolicy_policy_info\{hash="[0-9a-f]{16}",version="[0-9.]+",mode="observe",revision=""\} 1$'
says "prometheus: drops" "$OUT" '^rpfpolicy_reverse_path_drops_total [0-9]+$'
says "prometheus: when" "$OUT" '^rpfpolicy_last_update_timestamp_seconds [0-9]+$'
# shellcheck disable=SC2016 # awk's own variables
expect "prometheus: every metric has HELP and TYPE, no series twice, no device named" awk '
    /^# HELP/ { help[$3] = 1; next }
    /^# TYPE/ { type[$3] = 1; next }
    { name = $1; sub(/\{.*/, "", name); if (!help[name] || !type[name]) exit 1 }
    { if (seen[$1]++ || NF != 2 || /device=|lxc1/) exit 1 }' "$OUT"

# --- what the policy calls itself

policy_file 20-revision.conf <<'END'
[agent]
revision = v2 "spring" \ 3
END
run check --format=prometheus
says "prometheus: revision, escaped" "$OUT" '^rpfpolicy_policy_info\{.*,revision="v2 \\"spring\\" .*x5C 3"\} 1$'
run check
says "table: revision" "$OUT" '^Revision of the policy on disk: v2 "spring" \\ 3$'
run check --json
json "JSON: revision" '.policy.revision == "v2 \"spring\" \\ 3"'
rm /etc/rpfpolicy.d/20-revision.conf
run check --json
json "JSON: no revision" '.policy | has("revision") and .revision == null'

# --- what stands in the way

policy_file 10-test.conf <<'END'
[rp_filter]
all = unmanaged
default = unmanaged
* = strict
END
run check
says "impossible under a pin" "$OUT" '^impossible +eno1 '
says "the pin that stands in the way is named, once" "$OUT" \
    '^note: rp_filter of eno1: .*says all = unmanaged, /etc/rpfpolicy.d/10-test.conf:2'
expect_equal "the pin that stands in the way is named, once" "$(grep -c '^note: rp_filter' "$OUT")" 1

# obstacle TEXT JSON: what is said of it for programs, of every device that cannot be as wanted.
obstacle() {
    run check --json
    json "$1" "[.devices[].keys[] | select(.state == \"impossible\") | .obstacle] | length > 0 and all(. == $2)"
}

obstacle "a pin" '{reason: "policy", all: 2,
    rule: {file: "/etc/rpfpolicy.d/10-test.conf", line: 2, pattern: "all"}}'
policy_file 10-test.conf <<<$'[rp_filter]\n* = strict'
rpfpolicy pause --reason=why all >/dev/null
obstacle "a pause of all" '{reason: "paused", all: 2, rule: null}'
json "in words, too" '[.devices[].keys[].message] | any(test("^cannot be strict: .all. is 2 and is paused"))'
rpfpolicy resume >/dev/null
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,ro,bind /proc/sys/net
obstacle "settings that cannot be written" '{reason: "read-only", all: 2, rule: null}'
umount /proc/sys/net
sysctl -qw net.ipv4.conf.all.log_martians=1
policy_file 10-test.conf <<<$'[log_martians]\n* = no'
obstacle "an all that the policy does not speak of" '{reason: "unpinned", all: 1, rule: null}'
sysctl -qw net.ipv4.conf.all.log_martians=0

# --- exit status when all is well

policy_file 10-test.conf <<'END'
[rp_filter]
* = loose
eth7 = loose
END
sysctl_d 50-default.conf <<'END'
net.ipv4.conf.*.rp_filter = 2
END
run check
expect_status "all as wanted" 0
says "all as wanted: the sum" "$OUT" '^6 devices: '
run check --strict
expect_status "--strict counts a name without a device" 2
policy_file 10-test.conf <<'END'
[rp_filter]
* = loose
END
run check --strict
expect_status "--strict with nothing to count" 0
ip addr add 192.0.2.9/24 dev lxc1
for device in lxc2 br0; do ip addr add 198.51.100.9/32 dev "$device"; done
run check --format=nagios
expect_status "nagios with nothing to be called for" 0
says "nagios says so" "$OUT" '^RPFPOLICY OK - .* warnings=0;'

# --- latent: right now, until the next event

sysctl_d 60-later.conf <<'END'
net.ipv4.conf.lxc1.rp_filter = 2
END
policy_file 10-test.conf <<'END'
[rp_filter]
lxc1 = strict
END
rpfpolicy apply --once >/dev/null 2>&1
run check lxc1
expect_status "latent" 0
says "latent names the line" "$OUT" '^latent +lxc1 .* /etc/sysctl.d/60-later.conf:1$'
run check --strict lxc1
expect_status "--strict counts latent" 2
run check --format=nagios lxc1
expect_status "nagios counts latent as WARNING" 1
says "nagios says what will come" "$OUT" \
    '^latent: lxc1 rp_filter: strict now, but .* /etc/sysctl.d/60-later.conf:1$'

# --- what stands ready to repair it

# guard TEXT GUARD STATE: of lxc1, with the policy in force.
guard() {
    run check --json lxc1
    expect_equal "$1" "$(jq -r '.devices[0].keys[0] | "\(.guard) \(.state)"' "$OUT")" "$2 $3"
}

policy_file 10-test.conf <<'END'
[agent]
mode = enforce
[rp_filter]
lxc1 = strict
END
sysctl_d 10-network-security.conf </dev/null
rpfpolicy apply --once >/dev/null 2>&1
guard "nothing stands ready" null latent
run check
says "that nothing stands ready is said" "$OUT" '^Mode is enforce, but nothing is there to keep it'
says_not "in lines that fit a terminal" <(tail -n 3 "$OUT") '.{81}'
echo '# the hook' >/etc/udev/rules.d/99-zz-rpfpolicy.rules
# It repairs after an event of the device, not after systemd-sysctl ran over everything.
guard "the udev hook" helper latent
run check
expect "where it does, that is not said" not grep -q 'nothing is there to keep it' "$OUT"
touch /run/rpfpolicy-root/stand-back
guard "the udev hook that stands back" null latent
rm /run/rpfpolicy-root/stand-back
ln -sf /dev/null /etc/udev/rules.d/99-zz-rpfpolicy.rules
guard "the masked udev hook" null latent

# --- what nobody means

policy_file 10-test.conf <<<$'[rp_filter]\nlxc1 = loose'
echo -1 >"$CONF/all/rp_filter"
echo 7 >"$CONF/lxc1/rp_filter"
run check
says "a stored value out of range: of all" "$OUT" '^warning: out-of-range: .* \[1: all\]$'
says "a stored value out of range: of a device" "$OUT" '^warning: out-of-range: .* \[1: lxc1\] '
run explain lxc1
says "explain says whose value it is" "$OUT" '^ +out-of-range: all$'
echo 0 >"$CONF/all/rp_filter"

# --- many rules: each row names its own, in the order of the devices

{
    echo '[rp_filter]'
    for i in {01..40}; do echo "m$i = strict"; done
    echo '[log_martians]'
    for i in {01..40}; do echo "m$i = yes"; done
} | policy_file 10-test.conf
sysctl_d 50-default.conf </dev/null
for key in rp_filter log_martians; do
    echo 0 | tee "$CONF/all/$key" "$CONF/default/$key" >/dev/null
done
for i in {40..01}; do add_device "m$i"; done
run check
expect_equal "every row names its own rule, the last device first" \
    "$(awk '$2 ~ /^m[0-9]/ { print $1, $2, $3, $7 }' "$OUT")" \
    "$(for i in {40..1}; do
        printf 'drift m%02d rp_filter /etc/rpfpolicy.d/10-test.conf:%d\n' "$i" $((i + 1))
        printf 'drift m%02d log_martians /etc/rpfpolicy.d/10-test.conf:%d\n' "$i" $((i + 42))
    done)"

# --- colours

run check --color=always
says "--color=always colours" "$OUT" $'\e\\['
NO_COLOR=1 rpfpolicy check >"$OUT"
expect_equal "no colours where no terminal is" "$(grep -c $'\e' "$OUT")" 0

# --- the files are gone, what was accepted is not

mv /etc/rpfpolicy.d/10-test.conf "$SYSTEM_WORK"
run check
expect_status "without files, with an accepted policy" 1
says "that it stays in force, and the way out" "$ERR" '^ +rpfpolicy accept --force --policy=/dev/null$'
rpfpolicy accept --force --policy=/dev/null >/dev/null
expect_equal "the way out: no rule is in force" "$(grep ' = ' /var/lib/rpfpolicy/accepted.conf)" 'mode = observe'
for root in "$SYSTEM_WORK/root" "$SYSTEM_WORK/a 'root'"$'\n\\\xff' root; do
    (
        cd "$SYSTEM_WORK" && mkdir -p "$root/etc/rpfpolicy.d"
        cp 10-test.conf "$root/etc/rpfpolicy.d"
        rpfpolicy accept --root="$root" >/dev/null
        rm "$root/etc/rpfpolicy.d/10-test.conf"
        run check --root="$root/"
        eval "$(grep '^    rpfpolicy accept' "$ERR")" >/dev/null
    )
    expect_equal "the way out below $(printf %q "$root"), as typed" \
        "$(cd "$SYSTEM_WORK" && grep ' = ' "$root/var/lib/rpfpolicy/accepted.conf")" 'mode = observe'
done

# --- nor is it where a file was emptied

: >/etc/rpfpolicy.d/10-test.conf
run check
expect_status "with an empty file" 1
says "it is named, with the line to write" "$ERR" \
    "^/etc/rpfpolicy.d/10-test.conf: no rule in any file; .* write 'mode = observe' in \[agent\]$"
mv "$SYSTEM_WORK/10-test.conf" /etc/rpfpolicy.d

# --- a root that is mistyped

for verb in check list 'pause --reason=x' resume; do
    # shellcheck disable=SC2086 # words
    run $verb --root="$SYSTEM_WORK/no-such-root"
    expect_status "a root that is not there: $verb" 1
    says "a root that is not there: $verb says so" "$ERR" \
        "cannot look below '.*/no-such-root', which --root names: No such file or directory$"
    says_not "a root that is not there: $verb blames no policy" "$ERR" 'policy has errors'
done
expect "a root that is not there is not made" test ! -e "$SYSTEM_WORK/no-such-root"
run check --sysctl-root="$SYSTEM_WORK/no-such-root"
expect_status "a root for sysctl.d that is not there" 1
says "a root for sysctl.d that is not there: says so" "$ERR" 'which --sysctl-root names: No such file'
run check --root="$OUT" --format=nagios
expect_status "a file as root" 3
says "a file as root: says so" "$ERR" 'which --root names: Not a directory'
says "a file as root: monitoring is told" "$OUT" '^RPFPOLICY UNKNOWN - '

# --- a device without IPv4 settings

ip link set lo mtu 60
for verb in check list; do
    run "$verb" lo
    says "$verb of a device without IPv4 settings says so" "$ERR" '^rpfpolicy: lo has no IPv4 settings'
done
ip link set lo mtu 65536

# --- privilege

expect "check needs no privilege" setpriv --reuid=65534 --regid=65534 --clear-groups \
    "$SYSTEM_BUILD/agent/cli/rpfpolicy" check lxc1 >/dev/null

system_end
