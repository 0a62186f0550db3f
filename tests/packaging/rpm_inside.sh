#!/bin/bash
# The part of rpm.sh for which the packages' scripts run: in namespaces of its own, with a whole system
# at $RPM_ROOT. Leaves the number of failures in $work/failures.

set -u -o pipefail

# shellcheck source=tests/packaging/packages.sh
. "$(dirname "$0")/packages.sh"
root=$RPM_ROOT
conf=/proc/sys/net/ipv4/conf

in_root() {
    rpm --root "$root" "$@"
}

all_values() {
    (cd /proc/sys/net && grep -rs . ipv4 ipv6) | grep -v -e stable_secret -e fastopen_key | sort
}

# As systemctl sees what is enabled below the root.
enabled() {
    systemctl --root="$root" is-enabled rpfpolicy-agent.service 2>/dev/null
}

user() {
    sed -n 's/^rpfpolicy:x:\([0-9]*\):.*/\1/p' "$root/etc/passwd"
}

mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
ip link add lxc1 type veth peer name eno1
echo 2 >"$conf/lxc1/rp_filter"
before=$(all_values)
in_root --initdb

# install OPTION…: prints what rpm and the scripts said, but for what Debian's rpm always says and for
# users that are made.
install() {
    in_root "$@" --nodeps "$root"/packages/*.rpm 2>&1 |
        grep -v -e 'use Alien instead' -e 'you know what you are doing' -e '^Creating '
}

said=$(install -i)
expect "the scripts have nothing to complain about: $said" test -z "$said"
expect "rpm finds nothing that differs" test -z "$(in_root -V --nodeps rpfpolicy rpfpolicy-agent rpfpolicy-report)"
expect "the agent's user is there" test -n "$(user)"
expect "its directory in /run belongs to it" test "$(stat -c %u:%a "$root/run/rpfpolicy")" = "$(user):755"
expect "the one for other namespaces is root's" test "$(stat -c %u:%a "$root/run/rpfpolicy-netns")" = 0:755
expect "the lock belongs to root" test "$(stat -c %u:%a "$root/run/rpfpolicy.lock")" = 0:660
expect "the directory of the policy is there" test "$(stat -c %u:%a "$root/etc/rpfpolicy.d")" = 0:755
expect "the service waits to be enabled, as the presets say" test "$(enabled)" = disabled
expect "it runs there" chroot "$root" rpfpolicy --version

printf '[rp_filter]\nlxc* = off\n* = strict\n' >"$root/etc/rpfpolicy.d/10-node.conf"
expect "a policy is accepted" chroot "$root" rpfpolicy accept
policy=$(cat "$root/etc/rpfpolicy.d/10-node.conf" "$root/var/lib/rpfpolicy/accepted.conf")
systemctl --root="$root" --quiet enable rpfpolicy-agent.service 2>/dev/null

# --force: what is installed already counts as the older version.
said=$(install -U --force)
expect "an upgrade has nothing to complain about: $said" test -z "$said"
expect "what was enabled stays enabled" test "$(enabled)" = enabled
systemctl --root="$root" --quiet disable rpfpolicy-agent.service 2>/dev/null
ln -sf /dev/null "$root/etc/systemd/system/rpfpolicy-agent.service"
mkdir -p "$root/etc/udev/rules.d"
ln -sf /dev/null "$root/etc/udev/rules.d/99-zz-rpfpolicy.rules"
install -U --force >/dev/null
expect "what was masked stays masked" test "$(enabled)" = masked
expect "and so does a masked rule" test "$(readlink "$root/etc/udev/rules.d/99-zz-rpfpolicy.rules")" = /dev/null
rm "$root/etc/systemd/system/rpfpolicy-agent.service" "$root/etc/udev/rules.d/99-zz-rpfpolicy.rules"
systemctl --root="$root" --quiet enable rpfpolicy-agent.service 2>/dev/null
expect "policy and accepted policy are the same" test "$policy" = \
    "$(cat "$root/etc/rpfpolicy.d/10-node.conf" "$root/var/lib/rpfpolicy/accepted.conf")"

said=$(in_root -e rpfpolicy-agent 2>&1)
expect "removal says how to go back: $said" grep -q 'To go back now: rpfpolicy restore' <<<"$said"
expect "and the means are left to the command" test -d "$root/run/rpfpolicy"
expect "the service is not enabled any more" test -z "$(find "$root/etc/systemd" -name 'rpfpolicy*')"

report='rpfpolicy check --json >/run/report.json; rpfpolicy report /run/report.json'
expect "the report is run where it is installed" grep -qE '^1 host: ' <(chroot "$root" sh -c "$report")
expect "the report can be removed" in_root -e rpfpolicy-report
said=$(chroot "$root" sh -c "$report" 2>&1)
expect "and then the command says what to install: $said" grep -q 'install the package rpfpolicy-report$' <<<"$said"
said=$(in_root -e rpfpolicy 2>&1)
expect "policy and accepted policy are left" test "$policy" = \
    "$(cat "$root/etc/rpfpolicy.d/10-node.conf" "$root/var/lib/rpfpolicy/accepted.conf")"
left=$(find "$root" -xdev -name '*rpfpolicy*' ! -path "$root/packages/*" -printf '/%P ')
expect "and nothing else is: $left" test "$(wc -w <<<"$left")" = 2
expect "not even until the next boot" test -z "$(find "$root/run" -name 'rpfpolicy*')"
expect "none of this changed a setting" test "$before" = "$(all_values)"
echo "$FAILURES" >"$work/failures"
