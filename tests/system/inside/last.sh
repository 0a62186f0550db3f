# shellcheck shell=bash
# A boot with a bad policy on disk; what is masked stays masked; removal, the way back, and purge.

# shellcheck disable=SC2034 # for run.sh
expected='offf'

expect "the agent is active although the policy on disk is bad" agent_is active
ip link add lxc1 type veth peer name eno1
udevadm settle
eventually "the accepted policy is in force" has lxc1 0
eventually "for all devices" has eno1 1
rpfpolicy check
expect "check says that the policy on disk is bad" test $? = 1
expect "no unit failed" no_failed_unit
sed -i '/offf/d' /etc/rpfpolicy.d/10-node.conf

rule=/etc/udev/rules.d/99-zz-rpfpolicy.rules
systemctl stop rpfpolicy-agent
systemctl --quiet mask rpfpolicy-agent
ln -s /dev/null "$rule"
expect "with unit and rule masked it is upgraded" upgrade_to "$FOURTH"
expect "a masked unit stays masked" test "$(systemctl is-enabled rpfpolicy-agent)" = masked
expect "and is not started" agent_is inactive
expect "a masked rule stays masked" test "$(readlink "$rule")" = /dev/null
rm "$rule"
systemctl --quiet unmask rpfpolicy-agent
expect "unmasked, it is enabled as before" systemctl --quiet is-enabled rpfpolicy-agent
systemctl start rpfpolicy-agent
eventually "and starts" agent_is active

before=$(all_values)
expect "the agent is removed" apt remove rpfpolicy-agent
expect "values stay" test "$before" = "$(all_values)"
expect "it is said how to go back" grep -q 'To go back now: rpfpolicy restore' /test/apt
expect "the command is still there" rpfpolicy check
expect "a preset becomes a file of the policy" rpfpolicy preset enable cilium
rpfpolicy restore
expect "and goes back" has all 2
expect "the command is removed" apt remove rpfpolicy
expect "nothing runs any more" test ! -e /usr/lib/rpfpolicy
expect "the configuration stays" test -e /etc/rpfpolicy.d/10-node.conf
expect "and the accepted policy" test -e /var/lib/rpfpolicy/accepted.conf
before=$(all_values)
expect "purge" apt purge rpfpolicy-agent rpfpolicy
expect "changes no setting" test "$before" = "$(all_values)"

# nothing_left [PATH…]: but these.
nothing_left() {
    local found

    found=$(find / /run -xdev \( -path /proc -o -path /sys -o -path /test -o -path /var/log \) -prune -o \
        -path '*rpfpolicy*' -print; getent passwd rpfpolicy; getent group rpfpolicy)
    found=$(grep -vxF -e '' "${@/#/-e}" <<<"$found")
    [ -z "$found" ] || {
        echo "$found"
        return 1
    }
}

mine=(/etc/rpfpolicy.d/10-node.conf /etc/rpfpolicy.d/20-preset-cilium.conf)
expect "what a person wrote and chose stays" test -s "${mine[0]}" -a -s "${mine[1]}"
expect "and nothing else is left" nothing_left /etc/rpfpolicy.d "${mine[@]}"
expect "installed once more" upgrade_to "$FOURTH"
rm "${mine[@]}"
expect "purged without a policy" apt purge rpfpolicy-agent rpfpolicy
expect "nothing is left" nothing_left
