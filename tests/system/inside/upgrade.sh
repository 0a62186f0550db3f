# shellcheck shell=bash
# An upgrade of an enforcing node: no device has another value than before at any moment, and a device
# that appears between the two agents is put right by the udev hook.

# As full rights have it, between the end of the old agent and the start of the new one.
mkdir -p /run/systemd/system/rpfpolicy-agent.service.d
cat >/test/between.sh <<'SCRIPT'
systemctl show -p MainPID --value rpfpolicy-agent
ip link add lxcbetween type veth peer name enobetween
udevadm settle
cat /proc/sys/net/ipv4/conf/lxcbetween/rp_filter /proc/sys/net/ipv4/conf/enobetween/rp_filter
SCRIPT
printf '[Service]\nExecStartPre=+/bin/sh -c "sh /test/between.sh >/test/between"\n' \
    >/run/systemd/system/rpfpolicy-agent.service.d/between.conf
systemctl daemon-reload

pid=$(agent_pid)
kept=$(cat /etc/rpfpolicy.d/*.conf /var/lib/rpfpolicy/accepted.conf)
before=$(all_values)
watch_start
expect "an enforcing node is upgraded" upgrade_to "$THIRD"
watch_stop
expect "by another agent" another_agent "$pid"
expect "which enforces" test "$(rpfpolicy status --json | jq -r .agent.state)" = enforcing
expect "policy and accepted policy are kept" test "$kept" = \
    "$(cat /etc/rpfpolicy.d/*.conf /var/lib/rpfpolicy/accepted.conf)"
expect "a device that appears between the agents is right before the new one starts" \
    test "$(tr '\n' ' ' </test/between)" = "0 0 1 "
ip link delete lxcbetween
udevadm settle
sed -i '/between/d' /test/watched
expect "no other device had another value in between" kept_all
expect "and no other setting has" test "$before" = "$(all_values)"
rm -r /run/systemd/system/rpfpolicy-agent.service.d
systemctl daemon-reload
