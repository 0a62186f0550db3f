#!/bin/bash
# The Ansible role, by a real ansible-playbook.

# shellcheck source=tests/integration/inside.sh
. /source/tests/integration/inside.sh

mkdir /play
cd /play || exit
cp -r /source/packaging/ansible/roles /source/packaging/ansible/site.yml .

# play OPTION…: its output in /out/play, its status returned.
play() {
    ansible-playbook -i localhost, -c local site.yml "$@" >/out/play 2>&1
}

facts() {
    ansible localhost -c local -m setup -a 'filter=ansible_local' 2>/dev/null |
        sed '1s/.*=> //' | jq -r ".ansible_facts.ansible_local.rpfpolicy | $1"
}

expect "the playbook is sound" ansible-playbook -i localhost, -c local --syntax-check site.yml
our_packages_only
add_device lxc1 2
add_device eno1 0

expect "a first look, before anything is installed" play --check --diff
expect "changes nothing" test ! -e /usr/bin/rpfpolicy -a ! -e /etc/rpfpolicy.d
expect "the first run" play
expect_output /out/play 'changed=[1-9].*unreachable=0 *failed=0'
expect "the agent is at work" systemctl is-active -q rpfpolicy-agent
expect "after the next boot, too" systemctl is-enabled -q rpfpolicy-agent
eventually "and has put eno1 right" has eno1 1
eventually "and lxc1" has lxc1 0
expect "all is as wanted" rpfpolicy check

expect "the second run" play
expect_output /out/play 'changed=0 .*failed=0'

expect_equal "the fact tells the state" "$(facts .status)" 0
expect_equal "the mode" "$(facts .head.policy.mode)" enforce
expect_equal "and the number of devices" "$(facts .summary.drift)" 0

systemctl stop rpfpolicy-agent
echo 0 >"$CONF/eno1/rp_filter"
add_device '{{7*7}}"' 0
expect "a look at drift" play --check --diff
expect_output /out/play '^\+\+\+ after: .*'
expect_output /out/play '^-0$'
expect_output /out/play '^\+1$'
expect_output /out/play 'changed: \[localhost\] => \(item=eno1: rp_filter 0 -> 1, '
expect_output /out/play 'item=\{\{7\*7\}\}": rp_filter 0 -> 1'
expect_output /out/play 'changed=[23] .*failed=0'
expect "writes nothing" has eno1 0
expect_equal "the fact counts it" "$(facts .summary.drift)" 2
expect_equal "and names it" "$(facts '.devices[] | select(.name == "eno1") | .keys[0].effective')" 0

cp /etc/rpfpolicy.d/10-ansible.conf /out/good
play -e '{"rpfpolicy_policy": "[rp_filter]\n* = strictt\n"}'
expect "a bad policy makes the play fail" test $? = 2
expect_output /out/play "unknown value 'strictt'"
expect "the good one stays on disk" cmp /etc/rpfpolicy.d/10-ansible.conf /out/good
expect "and in force" grep -q '"accepted": true' <(rpfpolicy check --json)

expect "another policy" play -e '{"rpfpolicy_force": true, "rpfpolicy_policy": "[agent]\nmode=enforce\n[rp_filter]\n* = loose\n"}'
expect_output /out/play 'changed=[1-9].*failed=0'
eventually "is enforced" has eno1 2

systemctl stop rpfpolicy-agent
echo 1 >"$CONF/eno1/rp_filter"
observe='"rpfpolicy_policy": "[rp_filter]\n* = loose\n", "rpfpolicy_service": false'
expect "a run that leaves the service alone" play -e "{$observe}"
expect "does not start it" test "$(systemctl is-active rpfpolicy-agent)" = inactive
expect "and writes nothing in observe mode" has eno1 1
expect "with rpfpolicy_apply" play -e "{$observe, \"rpfpolicy_apply\": true}"
expect "it does" has eno1 2
expect "once" play -e "{$observe, \"rpfpolicy_apply\": true}"
expect_output /out/play 'changed=0 .*failed=0'

rm /etc/rpfpolicy.d/10-ansible.conf
expect "a look at a host without a policy" play --check --diff
expect_output /out/play '^\+\* += strict'
inside_end
