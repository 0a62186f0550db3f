#!/bin/bash
# Only the accepted policy counts: not what is on disk, not a damaged one, nothing in observe mode,
# nothing while the helper is told to stand back or the agent is at work.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

accepted=/var/lib/rpfpolicy/accepted.conf
stand_back=/run/rpfpolicy-root/stand-back
# Where the agent says that it is at work, as the rule has it.
enforcing=$(sed -n 's/.*TEST!="\([^"]*\)".*/\1/p' "$SYSTEM_BUILD/rules.d/99-zz-rpfpolicy.rules")

# again TEXT VALUE: what the device has after one more `add`, where systemd-sysctl leaves 2.
again() {
    system_log_clear
    udevadm trigger --action=add --settle /sys/class/net/lxc1
    system_settle
    expect_equal "$1" "$(value lxc1 rp_filter)" "$2"
}

sysctl_d 50-default.conf <<'CONF'
net.ipv4.conf.*.rp_filter = 2
CONF
system_start_udev
ip link add lxc1 type veth peer name eth0
system_settle
expect_value lxc1 rp_filter 2

before=$(all_values)
again "without an accepted policy nothing is written" 2
policy_file 10-test.conf <<'CONF'
[agent]
mode = enforce
[rp_filter]
* = off
CONF
again "a policy that is only saved is not in force" 2
expect_no_log rpfpolicy-helper

accept_policy <<'CONF'
[agent]
mode = observe
[rp_filter]
* = off
[log_martians]
* = yes
CONF
again "in observe mode nothing is written" 2
udevadm trigger --action=add --settle /sys/class/net/eth0
system_settle
expect_equal "not to any key of any device" "$(all_values)" "$before"
expect_no_log rpfpolicy-helper

accept_policy <<'CONF'
[agent]
mode = enforce
[rp_filter]
lxc* = off
CONF
again "an accepted policy is in force" 0
expect_no_log 'eth0'
policy_file 10-test.conf <<'CONF'
[rp_filter]
lxc* = sideways
CONF
again "a broken policy on disk leaves the accepted one in force" 0
rm /etc/rpfpolicy.d/*
again "so does a removed one" 0

mkdir -p "${stand_back%/*}" "${enforcing%/*}"
: >"$stand_back"
again "told to stand back, the helper does nothing" 2
expect_no_log rpfpolicy-helper
rm "$stand_back"
: >"$enforcing"
again "while the agent is at work, udev does not start the helper" 2
rm "$enforcing"
again "afterwards it does" 0

cp "$accepted" "$SYSTEM_WORK/good"
sed -i 's/off/on!/' "$accepted"
again "a damaged accepted policy is not followed" 2
expect_log 'rpfpolicy-helper.*accepted policy cannot be used'
cp "$SYSTEM_WORK/good" "$accepted"
chmod 0666 "$accepted"
again "nor one that others may write" 2
expect_log 'rpfpolicy-helper.*: /var/lib/rpfpolicy/accepted.conf: others than root may write'
chmod 0644 "$accepted"

# What is accepted while it waits for its turn is what it goes by.
waits() {
    local fd

    for fd in /proc/[0-9]*/fd/*; do
        [[ $(readlink "${fd%/fd/*}/exe") != "$SYSTEM_HELPER" ]] ||
            [[ $(readlink "$fd") != /run/rpfpolicy.lock ]] || return 0
    done
    return 1
}
echo 2 >"$CONF/lxc1/rp_filter"
accept_policy <<'CONF'
[agent]
mode = enforce
[rp_filter]
lxc* = strict
CONF
cp "$accepted" "$SYSTEM_WORK/next"
cp "$SYSTEM_WORK/good" "$accepted"
exec 9>/run/rpfpolicy.lock
flock 9
udevadm trigger --action=add /sys/class/net/lxc1 9>&-
until waits; do sleep 0.01; done
mv "$SYSTEM_WORK/next" "$accepted"
exec 9>&-
system_settle
expect_value lxc1 rp_filter 1
cp "$SYSTEM_WORK/good" "$accepted"

# It waits for another program, but not for ever, and says what it waited for.
exec 9>/run/rpfpolicy.lock
flock 9
again "while another program holds the lock" 2 9>&-
expect_log 'rpfpolicy-helper.*: lxc1: not put right: another program has held /run/rpfpolicy.lock for 20 s'
exec 9>&-

accept_policy <<'CONF'
[agent]
mode = enforce
[rp_filter]
all = unmanaged
lxc* = off, observe
eth* = unmanaged
CONF
again "an observed rule is not written" 2
system_end
