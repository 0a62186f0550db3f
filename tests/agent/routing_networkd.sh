#!/bin/bash
# A real systemd-networkd beside us: without the drop-in that is printed it would remove our rules, so
# that the device is left alone; with it both live side by side.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"

NETWORKD=/lib/systemd/systemd-networkd
[ -x "$NETWORKD" ] || NETWORKD=/usr/lib/systemd/systemd-networkd
[ -x "$NETWORKD" ] || system_skip "no systemd-networkd here"
getent passwd systemd-network >/dev/null || system_skip "no user systemd-network here"

networkd_start() {
    "$NETWORKD" 2>"$SYSTEM_WORK/networkd" &
    NETWORKD_PID=$!
    wait_until "networkd configures eth1" is_configured
}

is_configured() {
    grep -q '^ADMIN_STATE=configured' "/run/systemd/netif/links/$(cat /sys/class/net/eth1/ifindex)" 2>/dev/null
}

networkd_stop() {
    kill "$NETWORKD_PID"
    wait "$NETWORKD_PID"
    rm -f /run/systemd/netif/links/*
}

rules_are_gone() {
    ! ip -N rule show | grep -q 'proto 182'
}

: >"$AGENT_LOG"
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp /run/systemd/network
chown -R systemd-network: /run/systemd/netif
cat >/run/systemd/network/10-eth1.network <<'END'
[Match]
Name=eth1
[Network]
Address=172.16.5.4/24
LinkLocalAddressing=no
IPv6AcceptRA=no
END
# without udev, as in a container: then networkd does not wait for its word
mount -o remount,ro /sys
ip link add eth1 type veth peer name peer1
ip link set peer1 up
accept_policy <<'END'
[agent]
mode = enforce
[rp_filter]
mark* = off
[routing]
eth1 = auto
[routing eth1]
gateway = first
END

# --- without the drop-in: what it would do, and that it is noticed

networkd_start
expect "the command tells of a conflict" \
    sh -c 'rpfpolicy routes show | grep -q "ManageForeignRoutingPolicyRules"'
rpfpolicy routes apply >/dev/null 2>&1
expect "and installs nothing" rules_are_gone
rpfpolicy routes apply --force >/dev/null 2>&1
expect "forced, it does" test -n "$(ours)"
networkd_stop
networkd_start
wait_until "networkd removes what it did not make" rules_are_gone
rpfpolicy routes flush >/dev/null 2>&1
agent_start
wait_until "the agent tells of the conflict" status_is .routing.states.conflict 1
expect "and installs nothing" rules_are_gone

# --- with the drop-in, as it is printed

# but for the restart, for which there is no service manager here
rpfpolicy routes show --json | jq -r '.devices[0].cure' | grep -v '^systemctl' >"$SYSTEM_WORK/cure"
expect "the lines can be pasted" sh -e "$SYSTEM_WORK/cure"
expect "they make the drop-in" test -s /etc/systemd/networkd.conf.d/50-rpfpolicy.conf
networkd_stop
networkd_start
kill -HUP "$AGENT_PID"
wait_until "the conflict is over" status_is .routing.states.ok 1
full=$(ours)
expect "the agent sets up" test -n "$full"
networkd_stop
networkd_start
agent_caught_up
expect_equal "networkd, started again, leaves it" "$(ours)" "$full"
ip address add 172.16.5.9/24 dev eth1
wait_until "a new address has its rule" sh -c 'ip -N rule show | grep -q 172.16.5.9'
ip address del 172.16.5.9/24 dev eth1
wait_until "and not when it is gone" ours_are "$full"
expect_equal "nothing had to be put back" "$(log_count 'was put back')" 0
networkd_stop
agent_stop
system_end
