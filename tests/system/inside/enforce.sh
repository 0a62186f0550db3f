# shellcheck shell=bash
# A boot into enforcing: what other writers, kills, reloads, stops and pauses leave, what the unit can
# write, a node with four network cards, and an upgrade.

conf=${conf:?}
# Beside what it says: three writers within a second look like one that does not stop.
# shellcheck disable=SC2034 # for run.sh
expected='keeps writing|offf|Reload failed|Control process exited|Main process exited|Failed with result|status=9/KILL|was removed: others no longer see'

expect "the agent is active after boot" agent_is active
expect "no unit failed" no_failed_unit
expect "no warnings in the journal" no_warnings
expect "check is clean after boot" rpfpolicy check --strict
expect "the agent has short slices" test "$(slice_of "$(agent_pid)")" -le 100000
ip link add cilium_host type veth peer name cilium_net
ip link add lxc4f21a9 type veth peer name eno1
udevadm settle
eventually "lxc4f21a9 is off" has lxc4f21a9 0
eventually "cilium_host is off" has cilium_host 0
eventually "eno1 is strict" has eno1 1
ip link set eno1 name lxcrenamed
eventually "a renamed device is judged by its new name" has lxcrenamed 0
ip link set lxcrenamed name eno1
eventually "and back" has eno1 1

systemctl restart systemd-sysctl
eventually "after systemd-sysctl: lxc4f21a9" has lxc4f21a9 0
eventually "after systemd-sysctl: eno1" has eno1 1
eventually "after systemd-sysctl: all" has all 0
sysctl -q --system >/dev/null
eventually "after sysctl --system: lxc4f21a9" has lxc4f21a9 0
eventually "after sysctl --system: eno1" has eno1 1
udevadm trigger --action=add --subsystem-match=net --settle
eventually "after a triggered add: lxc4f21a9" has lxc4f21a9 0
eventually "after a triggered add: eno1" has eno1 1
eventually "check is clean" rpfpolicy check

pid=$(agent_pid)
kill -KILL "$pid"
eventually "a killed agent comes back" another_agent "$pid"
echo 2 >"$conf/lxc4f21a9/rp_filter"
eventually "and repairs" has lxc4f21a9 0

for number in $(seq 12); do
    pid=$(agent_pid)
    kill -KILL "$pid"
    eventually "killed $number times it comes back" another_agent "$pid"
done
echo 2 >"$conf/lxc4f21a9/rp_filter"
eventually "and repairs" has lxc4f21a9 0

for removed in /run/rpfpolicy /run/rpfpolicy.lock; do
    pid=$(agent_pid)
    rm -rf --one-file-system "$removed"
    echo 2 >"$conf/lxc4f21a9/rp_filter"
    eventually "without $removed the agent comes back" another_agent "$pid"
    expect "with a new one" test -e "$removed"
    eventually "and repairs" has lxc4f21a9 0
done
expect "the directory is its user's" test "$(stat -c %U /run/rpfpolicy)" = rpfpolicy

echo 'lxc* = offf' >>/etc/rpfpolicy.d/10-node.conf
systemctl reload rpfpolicy-agent
expect "a reload of a broken policy fails" test $? != 0
expect "the agent goes on" agent_is active
echo 2 >"$conf/lxc4f21a9/rp_filter"
eventually "by the good policy" has lxc4f21a9 0
: >/etc/rpfpolicy.d/10-node.conf
systemctl reload rpfpolicy-agent
expect "a reload of an emptied policy fails" test $? != 0
expect "the journal says why" grep -qF '/etc/rpfpolicy.d/10-node.conf: no rule in any file' \
    <(journalctl -b -o cat -u rpfpolicy-agent)
policy <<<$'[agent]\nmode = observe'
systemctl reload rpfpolicy-agent
expect "so does one of a policy that has no rules any more" test $? != 0
expect "the journal says why, too" grep -qF 'refused: the policy has no rules, while rules are enforced' \
    <(journalctl -b -o cat -u rpfpolicy-agent)
echo 2 >"$conf/lxc4f21a9/rp_filter"
eventually "the good policy is in force" has lxc4f21a9 0
node_policy enforce
expect "a reload of a good policy works" systemctl reload rpfpolicy-agent

systemctl stop rpfpolicy-agent
expect "a stop leaves values" has lxc4f21a9 0
echo 2 >"$conf/lxc4f21a9/rp_filter"
udevadm trigger --action=add --settle /sys/class/net/lxc4f21a9
expect "and the helper stands back" has lxc4f21a9 2
systemctl start rpfpolicy-agent
eventually "a start puts right" has lxc4f21a9 0

# What is read again after a reload is left alone, so this is no question of time.
rpfpolicy pause lxc4f21a9 --reason='ticket 4711'
echo 2 >"$conf/lxc4f21a9/rp_filter"
echo 0 >"$conf/eno1/rp_filter"
eventually "while one device is paused, the others are put right" has eno1 1
expect "reload" systemctl reload rpfpolicy-agent
expect "what is paused is left alone" has lxc4f21a9 2
expect "check shows who paused it and why" grep -q 'ticket 4711' <(rpfpolicy check 2>&1)
rpfpolicy resume lxc4f21a9
eventually "resumed, it is put right" has lxc4f21a9 0

# --- what the unit can write: the two trees and nothing else --------------------------------------

# can_write PATH: root could, in the unit's mounts.
can_write() {
    nsenter -t "$(agent_pid)" -m -- sh -c ": >>$1" 2>/dev/null
}

cannot_write() {
    ! can_write "$1"
}

expect "the agent runs as its own user" test "$(stat -c %U "/proc/$(agent_pid)")" = rpfpolicy
expect "with CAP_NET_ADMIN alone" grep -q '^CapEff:.*0000000000001000$' "/proc/$(agent_pid)/status"
expect "rp_filter can be written" can_write "$conf/all/rp_filter"
for path in net/ipv4/ip_forward net/ipv4/tcp_syncookies net/ipv6/conf/all/forwarding kernel/printk \
    kernel/core_pattern vm/swappiness fs/suid_dumpable; do
    expect "$path is read-only for it" cannot_write "/proc/sys/$path"
done
expect "/etc is read-only for it" cannot_write /etc/rpfpolicy.d/10-node.conf
expect "so is the accepted policy" cannot_write /var/lib/rpfpolicy/accepted.conf

# shellcheck source=tests/system/inside/four_cards.sh
. /test/inside/four_cards.sh
# shellcheck source=tests/system/inside/upgrade.sh
. /test/inside/upgrade.sh

# For the next boot.
echo 'lxc* = offf' >>/etc/rpfpolicy.d/10-node.conf
