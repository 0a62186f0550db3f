# shellcheck shell=bash
# The first boot: what an installation changes (nothing), observing, an upgrade of an observing node, and
# the way to enforcing.

printf 'net.ipv4.conf.default.rp_filter=2\nnet.ipv4.conf.all.rp_filter=2\n' \
    >/etc/sysctl.d/10-network-security.conf
echo 'net.ipv4.conf.*.rp_filter = 2' >/etc/sysctl.d/20-distribution.conf
systemctl restart systemd-sysctl
ip link add lxcfirst type veth peer name eno1
ip address add 192.0.2.1/24 dev eno1
ip link set eno1 up
udevadm settle
before=$(all_values)

expect "apt installs the packages" upgrade_to "$FIRST"
expect "the agent is active" agent_is active
expect "the agent is enabled" systemctl --quiet is-enabled rpfpolicy-agent
expect "nothing was accepted" test ! -e /var/lib/rpfpolicy/accepted.conf
# A reload answers when the policy was taken and every device was read once more.
node_policy observe
expect "an observing policy is accepted" systemctl reload rpfpolicy-agent
expect "neither installing nor observing changes a setting" test "$before" = "$(all_values)"

ip link add lxcsecond type veth peer name eno2
udevadm settle
ip link delete lxcsecond
udevadm settle
systemctl reload rpfpolicy-agent
expect "observing new devices changes no setting" test "$before" = "$(all_values)"
rpfpolicy check
expect "check finds the drift" test $? = 2
rpfpolicy check --json >/test/report.json
said=$(rpfpolicy report /test/report.json 2>&1)
expect "report says which package it needs" test "$? ${said##*: }" = "1 install the package rpfpolicy-report"
expect "apt installs it" apt install "/test/$FIRST/rpfpolicy-report.deb"
rpfpolicy report /test/report.json >/test/report
expect "report finds the drift, too" test $? = 2
expect "and removes it" apt remove rpfpolicy-report
expect "no unit failed" no_failed_unit

pid=$(agent_pid)
accepted=$(cat /var/lib/rpfpolicy/accepted.conf)
expect "an observing node is upgraded" upgrade_to "$SECOND"
expect "by another agent" another_agent "$pid"
expect "which observes" test "$(rpfpolicy status --json | jq -r .agent.state)" = observing
expect "by the same policy" test "$accepted" = "$(cat /var/lib/rpfpolicy/accepted.conf)"
expect "and no setting was changed" test "$before" = "$(all_values)"

node_policy enforce
expect "reload takes the policy" systemctl reload rpfpolicy-agent
eventually "the agent enforces" has lxcfirst 0
eventually "the other device is strict" has eno1 1
eventually "all has moved" has all 0
eventually "check is clean" rpfpolicy check
