#!/bin/bash
# `status`, and what `check` says of the agent: running, stopped, killed, hanging, and with files that
# no agent wrote.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

[ -x "$SYSTEM_BUILD/agent/daemon/rpfpolicy-agent" ] || system_skip "the agent is not built"
FILE=/run/rpfpolicy/status.json
AGENT=

# has FILTER: of the file.
# shellcheck disable=SC2317 # called by eventually
has() {
    jq -e "$1" "$FILE" >/dev/null 2>&1
}

agent_start() {
    rm -f "$FILE"
    "$SYSTEM_BUILD/agent/daemon/rpfpolicy-agent" 2>"$SYSTEM_WORK/agent.log" &
    AGENT=$!
    eventually "the agent starts" has '.state == "running"'
}

# agent_end SIGNAL
agent_end() {
    kill "-$1" "$AGENT"
    wait "$AGENT" 2>/dev/null
}

add_device lxc1
add_device eth0

# --- none yet

run status
expect_status "no agent yet" 2
says "no agent yet" "$OUT" '^The agent does not run, and has not since boot\.$'
says "nothing stands in" "$OUT" '^Nothing repairs values now\.$'
says "nothing was accepted" "$OUT" 'No policy was accepted yet'
run status --json
expect_status "no agent yet, JSON" 2
json "no agent yet, JSON" '.agent == {"state": "absent", "since": null, "stale": false,
    "heard": null, "version": null, "standing_by": null} and .schema == 1 and .accepted == null'

# --- observing

accept_policy <<'END'
[rp_filter]
lxc* = loose
eth0 = strict
END
agent_start
run status
expect_status "an observing agent" 2
says "an observing agent" "$OUT" '^The agent runs since [-0-9: ]+\(.*\), process [0-9]+: observing, writes nothing\.$'
says "its policy" "$OUT" '^Policy in force: [0-9a-f]{16}, mode observe, taken over '
says "what a rule would cut so far" "$OUT" '^lxc\* = loose +/etc/rpfpolicy.d/10-test.conf:2 +0 +0 +- +-$'
agent_end TERM

# --- pauses, whoever obeys them

rpfpolicy pause 'lxc*' --reason='ticket 7' --for=2h >/dev/null 2>&1
run status
says "a pause, without an agent" "$OUT" "^Paused: lxc\*, for (120|119) min, by [^ ]+: ticket 7$|^Paused: lxc\*, for (2 h|1 h 59 min), by [^ ]+: ticket 7$"
run status --json
json "a pause, JSON" '.pauses | length == 1 and .[0].devices == "lxc*" and .[0].left > 7000'
rpfpolicy resume >/dev/null
echo damaged >/run/rpfpolicy-root/paused
run status
says "pauses that cannot be read" "$OUT" '^What is paused cannot be told: .*; nothing is written anywhere\.$'
rm /run/rpfpolicy-root/paused

# --- enforcing

accept_policy <<'END'
[agent]
mode = enforce
revision = 2026-11 spring
metrics-file = /run/test/metrics
[rp_filter]
lxc* = loose
eth0 = strict
END
agent_start
run status
expect_status "an enforcing agent" 0
says "an enforcing agent" "$OUT" ': enforcing\.$'
says "the revision of its policy" "$OUT" '^Policy in force: [0-9a-f]{16}, mode enforce, revision 2026-11 spring, taken'
says "the revision in its metrics" /run/test/metrics \
    '^rpfpolicy_agent_policy_info\{hash="[0-9a-f]{16}",.*,revision="2026-11 spring"\} 1$'
says "devices by state" "$OUT" '^Devices: 3: 2 ok, 1 unmanaged$'
says "keys" "$OUT" '^rp_filter +[0-9]+ +[0-9]+$'
says "sockets" "$OUT" '^netconf +[0-9,]+ +0 +0 read$'
run status --json
expect_status "an enforcing agent, JSON" 0
json "the agent's object" '.agent.state == "enforcing" and (.agent.since | fromdateiso8601 > 0) and
    .agent.standing_by == "agent" and (.agent.stale | not) and (.time | fromdateiso8601 > 0) and
    (.agent.heard | fromdateiso8601 > 0) and .agent.version == .version and .state == "running" and .pid > 0 and
    .policy.revision == "2026-11 spring" and .policy.hash == .accepted and .on_disk == .accepted and .devices.ok == 2 and .conflicts == []'
expect "status needs no privilege" setpriv --reuid=65534 --regid=65534 --clear-groups \
    "$SYSTEM_BUILD/agent/cli/rpfpolicy" status >/dev/null
run check --json
json "check: the agent" '.agent.state == "enforcing" and (.agent.since | fromdateiso8601 > 0)'

policy_file 10-test.conf <<'END'
[rp_filter]
* = strict
END
run status
expect_status "another policy on disk is an intention" 0
says "another policy on disk" "$OUT" 'policy on disk is another one'
echo 'nonsense' >/etc/rpfpolicy.d/20-bad.conf
run status
says "errors on disk" "$OUT" 'policy on disk has errors'
rm /etc/rpfpolicy.d/20-bad.conf

# --- a writer that does not give in

for _ in {1..12}; do
    echo 0 >"$CONF/lxc1/rp_filter"
    sleep 0.05
done
eventually "a conflict is told" has '.conflicts | length == 1'
run status
expect_status "a conflict" 2
says "a conflict" "$OUT" '^lxc1 +rp_filter +(fast|slow) +[0-9]+ +[0-9.]+ (ms|s|min) +[0-9.]+ (ms|s)$'

# --- stopped on purpose

agent_end TERM
run status
expect_status "a stopped agent" 2
says "a stopped agent" "$OUT" '^The agent was stopped on purpose, 2'
says "the hook stands back" "$OUT" 'the udev hook stands back too'
run check
says "check: a stopped agent" "$OUT" '^The agent was stopped'
run check --json
json "check: a stopped agent, JSON" '.agent.state == "stopped" and (.agent.since != null)'

# --- killed

accept_policy <<'END'
[agent]
mode = enforce
[rp_filter]
lxc* = loose
eth0 = strict
END
agent_start
agent_end KILL
run status
expect_status "a killed agent" 2
says "a killed agent" "$OUT" 'ended without a word'
says "nothing stands in for it" "$OUT" '^Nothing repairs values now\.$'
echo '# the hook' >/etc/udev/rules.d/99-zz-rpfpolicy.rules
run status
says "the hook stands in for it" "$OUT" '^The udev hook stands in'
run check --json
json "check: a killed agent" '.agent == {"state": "absent", "since": null}'
cp /etc/rpfpolicy.d/10-test.conf "$SYSTEM_WORK/enforcing"
sed 's/enforce/observe/' "$SYSTEM_WORK/enforcing" | accept_policy
run status
says "observing, the hook does not" "$OUT" '^Nothing repairs values now: mode is observe\.$'
run status --json
json "observing, the hook does not, JSON" '.agent.standing_by == null'
accept_policy <"$SYSTEM_WORK/enforcing"

# --- one that hangs

agent_start
kill -STOP "$AGENT"
# status_later [OPTION...]: an hour later, by the clock that counts from boot; the host may be younger.
status_later() {
    unshare --time --boottime 3600 "$SYSTEM_BUILD/agent/cli/rpfpolicy" status "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
}
status_later
expect_status "an agent that hangs" 2
says "an agent that hangs" "$OUT" 'has not been heard of since'
status_later --json
json "an agent that hangs, JSON" '.agent.stale and .agent.state == "enforcing"'

# --- what no agent wrote

cp "$FILE" "$SYSTEM_WORK/good"
# refuses TEXT: the file as it stands now.
refuses() {
    run status
    expect_status "$1" 1
    expect "$1: says which file" grep -qE "^rpfpolicy: /run/rpfpolicy/status.json cannot be used: ." "$ERR"
    expect_equal "$1: stdout" "$(cat "$OUT")" ""
    run status --json
    expect_status "$1, JSON" 1
    run check --json
    json "check does not mind $1" '.agent.state == "enforcing" and .agent.since == null'
}
# changed FILTER: the good file, changed.
changed() {
    jq "$1" "$SYSTEM_WORK/good" >"$FILE"
}
head -c 300 "$SYSTEM_WORK/good" >"$FILE"
refuses "half a file"
: >"$FILE"
refuses "an empty file"
printf '\x00\xff\x00' >"$FILE"
refuses "bytes that are no text"
head -c 5000 /dev/zero | tr '\0' '[' >"$FILE"
refuses "a deep nest"
echo '[]' >"$FILE"
refuses "an array"
changed '.schema = 2'
refuses "another schema"
changed '.time = 1e300'
refuses "a time beyond all times"
rm "$FILE" && mkfifo "$FILE"
refuses "a fifo"
rm "$FILE" && ln -s "$SYSTEM_WORK/good" "$FILE"
refuses "a symbolic link"
rm "$FILE" && truncate -s 1G "$FILE"
refuses "an endless file"
rm "$FILE"
for filter in '.devices.ok = "many"' 'del(.keys)' '.keys = {"a": 1}' '.conflicts = [{"device": 7}]' \
    '.sockets.link.paused = 3' '.policy.hash = null' '.reaction = 1' '.pid = {}' \
    '.evidence = 3' '.evidence = {"truncated": false, "rules": [{}]}' \
    '.evidence = {"truncated": false, "rules": [{"file": "f", "line": 1, "pattern": "*", "value": "off", "peers": 1, "now": 1, "last": 5, "examples": [7]}]}'; do
    changed "$filter"
    run status
    expect_status "a file with $filter" 1
    expect_equal "a file with $filter: stdout" "$(cat "$OUT")" ""
done
changed '.evidence = {"truncated": true, "rules": [{"file": "\u001b", "line": -1, "pattern": "\n",
    "value": "\u202e", "peers": -1, "now": 1, "last": 1e300, "examples": [{"device": "\u001b[1m",
    "peer": "\u0007", "text": "\r"}]}]} | .conflicts = [{"device": "\u001b[2J\u202e", "key": "\n", "pace": "fast", "repairs": -1,
    "interval": 1e308, "delay": -5}] | .policy.mode = "\u001b]0;x"'
run status
expect_status "a file with control bytes" 2
expect "control bytes are escaped" not grep -q '[^ -~]' "$OUT"
kill -CONT "$AGENT"
agent_end TERM

# --- what the agent's user put in place of its presence file keeps nobody waiting

rm /run/rpfpolicy/agent
mkfifo /run/rpfpolicy/agent
timeout 60 rpfpolicy status >"$OUT" 2>"$ERR"
expect_equal "a fifo for the presence file: exit status" "$?" 2
says_not "a fifo for the presence file is no agent" "$OUT" '^The agent runs'
system_end
