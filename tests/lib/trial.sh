# shellcheck shell=bash
# For scripts about `apply --confirm`: the command without a terminal to ask on, preloaded programs, and
# waiting. Source this behind system_enter.
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

RPFPOLICY=$SYSTEM_BUILD/agent/cli/rpfpolicy
APPLY_ERR=$SYSTEM_WORK/apply.err

run() {
    "$RPFPOLICY" "$@" >"$OUT" 2>"$ERR" </dev/null
    STATUS=$?
}

# wait_until WHAT COMMAND...: within 60 s at least.
wait_until() {
    local what=$1 _

    shift
    for _ in $(seq 6000); do
        "$@" && return
        sleep 0.01
    done
    system_abort "never came true: $what"
}

# preload_with NAME VARIABLE=VALUE...: words for env, by which a program of tests/lib is preloaded. One that
# is built with the address sanitizer wants to be told that it does not come first.
preload_with() {
    [ -e "$SYSTEM_BUILD/tests/lib/$1.so" ] || system_abort "$1.so is not built"
    PRELOADED=(LD_PRELOAD="$SYSTEM_BUILD/tests/lib/$1.so" "${@:2}"
        ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0")
}
