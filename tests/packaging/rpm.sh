#!/bin/bash
# The RPM packages: built the same twice, nothing for rpmlint to say, hardened; installed into an empty
# root, and with their scripts into a whole system, upgraded there and erased again. Where rpm is not
# the system's own package manager what a package needs is listed here, not resolved.

set -u -o pipefail

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
# shellcheck source=tests/packaging/packages.sh
. "$(dirname "$0")/packages.sh"
needs_programs rpmbuild rpm rpmlint readelf

build_twice rpm
same_packages '*.rpm' "$work/one-rpm" "$work/two/another/name-rpm"
mapfile -t packages < <(find "$work/one-rpm/RPMS" -name '*.rpm' ! -name '*-debug*' | sort)

# As it is set up on Fedora.
echo 'CompressExtension = "gz"' >"$work/rpmlint.toml"
rpmlint --config "$work/rpmlint.toml" --ignore-unused-rpmlintrc --rpmlintrc "$source/packaging/rpm/rpfpolicy.rpmlintrc" \
    "$source/packaging/rpm/rpfpolicy.spec" "${packages[@]}" >"$work/rpmlint" 2>&1
expect "rpmlint looked at all of it" grep -q "${#packages[@]} packages and 1 specfiles" "$work/rpmlint"
expect "rpmlint has nothing to say" sh -c "! grep -E ': [EW]: ' '$work/rpmlint'"

# --- an empty root -------------------------------------------------------------------------------

root=$work/empty
in_root() {
    rpm --root "$root" "$@"
}

mkdir "$root"
in_root --initdb
expect "installed into an empty root" in_root -i --nodeps --noscripts "${packages[@]}"
expect "nothing differs from what the packages say" test -z "$(in_root -V --nodeps rpfpolicy rpfpolicy-agent rpfpolicy-report)"
in_root -q --qf '[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]' \
    rpfpolicy rpfpolicy-agent rpfpolicy-report >"$work/listing"
expect "all belongs to root and nobody else may write it" owned_by_root "$work/listing"

# lists PACKAGE PATTERN…: a file of it is called so.
lists() {
    local package=$1 pattern

    shift
    for pattern in "$@"; do
        expect "$package has $pattern" grep -qxE "$pattern" <(in_root -ql "$package")
    done
}

lists rpfpolicy /usr/bin/rpfpolicy '/usr/share/man/man1/rpfpolicy\.1\.(gz|bz2|zst)' /etc/rpfpolicy.d /var/lib/rpfpolicy \
    /usr/share/rpfpolicy/presets/cilium.conf '/usr/share/licenses/.*/LICENSE'
for fragment in "$source"/sysctl.d/*.conf; do
    lists rpfpolicy "/usr/share/rpfpolicy/sysctl.d/${fragment##*/}"
done
lists rpfpolicy-agent '(/usr)?/lib/systemd/system/rpfpolicy-agent.service' \
    '(/usr)?/lib/udev/rules.d/99-zz-rpfpolicy.rules' /usr/lib/rpfpolicy/rpfpolicy-agent \
    /usr/lib/rpfpolicy/rpfpolicy-helper /usr/lib/sysusers.d/rpfpolicy.conf \
    /usr/lib/tmpfiles.d/rpfpolicy.conf /usr/lib/systemd/catalog/rpfpolicy.catalog
expect "rpfpolicy-report has its program alone" test "$(in_root -ql rpfpolicy-report |
    grep -vE '^/usr/lib/(\.build-id|debug)' | xargs)" = "/usr/lib/rpfpolicy /usr/lib/rpfpolicy/rpfpolicy-report"
in_root -ql rpfpolicy >"$work/contents"
expect "the command alone brings nothing that runs by itself" \
    sh -c "! grep -E 'systemd|udev|tmpfiles|sysusers|(etc|lib)/sysctl' '$work/contents'"

# requires PACKAGE PATTERN…
requires() {
    local package=$1 pattern

    shift
    for pattern in "$@"; do
        expect "$package requires $pattern" grep -qE "^$pattern" <(in_root -qR "$package")
    done
}

requires rpfpolicy 'libmnl\.so' 'libinih\.so' 'libjansson\.so' 'libsmartcols\.so' 'libudev\.so' 'libbpf\.so'
requires rpfpolicy-agent 'rpfpolicy(\(.*\))? = [0-9.]+-1' 'systemd$' 'systemd-udev$' 'libsystemd\.so' \
    'libseccomp\.so'
requires rpfpolicy-report 'rpfpolicy(\(.*\))? = [0-9.]+-1' 'libjansson\.so' 'libsmartcols\.so'
expect "the command does not require systemd" \
    sh -c "! rpm --root '$root' -qR rpfpolicy | grep -E '^systemd|libsystemd'"
for program in "$root"/usr/bin/rpfpolicy "$root"/usr/lib/rpfpolicy/*; do
    hardened "$program"
done
expect "erased again" in_root -e --nodeps --noscripts rpfpolicy-agent rpfpolicy-report rpfpolicy
expect "and nothing is left" test -z "$(cd "$root" && find . -name '*rpfpolicy*')"

# --- a whole system ------------------------------------------------------------------------------

# shellcheck source=tests/system/bare.sh
. "$source/tests/system/bare.sh"
needs debootstrap
root=$work/system
bare_system "$root"
# What a Fedora says of services that nothing else speaks of.
echo 'disable *' >"$root/usr/lib/systemd/system-preset/99-default-disable.preset"
mkdir "$root/packages"
cp "${packages[@]}" "$root/packages"
RPM_ROOT=$root work=$work unshare --net --mount --pid --fork --kill-child \
    bash "$source/tests/packaging/rpm_inside.sh"
FAILURES=$((FAILURES + $(cat "$work/failures" || echo 1)))
end
