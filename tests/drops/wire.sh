# shellcheck shell=bash
# What the tests of `rpfpolicy drops` share: a node in a system of its own, a peer at the other end
# of its wires that sends packets with any source, and following while it sends.

OUT=$SYSTEM_WORK/out
ERR=$SYSTEM_WORK/err
FOLLOW=() # what rpfpolicy is started by
declare -A WIRES=() # device of the node → device of the peer

wire_peer() {
    ip netns add peer || system_abort "no peer can be made"
}

# inside NAMESPACE COMMAND...: in that namespace, "" for the node's own.
inside() {
    local namespace=$1

    shift
    ${namespace:+ip netns exec "$namespace"} "$@"
}

# wire DEVICE [NAMESPACE]: a wire from the node, or the namespace, to the peer.
wire() {
    local far=p${#WIRES[@]} namespace=${2:-}

    ip link add name near type veth peer name "$far" netns peer || system_abort "no wire"
    [ -z "$namespace" ] || ip link set dev near netns "$namespace"
    inside "$namespace" ip link set dev near up
    # ip(8) has opinions on names; the kernel is asked directly.
    inside "$namespace" python3 - near "$1" <<'END' || system_abort "the kernel refuses a name"
import fcntl, os, socket, struct, sys
SIOCSIFNAME = 0x8923
old, new = map(os.fsencode, sys.argv[1:])
fcntl.ioctl(socket.socket(), SIOCSIFNAME, struct.pack("16s16s8x", old, new))
END
    ip -n peer link set dev "$far" up
    WIRES[$namespace/$1]=$far
}

# send [NAMESPACE/]DEVICE COUNT SOURCE[+N] DESTINATION: to that device, from the other end.
send() {
    local device=${1#*/} namespace= mac

    case $1 in */*) namespace=${1%%/*} ;; esac
    mac=$(inside "$namespace" python3 - "$device" <<'END'
import fcntl, os, socket, struct, sys
SIOCGIFHWADDR = 0x8927
request = struct.pack("16s24x", os.fsencode(sys.argv[1]))
print(fcntl.ioctl(socket.socket(), SIOCGIFHWADDR, request)[18:24].hex(":"))
END
    ) || system_abort "no such device: $device"
    ip netns exec peer python3 "$SYSTEM_SOURCE/tests/lib/send-packets.py" \
        "${WIRES[$namespace/$device]}" "$mac" "$2" "$3" "$4" || fail "not sent: $*"
}

# dropped [NAMESPACE]: what rp_filter dropped there since it was made.
# shellcheck disable=SC2120 # mostly the node's own
dropped() {
    inside "${1:-}" cat /proc/net/netstat |
        awk '/^TcpExt:/ { if (!n) n = split($0, names); else split($0, values) }
            END { for (i = 1; i <= n; i++) if (names[i] == "IPReversePathFilter") print values[i] }'
}

# shellcheck disable=SC2317 # by name
has_dropped() {
    [ "$(dropped)" -ge "$1" ]
}

# wait_for TEXT COMMAND...: until the command succeeds, 60 s at most.
wait_for() {
    local text=$1 end=$((SECONDS + 60))

    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || system_abort "in vain waited for: $text"
        sleep 0.05
    done
}

# shellcheck disable=SC2317 # by name
is_following() {
    # the last thing it opens
    ls -l "/proc/$FOLLOWER/fd" 2>/dev/null | grep -Eq "$1"
}

# follow_start BY ARGUMENT...: follow in the background, until follow_stop. BY is a regular
# expression for what it has open when it has begun.
follow_start() {
    local by=$1

    shift
    "${FOLLOW[@]}" rpfpolicy drops "$@" >"$OUT" 2>"$ERR" &
    FOLLOWER=$!
    wait_for "following" is_following "$by"
}

# follow_stop: by interrupt; fills STATUS.
follow_stop() {
    kill -INT "$FOLLOWER"
    wait "$FOLLOWER"
    STATUS=$?
}

# flow DEVICE SOURCE REASON FILTER: what jq makes of that flow in the result.
flow() {
    jq -r --arg device "$1" --arg source "$2" --arg reason "$3" \
        ".flows[] | select(.device == \$device and .source == \$source and .reason == \$reason) | $4" \
        "$OUT"
}
