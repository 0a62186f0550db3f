#!/bin/bash
# What `plan --impact` prints under KEPT BY keeps a peer: not a value that lets its packets in while the
# new routes send the replies elsewhere.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"
nics_setup

# The router of the first card talks to the address of the second one, by the first.
ip -n r1 route add 172.16.5.4/32 via 172.16.4.2
coproc SERVER { exec python3 -c '
import socket
listener = socket.create_server(("172.16.5.4", 5000))
print("ready", flush=True)
connection, _ = listener.accept()
print("accepted", flush=True)
connection.recv(1)
'; }
read -r <&"${SERVER[0]}" || system_abort "the server does not start"
in_namespace r1 python3 -c '
import socket, time
connection = socket.create_connection(("172.16.5.4", 5000), source_address=("172.16.4.1", 0), timeout=5)
time.sleep(120)
' &
CLIENT=$!
read -r -t 10 <&"${SERVER[0]}" || system_abort "no connection"

# impact MODE: of the peer on eth0, what would keep it.
impact() {
    run plan --impact --json
    jq -c '[.impact[] | select(.device == "eth0" and .peer == "172.16.4.1" and .protocol == "tcp") | .keep]' \
        "$OUT"
}

policy_file 10-test.conf <<'Y'
[rp_filter]
eth0..1 = strict
[routing]
eth1 = auto
[routing eth1]
gateway = 172.16.5.1 none
main-first = no
Y
expect_equal "no value keeps whom the replies would not reach" "$(impact)" '[null]'

# Where the ways stay as they are, it does.
ip route add 172.16.4.1/32 via 172.16.5.1
sysctl -qw net.ipv4.conf.eth0.rp_filter=2
policy_file 10-test.conf <<'Y'
[rp_filter]
eth0..1 = strict
Y
expect_equal "loose does, where only a value changes" "$(impact)" \
    '[{"section":"[rp_filter]","line":"eth0 = loose"}]'

kill "$CLIENT" "$SERVER_PID"
system_end
