# shellcheck shell=bash
# For the tests of this directory, inside the booted system: our packages for apt, and devices to play
# with. What they change is gone with the system.

set -u -o pipefail
export LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive
CONF=/proc/sys/net/ipv4/conf

# shellcheck source=tests/lib/results.sh
. /source/tests/lib/results.sh

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
