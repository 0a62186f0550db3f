#!/bin/bash
# The host with four network cards: only the first answers. Cure 1, loose on the others, and its price;
# cure 2, policy routing with strict everywhere, put in place under an open connection.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
nics_setup

quietly() {
    "$@" >"$SYSTEM_WORK/out" 2>&1 || {
        sed 's/^/    /' "$SYSTEM_WORK/out" >&2
        return 1
    }
}

# replies N: how those from the IPv6 address of ethN to the peer leave.
replies() {
    rpfpolicy explain "eth$1" --peer=fd00::4 --json |
        python3 -c 'import json, sys; [r] = json.load(sys.stdin)["replies"]; print(r["from"], *r["devices"], r["symmetric"])'
}

rules=$(ip rule; ip -6 rule)
routes=$(ip route show table all; ip -6 route show table all)

# --- before --------------------------------------------------------------------------------------

only_the_first_answers "strict, one default route"
for n in 0 1 2 3; do
    expect_equal "one default route: IPv6 replies of eth$n" "$(replies "$n")" \
        "fd00:$((n + 4))::4 eth0 $([ "$n" = 0 ] && echo True || echo False)"
done

# --- cure 1: loose -------------------------------------------------------------------------------

policy_file 10-test.conf <<'X'
[rp_filter]
eth1..3 = loose
*       = strict
X
expect "cure 1 is applied" quietly rpfpolicy apply --once
all_nics_answer "loose on eth1..3"
nics_guard_sources
only_the_first_answers "loose, and the network drops foreign sources: its price"
expect "the same in IPv6, which has no filter of its own" peer_does_not_reach fd00:6::4
nics_trust_sources

# --- cure 2: policy routing, and strict everywhere -----------------------------------------------

# nothing_to_do TEXT: the plan is empty.
nothing_to_do() {
    expect "$1: nothing is left to do" quietly rpfpolicy routes plan
    expect "$1: check is clean" quietly rpfpolicy check
}

stream_start 172.16.6.4
policy_file 10-test.conf <<'X'
[rp_filter]
*       = strict
[routing]
eth1..3 = auto
[routing eth1..3]
gateway = first
X
rpfpolicy routes plan >"$SYSTEM_WORK/out"
expect_equal "the plan has something to do" $? 2
expect "cure 2 is applied" quietly rpfpolicy apply --once
nothing_to_do "applied"
expect "applied again" quietly rpfpolicy apply --once
sed -i 's/^gateway = first/gateway = 172.16.9.9/; s/eth1..3]/eth9]/' /etc/rpfpolicy.d/10-test.conf
for n in 1 2 3; do
    printf '[routing eth%s]\ngateway = 172.16.%s.1 fd00:%s::1\n' "$n" $((n + 4)) $((n + 4))
done >>/etc/rpfpolicy.d/10-test.conf
expect "applied with gateways by address" quietly rpfpolicy apply --once
nothing_to_do "with gateways by address"
expect_stream_unharmed "a connection through all of that"
for n in 0 1 2 3; do
    expect_effective "eth$n" 1
done
all_nics_answer "policy routing, strict everywhere"
nics_guard_sources
all_nics_answer "and the network drops foreign sources"
for n in 0 1 2 3; do
    expect "in IPv6: the peer reaches fd00:$((n + 4))::4" peer_reaches "fd00:$((n + 4))::4"
done
for n in 0 1 2 3; do
    expect_equal "policy routing: IPv6 replies of eth$n" "$(replies "$n")" "fd00:$((n + 4))::4 eth$n True"
done
stream_start fd00:7::4
expect "applied again under a connection in IPv6" quietly rpfpolicy routes apply --once
expect_stream_unharmed "the connection in IPv6"

# --- and back ------------------------------------------------------------------------------------

expect "flush" quietly rpfpolicy routes flush
expect_equal "no rule is left" "$(ip rule; ip -6 rule)" "$rules"
expect_equal "no route is left" "$(ip route show table all; ip -6 route show table all)" "$routes"
only_the_first_answers "flushed, and the network drops foreign sources"

system_end
