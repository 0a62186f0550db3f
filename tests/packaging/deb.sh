#!/bin/bash
# The Debian packages: built the same twice, nothing for lintian to say, hardened, split as promised.

set -u -o pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/packaging/packages.sh
. "$(dirname "$0")/packages.sh"
needs_programs dpkg-buildpackage dh lintian readelf

build_twice deb
same_packages '*.deb' "$work/one-deb" "$work/two/another/name-deb"

# A user's own profile of lintian decides nothing here.
expect "lintian has nothing to say" lintian --no-cfg --allow-root --profile debian \
    --fail-on error,warning "$work"/one-deb/*.changes

# contents PACKAGE: what is in it, as tar lists it, directories left out.
contents() {
    dpkg-deb --contents "$work/one-deb/$1"_[0-9]*.deb | grep -v '^d'
}

# installs PACKAGE PATH…: these are in it.
installs() {
    local package=$1 path

    shift
    for path in "$@"; do
        expect "$package has $path" grep -qE " \./$path\$" <(contents "$package")
    done
}

installs rpfpolicy usr/bin/rpfpolicy usr/share/man/man1/rpfpolicy.1.gz usr/share/rpfpolicy/presets/cilium.conf
for fragment in "$source"/sysctl.d/*.conf; do
    installs rpfpolicy "usr/share/rpfpolicy/sysctl.d/${fragment##*/}"
done
installs rpfpolicy-agent '(usr/)?lib/systemd/system/rpfpolicy-agent.service' \
    '(usr/)?lib/udev/rules.d/99-zz-rpfpolicy.rules' usr/lib/rpfpolicy/rpfpolicy-agent \
    usr/lib/rpfpolicy/rpfpolicy-helper usr/lib/sysusers.d/rpfpolicy.conf \
    usr/lib/tmpfiles.d/rpfpolicy.conf usr/lib/systemd/catalog/rpfpolicy.catalog
installs rpfpolicy-report usr/lib/rpfpolicy/rpfpolicy-report
expect "rpfpolicy-report has that program and what every package has" test -z \
    "$(contents rpfpolicy-report | grep -vE ' \./usr/(lib/rpfpolicy/rpfpolicy-report|share/doc/rpfpolicy-report/[^/]*)$')"
contents rpfpolicy >"$work/contents"
expect "the command alone brings nothing that runs by itself" \
    sh -c "! grep -E 'systemd|udev|tmpfiles|sysusers|(etc|lib)/sysctl' '$work/contents'"

# At a purge the agent's user goes, and with it what it owns below /run.
mkdir "$work/stubs"
printf '#!/bin/sh\n' | tee "$work/stubs/getent" >"$work/stubs/userdel"
# shellcheck disable=SC2016 # for the stub
printf '#!/bin/sh\necho "$3" >>%s/given\n' "$work" >"$work/stubs/chown"
chmod +x "$work"/stubs/*
dpkg-deb --control "$work"/one-deb/rpfpolicy-agent_[0-9]*.deb "$work/control"
# shellcheck disable=SC2016 # for the inner shell
expect "a purge of the agent" unshare -rm sh -ec 'mount -t tmpfs tmpfs /run
    mkdir /run/rpfpolicy /run/rpfpolicy-root /run/rpfpolicy-netns
    touch /run/rpfpolicy.lock
    PATH=$1/stubs:$PATH sh "$1/control/postrm" purge' sh "$work"
expect_equal "gives root what its user owned" "$(sort "$work/given" | tr '\n' ' ')" \
    "/run/rpfpolicy /run/rpfpolicy-netns /run/rpfpolicy-root /run/rpfpolicy.lock "

for package in rpfpolicy rpfpolicy-agent rpfpolicy-report; do
    contents "$package" >"$work/listing"
    expect "$package: all belongs to root and nobody else may write it" owned_by_root "$work/listing"
    dpkg-deb --extract "$work/one-deb/$package"_[0-9]*.deb "$work/unpacked"
done
for program in "$work"/unpacked/usr/bin/rpfpolicy "$work"/unpacked/usr/lib/rpfpolicy/*; do
    hardened "$program"
done
end
