# shellcheck shell=bash
# Words for results, for every script that tests something here or inside a system it has booted:
# what is said of each expectation, and $FAILURES, the number of those that were not met.

FAILURES=0

ok() {
    echo "ok: $*"
}

fail() {
    echo "FAILED: $*" >&2
    FAILURES=$((FAILURES + 1))
}

# expect TEXT COMMAND...: the command succeeds.
expect() {
    local text=$1

    shift
    if "$@"; then ok "$text"; else fail "$text"; fi
}

# expect TEXT not COMMAND...: it fails.
not() {
    ! "$@"
}

# expect_equal TEXT GOT WANTED
expect_equal() {
    if [ "$2" = "$3" ]; then ok "$1"; else fail "$1: is '$2', should be '$3'"; fi
}

# eventually TEXT COMMAND...: it succeeds within 20 s, and is tried until then.
eventually() {
    local text=$1 tries

    shift
    for ((tries = 0; tries < 200; tries++)); do
        if "$@"; then
            ok "$text"
            return
        fi
        sleep 0.1
    done
    fail "$text: not within 20 s"
}

# jq -e …: to jq 1.6 an empty input is a success; here it is none.
jq() {
    local given

    case $1 in
    -e*)
        given=$(command jq "$@") || return
        [ -z "$given" ] || printf '%s\n' "$given"
        [ -n "$given" ]
        ;;
    *) command jq "$@" ;;
    esac
}
