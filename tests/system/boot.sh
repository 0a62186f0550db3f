#!/bin/bash
# The packages on a booted Debian: built, installed with apt, and tried on the inside by inside.sh.
# Needs root, debootstrap and systemd-nspawn; nothing of the machine is
# changed. The bare system is kept in $RPFPOLICY_CACHE (default: the build directory) for next time.

set -eu -o pipefail

source=$(cd "$(dirname "$0")/../.." && pwd)
build=${RPFPOLICY_BUILD:-$source/build}
cache=${RPFPOLICY_CACHE:-$build}

skip() {
    echo "skipped: $*" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
for program in debootstrap systemd-nspawn dpkg-buildpackage; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
unshare --net --mount --pid --fork true 2>/dev/null || skip "namespaces cannot be made here"

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

# What the packages depend on, and what the tests use inside.
packages=systemd,systemd-sysv,udev,dbus,iproute2,procps,iputils-ping,jq,libmnl0,libinih1
packages=$packages,libjansson4,libsmartcols1,libcap2

# bare_system DIRECTORY: a minimal Debian of this machine's release, from the cache where it is.
bare_system() {
    local release tarball mirror

    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
    tarball=$cache/bare-$release-$(echo "$packages" | md5sum | cut -c1-8).tar
    if [ ! -f "$tarball" ]; then
        # shellcheck disable=SC2016 # for apt-get to expand
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $release" |
            head -n 1)
        debootstrap --variant=minbase --include="$packages" "$release" "$work/bare" \
            "${mirror:-http://deb.debian.org/debian}" >"$work/debootstrap.log" 2>&1 || {
            tail -n 20 "$work/debootstrap.log" >&2
            skip "no Debian can be bootstrapped here"
        }
        rm -rf "$work"/bare/var/cache/apt/archives/*.deb
        tar -C "$work/bare" -cf "$tarball.new" . && mv "$tarball.new" "$tarball"
        rm -rf --one-file-system "$work/bare"
    fi
    mkdir "$1"
    tar -C "$1" -xf "$tarball"
}

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
