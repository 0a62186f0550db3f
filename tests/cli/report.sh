#!/bin/bash
# The program behind `report`: what many hosts said with `check --json` in one picture. Reports come from real checks in
# systems of their own, from a made-up fleet, and from people who mean no good.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

PATH=$SYSTEM_BUILD/agent/report:$PATH
FLEET=$SYSTEM_WORK/fleet
VERSION=$(rpfpolicy --version | cut -d ' ' -f 2)
GOLDEN=$SYSTEM_SOURCE/tests/cli/report
mkdir "$FLEET"

# run_report ARGUMENT...: as `run report` where it is installed.
run_report() {
    rpfpolicy-report "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
}

# check_as HOST [ARGUMENT...]: what `check --json` prints on a host of that name.
check_as() {
    local host=$1

    shift
    # shellcheck disable=SC2016 # the inner shell's own
    unshare --uts sh -c 'hostname "$1" && md5sum <<-END >/etc/machine-id && shift && exec rpfpolicy check --json "$@"
	$1
	END' sh "$host" "$@" 2>/dev/null
}

# golden TEXT NAME: what was printed, but for times and the version, is what stands in report/NAME.
golden() {
    sed -E -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}/TIME/' -e "s/$VERSION */V /" "$OUT" \
        >"$SYSTEM_WORK/shown"
    expect "$1" diff -u "$GOLDEN/$2" "$SYSTEM_WORK/shown"
}

# --- real hosts: one that drifts, one that is right, one with a broken policy, one with none

for device in eno1 lxc1 lxcabcd; do add_device "$device"; done
sysctl_d 50-default.conf <<'END'
net.ipv4.conf.*.rp_filter = 2
END
run_systemd_sysctl --prefix=/net/ipv4/conf
policy_file 10-node.conf <<'END'
[rp_filter]
lxc* = off
*    = strict
[exception lab]
devices   = eno1
rp_filter = loose
reason    = asymmetric routes | while the lab moves
until     = 2020-03-31
END
mkdir -p "$FLEET/east/x.json" "$FLEET/.hidden"
check_as drifts >"$FLEET/east/x.json/drifts.json"
rpfpolicy apply --once >"$OUT" 2>&1 || cat "$OUT" >&2
sysctl_d 50-default.conf </dev/null
check_as right >"$FLEET/right.json"
printf '[rp_filter]\n* = stritc\n' >/etc/rpfpolicy.d/10-node.conf
check_as broken >"$FLEET/east/broken.json"
rm /etc/rpfpolicy.d/10-node.conf
check_as none >"$FLEET/east/none.json"
head -c 300 "$FLEET/right.json" | sed 's/right/cut/' >"$FLEET/cut.json"
echo 'Permission denied (publickey).' >"$FLEET/login.json"
echo '{}' >"$FLEET/.hidden/a.json"
echo '{}' >"$FLEET/.right.json.tmp"
echo '{}' >"$FLEET/notes.txt"
ln -s "$FLEET" "$FLEET/loop"
ln -s nowhere "$FLEET/dangling.json"
mkfifo "$FLEET/pipe.json"

cd "$SYSTEM_WORK" || exit 1
run_report fleet
expect_status "a fleet with drift" 2
expect_equal "a fleet with drift: stderr" "$(cat "$ERR")" ""
golden "a fleet as a table" table
run_report fleet --format=markdown
golden "a fleet as Markdown" markdown
run_report fleet --json
expect_status "report --json" 2
json "every file is a host" '.summary.hosts == 8 and (.hosts | length) == 8'
json "the sum is that of the hosts" '.summary.devices == ([.hosts[] |
    select(.state == "drift" or .state == "latent" or .state == "ok") | .devices] | add)'
json "causes" '.causes[0] | .state == "drift" and .hosts == 1 and .devices == 2 and
    .cause.file == "/etc/sysctl.d/50-default.conf" and .cause.line == 1'
json "rules" '.rules | map(select(.rule.pattern == "lxc*" and .state == "drift"))[0] |
    .devices == 2 and .wanted == "off" and .rule.line == 2'
json "names" '.names | map(select(.names == "lxc*" and .state == "drift"))[0].devices == 2'
json "all and default have a rule, too" '.names | map(select(.names == "all"))[0].hosts == 1'
json "exceptions" '.exceptions[0] | .name == "lab" and .hosts == 2 and .expired and
    .reason == "asymmetric routes | while the lab moves" and .until == "2020-03-31"'
json "a broken policy is told" '.hosts[] | select(.host == "broken") | .state == "broken" and
    (.why | startswith("/etc/rpfpolicy.d/10-node.conf:2: "))'
json "a host that printed nothing is listed" '.hosts[] | select(.source == "fleet/east/none.json") |
    .state == "unreadable" and (.why | startswith("it is empty"))'
json "a report that is cut off names its host" '.hosts[] | select(.source == "fleet/cut.json") |
    .host == "cut" and .why == "it is cut off"'
json "what is no report says so" '.hosts[] | select(.source == "fleet/login.json") |
    .why == "something in it is not JSON"'
json "nobody waits for a pipe" '.hosts[] | select(.source == "fleet/pipe.json") |
    .why == "it is no file"'
json "a link that leads nowhere" '.hosts[] | select(.source == "fleet/dangling.json") |
    .why == "No such file or directory"'
run_report fleet --format=csv
expect_status "report --format=csv" 2
expect "csv: a line per host, all of as many cells" python3 -c '
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1]), strict=True))
sys.exit(not (len(rows) == 8 and all(None not in row and None not in row.values() for row in rows)
              and sorted(row["host"] for row in rows)[-3:] == ["cut", "drifts", "right"]))' "$OUT"
run_report fleet --format=html
expect_status "report --format=html" 2
expect_equal "the page asks nobody" "$(grep -cE '(src|href|action)="[^#]|url\(|@import|https?:' "$OUT")" 0
run_report fleet/right.json
expect_status "one host, all as wanted" 0
says "one host, all as wanted" "$OUT" '^1 host: 1 (ok|latent)$'
run_report --strict fleet/right.json
expect_status "--strict counts what is expired" 2

# --- the manual names every member, and no other

members='[paths(type != "object" and type != "array")] | map(map(if type == "number" then "[]" else . end) |
    join(".") | gsub("\\.\\[\\]"; "[]") | sub("_states\\..*"; "_states.STATE")) | unique[]'
rpfpolicy-report fleet --json | jq -r "$members" | grep -vE '\.(cause|rule)$|s\[\]\.(cause|rule)$' |
    sort -u >"$SYSTEM_WORK/members"
sed -n '/^# REPORT AS JSON/,/^# STATUS/p' "$SYSTEM_SOURCE/packaging/man/rpfpolicy-report.7.scd" |
    grep '^\*' | grep -oE '\*[^*]+\*' | tr -d '*' | sort -u >"$SYSTEM_WORK/described"
expect "every member is described" diff "$SYSTEM_WORK/described" "$SYSTEM_WORK/members"

# --- streams, and the same host more than once

good=$FLEET/right.json
cat "$FLEET/east/x.json/drifts.json" "$good" | rpfpolicy-report --json - >"$OUT"
json "one after the other" '.summary.hosts == 2 and .summary.host_states.drift == 1'
cat "$FLEET/east/x.json/drifts.json" "$good" | jq -c . | rpfpolicy-report --json >"$OUT"
json "a line each" '.summary.hosts == 2 and .summary.host_states.drift == 1'
jq -s . "$FLEET/east/x.json/drifts.json" "$good" | rpfpolicy-report --json - >"$OUT"
json "a list of them" '.summary.hosts == 2 and .summary.host_states.drift == 1'
rpfpolicy-report --json <(cat "$good") >"$OUT"
json "a pipe that was named" '.summary.hosts == 1'
(head -c 2000 "$FLEET/east/x.json/drifts.json"; echo; cat "$good") |
    rpfpolicy-report --json - >"$OUT"
json "one that is cut off does not take the next one along" '.summary.host_states.unreadable == 1 and
    ([.hosts[].host] | sort) == ["drifts", "right"]'
jq '.time = "2026-01-01T00:00:00Z" | .devices[0].keys[0].state = "drift"' "$good" >"$SYSTEM_WORK/older"
run_report "$good" "$SYSTEM_WORK/older"
expect_status "an earlier report of the same host does not count" 0
says "and that is said" "$OUT" '^1 report of a host that a later one speaks of: not counted$'
run_report "$SYSTEM_WORK/older"
expect_status "a report that is too old" 2
says "a report that is too old says how old" "$OUT" '^stale +right .* [0-9]+ days old, drift then$'
run_report --stale=100000d "$SYSTEM_WORK/older"
expect_status "--stale sets how old" 2
says "--stale sets how old" "$OUT" '^drift +right '
jq '.time = "2999-01-01T00:00:00Z"' "$good" >"$SYSTEM_WORK/future"
run_report "$SYSTEM_WORK/future"
says "a report of the future" "$OUT" '^stale +right .* ahead of ours: one of the clocks is wrong$'
check_ndjson() {
    policy_file 10-node.conf <<<$'[rp_filter]\n* = strict'
    rpfpolicy check --format=ndjson
    rm /etc/rpfpolicy.d/10-node.conf
}
check_ndjson >"$SYSTEM_WORK/lines"
rpfpolicy-report --json - <"$SYSTEM_WORK/lines" >"$OUT"
json "check --format=ndjson is read as well" '.summary.hosts == 1 and .hosts[0].state != "unreadable"
    and .summary.devices == 4'
sed '$d' "$SYSTEM_WORK/lines" | cat - "$good" | rpfpolicy-report --json - >"$OUT"
json "and told where it is cut off" '[.hosts[] | .state] | contains(["unreadable"]) and length == 2'

# --- sentences are for people: whatever they say, the report is the same

policy_file 10-node.conf <<'END'
[rp_filter]
lxc* = off
*    = strict
[log_martians]
eno1 = no
END
sysctl -qw net.ipv4.conf.lxc1.rp_filter=2 net.ipv4.conf.default.rp_filter=1 net.ipv4.conf.all.log_martians=1
add_device lxcnew
check_as reasons >"$SYSTEM_WORK/said"
rm /etc/rpfpolicy.d/10-node.conf
expect "there are causes without a line" jq -e '[.devices[].keys[] | select(.cause == null) | .origin,
    (.obstacle | objects | .reason)] | contains(["run-time", "default", "unpinned"])' "$SYSTEM_WORK/said"
jq '(.. | objects | select(has("message")) | .message) = "as new devices start, no line of sysctl.d"' \
    "$SYSTEM_WORK/said" >"$SYSTEM_WORK/otherwise"
run_report --json "$SYSTEM_WORK/said"
json "causes without a line" '[.causes[].message] | contains(["no line of sysctl.d", "as new devices start"]) and
    any(startswith("cannot be no"))'
jq 'del(.time) | del(.hosts[].source)' "$OUT" >"$SYSTEM_WORK/one"
run_report --json "$SYSTEM_WORK/otherwise"
expect "the words of messages change nothing" diff "$SYSTEM_WORK/one" \
    <(jq 'del(.time) | del(.hosts[].source)' "$OUT")

# --- nothing to report on

run_report fleet/login.json fleet/east/none.json
expect_status "nothing that can be read" 1
expect_equal "nothing that can be read: stdout" "$(cat "$OUT")" ""
says "nothing that can be read names the files" "$ERR" 'fleet/login.json: something in it is not JSON'
run_report nosuch.json
expect_status "a file that is not there" 1
mkdir "$SYSTEM_WORK/nothing"
run_report nothing
expect_status "an empty directory" 1
says "an empty directory" "$ERR" 'nothing: there is no \*.json in it'
run_report - </dev/null
expect_status "nothing on standard input" 1
run_report "$good" nosuch.json
expect_status "one of two files is not there" 2
says "one of two files is not there" "$OUT" '^unreadable nosuch.json .* No such file or directory$'
for stale in soon 0 1.5d -1; do
    run_report --stale="$stale" "$good"
    expect_status "--stale=$stale" 1
done
run_report --format=prometheus "$good"
expect_status "a format that it has not" 1

# --- needs nothing: no privilege, no network, no settings, no policy

# shellcheck disable=SC2016 # the inner shell's own
expect "needs no privilege, no network and no /proc/sys" unshare --net --mount sh -c '
    mount -t tmpfs tmpfs /proc/sys && mount -t tmpfs tmpfs /sys &&
        exec setpriv --reuid=65534 --regid=65534 --clear-groups "$1" - >"$2"' sh \
    "$SYSTEM_BUILD/agent/report/rpfpolicy-report" "$OUT" <"$good"

# --- a made-up fleet: lists are cut, numbers add up

"$SYSTEM_SOURCE/tests/lib/make-fleet.py" "$SYSTEM_WORK/made" 300 20 10 "$(date +%s)"
run_report made
expect_status "a made-up fleet" 2
says "hosts by state" "$OUT" '^300 hosts: 3 impossible, 30 drift, 3 latent, 3 paused, 261 ok$'
says "devices by state" "$OUT" '^6,000 devices: 3 impossible, [0-9]+ drift, 3 latent, [0-9,]+ ok, 3 paused$'
says "hosts beyond the twentieth are counted" "$OUT" '^and 19 more \(--all\)$'
run_report made --all
expect_equal "--all lists every host" "$(sed '1,/^Hosts/d' "$OUT" | tail -n +2 | wc -l)" 300
run_report made --json
json "what drifts by cause adds up" '([.causes[] | select(.state == "drift") | .devices] | add) ==
    .summary.device_states.drift'
json "what drifts by rule adds up" '([.rules[] | select(.state == "drift") | .devices] | add) ==
    .summary.device_states.drift'
json "what drifts by names adds up" '([.names[] | select(.state == "drift") | .devices] | add) ==
    .summary.device_states.drift'
json "the names of hundreds of devices are one line" '.names | map(select(.state == "drift")) |
    map(.names) | sort == ["eno*", "lxc*"]'
json "policies" '[.policies[] | .hosts] == [285, 15]'
json "a policy that says no revision, by a version that knew none" '[.policies[].revision] == [null, null]'
mkdir named
jq -c '.policy.revision = "r7"' "$(find made -name '*.json' | sort | head -n 1)" >named/one.json
run_report named
says "the revision of a policy" "$OUT" '^POLICY +MODE +REVISION +HOSTS +STATES$'
says "is told by its hosts" "$OUT" '^[0-9a-f]{16} +[a-z]+ +r7 +1 '
run_report named --json
json "the revision of a policy, JSON" '.policies[0].revision == "r7" and .hosts[0].policy.revision == "r7"'
run_report made --json
json "versions" '[.versions[].version] == ["0.1.0", "0.0.9"]'
find made -name '*.json' -exec cat {} + | rpfpolicy-report --json - >"$SYSTEM_WORK/streamed"
strip='del(.time) | del(.hosts[].source)'
expect_equal "one stream comes to the same as many files" \
    "$(jq -S "$strip" "$SYSTEM_WORK/streamed" | md5sum)" "$(jq -S "$strip" "$OUT" | md5sum)"

# --- people who mean no good

jq '.host = "=cmd()|x<script>\u001b[2J\u202e" | .exceptions[0].reason = "a|b\n`c` <img src=x> \"d\", e" |
    .devices[0].name = "@SUM(1)|`\\|<b>" |
    .devices[0].keys[0] |= (.state = "drift" | .cause = {file: "/etc/<i>|", line: 1, text: "+1"} |
        .rule = {file: "/e\r\nb", line: 1, pattern: "a,\"b"})' "$good" >"$SYSTEM_WORK/hostile"
COLUMNS=400 run_report hostile
expect_status "hostile names" 2
expect_equal "nothing but printable ASCII reaches a terminal" \
    "$(LC_ALL=C tr -d '\n -~' <"$OUT" | wc -c)" 0
run_report hostile --format=markdown
expect "Markdown keeps its cells" awk -F'|' '
    /^\|/ { gsub(/\\\|/, ""); if (cells && NF != cells) exit 1; cells = NF; next } { cells = 0 }' "$OUT"
# shellcheck disable=SC2016 # backquotes are meant
expect_equal "Markdown has no tag outside of code" \
    "$(sed -E 's/(`+)[^`]([^`]|`[^`])*\1//g' "$OUT" | grep -c '<')" 0
run_report hostile --format=csv
expect "csv: no formula, and cells as they were" python3 -c '
import csv, sys
row, = csv.DictReader(open(sys.argv[1]), strict=True)
sys.exit(not row["host"].startswith("\x27=cmd()|x<script>\\x1B[2J"))' "$OUT"
run_report hostile --json
json "JSON gives it as it is" '.hosts[0].host | startswith("=cmd()|x<script>")'
run_report hostile --format=html
expect_equal "html: no tag of theirs" "$(grep -cE '<(script>[^"]|img|b>.*SUM|i>[|])' "$OUT")" 0
says "html: their name is text" "$OUT" '=cmd\(\)\|x&lt;script&gt;\\x1B\[2J\\u\{202E\}'
for bytes in '[' '{"schema":1' '\xff\xfe{\x00' "$(printf '[%.0s' {1..5000})" '{"schema":1e999}' \
    '{"schema":1,"devices":{"devices":[{}]}}' '{"schema":99999999999999999999}'; do
    # shellcheck disable=SC2059 # escapes are meant
    printf "$bytes" | rpfpolicy-report - >"$OUT" 2>"$ERR"
    STATUS=$?
    expect_status "rubbish: $(cut -c 1-40 <<<"$bytes")" 1
done

system_end
