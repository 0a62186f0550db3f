#!/bin/bash
# A device that a real systemd-networkd configures by DHCP, without any route of the lease: its gateway
# is found in the lease, and a renewed one is followed.

# shellcheck source=tests/integration/inside.sh
. /source/tests/integration/inside.sh
# shellcheck source=tests/integration/dhcp.sh
. /source/tests/integration/dhcp.sh

two_cards
serve 10.0.1.100 option:router,10.0.1.1
write_policy
for card in 0 1; do
    cat >"/etc/systemd/network/10-eth$card.network" <<NETWORK
[Match]
Name=eth$card
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
[DHCPv4]
UseRoutes=$([ "$card" = 0 ] && echo yes || echo no)
NETWORK
done
systemctl start systemd-networkd
eventually "networkd has a lease for eth1" has_address 10.0.1.100
eventually "and a default route through eth0" sh -c 'ip route show default | grep -q "via 10.0.0.1 dev eth0"'
expect_equal "but none through eth1, in no table" "$(ip route show table all default dev eth1)" ""

# --- without and with the cure, as it is printed

eventually "networkd would remove ours" gateway_is "eth1 conflict 10.0.1.1 networkd"
rpfpolicy routes show --json | jq -r '.devices[0].cure' >/out/cure
expect "the cure can be pasted" sh -e /out/cure
eventually "it cures, and the gateway is found in the lease" gateway_is "eth1 drift 10.0.1.1 networkd"
theirs=$(foreign)
rpfpolicy apply --once >/out/applied 2>&1
expect "apply" test $? = 0
expect_equal "all is as wanted" "$(gateway)" "eth1 ok 10.0.1.1 networkd"
eventually "a strict eth1 is reached from afar" reaches 10.0.1.100
expect_equal "what is networkd's is as it was" "$(foreign)" "$theirs"

# --- with the agent

full=$(ours)
systemctl start rpfpolicy-agent
# it gives up the address, and with the last one all routes of the device go
expect "networkd is started again" systemctl restart systemd-networkd
eventually "it takes eth1 over" sh -c 'networkctl status eth1 | grep -q "State: routable (configured)"'
eventually "ours is all there" ours_are "$full"
eventually "and so is what is networkd's" foreign_is "$theirs"
# It tells the kernel of the address before it files the lease, or after.
for router in 10.0.1.2 10.0.1.1 10.0.1.2; do
    serve_anew 10.0.1.100 "option:router,$router"
    expect "the lease is renewed" networkctl renew eth1
    eventually "replies leave by its new router" replies_leave 10.0.1.100 "via $router dev eth1"
done
serve_anew 10.0.1.200 option:router,10.0.1.1
expect "a lease from the start" networkctl reconfigure eth1
eventually "with another address" has_address 10.0.1.200
eventually "replies leave by its router" replies_leave 10.0.1.200 "via 10.0.1.1 dev eth1"
eventually "it is reached from afar" reaches 10.0.1.200
systemctl stop rpfpolicy-agent
expect "flush" rpfpolicy routes flush
expect_equal "nothing of ours is left" "$(ours)" ""
inside_end
