# shellcheck shell=bash
# A host with a strict uplink for the tests of presets, in a system of its own (system.sh, nics.sh).
# The devices are of the kind that the plugin makes where this kernel has it, else one end of a veth pair.
# What is said of the uplink makes the command take it for one on a bus (@physical).

HOST=192.0.2.1 # on eth0, in 192.0.2.0/24, default route by 192.0.2.2
NODE=192.0.2.3 # another node beside eth0
BESIDE=192.0.2.9 # who asks by ARP there; as 192.0.2.2 it would take over the gateway's entry
FAR=203.0.113.80
COUNT=5

# A setting of a namespace of its own, whatever the machine's is.
host_setup() {
    nics_namespace lan
    nics_namespace pod
    ip link add eth0 address 02:50:48:00:00:01 type veth peer name wire netns lan
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

# on_a_bus COMMAND...: is told that the uplink is a device on a bus. A program built with the address sanitizer
# wants to be told that the library does not come first.
on_a_bus() {
    LD_PRELOAD=$SYSTEM_BUILD/tests/lib/bus-parent.so ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 "$@"
}

# in_force PRESET BASE [LINE]: the preset, without the lines of this pattern where one is given.
in_force() {
    printf '[agent]\nmode = enforce\nflush-routes = no\n[rp_filter]\neth0 = strict\n* = %s\n' "$2" >/etc/rpfpolicy.d/10-node.conf
    grep -vF "${3:-no such line}" "$SYSTEM_SOURCE/policy/presets/$1.conf" >"/etc/rpfpolicy.d/20-preset-$1.conf"
    on_a_bus rpfpolicy apply --force >"$SYSTEM_WORK/apply" 2>&1 || {
        cat "$SYSTEM_WORK/apply" >&2
        fail "$1: apply"
    }
}
