# shellcheck shell=bash
# For tests of who configures a card by DHCP, after inside.sh: a host with two cards, the default route
# through eth0, and a DHCP server for both on the other side.

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
    while [ -d "/proc/$(cat /run/dnsmasq.pid)" ]; do
        sleep 0.05
    done
    rm -f /run/dnsmasq.pid /run/dnsmasq.leases
    serve "$@"
}

two_cards() {
    local card

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

# The policy that both are about.
write_policy() {
    cat >/etc/rpfpolicy.d/10-node.conf <<'POLICY'
[agent]
mode = enforce
[rp_filter]
eth* = strict
[routing]
eth1 = auto
POLICY
}
