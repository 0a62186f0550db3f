#!/bin/bash
# A device that a real NetworkManager configures by DHCP, without a default route (never-default): its
# gateway is found in the lease, what we install survives NetworkManager, and what is NetworkManager's
# is left alone.

# shellcheck source=tests/integration/inside.sh
. /source/tests/integration/inside.sh

AFAR=203.0.113.9

# serve ADDRESS OPTION…: the DHCP server there; eth1 gets this address and these options.
serve() {
    local address=$1

    shift
    ip netns exec routers dnsmasq --conf-file=/dev/null --port=0 --interface=r0,r1 --bind-interfaces \
        --dhcp-range=set:r0,10.0.0.100,10.0.0.100 --dhcp-range="set:r1,$address,$address" \
        --dhcp-option=tag:r0,option:router,10.0.0.1 "${@/#/--dhcp-option=tag:r1,}" \
        --dhcp-authoritative --dhcp-leasefile=/run/dnsmasq.leases --pid-file=/run/dnsmasq.pid \
        --log-facility=/out/dnsmasq || fail "no DHCP server"
}

serve_anew() {
    kill "$(cat /run/dnsmasq.pid)"
    rm /run/dnsmasq.pid /run/dnsmasq.leases
    serve "$@"
}

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

has_address() {
    ip -4 -o address show dev eth1 | grep -qF " $1/24 "
}

ours() {
    ip -N rule show | grep 'proto 182'
    ip -N route show table all proto 182
}

foreign() {
    ip -N rule show | grep -v 'proto 182'
    ip -N route show table all | grep -v 'proto 182'
}

ours_are() {
    [ "$(ours)" = "$1" ]
}

foreign_is() {
    [ "$(foreign)" = "$1" ]
}

# reply_from ADDRESS: how a reply from it leaves.
reply_from() {
    ip route get "$AFAR" from "$1" | grep -oE 'via [0-9.]+ dev [a-z0-9]+'
}

replies_leave() {
    [ "$(reply_from "$1")" = "$2" ]
}

reaches() {
    ip netns exec routers ping -q -c 1 -W 1 -I "$AFAR" "$1" >/dev/null
}

does_not_reach() {
    ! reaches "$1"
}

gateway() {
    rpfpolicy routes show --json | jq -r '.devices[] | "\(.name) \(.state) \(.gateways.ipv4.address) \(.gateways.ipv4.source)"'
}

gateway_is() {
    [ "$(gateway)" = "$1" ]
}

# --- NetworkManager, with a lease for each card

install_our_packages rpfpolicy rpfpolicy-agent
systemctl stop rpfpolicy-agent
ip netns add routers
ip -n routers link set lo up
ip -n routers address add "$AFAR/32" dev lo
for card in 0 1; do
    ip link add "eth$card" type veth peer name "r$card" netns routers
    ip -n routers address add "10.0.$card.1/24" dev "r$card"
    ip -n routers link set "r$card" up
done
ip -n routers address add 10.0.1.2/24 dev r1
# shellcheck disable=SC2016 # for the inner shell
ip netns exec routers sh -c 'for one in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$one; done'
serve 10.0.1.100 option:router,10.0.1.1
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
cat >/etc/rpfpolicy.d/10-node.conf <<'POLICY'
[agent]
mode = enforce
[rp_filter]
eth* = strict
[routing]
eth1 = auto
POLICY
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
expect_equal "the gateway is found in the lease" "$(gateway)" "eth1 drift 10.0.1.1 NetworkManager"
rpfpolicy apply >/out/applied 2>&1
expect "apply" test $? = 0
expect_equal "all is as wanted" "$(gateway)" "eth1 ok 10.0.1.1 NetworkManager"
expect_equal "replies leave by eth1" "$(reply_from 10.0.1.100)" "via 10.0.1.1 dev eth1"
expect "so that a strict eth1 is reached from afar" reaches 10.0.1.100
expect_equal "what is NetworkManager's is as it was" "$(foreign)" "$theirs"

# --- NetworkManager goes on, without the agent

full=$(ours)
expect "reapplied" nmcli device reapply eth1
expect_equal "ours is all there" "$(ours)" "$full"
expect "NetworkManager is started again" systemctl restart NetworkManager
eventually "it takes eth1 over" sh -c 'nmcli -g GENERAL.STATE device show eth1 | grep -q "^100 "'
expect_equal "and leaves what is ours" "$(ours)" "$full"
expect_equal "nothing of its own is missing" "$(foreign)" "$theirs"
expect "activated anew, which empties all tables of eth1" nmcli connection up eth1
rpfpolicy routes plan >/out/plan
expect_equal "there is something to do" $? 2
expect "which is done" rpfpolicy routes apply
expect_equal "ours is all there" "$(ours)" "$full"
expect "with what is NetworkManager's" foreign_is "$theirs"

# --- with the agent

systemctl start rpfpolicy-agent
expect "activated anew" nmcli connection up eth1
eventually "the agent has it all there again" ours_are "$full"
eventually "and so has NetworkManager" foreign_is "$theirs"
expect "it is reached from afar" reaches 10.0.1.100
expect "reapplied" nmcli device reapply eth1
expect_equal "ours is all there" "$(ours)" "$full"
# a default route among the classless ones counts before the router
serve_anew 10.0.1.200 option:router,10.0.1.1 121,10.9.0.0/16,10.0.1.9,0.0.0.0/0,10.0.1.2
expect "activated anew, another lease" nmcli connection up eth1
eventually "with another address" has_address 10.0.1.200
eventually "replies leave by its router" replies_leave 10.0.1.200 "via 10.0.1.2 dev eth1"
eventually "which is told" gateway_is "eth1 ok 10.0.1.2 NetworkManager"
expect "it is reached from afar" reaches 10.0.1.200

# --- and back

systemctl stop rpfpolicy-agent
theirs=$(foreign)
expect "flush" rpfpolicy routes flush
expect_equal "nothing of ours is left" "$(ours)" ""
expect_equal "and all of NetworkManager's" "$(foreign)" "$theirs"
expect "strict drops what comes from afar" does_not_reach 10.0.1.200
inside_end
