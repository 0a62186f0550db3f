# shellcheck shell=bash
# For the tests of the packages: builds them twice, as differently as can be, and looks at what is in
# them. The script that sources this has a directory $work.

work=${work:?}
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# shellcheck source=tests/lib/results.sh
. "$source/tests/lib/results.sh"

skip() {
    echo "skipped: $*" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

needs_programs() {
    local program

    for program in "$@"; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
}

# build VERB BUILD: the packages, without the tests, which are what runs this.
build() {
    BUILD=$2 DEB_BUILD_OPTIONS=nocheck RPMBUILD_OPTIONS='--without check' \
        "$source/quickstart" --no-install "$1" >"$work/build.log" 2>&1 || {
        tail -n 30 "$work/build.log" >&2
        echo "FAILED: the packages do not build" >&2
        exit 1
    }
}

# build_twice VERB: in $work/one-VERB and in $work/two/another/name-VERB, at another place and time, in
# another time zone, with other rights for new files and nothing remembered by a compiler cache.
build_twice() {
    build "$1" "$work/one"
    mkdir -p "$work/two/another"
    (
        umask 077
        export TZ=Asia/Tokyo LC_ALL=C CCACHE_DISABLE=1 HOME="$work/two" USER=somebody
        build "$1" "$work/two/another/name"
    ) || exit 1
}

# same_packages PATTERN ONE TWO: both directories hold the same packages, byte by byte.
same_packages() {
    local name found=0

    while IFS= read -r name; do
        found=$((found + 1))
        expect "${name##*/} is built the same twice" cmp "$2/$name" "$3/$name"
    done < <(cd "$2" && find . -name "$1" | sort)
    expect "there are packages" test "$found" -gt 1
}

# hardened PROGRAM: what the hardening flags leave in a program, the compiler's and the linker's.
hardened() {
    local program=$1 name=${1##*/}

    expect "$name is position independent" grep -q 'Type: *DYN' <(readelf -hW "$program")
    expect "$name has nothing executable on its stack" \
        grep -q 'GNU_STACK.* RW ' <(readelf -lW "$program")
    expect "$name: relocations are read-only" grep -q GNU_RELRO <(readelf -lW "$program")
    expect "$name: and bound at the start" grep -qE 'BIND_NOW|FLAGS.* NOW' <(readelf -dW "$program")
    expect "$name: the stack is guarded" grep -q __stack_chk_fail <(readelf --dyn-syms -W "$program")
    expect "$name: library calls are fortified" \
        grep -qE '__(printf|fprintf|snprintf|asprintf|memcpy|strcpy|read|vsnprintf)_chk' \
        <(readelf --dyn-syms -W "$program")
    expect "$name is stripped" sh -c "! readelf -SW '$program' | grep -qF .symtab"
    expect "$name does not say where it was built" sh -c "! grep -qaF '$work' '$program'"
}

# owned_by_root LISTING: lines of mode, owner and the rest, as tar and rpm write them; all root's, and
# files for nobody else to write, without special rights.
owned_by_root() {
    [ -s "$1" ] || return 1
    ! grep -vE '^(l|d|-rw[-x]r-[-x]r-[-x] )[^ ]* *root[/: ]root ' "$1"
}

end() {
    [ "$FAILURES" = 0 ] && exit 0
    echo "$FAILURES failed" >&2
    exit 1
}
