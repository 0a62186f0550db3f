#!/bin/bash
# The gateway of a device whose lease is on file, as systemd-networkd and NetworkManager leave it, in a
# directory of our own: late, renewed under the same address, and given up.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
nics_setup
ip -6 address flush dev eth1

# gateway_is STATE ADDRESS
gateway_is() {
    status_is ".routing.states.$1" 1 && [ "$(ip -j route show table all default dev eth1 | jq -r '.[].gateway')" = "$2" ]
}

# lease FILE TEXT: put in place as its owner does, at once.
lease() {
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "$2" >"$SYSTEM_WORK/lease"
    mv "$SYSTEM_WORK/lease" "$1"
}

# renewed: the kernel and the agent have heard of the address again, and the file is older.
renewed() {
    ip address change 172.16.5.4/24 dev eth1 valid_lft "$1" preferred_lft "$1"
    agent_caught_up
}

index=$(cat /sys/class/net/eth1/ifindex)
networkd=/run/systemd/netif/leases/$index
manager=/run/NetworkManager/devices/$index
accept_policy <<'END'
[agent]
mode = enforce
sweep = 1d ; events alone
[rp_filter]
mark* = off
[routing]
eth1 = auto
END
agent_start
wait_until "without a lease there is no gateway" gateway_is impossible ""

lease "$networkd" "ROUTER=172.16.5.1"
wait_until "a late lease is found" gateway_is ok 172.16.5.1
ok "a late lease is found"
renewed 3600
lease "$networkd" "ROUTER=172.16.5.2"
wait_until "a renewed one is followed" gateway_is ok 172.16.5.2
ok "a renewed one is followed"
renewed 3601
rm "$networkd"
lease "$manager" $'[dhcp4]\ndhcp4.routers=172.16.5.3'
wait_until "by another program, too" gateway_is ok 172.16.5.3
ok "by another program, too"
agent_stop
system_end
