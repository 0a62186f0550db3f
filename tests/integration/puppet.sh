#!/bin/bash
# The Puppet module and its fact, by a real puppet and facter.

# shellcheck source=tests/integration/inside.sh
. /source/tests/integration/inside.sh

modules=/source/packaging/puppet

# node POLICY [PARAMETERS]: the manifest of this node.
node() {
    printf "class { 'rpfpolicy': policy => \"%s\", %s }\n" "$1" "${2:-}" >/out/node.pp
}

# apply OPTION…: its output in /out/apply, its status returned: 0 nothing to do, 2 changed, 4 or 6 failed.
apply() {
    puppet apply --modulepath "$modules" --detailed-exitcodes --color false "$@" /out/node.pp \
        >/out/apply 2>&1
}

# applied TEXT STATUS OPTION…
applied() {
    local text=$1 status=$2 got=0

    shift 2
    apply "$@" || got=$?
    expect_equal "$text: exit status" "$got" "$status"
    [ "$got" = "$status" ] || cat /out/apply
}

fact() {
    facter --external-dir "$modules/rpfpolicy/facts.d" --json rpfpolicy 2>/dev/null |
        jq -r ".rpfpolicy | $1"
}

enforcing='[agent]\nmode = enforce\n[rp_filter]\nlxc* = off\n* = strict\n'
expect "the module is sound" puppet parser validate "$modules/rpfpolicy/manifests/init.pp"
our_packages_only
add_device lxc1 2
add_device eno1 0
node "$enforcing"

applied "a first look, before anything is installed" 0 --noop
expect "changes nothing" test ! -e /usr/bin/rpfpolicy -a ! -e /etc/rpfpolicy.d
applied "the first run" 2
eventually "the agent has put eno1 right" has eno1 1
eventually "and lxc1" has lxc1 0
expect "it starts after the next boot, too" systemctl is-enabled -q rpfpolicy-agent
applied "the second run" 0
expect_no_output /out/apply 'rpfpolicy (accept|apply)'

expect_equal "facter finds the state" "$(fact .status)" 0
expect_equal "the mode" "$(fact .head.policy.mode)" enforce
expect_equal "and the number of devices" "$(fact .summary.drift)" 0
echo "notice(\"mode \${facts['rpfpolicy']['head']['policy']['mode']}\")" >/out/fact.pp
puppet apply --modulepath "$modules" /out/fact.pp >/out/apply 2>&1
expect_output /out/apply 'mode enforce'

node "$enforcing" 'service => false'
systemctl stop rpfpolicy-agent
echo 0 >"$CONF/eno1/rp_filter"
add_device "a\"'b" 0
applied "a look at drift" 0 --noop
expect_output /out/apply 'Exec\[rpfpolicy apply\]/returns: .*\(noop\)'
expect "writes nothing" has eno1 0
applied "a run without the agent and without apply" 0
expect_output /out/apply 'Exec\[rpfpolicy apply\]/returns: .*\(noop\)'
expect "writes nothing either" has eno1 0
expect_equal "the fact counts it" "$(fact .summary.drift)" 2
expect_equal "and names it" "$(fact '[.devices[].name] | sort | join(" ")')" "a\"'b eno1"

node "$enforcing" 'service => false, apply => true'
applied "with apply" 2
expect "it writes" has eno1 1
applied "once" 0

node '[agent]\nmode = enforce\n[rp_filter]\nlxc* = off\n* = loose\n' 'service => false'
applied "a look at another policy" 0 --noop --show_diff
expect_output /out/apply '^\+\* = loose'
expect_output /out/apply 'File\[/etc/rpfpolicy.d/10-puppet.conf\].*\(noop\)'

cp /etc/rpfpolicy.d/10-puppet.conf /out/good
node '[rp_filter]\n* = strictt\n'
applied "a bad policy" 4
expect_output /out/apply "unknown value 'strictt'"
expect "the good one stays on disk" cmp /etc/rpfpolicy.d/10-puppet.conf /out/good
expect "and in force" grep -q '"accepted": true' <(rpfpolicy check --json)

echo '* = stric' >>/etc/rpfpolicy.d/10-puppet.conf
expect_equal "the fact tells of a broken file" "$(fact .status)" 1
expect_equal "in words" "$(fact .head.policy.valid)" false
node "$enforcing"
applied "which the next run puts right" 2
inside_end
