#!/bin/bash
# Sets that ask for addresses, default routes, masters and udev's properties: a device joins and
# leaves them as it changes, and a short gap in its address or route does not count.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

cat >/run/test/10-test.rules <<'RULES'
SUBSYSTEM=="net", KERNEL=="veth*", ENV{COLOUR}="green"
RULES
udev_rules 10-test.rules </run/test/10-test.rules
system_start_udev_without_rule
add_device eth0
add_device eth1
ip link set dev eth0 up
ip address add 192.0.2.1/24 dev eth0
ip link add veth0 type veth peer name port0
udevadm settle
accept_policy <<'POLICY'
[agent]
mode = enforce
[set ports]
master = red*
[set green]
property = COLOUR=green
[rp_filter]
mark* = off
@unnumbered = off
@uplink = loose
[log_martians]
@green = yes
* = no
[arp_filter]
@ports = yes
* = no
POLICY
agent_start
becomes eth1 rp_filter 0
expect_value eth0 log_martians 0
becomes veth0 log_martians 1
ok "what udev knew before the start counts"
kill -HUP "$AGENT_PID"
agent_caught_up
echo 0 >"$CONF/veth0/log_martians"
echo 1 >"$CONF/default/log_martians" # not announced; what follows is, and makes it read everything
echo 1 >"$CONF/eth1/rp_filter"
becomes eth1 rp_filter 0
becomes veth0 log_martians 1
ok "and is not forgotten when everything is read again"

if ip link add vrf0 type vrf table 10 2>/dev/null; then # a port of a bridge is moot
    ip link set port0 master vrf0
    becomes port0 arp_filter 0
    ip link set vrf0 name red0
    becomes port0 arp_filter 1
    ip link set port0 nomaster
    becomes port0 arp_filter 0
    ok "a device is in the set while it has a master of that name"
fi

ip route add default via 192.0.2.2 dev eth0
becomes eth0 rp_filter 2
ip route delete default via 192.0.2.2 dev eth0
ip address delete 192.0.2.1/24 dev eth0
add_device eth2
agent_caught_up
expect_value eth0 rp_filter 2
ok "a default route that is gone for a moment still counts"
ip address add 192.0.2.3/24 dev eth1
ip address delete 192.0.2.3/24 dev eth1
echo 1 >"$CONF/eth1/rp_filter"
echo 1 >"$CONF/eth2/rp_filter"
agent_caught_up
expect_value eth1 rp_filter 1
expect_value eth2 rp_filter 1
becomes eth1 rp_filter 0
becomes eth2 rp_filter 0
expect_value eth0 rp_filter 2
ok "without an address for ten seconds a device is unnumbered"
agent_stop
expect_equal "the agent stopped cleanly" "$AGENT_STATUS" 0
system_end
