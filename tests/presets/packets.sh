#!/bin/bash
# Each preset on a host with a strict uplink, with packets: the plugin's traffic passes, and is dropped when
# the preset's line is taken out; foreign sources are dropped on the uplink; ARP is answered on both.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
# shellcheck source=tests/presets/host.sh
. "$(dirname "$0")/host.sh"
system_enter "$@"

# preset NAME KIND DEVICE ADDRESS SOURCE DESTINATION LINE [COMMAND]: a packet of the plugin has this source and
# comes in by the device, which has this address ("" for none). COMMAND makes what else is there.
preset() {
    local what="$1, $3" net=

    device "$2" "$3"
    [ -z "$4" ] || ip address add "$4" dev "$3"
    [ $# -lt 8 ] || eval "$8"
    in_force "$1" strict
    expect_equal "$what: the plugin's traffic" "$(arrives $WIRE_NAMESPACE $WIRE "$3" "$5" "$6")" accepted
    expect "$what: ARP is answered" answers_arp $WIRE_NAMESPACE $WIRE "$5" "$6"
    net=$(ip -4 -o route show dev "$3" | awk '{ print $1; exit }')
    spoofed "$what" "${net%%/*}"
    in_force "$1" strict "$7"
    expect_equal "$what: without '$7'" "$(arrives $WIRE_NAMESPACE $WIRE "$3" "$5" "$6")" dropped
    rm "/etc/rpfpolicy.d/20-preset-$1.conf"
    device_gone "$3"
}

# spoofed WHAT ADDRESS: on the uplink what belongs behind the device is refused ("": nothing is known to), what
# comes from elsewhere passes, and ARP is answered.
spoofed() {
    [ -z "$2" ] ||
        expect_equal "$1: spoofed on the uplink" "$(arrives lan wire eth0 "${2%.*}.77" $HOST)" dropped
    expect_equal "$1: the uplink's own traffic" "$(arrives lan wire eth0 $FAR $HOST)" accepted
    expect "$1: ARP on the uplink" answers_arp lan wire $BESIDE $HOST
}

host_setup
preset openshift-sdn veth tun0 10.128.0.1/14 $NODE 10.128.0.1 'tun0* ='
preset containers bridge docker0 172.17.0.1/16 172.18.0.2 172.17.0.1 'docker0* ' \
    'ip link add other type bridge; ip address add 172.18.0.1/16 dev other; ip link set other up'
preset containers bridge podman1 10.89.0.1/24 10.89.1.2 10.89.0.1 'podman* ' \
    'ip link add other type bridge; ip address add 10.89.1.1/24 dev other; ip link set other up'
preset containers bridge cni-podman0 10.88.0.1/16 10.89.1.2 10.88.0.1 'cni-podman*' \
    'ip link add other type bridge; ip address add 10.89.1.1/24 dev other; ip link set other up'
preset containers bridge br-0123456789ab 172.19.0.1/16 172.18.0.2 172.19.0.1 'br-[0-9a-f]' \
    'ip link add other type bridge; ip address add 172.18.0.1/16 dev other; ip link set other up'
preset flannel vxlan flannel.1 10.244.0.0/32 $NODE 10.244.0.0 'flannel.* '
preset flannel veth flannel0 10.244.0.0/32 $NODE 10.244.0.0 'flannel[0-9]* ='
preset antrea veth antrea-gw0 10.10.0.1/24 10.10.1.5 10.10.0.1 'antrea-gw*  =' \
    "ip route add 10.10.1.0/24 via $NODE"
preset antrea veth antrea-ext.100 10.20.0.2/24 $FAR 10.20.0.2 'antrea-ext* ='
preset kube-router bridge kube-bridge 10.32.0.1/24 $FAR 10.32.0.1 'kube-bridge*'
preset kube-router veth kube-dummy-if 10.96.0.10/32 $FAR 10.96.0.10 'kube-dummy-if*'
preset submariner vxlan vx-submariner 240.0.2.1/8 10.244.1.5 240.0.2.1 'vx-submariner*'
preset submariner vxlan vxlan-tunnel 241.0.2.1/8 10.244.1.5 241.0.2.1 'vxlan-tunnel*'
preset tailscale veth tailscale0 100.64.0.1/10 10.20.0.5 100.64.0.1 'tailscale* ='
preset openvpn veth tun0 10.8.0.2/24 198.51.100.9 10.8.0.2 'tun* ='
preset openvpn veth tap0 10.8.0.2/24 198.51.100.9 10.8.0.2 'tap* ='
for name in vti ipsec xfrm; do
    preset ipsec veth ${name}0 "" 10.2.0.9 $HOST "$name*"
done
preset keepalived macvlan vrrp.51 192.0.2.50/32 $BESIDE 192.0.2.50 'vrrp.* = off'
preset wireguard veth wg0 10.9.0.1/24 10.20.0.5 10.9.0.1 'wg* ='

# --- Antrea: in whose name a pod is asked for, where a program sends to it from the uplink's address

# asks_for_pod: by ARP, on the wire to the pod.
asks_for_pod() {
    local listener

    in_namespace pod "$SYSTEM_SOURCE/tests/presets/hear.py" asks "$READY" wire 10.10.0.7 >"$SYSTEM_WORK/heard" &
    listener=$!
    read -r _ <"$READY"
    ping -n -q -c 1 -W 1 -I $HOST 10.10.0.7 >"$SYSTEM_WORK/ping"
    wait $listener
    ip neighbour flush dev antrea-gw0
    cat "$SYSTEM_WORK/heard"
}

READY=$SYSTEM_WORK/ready
mkfifo "$READY"
device veth antrea-gw0
ip address add 10.10.0.1/24 dev antrea-gw0
in_force antrea strict
expect_equal "antrea: the gateway asks in its own name" "$(asks_for_pod)" 10.10.0.1
in_force antrea strict 'antrea-gw* = 1'
sysctl -qw net.ipv4.conf.antrea-gw0.arp_announce=0 # which nothing asks for any more
expect_equal "antrea: and without the line in another's" "$(asks_for_pod)" $HOST
rm /etc/rpfpolicy.d/20-preset-antrea.conf
device_gone antrea-gw0

# --- libvirt is strict where the rest is not: guests cannot send with foreign addresses

device bridge virbr0
ip address add 192.168.122.1/24 dev virbr0
in_force libvirt loose
expect_equal "libvirt: a guest" "$(arrives pod wire virbr0 192.168.122.9 192.168.122.1)" accepted
expect "libvirt: ARP of a guest is answered" answers_arp pod wire 192.168.122.9 192.168.122.1
expect_equal "libvirt: a guest with a foreign address" "$(arrives pod wire virbr0 $FAR 192.168.122.1)" dropped
spoofed libvirt 192.168.122.0
in_force libvirt loose 'virbr* ='
expect_equal "libvirt: without its line" "$(arrives pod wire virbr0 $FAR 192.168.122.1)" accepted

system_end
