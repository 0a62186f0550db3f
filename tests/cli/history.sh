#!/bin/bash
# Who accepted, refused, paused, restored what, and when: in the history, in the journal, in `status`.
# A history that cannot be written holds up nobody.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

HISTORY=/var/lib/rpfpolicy/history
JOURNAL=$SYSTEM_WORK/journal

# The journal as far as a program that sends to it sees it: what came, an entry a line.
cat >"$SYSTEM_WORK/journal.py" <<'PYTHON'
import json, os, socket, sys

os.makedirs("/run/systemd/journal")
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("/run/systemd/journal/socket")
with open(sys.argv[1], "w") as out:
    print("{}", file=out, flush=True)
    while True:
        lines = receiver.recv(65536).decode().splitlines()
        print(json.dumps(dict(line.split("=", 1) for line in lines)), file=out, flush=True)
PYTHON


# last WHAT [DETAIL]: the last record, in the history and in the journal.
last() {
    run status --json
    json "$1 is in the history" ".decision.what == \"$1\" and (.decision.detail // \"\") == \"${2:-}\" and
        .decision.uid == 0 and (.decision.time | fromdateiso8601 > 0)"
    eventually "$1 is in the journal" in_journal "$1"
}

# shellcheck disable=SC2317 # called by eventually
in_journal() {
    tail -n 1 "$JOURNAL" | jq -e ".RPF_DECISION == \"$1\" and .SYSLOG_IDENTIFIER == \"rpfpolicy\" and
        (.MESSAGE_ID | length) == 32 and .RPF_UID == \"0\"" >/dev/null
}

records() {
    wc -l <"$HISTORY"
}

policy() {
    policy_file 10-test.conf <<END
[agent]
mode = enforce
revision = $1
[rp_filter]
eth0 = $2
END
}

python3 "$SYSTEM_WORK/journal.py" "$JOURNAL" &
eventually "there is a journal" test -s "$JOURNAL"
add_device eth0
run status --json
json "nothing was decided yet" '.decision == null'

# --- each decision

policy one off
run accept
last accept
json "with the policy" '.decision.hash == .accepted and .decision.revision == "one" and
    .decision.origin == "/etc/rpfpolicy.d/10-test.conf"'
run status
says "status says who accepted" "$OUT" '^Accepted by [^ ]+, [-0-9: ]+ \(.*\)\.$'
run accept
run apply
expect_equal "what is in force already is no decision" "$(records)" 1
policy two loose
run apply
last accept
expect_effective eth0 2
run apply --force
last force
run status
says "and that it was by force" "$OUT" '^Accepted by force by '
run pause eth0 --reason='ticket 7' --for=1h
last pause 'eth0, ticket 7'
run pause --reason=all
last pause 'everything, all'
run resume
last resume 'eth0, ticket 7; everything, all'
run restore eth0
last restore eth0
run resume
last resume 'eth0, restored to what was there before'
run restore
last restore everything
run resume
policy_file 10-test.conf <<<$'[agent]\nmode = observe'
run accept
expect_status "a policy without rules" 1
last refuse 'it has no rules, while rules are enforced'
policy three strict
run apply --dry-run
last refuse 'it has no rules, while rules are enforced'

# --- a trial

run apply --confirm=1s
last rollback "$(tail -n 1 "$HISTORY" | cut -f 7)"
expect "why" grep -qE 'it was not confirmed|nobody confirmed it in time' <(tail -n 1 "$HISTORY")
json "of the policy that is in force again" '.decision.hash == .accepted and .decision.revision == "two"'
run status
says "status says so" "$OUT" '^Taken back by '
rpfpolicy apply --confirm=60s </dev/null >/dev/null 2>&1 &
eventually "it is confirmed" rpfpolicy confirm
wait "$!"
last confirm
json "of the new policy" '.decision.hash == .accepted and .decision.revision == "three"'
expect_equal "that it was accepted on trial is told before" \
    "$(tail -n 2 "$HISTORY" | head -n 1 | cut -f 3,7)" "accept	on trial"

# --- a trial whose guardian is killed

policy lost off
rpfpolicy apply --confirm=287s </dev/null >/dev/null 2>"$SYSTEM_WORK/apply.err" &
apply=$!
eventually "it is on trial" grep -q "rpfpolicy confirm" "$SYSTEM_WORK/apply.err"
last accept "on trial"
run status
says "status says that it is on trial" "$OUT" '^Accepted by .*: on trial\.$'
guardian=$(pgrep -f 'rpfpolicy apply --confirm=287s$' | grep -vx "$apply")
kill -KILL "$guardian" || system_abort "no guardian is found"
wait "$apply"
run status
says "status says that it ended" "$OUT" \
    '^A trial of [0-9a-f]{16}, by .*, ended without a word; the policy of before is in force\.$'
says_not "and not that it is accepted" "$OUT" '^Accepted by'

# --- who

policy four off
SUDO_USER=$'al\nice' rpfpolicy accept >/dev/null 2>&1
last accept
json "what the environment claims" '.decision.sudo_user == "al\nice"'
expect_equal "a record is one line, whatever is in it" "$(tail -n 1 "$HISTORY" | cut -f 3,10)" "accept	al\\x0Aice"
expect "the journal has it, escaped" jq -e -s '.[-1].RPF_SUDO_USER == "al\\x0Aice"' "$JOURNAL" >/dev/null
if [ "$(cat /proc/self/loginuid)" = 4294967295 ]; then
    json "nobody has logged in" '.decision.login_uid == null'
fi
expect_equal "everybody may read it, root alone writes it" "$(stat -c %u:%a "$HISTORY")" 0:644

# --- what cannot be recorded

policy five loose
rm "$HISTORY"
mkdir "$HISTORY"
run accept
expect_status "a history that cannot be written" 0
says "is told" "$ERR" "^rpfpolicy: warning: $HISTORY cannot be written: .* in the journal only"
expect_equal "once" "$(grep -c 'cannot be written' "$ERR")" 1
run status
says "and that it cannot be read" "$OUT" '^Who accepted it cannot be told: '
says_not "and the policy is in force all the same" "$OUT" 'policy on disk is another one'
system_end
