#!/bin/bash
# While a rule is only observed the agent says who would have been cut, per rule, and stops saying so
# when nobody would be any more: then it is safe to enforce it.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

peers_world
serve webserver 192.0.2.1 80
connect web 203.0.113.1 192.0.2.1 80

# --- a rule that is only observed, beside one that is enforced

accept_policy <<'END'
[agent]
mode = enforce
metrics-file = /run/test/metrics
[rp_filter]
eth1 = strict
* = strict, observe
END
agent_start
wait_until "somebody would have been cut" status_is '.evidence.rules[0].peers' 1
expect_effective eth0 0
becomes eth1 rp_filter 1
expect_equal "the rule is named" "$(agent_status '.evidence.rules | map("\(.line) \(.pattern)")[]')" '6 *'
expect_equal "so is the peer" "$(agent_status '.evidence.rules[0].examples[0] |
    "\(.device) \(.peer) \(.local_port) \(.step)"')" 'eth0 203.0.113.1 80 strict'
wait_until "the metrics have it" grep -qxF \
    'rpfpolicy_agent_would_drop_peers{rule="/etc/rpfpolicy.d/10-test.conf:6"} 1' /run/test/metrics
expect "the total, too" grep -qxF \
    'rpfpolicy_agent_would_drop_peers_total{rule="/etc/rpfpolicy.d/10-test.conf:6"} 1' \
    /run/test/metrics

rpfpolicy status >/run/test/out
expect "status tells people" grep -qE '^\* = strict +/etc/rpfpolicy.d/10-test.conf:6 +1 +1 +2[-0-9]+ [0-9:]+ +eth0 203.0.113.1: ' \
    /run/test/out

# --- nobody is cut any more

ip route replace 203.0.113.1 via 192.0.2.2
wait_until "nobody would be cut any more" status_is '.evidence.rules[0].now' 0
expect_equal "what was seen is not forgotten" "$(agent_status '.evidence.rules[0].peers')" 1
expect "it is told when it was seen last" jq -e '.evidence | .rules[0].last < .last_look' "$STATUS" >/dev/null

# --- the clients of a UDP server are in no list of sockets: netfilter's tracking tells of them, or nobody

python3 - 192.0.2.1 5300 >/run/test/served <<'END' &
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
while True:
    data, sender = s.recvfrom(100)
    print(sender[0], flush=True)
END
SERVER=$!
wait_until "the server is there" grep -q ready /run/test/served

# udp_from_peer: a datagram of 203.0.113.4, which goes unanswered.
udp_from_peer() {
    in_peer python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("203.0.113.4", 4000))
s.sendto(b"x", ("192.0.2.1", 5300))'
}

ip route replace 203.0.113.1 via 198.51.100.2
in_peer ip addr add 203.0.113.4/32 dev lo
ip route add 203.0.113.4 via 198.51.100.2
udp_from_peer
wait_until "the server gets the datagram" grep -q 203.0.113.4 /run/test/served
wait_until "who is not seen is told" status_is '.evidence.unseen[0] | "\(.address):\(.port)"' \
    192.0.2.1:5300
expect_equal "and why" "$(agent_status '.evidence.tracking')" off
rpfpolicy status >/run/test/out
says "status says it" /run/test/out '^\(UDP clients of 192.0.2.1:5300 are not seen: netfilter tracks no flow here'
says "so does the journal" "$AGENT_LOG" 'not shown: UDP clients of 192.0.2.1:5300 are not seen'

# --- plan and apply are as blind

policy_file 10-test.conf <<'END'
[rp_filter]
eth0 = strict
END
rpfpolicy plan --impact >/run/test/out
says "plan --impact names the server" /run/test/out \
    '^note: UDP clients of 192.0.2.1:5300 are not seen: netfilter tracks'
expect_equal "in JSON, too" "$(rpfpolicy plan --impact --json | jq -c '.impact_unseen')" \
    '[{"address":"192.0.2.1","port":5300,"tracking":"off"}]'
rpfpolicy apply --dry-run >/run/test/out 2>&1
says "so does apply" /run/test/out 'note: UDP clients of 192.0.2.1:5300 are not seen'
policy_file 10-test.conf <<'END'
[rp_filter]
eth1 = strict
END
rpfpolicy plan --impact >/run/test/out
expect "a device that the server does not listen on does not matter" \
    not grep -q 'not seen' /run/test/out

# --- where flows are tracked they are seen

nft 'table ip tracked { chain in { type filter hook input priority 0; ct state new accept; }; }'
tracked_client_is_named() {
    udp_from_peer
    status_is '[.evidence.rules[0].examples[] | select(.protocol == 17) |
        "\(.device) \(.peer) \(.local_port)"] | first' 'eth0 203.0.113.4 5300'
}
wait_until "the client is named where flows are tracked" tracked_client_is_named
expect_equal "nobody is unseen then" "$(agent_status '.evidence | "\(.tracking) \(.unseen | length)"')" \
    "read 0"

# --- all rules are observed, without any privilege

agent_stop
accept_policy <<'END'
[agent]
mode = observe
[rp_filter]
eth0 = strict
END
agent_start
expect_equal "in observe mode the right to write is given up" \
    "$(sed -n 's/^CapEff:\t//p' "/proc/$AGENT_PID/status")" 0000000000000000
wait_until "in observe mode every rule counts" status_is '.evidence.rules[0].now' 1
expect_equal "without privilege tracked flows are not read" \
    "$(agent_status '.evidence | "\(.tracking) \(.unseen[0].port)"')" "denied 5300"

kill "$SERVER"

# --- all rules are enforced

accept_policy <<'END'
[agent]
mode = enforce
[rp_filter]
eth0 = off
END
wait_until "where all is enforced nothing is looked for" status_is '.evidence' null
agent_stop
system_end
