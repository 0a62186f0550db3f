#!/bin/bash
# Who would be cut is told by the ways as they will be: a session that the new ways keep holds nobody
# up, and one that lives by ways that go is not cut unasked, whatever takes them away.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/../agent/agent.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

unset SSH_CONNECTION

policy() {
    printf '%s\n' '[agent]' 'mode = enforce' '[rp_filter]' 'mark* = off' "$@" |
        policy_file 10-test.conf
}

ROUTING=('[routing]' 'eth1 = auto' '[routing eth1]' 'gateway = first')
REFUSED='refused: this would cut the SSH session from 172.16.0.4:[0-9]+ to 172.16.5.4:22 of sshd on eth1'

ways() {
    ip rule show | grep -c '172.16.5.4'
}

nics_setup
for device in eth0 eth1; do sysctl -qw "net.ipv4.conf.$device.rp_filter=2"; done
serve sshd 0.0.0.0 22
connect session 172.16.0.4 172.16.5.4 22

# --- strict alone would cut it, strict with a way of its own does not

policy 'eth1 = strict'
run apply
expect_status "strict without a way" 1
says "it is refused" "$ERR" "$REFUSED"
policy 'eth1 = strict' "${ROUTING[@]}"
run plan --impact
says "strict with a way cuts nobody" "$OUT" 'nobody seen now would be cut'
run apply
expect_status "strict with a way" 0
expect_effective eth1 1
expect_equal "the session lives" "$(ask session)" passes

# --- taking the way away

policy 'eth1 = strict'
for verb in apply 'routes apply' 'routes flush'; do
    # shellcheck disable=SC2086 # two words
    run $verb
    expect_status "$verb, which takes the way away" 1
    says "$verb is refused" "$ERR" "$REFUSED"
    says "$verb says why" "$ERR" 'the way back uses another device \(eth0\)'
    says "$verb names the way on" "$ERR" "rpfpolicy $verb --force"
done
run plan --impact --json
json "plan --impact lists the session, and no value that would send its replies by eth0" \
    '.impact | any(.device == "eth1" and .peer == "172.16.0.4" and .keep == null)'
run check --json
json "check warns of it" '.warnings | any(.code == "lockout" and .examples == ["eth1"])'
rm /run/rpfpolicy-root/before
run restore
expect_status "restore, which takes the way away" 1
says "restore is refused" "$ERR" "$REFUSED"
expect "nothing is paused" test ! -e /run/rpfpolicy-root/paused
expect_equal "the way is there" "$(ways)" 1
expect_equal "the session lives" "$(ask session)" passes
policy 'eth1 = loose'
run apply --dry-run
expect_equal "loose needs no way" "$(grep -c SSH "$ERR")" 0

# --- beside an agent

policy 'eth1 = strict' "${ROUTING[@]}"
agent_start
policy 'eth1 = strict'
run accept
expect_status "accept" 1
says "accept is refused" "$ERR" "$REFUSED"
rpfpolicy pause eth1 --reason='not yet' >/dev/null
run accept
expect_status "accept with a pause that has no end" 0
agent_caught_up
expect_equal "the way is there" "$(ways)" 1
run resume
expect_status "resume" 1
says "resume is refused" "$ERR" "$REFUSED"
expect_equal "the session lives" "$(ask session)" passes
run resume --force
expect_status "resume --force" 0
gone() {
    [ "$(ways)" = 0 ]
}
wait_until "the way goes" gone
expect_equal "and with it the session" "$(ask session)" dropped
system_end
