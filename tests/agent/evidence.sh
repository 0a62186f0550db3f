#!/bin/bash
# While a rule is only observed the agent says who would have been cut, per rule, and stops saying so
# when nobody would be any more: then it is safe to enforce it.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"

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

# --- all rules are observed, without any privilege

ip route replace 203.0.113.1 via 198.51.100.2
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
