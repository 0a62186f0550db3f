# shellcheck shell=bash
# For tests that need a whole Debian: one of this machine's release, bare, from a cache.
# $RPFPOLICY_CACHE (default: the build directory) keeps the archive for next time. The script that
# sources this has a directory $work.

work=${work:?}

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${RPFPOLICY_BUILD:-$source/build}
cache=${RPFPOLICY_CACHE:-$build}

skip() {
    echo "skipped: $*" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

# needs PROGRAM…: all of them, root, and namespaces.
needs() {
    local program

    [ "$(id -u)" = 0 ] || skip "needs root"
    for program in "$@"; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
    refused=$(unshare --net --mount --pid --fork true 2>&1) ||
        skip "namespaces cannot be made here: $refused"
}

# can_boot DIRECTORY: systemd-nspawn starts something in it, with a terminal of its own.
can_boot() {
    refused=$(script -qec "systemd-nspawn --quiet --keep-unit --register=no --private-network \
        --as-pid2 -D '$1' true" /dev/null </dev/null 2>&1) ||
        skip "no system can be booted here: ${refused%$'\r'}"
}

# What the packages depend on, and what the tests use inside.
bare_packages=systemd,systemd-sysv,udev,dbus,iproute2,procps,iputils-ping,jq,python3-minimal,libmnl0
bare_packages=$bare_packages,libinih1,libjansson4,libsmartcols1,libcap2,libbpf1

# bare_system DIRECTORY: a minimal Debian of this machine's release.
bare_system() {
    local release tarball mirror

    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
    tarball=$cache/bare-$release-$(echo "$bare_packages" | md5sum | cut -c1-8).tar
    if [ ! -f "$tarball" ]; then
        # shellcheck disable=SC2016 # for apt-get to expand
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $release" |
            head -n 1)
        debootstrap --variant=minbase --include="$bare_packages" "$release" "$work/bare" \
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
