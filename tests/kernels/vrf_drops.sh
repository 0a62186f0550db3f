#!/bin/bash
# What is dropped on the port of a VRF is shown on that port, whose settings decide, and not on the VRF.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/drops/wire.sh
. "$SYSTEM_SOURCE/tests/drops/wire.sh"

rpfpolicy drops --for=1s --json >"$OUT" || system_abort "drops does not run"
[ "$(jq -r .source.name "$OUT")" = bpf ] || system_abort "no BPF: $(jq -r .source.not_bpf "$OUT")"

wire_peer
for n in 0 1; do
    ip link add "eth$n" type veth peer name "p$n" netns peer
    ip link set "eth$n" up
    ip -n peer link set "p$n" up
    WIRES[/eth$n]=p$n
done
ip link add red type vrf table 100 || system_abort "this kernel has no VRFs"
ip link set red up
ip link set eth0 master red
ip address add 10.0.0.1/24 dev eth0
ip address add 10.0.1.1/24 dev eth1
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.red.rp_filter=0 \
    net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth1.rp_filter=1

follow_start bpf_link --json
send eth0 3 192.0.2.9 10.0.0.1 >"$SYSTEM_WORK/rate"
send eth1 4 192.0.2.9 10.0.1.1 >"$SYSTEM_WORK/rate"
wait_for "the drops" has_dropped 7
follow_stop
expect_equal "on the port, with its name" "$(flow eth0 192.0.2.9 rp_filter .packets)" 3
expect_equal "what would have let it pass" "$(flow eth0 192.0.2.9 rp_filter .cure.text)" \
    "[rp_filter] eth0 = off"
expect_equal "outside of the VRF as ever" "$(flow eth1 192.0.2.9 rp_filter .packets)" 4
expect_equal "nothing on the VRF" "$(jq '[.flows[] | select(.device == "red")] | length' "$OUT")" 0

follow_start bpf_link --json eth0
send eth0 3 192.0.2.9 10.0.0.1 >"$SYSTEM_WORK/rate"
wait_for "the drops" has_dropped 10
follow_stop
expect_equal "asked for the port alone" "$(flow eth0 192.0.2.9 rp_filter .packets)" 3

system_end
