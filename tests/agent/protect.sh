#!/bin/bash
# `protect` in [agent]: what it names is not cut unasked, by any way of accepting a policy, and neither is
# SSH beside it. The answer names the item and its line.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"
STATUS_FILE=$STATUS
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

ACCEPTED=/var/lib/rpfpolicy/accepted.conf
unset SSH_CONNECTION

# policy PROTECT LINE...
policy() {
    printf '%s\n' '[agent]' 'mode = enforce' "${1:+protect = }$1" '[rp_filter]' 'mark* = off' "${@:2}" |
        policy_file 10-test.conf
}

peers_world
serve apiserver 192.0.2.1 6443
serve webserver 192.0.2.1 80
connect api 203.0.113.1 192.0.2.1 6443
connect web 203.0.113.1 192.0.2.1 80
LINE='/etc/rpfpolicy.d/10-test.conf:3'
CUT="this would cut tcp 203.0.113.1:$(port_of api) to 192.0.2.1:6443 of apiserver on eth0"

# --- apply, and what covers whom

for item in tcp/6443 203.0.113.1 203.0.113.0/24 "tcp/$(port_of api)" 0.0.0.0/0; do
    policy "udp/6443 tcp/99 198.51.100.7 $item" 'eth0 = strict'
    run_apply
    expect_status "apply against $item" 1
    says "it names the peer of $item" "$ERR" "refused: this would cut tcp 203.0.113.1:[0-9]+ to 192.0.2.1:"
    says "it names $item and its line" "$ERR" "'protect = $item' \($LINE\)"
done
expect "nothing is accepted" test ! -e "$ACCEPTED"
expect_value eth0 rp_filter 0
policy tcp/6443 'eth0 = strict'
run_apply
says "it says who and why" "$ERR" "refused: $CUT, where rp_filter"
says "it names the line that keeps it" "$ERR" '^ +eth0 = loose$'
says "it names the way on" "$ERR" 'rpfpolicy apply --force'
run plan --impact --json
json "plan --impact has what protects it" ".impact | map({(.local_port | tostring): .protected}) | add ==
    {\"80\": null, \"6443\": {\"item\": \"tcp/6443\", \"file\": \"/etc/rpfpolicy.d/10-test.conf\", \"line\": 3}}"
run check --json
json "check warns of it" '.warnings | any(.code == "lockout" and .examples == ["eth0"])'
run_apply --dry-run
expect_status "a dry run is only warned" 2
says "it is warned" "$ERR" "warning: $CUT"
policy 'udp/6443 tcp/99 198.51.100.0/24' 'eth0 = strict'
run_apply --dry-run
says_not "what is not named is not guarded" "$ERR" 'warning: this would cut'

# --- beside an agent: accept, resume, restore, routes apply

rpfpolicy accept >/dev/null
policy tcp/6443 'eth0 = loose'
rpfpolicy accept >/dev/null
agent_start
becomes eth0 rp_filter 2
before=$(cat "$ACCEPTED")
policy tcp/6443 'eth0 = strict'
for verb in accept apply 'routes apply'; do
    # shellcheck disable=SC2086 # two words
    run $verb
    expect_status "$verb" 1
    says "$verb names the item" "$ERR" "$CUT"
    says "$verb names the line" "$ERR" "'protect = tcp/6443' \($LINE\)"
done
expect_equal "nothing was accepted" "$(cat "$ACCEPTED")" "$before"
rpfpolicy pause eth0 --reason='not yet' >/dev/null
run accept
expect_status "accept under a pause without an end" 0
run resume
expect_status "resume" 1
says "resume names the item" "$ERR" "'protect = tcp/6443' \($LINE\)"
expect_value eth0 rp_filter 2
policy tcp/6443 'eth0 = loose'
run accept
run resume
expect_status "resume of what cuts nobody" 0

# SSH is guarded beside it.
serve sshd 192.0.2.1 22
connect session 203.0.113.1 192.0.2.1 22
policy tcp/99 'eth0 = strict'
run accept
expect_status "accept that would cut an SSH session" 1
says "it is the session that is named" "$ERR" 'refused: this would cut the SSH session from 203.0.113.1'

policy tcp/6443 'eth0 = strict'
run accept --force
expect_status "accept --force" 0
says "accept --force warns of the session" "$ERR" 'warning: this would cut the SSH session'
says "accept --force warns of the item" "$ERR" "warning: $CUT"
becomes eth0 rp_filter 1
sysctl -qw net.ipv4.route.flush=1
expect_equal "what was named is what is cut" "$(ask api)" dropped
agent_stop

rm /run/rpfpolicy-root/before
policy tcp/6443 'eth0 = loose'
run apply
expect_value eth0 rp_filter 2
connect api2 203.0.113.2 192.0.2.1 6443
ip route replace 203.0.113.2 via 198.51.100.2
run restore
expect_status "a restore" 1
says "a restore goes by the policy in force" "$ERR" "'protect = tcp/6443' \($LINE\)"
expect_value eth0 rp_filter 2

# --- the agent that accepts by itself, beside connection tracking

if nft add table ip track 2>/dev/null && [ -e /proc/sys/net/netfilter/nf_conntrack_count ]; then
    nft add chain ip track in '{ type filter hook prerouting priority -150; }'
    nft add rule ip track in ct state invalid counter
    expect_equal "the connection is tracked" "$(ask api2)" passes
    expect "as the kernel counts" test "$(cat /proc/sys/net/netfilter/nf_conntrack_count)" -ge 1
else
    echo "no connection tracking here: that part is left out"
    [ "${CI:-}" != true ] || fail "no connection tracking"
fi

: >"$AGENT_LOG"
STATUS=$STATUS_FILE
ip route replace 203.0.113.1 via 192.0.2.2
agent_start --accept
before=$(cat "$ACCEPTED")
policy '203.0.113.2/32' 'eth0 = strict'
agent_wait_log "The policy on disk is not accepted: it would cut 203.0.113.2:$(port_of api2) to 192.0.2.1:6443 on eth0: "
agent_wait_log "'protect = 203.0.113.2/32' ($LINE). What was accepted before stays in force"
expect_equal "nothing was accepted" "$(cat "$ACCEPTED")" "$before"
expect_value eth0 rp_filter 2
expect_equal "the connection lives" "$(ask api2)" passes
policy '' 'eth0 = strict'
becomes eth0 rp_filter 1
policy '' 'eth0 = loose'
becomes eth0 rp_filter 2
policy '203.0.113.2/32' 'eth0 = strict'
agent_wait_log "'protect = 203.0.113.2/32'"
run accept --force
expect_status "somebody insists" 0
becomes eth0 rp_filter 1

# --- while it observes it keeps the right to write only for a policy that is looked at again

without_right() {
    grep -q '^CapEff:[[:space:]]*0*$' "/proc/$AGENT_PID/status"
}

policy '' 'eth0 = loose'
becomes eth0 rp_filter 2
printf '[agent]\nmode = observe\n[rp_filter]\neth0 = loose\n' | policy_file 10-test.conf
wait_until "an agent that observes has no right to write" without_right
: >"$AGENT_LOG"
policy '203.0.113.2/32' 'eth0 = strict'
agent_wait_log "The policy on disk is not accepted: it would cut 203.0.113.2"
echo 'eth0 = strictt' | policy_file 10-test.conf
agent_wait_log 'is not accepted: it has errors'
wait_until "nor beside a policy that is broken" without_right
system_end
