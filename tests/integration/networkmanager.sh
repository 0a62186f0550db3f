#!/bin/bash
# A device that a real NetworkManager configures by DHCP, without a default route (never-default): its
# gateway is found in the lease, what we install survives NetworkManager, and what is NetworkManager's
# is left alone.

# shellcheck source=tests/integration/inside.sh
. /source/tests/integration/inside.sh
# shellcheck source=tests/integration/dhcp.sh
. /source/tests/integration/dhcp.sh

# connection NAME: of NetworkManager; more lines for [ipv4] are read.
connection() {
    cat >"/etc/NetworkManager/system-connections/$1.nmconnection" <<CONNECTION
[connection]
id=$1
type=ethernet
interface-name=$1
[ipv6]
method=disabled
[ipv4]
method=auto
$(cat)
CONNECTION
    chmod 600 "/etc/NetworkManager/system-connections/$1.nmconnection"
}

# --- NetworkManager, with a lease for each card

two_cards
serve 10.0.1.100 option:router,10.0.1.1
write_policy
cat >/etc/NetworkManager/conf.d/10-test.conf <<'CONFIG'
[main]
dns=none
no-auto-default=*
[device-test]
match-device=interface-name:eth0,interface-name:eth1
managed=1
CONFIG
connection eth0 </dev/null
connection eth1 <<'LINES'
never-default=true
route1=10.77.0.0/16,10.0.1.9
routing-rule1=priority 5000 from 10.77.0.0/16 table 77
LINES
systemctl start NetworkManager
eventually "NetworkManager has a lease for eth1" has_address 10.0.1.100
eventually "and a default route through eth0" sh -c 'ip route show default | grep -q "via 10.0.0.1 dev eth0"'
eventually "eth1 is up for NetworkManager" \
    sh -c 'nmcli -g GENERAL.STATE device show eth1 | grep -q "^100 "'
expect_equal "but none through eth1, in no table" "$(ip route show table all default dev eth1)" ""

# --- the gateway of the lease

theirs=$(foreign)
expect "the rule of its connection is there" grep -q '^5000:' <<<"$theirs"
expect "and its route" grep -q '^10.77.0.0/16 via 10.0.1.9 dev eth1' <<<"$theirs"
eventually "the gateway is found in the lease" gateway_is "eth1 drift 10.0.1.1 NetworkManager"
rpfpolicy apply --once >/out/applied 2>&1
expect "apply" test $? = 0
expect_equal "all is as wanted" "$(gateway)" "eth1 ok 10.0.1.1 NetworkManager"
expect_equal "replies leave by eth1" "$(reply_from 10.0.1.100)" "via 10.0.1.1 dev eth1"
eventually "so that a strict eth1 is reached from afar" reaches 10.0.1.100
expect_equal "what is NetworkManager's is as it was" "$(foreign)" "$theirs"

# --- NetworkManager goes on, without the agent

full=$(ours)
expect "reapplied" nmcli device reapply eth1
expect_equal "ours is all there" "$(ours)" "$full"
expect "NetworkManager is started again" systemctl restart NetworkManager
eventually "it takes eth1 over" sh -c 'nmcli -g GENERAL.STATE device show eth1 | grep -q "^100 "'
expect_equal "and leaves what is ours" "$(ours)" "$full"
eventually "nothing of its own is missing" foreign_is "$theirs"
expect "activated anew, which empties all tables of eth1" nmcli connection up eth1
rpfpolicy routes plan >/out/plan
expect_equal "there is something to do" $? 2
expect "which is done" rpfpolicy routes apply --once
expect_equal "ours is all there" "$(ours)" "$full"
expect "with what is NetworkManager's" foreign_is "$theirs"

# --- with the agent

systemctl start rpfpolicy-agent
expect "activated anew" nmcli connection up eth1
eventually "the agent has it all there again" ours_are "$full"
eventually "and so has NetworkManager" foreign_is "$theirs"
eventually "it is reached from afar" reaches 10.0.1.100
expect "reapplied" nmcli device reapply eth1
expect_equal "ours is all there" "$(ours)" "$full"
# a default route among the classless ones counts before the router
serve_anew 10.0.1.200 option:router,10.0.1.1 121,10.9.0.0/16,10.0.1.9,0.0.0.0/0,10.0.1.2
expect "activated anew, another lease" nmcli connection up eth1
eventually "with another address" has_address 10.0.1.200
eventually "replies leave by its router" replies_leave 10.0.1.200 "via 10.0.1.2 dev eth1"
eventually "which is told" gateway_is "eth1 ok 10.0.1.2 NetworkManager"
eventually "it is reached from afar" reaches 10.0.1.200

# --- and back

systemctl stop rpfpolicy-agent
theirs=$(foreign)
expect "flush" rpfpolicy routes flush
expect_equal "nothing of ours is left" "$(ours)" ""
expect_equal "and all of NetworkManager's" "$(foreign)" "$theirs"
expect "strict drops what comes from afar" does_not_reach 10.0.1.200
inside_end
