#!/bin/bash
# What scripts rely on, for every command: help, refused options, streams and exit status. Needs no
# privilege and no devices of its own.
set -u -o pipefail

BUILD=${RPFPOLICY_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build}
RPFPOLICY=$BUILD/agent/cli/rpfpolicy
WORK=$(mktemp -d)
FAILURES=0
trap 'rm -rf "$WORK"' EXIT
unset NO_COLOR COLUMNS

fail() {
    echo "FAILED: $*" >&2
    FAILURES=$((FAILURES + 1))
}

# run ARGUMENT...: fills STATUS, $WORK/out and $WORK/err.
run() {
    "$RPFPOLICY" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
    STATUS=$?
}

expect_status() {
    [ "$STATUS" = "$2" ] || fail "$1: exit status $STATUS, should be $2"
}

expect_empty() {
    [ ! -s "$WORK/$2" ] || fail "$1: something on std$2: $(head -n 1 "$WORK/$2")"
}

expect_text() {
    grep -qF -- "$3" "$WORK/$2" || fail "$1: std$2 does not say '$3'"
}

help_is_complete_and_narrow() {
    local name="rpfpolicy $*"

    run "$@" --help
    expect_status "$name --help" 0
    expect_empty "$name --help" err
    expect_text "$name --help" out "Usage: rpfpolicy"
    awk -v name="$name" 'length($0) > 80 { print "FAILED: " name " --help: over 80 columns: " $0; bad = 1 }
        /[[:blank:]]$/ { print "FAILED: " name " --help: blanks at the end: " $0; bad = 1 }
        END { exit bad }' "$WORK/out" >&2 || FAILURES=$((FAILURES + 1))
    cp "$WORK/out" "$WORK/long"
    run "$@" -h
    cmp -s "$WORK/out" "$WORK/long" || fail "$name: -h and --help differ"
}

unknown_is_refused() {
    local name="rpfpolicy $*"

    run "$@" --no-such-option
    expect_status "$name with an unknown option" 1
    expect_empty "$name with an unknown option" out
    expect_text "$name with an unknown option" err "--no-such-option"
    run "$@" -Z
    expect_status "$name with an unknown letter" 1
    expect_text "$name with an unknown letter" err "'-Z'"
    run "$@" --format=no-such-format
    expect_status "$name with an unknown format" 1
    expect_empty "$name with an unknown format" out
}

help_is_complete_and_narrow
unknown_is_refused
run --help
verbs=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]\{1,\}\) .*/\1/p' "$WORK/out")
[ "$(wc -w <<<"$verbs")" -ge 6 ] || fail "help lists no commands"
for verb in $verbs; do
    help_is_complete_and_narrow "$verb"
    unknown_is_refused "$verb"
done

run
expect_status "no command" 1
expect_empty "no command" out
expect_text "no command" err "Usage: rpfpolicy"

run --version
expect_status "--version" 0
expect_empty "--version" err
grep -qxE 'rpfpolicy [0-9]+\.[0-9]+\.[0-9]+' "$WORK/out" || fail "--version: $(cat "$WORK/out")"

run chekc
expect_status "a misspelt command" 1
expect_text "a misspelt command" err "did you mean 'check'"
run check --formt=json
expect_text "a misspelt option" err "did you mean '--format'"
run check --foo
expect_text "an option near to one of another command" err \
    "unknown or ambiguous option '--foo', see 'rpfpolicy check --help'"
run drops --foo
expect_text "the same where it is taken" err "did you mean '--for'"
run --st check
expect_text "what only one option of the command begins with" err "did you mean '--strict'"
run list --format=cvs
expect_text "a format near to one of another command" err \
    "unknown format 'cvs', see 'rpfpolicy list --help'"
run check --format=jsno
expect_text "a misspelt format" err "json"
run $'\e[2J\xff'
expect_status "a command of control bytes" 1
expect_text "a command of control bytes" err '\x1B[2J\xFF'
run check --policy
expect_status "an option without its value" 1
for words in 'check --format' 'check eth0 --proc-sys-net' '--json check --format'; do
    # shellcheck disable=SC2086 # words
    run $words
    expect_status "$words" 1
    expect_empty "$words" out
    expect_text "$words" err "a value is missing behind '${words##* }', see 'rpfpolicy check --help'"
done
run -- chekc --format
expect_text "a misspelt command behind --" err "did you mean 'check'"
run check --json=yes
expect_status "a value where none is taken" 1
run plan extra
expect_status "one argument too many" 1
expect_text "one argument too many" err "'extra', see 'rpfpolicy plan --help'"
run check --dry-run
expect_status "an option of another command" 1
expect_text "an option of another command" err "--dry-run"
run list --format=csv
expect_status "a format of another command" 1
run --root= check
expect_text "an empty value" err "'--root'"
run preset lsit
expect_text "a misspelt command of preset" err "did you mean 'preset list'"
run explain --key=foo lo
expect_status "an unknown key" 1
expect_text "an unknown key" err "known are rp_filter, log_martians"
run list --proc-sys-net=/nonexistent
expect_status "a wrong --proc-sys-net" 1
expect_text "a wrong --proc-sys-net" err "/nonexistent/ipv4/conf: No such file"
run generate --help
grep -q -- '--json' "$WORK/out" && fail "generate --help offers --json, which is refused"
run check --format=nagios --no-such-option
expect_status "a mistake of a monitoring system's caller" 3
run check --color=sometimes
expect_status "an unknown --color" 1

# What cannot be written is an error, not a success.
"$RPFPOLICY" --help >/dev/full 2>"$WORK/err"
STATUS=$?
expect_status "a full disk" 1
expect_text "a full disk" err "No space left"
"$RPFPOLICY" --help 2>"$WORK/err" >&-
STATUS=$?
expect_status "a closed stdout" 1
[ -s "$WORK/err" ] || fail "a closed stdout is not reported"
# More than a pipe's worth and than stdio's own buffer, so that the failure is one in the middle.
mkdir "$WORK/many"
for i in $(seq 3000); do echo "[-a$i]"; done >"$WORK/many/a.conf"
"$RPFPOLICY" validate --json "$WORK/many/a.conf" >/dev/full 2>"$WORK/err"
STATUS=$?
expect_status "a full disk in the middle" 1
expect_text "a full disk in the middle" err "No space left"

# Nobody reads any more, as with 'check | head': an error for scripts, but no word on the terminal.
nobody_reads() {
    python3 - "$RPFPOLICY" "$@" <<'END' >"$WORK/out" || fail "a reader that went away: $(cat "$WORK/out")"
import os, subprocess, sys
reader, writer = os.pipe()
os.close(reader)
done = subprocess.run(sys.argv[1:], stdout=writer, stderr=subprocess.PIPE)
print(done)
sys.exit(not (done.returncode == 1 and done.stderr == b""))
END
}
nobody_reads --help
nobody_reads validate --json "$WORK/many/a.conf"

exit $((FAILURES > 0))
