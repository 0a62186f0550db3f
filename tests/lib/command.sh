# shellcheck shell=bash
# For scripts that run the command in a system of their own: what it printed and how it ended. Source
# this behind system_enter, where the scratch directory is there.

OUT=$SYSTEM_WORK/out
ERR=$SYSTEM_WORK/err

# run ARGUMENT...: fills STATUS, $OUT and $ERR.
run() {
    rpfpolicy "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
}

# run_apply [OPTION...]: does not wait until it may flush the route cache again, as if the last time
# were long ago.
run_apply() {
    rm -f /run/rpfpolicy-root/flushed
    run apply --once "$@"
}

# expect_status TEXT STATUS: of the last run.
expect_status() {
    expect_equal "$1: exit status" "$STATUS" "$2"
}

# says TEXT FILE REGEX: a line of the file matches.
says() {
    expect "$1" grep -qE -- "$3" "$2"
}

# says_not TEXT FILE REGEX: no line does.
says_not() {
    expect "$1" not grep -qE -- "$3" "$2"
}

# json TEXT FILTER: the filter gives true of what was printed.
json() {
    expect "$1" jq -e "$2" "$OUT" >/dev/null
}
