#!/bin/bash
# 64 cards of 16 addresses each, in both families: everything is there after one apply, a second one
# has nothing to do, each address leaves by its card, and flush leaves nothing.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

# The kernel makes link-local addresses, and the local routes of others, in its own time.
sysctl -qw net.ipv6.conf.default.addr_gen_mode=1
local_routes_are_there() {
    [ "$(ip -6 route show table local | grep -c '^local fd00:')" = $((64 * 8)) ]
}

rules=$(ip rule; ip -6 rule)
for ((n = 0; n < 64; n++)); do
    echo "link add name eth$n type veth peer name far$n"
    echo "link set eth$n up"
    echo "link set far$n up"
    for ((i = 0; i < 8; i++)); do
        echo "address add 10.$n.$i.2/24 dev eth$n"
        echo "address add fd00:$n:$i::2/64 dev eth$n nodad"
    done
done | ip -batch - || system_abort "the cards cannot be made"
ip route add default via 10.0.0.1
ip route add default via fd00:0:0::1
tables() {
    ip route show table all
    ip -6 route show table all
}
eventually "the kernel has all its routes" local_routes_are_there
tables >"$SYSTEM_WORK/before"

policy_file 10-test.conf <<'X'
[rp_filter]
eth*    = strict
[routing]
eth*    = auto
[routing eth*]
gateway = first
X
expect "apply" rpfpolicy apply --once >/dev/null
expect_equal "a rule for each address of the 63 others" \
    "$({ ip rule; ip -6 rule; } | grep -c 'from [0-9a-f].* lookup 21')" $((63 * 16))
expect "nothing is left to do" rpfpolicy plan >/dev/null
expect "check is clean" rpfpolicy check >/dev/null
for n in 1 31 63; do
    for i in 0 7; do
        expect "10.$n.$i.2 leaves by eth$n" \
            grep -q "via 10.$n.0.1 dev eth$n " <(ip route get 203.0.113.9 from "10.$n.$i.2")
        expect "fd00:$n:$i::2 leaves by eth$n" \
            grep -q " dev eth$n " <(ip -6 route get 2001:db8::9 from "fd00:$n:$i::2")
    done
done
expect "flush" rpfpolicy routes flush >/dev/null
expect_equal "no rule is left" "$(ip rule; ip -6 rule)" "$rules"
expect "no route is left" diff "$SYSTEM_WORK/before" <(tables)
system_end
