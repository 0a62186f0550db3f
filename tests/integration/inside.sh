# shellcheck shell=bash
# For the tests of this directory, inside the booted system: words to tell results, our packages for
# apt, and devices to play with. What they change is gone with the system.

set -u -o pipefail
export LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive
FAILURES=0
CONF=/proc/sys/net/ipv4/conf

ok() {
    echo "ok: $*"
}

fail() {
    echo "FAILED: $*"
    FAILURES=$((FAILURES + 1))
}

# expect TEXT COMMAND…
expect() {
    local text=$1

    shift
    if "$@"; then ok "$text"; else fail "$text"; fi
}

# expect_equal TEXT GOT WANTED
expect_equal() {
    if [ "$2" = "$3" ]; then ok "$1"; else fail "$1: is '$2', should be '$3'"; fi
}

# expect_output FILE REGEX / expect_no_output FILE REGEX: what a tool said.
expect_output() {
    if grep -Eq -- "$2" "$1"; then ok "said: $2"; else
        fail "not said: $2"
        cat "$1"
    fi
}

expect_no_output() {
    if grep -Eq -- "$2" "$1"; then
        fail "said: $2"
        cat "$1"
    else
        ok "not said: $2"
    fi
}

# eventually TEXT COMMAND…: true within 20 s.
eventually() {
    local text=$1 tries=200

    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || break
        sleep 0.1
    done
    expect "$text" test "$tries" -gt 0
}

has() {
    [ "$(cat "$CONF/$1/rp_filter" 2>/dev/null)" = "$2" ]
}

# From now on apt finds our packages, and nothing else.
our_packages_only() {
    rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
    echo 'deb [trusted=yes] file:/packages ./' >/etc/apt/sources.list
    apt-get update -q >/dev/null 2>&1 || fail "apt does not read our packages"
}

install_our_packages() {
    our_packages_only
    apt-get install -y -q "$@" >/out/apt 2>&1 || {
        cat /out/apt
        fail "our packages cannot be installed"
    }
}

# add_device NAME VALUE: a device, of a kind that every kernel has, and its rp_filter.
add_device() {
    ip link add name "$1" type bridge || fail "no device $1"
    udevadm settle
    echo "$2" >"$CONF/$1/rp_filter"
}

inside_end() {
    [ "$FAILURES" = 0 ] || exit 1
    exit 0
}
