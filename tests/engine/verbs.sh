#!/bin/bash
# The verbs of the command with a third engine, of which nothing below agent/cli knows: what it tells and
# does is shown, counted and taken back like that of any other.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

KERNEL=$SYSTEM_WORK/probe
mkdir "$KERNEL"
add_device eth0
IFINDEX=$(cat /sys/class/net/eth0/ifindex)
policy_file 10-test.conf <<'X'
[agent]
flush-routes = no
[rp_filter]
* = strict
X

# The command is the one with the third engine.
rpfpolicy() {
    "$SYSTEM_BUILD/tests/engine/rpfpolicy-probe" "$@"
}

# wish VALUE WAY WAY-FAILS
wish() {
    export PROBE="$KERNEL eth0 $1 $2 $3"
}

# kernel VALUE WAY: what is there now.
kernel() {
    expect_equal "the value" "$(cat "$KERNEL/a-value" 2>/dev/null || echo 0)" "$1"
    expect_equal "the way" "$([ -e "$KERNEL/a-way" ] && echo 1 || echo 0)" "$2"
}

strict() {
    expect_effective eth0 "$1"
}

# --- nothing is wished

wish 0 0 0
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=1 net.ipv4.conf.lo.rp_filter=1 \
    net.ipv4.conf.eth0.rp_filter=1
run check
expect_status "nothing is wished" 0
says_not "then it has no line" "$OUT" probe
run check --json
json "it has its list" '.probe == []'
json "and its sum" '.summary.probe == {"devices": 0, "drift": 0, "ok": 0, "held": 0, "leftovers": 0}'

# --- drift, in each format

wish 3 1 0
run check
expect_status "something is to be done" 2
says "a row of the host" "$OUT" '^drift +- +probe +0 +3 '
says "a row of the device" "$OUT" '^drift +eth0 +probe +0 +1 '
says "the sum" "$OUT" '^probe of 2 devices: 2 drift$'
says "what to do next" "$OUT" "'rpfpolicy apply --once' writes it"
run check eth0
says "of one device" "$OUT" '^probe of 1 device: 1 drift$'
run check --json
expect_status "as JSON" 2
json "the host" '.probe[0] == {"ifindex": 0, "name": null, "state": "drift", "rule": null, "value": 0,
    "conflict": null, "cure": null, "message": null, "held": false, "advice": null}'
json "the device" ".probe[1] | [.ifindex, .name, .state] == [$IFINDEX, \"eth0\", \"drift\"]"
json "counted" '.summary.probe == {"devices": 2, "drift": 2, "ok": 0, "held": 0, "leftovers": 0}'
run check --format=ndjson
expect "as lines of JSON" jq -se 'map(select(.type == "probe").state) == ["drift", "drift"]' "$OUT" >/dev/null
run check --format=csv
says "as CSV" "$OUT" "^$IFINDEX,eth0,probe,drift,"
run check --format=nagios
expect_status "to a monitor" 2
says "in its line" "$OUT" '; probe not as wanted \|.* routing=0;;0;0 probe=2;;0;0$'
says "and below" "$OUT" '^drift: eth0 probe: '
run check --format=prometheus
says "as metrics" "$OUT" '^rpfpolicy_probe_devices\{state="drift"\} 2$'

# --- plan, and carry out

run plan
expect_status "plan" 2
says "a table of its own" "$OUT" '^STEP +WAYS AND VALUES +WHY$'
says "the way first" "$OUT" '^ +1 +probe add-way +wanted$'
says "then the value" "$OUT" '^ +2 +probe value 0 -> 3 +wanted$'
run plan --json
json "as JSON" '."probe-changes" == [
    {"op": "add-way", "name": "eth0", "reason": "wanted", "command": "probe add-way"},
    {"op": "set-value", "name": null, "reason": "wanted", "command": "probe value 0 -> 3"}]'
json "with its state" '.probe | map(.state) == ["drift", "drift"]'
run apply --dry-run
expect_status "a dry run" 2
expect_equal "lists them" "$(grep -c '^probe ' "$OUT")" 2
kernel 0 0
run_apply --json
expect_status "apply" 0
json "what was done" '."probe-changes" | map([.op, .result]) == [["add-way", "done"], ["set-value", "done"]]'
json "is counted" '.summary."probe-changes" == {"done": 2, "gone": 0, "failed": 0, "left": 0}'
kernel 3 1
run_apply
expect_status "apply again" 0
says "there is nothing more" "$OUT" '^Nothing to do'
run check
expect_status "as wanted" 0
run check --all
says "also then it is listed with --all" "$OUT" '^ok +eth0 +probe '

# --- a trial that is not confirmed; what nobody asks for any more

wish 5 0 0
run check
says "a leftover" "$OUT" '^drift +- +probe +1 left +none '
run_apply --confirm=1s </dev/null
expect_status "a trial" 1
says "tells what it does" "$OUT" '^probe value 3 -> 5: wanted$'
says "and takes away" "$OUT" '^probe remove-way: wanted$'
says "and is put back" "$ERR" 'not confirmed'
kernel 3 1
run_apply
kernel 5 0

# --- a value of sysctl waits for the way of its device

wish 6 1 1
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
run_apply
expect_status "without its way" 4
says "the way is refused" "$OUT" '^probe add-way: wanted - failed: Invalid argument$'
says "so the value is held back" "$OUT" "^eth0: rp_filter .* - held back, a way is missing: 'probe add-way': Invalid argument$"
says "its own value, too" "$OUT" "^probe value 5 -> 6: wanted - held back, a way is missing: 'probe add-way': Invalid argument$"
kernel 5 0
says "why" "$ERR" 'held back, since a way of the probe could not be put in place'
says "what is lacking" "$ERR" '1 change of ways and values failed'
expect_equal "no line is there twice" "$(sort "$OUT" "$ERR" | uniq -d)" ''
strict 0
run_apply --json
json "as JSON" '.held | map([.name, .command, .error]) == [["eth0", "probe add-way", "Invalid argument"]]'
json "of its own" '."probe-changes" | map(select(.op == "set-value").result) == ["held"]'
wish 6 1 0
run_apply
expect_status "with it" 0
strict 1

# --- and back

run restore --dry-run
expect_status "what restore would do" 2
says "the value" "$OUT" '^probe value 6 -> 0: '
run restore
expect_status "restore" 0
says "takes it away" "$OUT" '^probe remove-way: '
kernel 0 0
strict 1 # as it was when a policy was accepted first

# --- what the agent tells of it

cat >"$SYSTEM_WORK/status.jq" <<'X'
{schema: 1, version: "0", state: "running", pid: 1, since: 1, time: now, boottime: 1, enforcing: true,
 policy: null, devices: {total: 0, impossible: 0, drift: 0, latent: 0, paused: 0, moot: 0, ok: 0, unmanaged: 0},
 keys: {}, sockets: {}, conflicts: [], pauses: [], resyncs: 0, plans: 0, failed_writes: 0,
 reaction: {count: 0, sum_usec: 0, buckets: []}, evidence: null, routing: null,
 engines: {a: {states: {drift: 1, ok: 0}, changes: 2, failures: 1,
    devices: [{device: "eth0", ifindex: 2, state: "drift", message: "no way", held: true}]}}}
X
jq -n -f "$SYSTEM_WORK/status.jq" >/run/rpfpolicy/status.json
agent_seen enforcing
run status
says "its sum" "$OUT" '^The probe: 1 drift. Changes: 2, repairs: 0, refused: 1\.$'
says "its device" "$OUT" '^  eth0: drift, its rp_filter does not become stricter until its probe is in place: no way$'

system_end
