#!/bin/bash
# Two cards in one subnet: replies leave by one of them, so that the other one answers nobody there
# once it is strict. `check` and `explain` warn of it, and of nothing where it is not so.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

ip netns add lan || system_skip "a second network namespace cannot be made here"
in_lan() { ip netns exec lan "$@"; }

in_lan ip link add bridge type bridge
in_lan ip addr add 192.0.2.9/24 dev bridge
in_lan ip link set bridge up
for n in 0 1; do
    ip link add "eth$n" type veth peer name "port$n" netns lan
    in_lan ip link set "port$n" master bridge up
    ip addr add "192.0.2.$((n + 1))/24" dev "eth$n"
    ip link set "eth$n" up
    # Each answers for its own address alone.
    sysctl -qw "net.ipv4.conf.eth$n.arp_ignore=1"
done
ip link add eth2 type veth peer name far2 netns lan
ip addr add 198.51.100.1/24 dev eth2
ip link set eth2 up
for device in all eth0 eth1 eth2; do echo 0 >"$CONF/$device/rp_filter"; done

# answers: does the second card answer the host in the LAN?
answers() {
    in_lan ip neighbour flush dev bridge
    in_lan ping -q -n -c 2 -W 2 192.0.2.2 >/dev/null 2>&1
    in_lan ip neighbour show 192.0.2.2 | grep -q lladdr
}

policy_file 10-test.conf <<'END'
[rp_filter]
eth* = strict
END
expect "off: the second card answers" answers
run check --json
json "check warns of the second card alone" '[.warnings[] | select(.code == "subnet") |
    .examples[]] == ["eth1"]'
run explain eth1
says "explain says it" "$OUT" '^ +subnet'
run explain eth0
says_not "not of the first card" "$OUT" '^ +subnet'
run_apply --force
expect "and so it is: strict it does not answer" not answers

policy_file 10-test.conf <<'END'
[rp_filter]
eth* = loose
END
run_apply
run check --json
json "loose is not warned of" '[.warnings[].code] | index("subnet") == null'
expect "loose: the second card answers" answers

# With a way of its own for each address strict passes, and nothing is to be warned of.
ip route add 192.0.2.0/24 dev eth1 table 100
ip rule add from 192.0.2.2 lookup 100
policy_file 10-test.conf <<'END'
[rp_filter]
eth* = strict
END
run_apply --force
run check --json
json "routed by its address it is not warned of" '[.warnings[].code] | index("subnet") == null'
expect "it answers" answers
system_end
