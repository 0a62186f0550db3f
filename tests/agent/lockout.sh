#!/bin/bash
# `accept` under an agent that carries it out at once, as `systemctl reload` runs it: no SSH session is
# cut unasked, the agent keeps what it has, and there is a way on. Without an agent, or where nothing
# becomes stricter, nobody is held up. The same for `resume` and `restore`, and for every way around.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"

OUT=/run/test/out
ERR=/run/test/err
ACCEPTED=/var/lib/rpfpolicy/accepted.conf

# As a unit's ExecReload= runs it: none of the environment of a session.
accept() {
    env -i PATH="$PATH" "$SYSTEM_BUILD/agent/cli/rpfpolicy" accept "$@" >"$OUT" 2>"$ERR"
    RESULT=$?
}

# Both lines of ExecReload=: the second only after the first has succeeded.
reload() {
    accept && [ "$RESULT" = 0 ] && kill -HUP "$AGENT_PID"
}

policy() {
    printf '%s\n' '[agent]' "mode = $1" '[rp_filter]' 'mark* = off' "${@:2}" |
        policy_file 10-test.conf
}

says() {
    expect "$1" grep -qE -- "$2" "$ERR"
}

peers_world
program_of_root sshd
serve sshd 192.0.2.1 2200 # another port: known by its program alone
serve webserver 192.0.2.1 80
connect session 203.0.113.1 192.0.2.1 2200
connect web 203.0.113.1 192.0.2.1 80

# --- no agent: nothing that is there is written, nothing is looked for

policy enforce 'eth0 = strict'
accept
expect_equal "without an agent it is accepted" "$RESULT" 0
expect_equal "without a word of it" "$(cat "$ERR")" ""
rm "$ACCEPTED"

# --- an agent that observes, and would begin to enforce

policy observe 'eth0 = strict'
accept
agent_start
policy enforce 'eth0 = strict'
reload
expect_equal "to begin with enforcing is refused, too" "$RESULT" 1
expect_value eth0 rp_filter 0
policy observe 'eth0 = strict' 'eth1 = strict'
accept
expect_equal "to go on observing is not" "$RESULT" 0
agent_stop

# --- an agent that enforces

policy enforce 'eth0 = loose'
accept
agent_start
becomes eth0 rp_filter 2
in_force=$(agent_status .policy.hash)
before=$(cat "$ACCEPTED")
policy enforce 'eth0 = strict'
reload
expect_equal "a reload that would cut an SSH session fails" "$RESULT" 1
says "it says which" "refused: .* SSH session from 203.0.113.1:$(port_of session) to 192.0.2.1:2200 of sshd on eth0"
says "it says why" 'the way back uses another device \(eth1\)'
says "it says that nothing was accepted" 'nothing was accepted'
says "it names the line that keeps it" '^ +eth0 = loose$'
says "it names the way to try" 'rpfpolicy apply --confirm'
says "it names the way on" 'rpfpolicy accept --force'
expect_equal "nothing was accepted" "$(cat "$ACCEPTED")" "$before"
expect_equal "the history says that it was refused, and why" \
    "$(rpfpolicy status --json | jq -r '.decision | .what + " " + .detail')" \
    "refuse accept: an SSH session would be cut"
agent_caught_up
expect_equal "the agent keeps its policy" "$(agent_status .policy.hash)" "$in_force"
expect_value eth0 rp_filter 2
expect_equal "the session lives" "$(ask session)" passes

policy enforce 'eth0 = loose' 'eth1 = loose'
reload
expect_equal "what makes nothing stricter for it is accepted" "$RESULT" 0
becomes eth1 rp_filter 2

# --- `routes apply` accepts, too

rpfpolicy_says() {
    rpfpolicy "$@" >"$OUT" 2>"$ERR"
    RESULT=$?
}

policy enforce 'eth0 = strict'
rpfpolicy_says routes apply
expect_equal "routes apply that would cut an SSH session" "$RESULT" 1
says "it names the way on" 'rpfpolicy routes apply --force'

# --- a pause is no way around

rpfpolicy pause eth0 --reason='not yet' --for=1h >/dev/null
before=$(cat "$ACCEPTED")
for verb in accept apply 'routes apply'; do
    # shellcheck disable=SC2086 # two words
    rpfpolicy_says $verb
    expect_equal "$verb, where the pause ends by itself" "$RESULT" 1
    says "$verb says which session" 'refused: this would cut the SSH session from 203.0.113.1'
done
expect_equal "nothing was accepted by any of them" "$(cat "$ACCEPTED")" "$before"
rpfpolicy pause eth0 --reason='not yet' >/dev/null
reload
expect_equal "where it does not, nothing is written, so nobody is cut" "$RESULT" 0
paused=$(cat /run/rpfpolicy-root/paused)
for arguments in '' eth0; do
    # shellcheck disable=SC2086 # none or one
    rpfpolicy_says resume $arguments
    expect_equal "resume $arguments" "$RESULT" 1
    says "resume $arguments says which session" 'refused: this would cut the SSH session from 203.0.113.1'
    says "resume $arguments says what did not happen" '^What is paused stays so\.'
    says "resume $arguments names the way on" 'rpfpolicy resume --force'
done
rpfpolicy_says pause eth0 --reason='soon' --for=1s
expect_equal "to give the pause an end" "$RESULT" 1
says "to give the pause an end names the way on" 'rpfpolicy pause --force'
expect_equal "it is paused as before" "$(cat /run/rpfpolicy-root/paused)" "$paused"
rpfpolicy_says pause eth1 --reason='another' --for=1h
expect_equal "to pause something else" "$RESULT" 0
rpfpolicy_says resume eth1
expect_equal "to resume something else" "$RESULT" 0
expect_value eth0 rp_filter 2
expect_equal "the session lives" "$(ask session)" passes

# The present policy once more is never held up, though it would cut the session.
rpfpolicy_says resume --force
expect_equal "resume --force" "$RESULT" 0
says "resume --force warns" 'warning: this would cut the SSH session'
becomes eth0 rp_filter 1
sysctl -qw net.ipv4.route.flush=1
reload
expect_equal "the policy in force is accepted again" "$RESULT" 0

policy enforce 'eth0 = loose'
reload
becomes eth0 rp_filter 2
connect session2 203.0.113.1 192.0.2.1 2200
policy enforce 'eth0 = strict'
accept --force
expect_equal "accept --force" "$RESULT" 0
says "accept --force warns" 'warning: this would cut the SSH session'
becomes eth0 rp_filter 1

# --- nobody's session is cut: connections of others are told, and do not hold it up

policy enforce 'eth0 = loose'
reload
becomes eth0 rp_filter 2
ip route replace 203.0.113.1 via 192.0.2.2
connect web2 203.0.113.2 192.0.2.1 80
ip route replace 203.0.113.2 via 198.51.100.2
policy enforce 'eth0 = strict'
reload
expect_equal "no session among them" "$RESULT" 0
says "who is cut is told" '203.0.113.2.* 192.0.2.1:80'
becomes eth0 rp_filter 1

# --- a session that nobody of this host sees: only the caller knows it, by SSH_CONNECTION

policy enforce 'eth0 = loose'
reload
becomes eth0 rp_filter 2
policy enforce 'eth0 = strict'
SSH_CONNECTION='203.0.113.2 40022 192.0.2.1 22' rpfpolicy accept >"$OUT" 2>"$ERR"
expect_equal "our own session" "$?" 1
says "our own session is named" 'refused: .* from 203.0.113.2:40022'

# --- a stopped agent

agent_stop
rpfpolicy pause eth0 --reason='not yet' >/dev/null
accept
expect_equal "a stopped agent carries nothing out" "$RESULT" 0
SSH_CONNECTION='203.0.113.2 40022 192.0.2.1 22' rpfpolicy_says resume
expect_equal "nor does it after a pause" "$RESULT" 0

# --- restore

rm /run/rpfpolicy-root/before
sysctl -qw net.ipv4.conf.eth0.rp_filter=1
policy enforce 'eth0 = loose'
rpfpolicy apply >/dev/null 2>&1
expect_value eth0 rp_filter 2
connect session3 203.0.113.1 192.0.2.1 2200
ip route replace 203.0.113.1 via 198.51.100.2
rpfpolicy_says restore --dry-run
expect_equal "a dry run of a restore is only warned" "$RESULT" 2
says "it is warned" 'warning: this would cut the SSH session'
rpfpolicy_says restore
expect_equal "a restore that would cut an SSH session" "$RESULT" 1
says "it says which" 'refused: .* SSH session from 203.0.113.1:[0-9]+ to 192.0.2.1:2200 of sshd on eth0'
says "it says what did not happen" 'Nothing was written, nothing was paused'
says "it names the way on" 'rpfpolicy restore --force'
expect_equal "no line of a policy is named, which would not help" "$(grep -c 'eth0 = loose' "$ERR")" 0
expect_value eth0 rp_filter 2
expect "nothing is paused" test ! -e /run/rpfpolicy-root/paused
rpfpolicy_says restore eth1
expect_equal "a restore of another device" "$RESULT" 0
rpfpolicy_says restore --force
expect_equal "restore --force" "$RESULT" 0
expect_value eth0 rp_filter 1
system_end
