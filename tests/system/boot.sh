#!/bin/bash
# The packages on a booted Debian: built, installed with apt, and tried on the inside by the
# scripts in inside/, one per boot. Nothing of the machine is changed.

set -eu -o pipefail

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
# shellcheck source=tests/system/bare.sh
. "$(dirname "$0")/bare.sh"
needs debootstrap systemd-nspawn dpkg-buildpackage

# boot PHASE: boots the system, runs inside/PHASE.sh in it, and powers off.
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

# next_version VERSION: the same packages once more, as if a newer version had been built.
next_version() {
    local package unpacked=$work/unpacked

    mkdir "$work/packages-deb/$1"
    for package in rpfpolicy rpfpolicy-agent; do
        dpkg-deb --raw-extract "$work/packages-deb/$first/$package.deb" "$unpacked"
        sed -i -e "s/^Version: .*/Version: $1/" -e "s/rpfpolicy (= .*)/rpfpolicy (= $1)/" \
            "$unpacked/DEBIAN/control"
        dpkg-deb --build -Znone "$unpacked" "$work/packages-deb/$1/$package.deb" >/dev/null
        rm -r "$unpacked"
    done
}

first=$(dpkg-parsechangelog -l "$source/packaging/debian/changelog" -S Version)
mkdir "$work/packages-deb/$first"
for package in rpfpolicy rpfpolicy-agent rpfpolicy-report; do
    mv "$work/packages-deb/${package}_${first}"_*.deb "$work/packages-deb/$first/$package.deb"
done
for newer in 1 2 3; do
    next_version "$first+$newer"
done

bare_system "$work/root"
can_boot "$work/root"
mkdir "$work/root/test"
cp -r "$work/packages-deb/$first"* "$source/tests/system/inside" "$source/tests/lib/effective-watch.py" \
    "$source/tests/lib/results.sh" "$work/root/test"
cat >"$work/root/etc/systemd/system/inside.service" <<UNIT
[Unit]
Description=The test inside
After=multi-user.target

[Service]
Type=oneshot
Environment=FIRST=$first SECOND=$first+1 THIRD=$first+2 FOURTH=$first+3
ExecStart=/bin/bash /test/inside/run.sh
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
boot last
