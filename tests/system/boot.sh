#!/bin/bash
# The packages on a booted Debian: built, installed with apt, and tried on the inside by inside.sh.
# Needs root, debootstrap and systemd-nspawn; nothing of the machine is
# changed.

set -eu -o pipefail

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
# shellcheck source=tests/system/bare.sh
. "$(dirname "$0")/bare.sh"
needs debootstrap systemd-nspawn dpkg-buildpackage

# boot PHASE: boots the system, runs inside.sh PHASE in it, and powers off.
boot() {
    echo "--- $1"
    echo "$1" >"$work/root/test/phase"
    rm -f "$work/root/test/status" "$work/root/test/log"
    # With a terminal of its own: it stops when its console ends.
    SYSTEMD_NSPAWN_API_VFS_WRITABLE=1 timeout 300 script -q -c "systemd-nspawn --quiet --keep-unit \
        --register=no --private-network --boot -D '$work/root'" "$work/console" </dev/null \
        >/dev/null 2>&1 || :
    if [ "$(cat "$work/root/test/status" 2>/dev/null)" != 0 ]; then
        cat "$work/root/test/log" >&2 2>/dev/null || tail -n 50 "$work/console" >&2
        echo "FAILED: $1" >&2
        exit 1
    fi
    grep -v '^#' "$work/root/test/log"
}

BUILD=$work/packages DEB_BUILD_OPTIONS=nocheck "$source/quickstart" --no-install deb \
    >"$work/deb.log" 2>&1 || {
    tail -n 30 "$work/deb.log" >&2
    echo "FAILED: the packages do not build" >&2
    exit 1
}

bare_system "$work/root"
mkdir "$work/root/test"
rm "$work"/packages-deb/*-dbgsym_*.deb
cp "$work"/packages-deb/*.deb "$source/tests/system/inside.sh" "$work/root/test"
cat >"$work/root/etc/systemd/system/inside.service" <<'UNIT'
[Unit]
Description=The test inside
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/bash /test/inside.sh
StandardOutput=append:/test/log
StandardError=inherit
ExecStopPost=/bin/systemctl --no-block poweroff

[Install]
WantedBy=default.target
UNIT
ln -s /etc/systemd/system/inside.service \
    "$work/root/etc/systemd/system/multi-user.target.wants/inside.service"

boot install
boot enforce
boot invalid
boot remove
