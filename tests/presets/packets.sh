#!/bin/bash
# Each preset on a host with a strict uplink, with packets: the plugin's traffic passes, and is dropped when
# the preset's line is taken out; foreign sources are dropped on the uplink; ARP is answered on both.
# The devices are of the kind that the plugin makes where this kernel has it, else one end of a veth pair.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"

HOST=192.0.2.1 # on eth0, in 192.0.2.0/24, default route by 192.0.2.2
NODE=192.0.2.3 # another node beside eth0
BESIDE=192.0.2.9 # who asks by ARP there; as 192.0.2.2 it would take over the gateway's entry
FAR=203.0.113.80
COUNT=5

# A setting of a namespace of its own, whatever the machine's is.
host_setup() {
    nics_namespace lan
    nics_namespace pod
    ip link add eth0 type veth peer name wire netns lan
    ip address add "$HOST/24" dev eth0
    ip -n lan address add 192.0.2.2/24 dev wire
    ip link set eth0 up
    ip -n lan link set wire up
    ip route add default via 192.0.2.2
}

# counter PROTOCOL NAME FILE
counter() {
    awk -v protocol="$1:" -v name="$2" '$1 == protocol {
        if (!n) { for (i = 2; i <= NF; i++) if ($i == name) n = i } else print $n }' "/proc/net/$3"
}

counters() {
    echo "$(counter Udp NoPorts snmp) $(counter TcpExt IPReversePathFilter netstat)"
}

# arrives NAMESPACE WIRE DEVICE SOURCE DESTINATION: sends to the host; "accepted" when all arrive at its
# UDP, "dropped" when all are refused by reverse path, else the numbers.
arrives() {
    local mac before after accepted dropped tries=0

    mac=$(cat "/sys/class/net/$3/address")
    before=$(counters)
    in_namespace "$1" python3 "$SYSTEM_SOURCE/tests/lib/send-packets.py" "$2" "$mac" $COUNT "$4" "$5" >/dev/null
    while :; do
        after=$(counters)
        accepted=$((${after% *} - ${before% *})) dropped=$((${after#* } - ${before#* }))
        [ $((accepted + dropped)) -lt "$COUNT" ] || break
        [ $((tries++)) -lt 100 ] || break
        sleep 0.05
    done
    case $accepted/$dropped in
    "$COUNT/0") echo accepted ;;
    "0/$COUNT") echo dropped ;;
    *) echo "$accepted accepted, $dropped dropped" ;;
    esac
}

# answers_arp NAMESPACE WIRE SENDER TARGET
answers_arp() {
    in_namespace "$1" python3 "$SYSTEM_SOURCE/tests/lib/ask-arp.py" "$2" "$3" "$4"
}

# device KIND NAME: WIRE_NAMESPACE and WIRE are set to the other end.
device() {
    WIRE_NAMESPACE=pod WIRE=wire
    case $1 in
    veth) ip link add "$2" type veth peer name wire netns pod ;;
    bridge)
        ip link add "$2" type bridge
        ip link add port type veth peer name wire netns pod
        ip link set port master "$2" up
        ;;
    vxlan)
        WIRE_NAMESPACE=lan WIRE=tunnel
        ip link add "$2" type vxlan id 1 dev eth0 local "$HOST" remote 192.0.2.2 dstport 8472
        ip -n lan link add tunnel type vxlan id 1 dev wire local 192.0.2.2 remote "$HOST" dstport 8472
        ;;
    macvlan)
        WIRE_NAMESPACE=lan WIRE=wire
        ip link add link eth0 name "$2" address 00:00:5e:00:01:33 type macvlan mode private
        ;;
    esac
    ip link set "$2" up
    ip -n $WIRE_NAMESPACE link set $WIRE up
}

device_gone() {
    ip link delete "$1"
    [ $WIRE = wire ] || ip -n lan link delete $WIRE
    ip link show port >"$SYSTEM_WORK/port" 2>&1 && ip link delete port
    ip link show other >"$SYSTEM_WORK/port" 2>&1 && ip link delete other
}

# in_force PRESET BASE [LINE]: the preset, without the lines of this pattern where one is given.
in_force() {
    printf '[agent]\nmode = enforce\nflush-routes = no\n[rp_filter]\neth0 = strict\n* = %s\n' "$2" >/etc/rpfpolicy.d/10-node.conf
    grep -vF "${3:-no such line}" "$SYSTEM_SOURCE/policy/presets/$1.conf" >"/etc/rpfpolicy.d/20-preset-$1.conf"
    rpfpolicy apply --force >"$SYSTEM_WORK/apply" 2>&1 || {
        cat "$SYSTEM_WORK/apply" >&2
        fail "$1: apply"
    }
}

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

# --- what is no matter of the reverse path

device macvlan vrrp.51
ip address add 192.0.2.50/32 dev vrrp.51
in_force keepalived strict
expect_equal "keepalived: ARP and the other instance" \
    "$(cat "$CONF"/vrrp.51/{rp_filter,accept_local,arp_ignore} | tr '\n' ' ')" "0 1 1 "
expect_equal "keepalived: an advertisement of this host's other instance is accepted" \
    "$(arrives lan wire vrrp.51 $HOST 192.0.2.50)" accepted
rm /etc/rpfpolicy.d/20-preset-keepalived.conf
device_gone vrrp.51

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
