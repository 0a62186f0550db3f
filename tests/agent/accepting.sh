#!/bin/bash
# With --accept the agent puts the policy on disk into force itself: at the start, when a file is saved,
# replaced as Kubernetes replaces a ConfigMap, or at SIGHUP; a bad one never.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

accepted=/var/lib/rpfpolicy/accepted.conf

# policy VALUE: what `*` shall be.
policy() {
    printf '[agent]\nmode = enforce\n[rp_filter]\n* = %s\n' "$1"
}

# refused_is VALUE: what the metric says.
refused_is() {
    grep -sqx "rpfpolicy_agent_policy_refused $1" /run/rpfpolicy/agent.prom
}

add_device eth0
echo 0 >"$CONF/eth0/rp_filter"
policy strict | policy_file 10-test.conf
agent_start --accept
expect "the policy on disk is in force from the start" has_value eth0 rp_filter 1

policy loose | policy_file 10-test.conf
becomes eth0 rp_filter 2
policy off >/run/test/new
mv /run/test/new /etc/rpfpolicy.d/10-test.conf
becomes eth0 rp_filter 0
printf '[rp_filter]\neth0 = strict\n' | policy_file 20-more.conf
becomes eth0 rp_filter 1
rm /etc/rpfpolicy.d/20-more.conf
becomes eth0 rp_filter 0

mkdir /etc/rpfpolicy.d/..1 /etc/rpfpolicy.d/..2
policy loose >/etc/rpfpolicy.d/..1/10-test.conf
{
    policy strict
    printf '[agent]\nmetrics-file = /run/rpfpolicy/agent.prom\n'
} >/etc/rpfpolicy.d/..2/10-test.conf
ln -s ..1 /etc/rpfpolicy.d/..data
ln -sf ..data/10-test.conf /etc/rpfpolicy.d/10-test.conf
becomes eth0 rp_filter 2
ln -s ..2 /etc/rpfpolicy.d/..data_tmp
mv -T /etc/rpfpolicy.d/..data_tmp /etc/rpfpolicy.d/..data
becomes eth0 rp_filter 1
wait_until "the metrics say that nothing is refused" refused_is 0

before=$(sha256sum <"$accepted")
mkdir /etc/rpfpolicy.d/..3
policy strictt >/etc/rpfpolicy.d/..3/10-test.conf
ln -s ..3 /etc/rpfpolicy.d/..data_tmp
mv -T /etc/rpfpolicy.d/..data_tmp /etc/rpfpolicy.d/..data
agent_wait_log "/etc/rpfpolicy.d/10-test.conf:4: unknown value 'strictt'"
agent_wait_log 'The policy on disk is not accepted: it has errors'
wait_until "the metrics say that one is refused" refused_is 1
expect_equal "a bad policy is not accepted" "$(sha256sum <"$accepted")" "$before"
echo 2 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 1
rm /etc/rpfpolicy.d/10-test.conf
agent_wait_log 'The policy on disk is not accepted: there is no file of it'
expect_equal "nor is none at all" "$(sha256sum <"$accepted")" "$before"

# --- a policy without a rule

: >"$AGENT_LOG"
: >/etc/rpfpolicy.d/10-test.conf
agent_wait_log '/etc/rpfpolicy.d/10-test.conf: no rule in any file'
agent_wait_log 'The policy on disk is not accepted: it has errors'
printf '[agent]\nmode = observe\n' | policy_file 10-test.conf
agent_wait_log 'The policy on disk is not accepted: it has no rules, while rules are enforced'
wait_until "the metrics say that one is refused" refused_is 1
expect_equal "neither is accepted" "$(sha256sum <"$accepted")" "$before"
echo 2 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 1
rm /etc/rpfpolicy.d/10-test.conf

policy loose >/run/test/late
ln -s /run/test/late /etc/rpfpolicy.d/10-test.conf
becomes eth0 rp_filter 2
policy strict >/run/test/late
kill -HUP "$AGENT_PID"
becomes eth0 rp_filter 1

# Not while somebody tries another one.
policy off >/run/test/trial
rpfpolicy apply --policy=/run/test/trial --confirm=300s >/dev/null 2>/run/test/apply.err </dev/null &
apply=$!
wait_until "apply waits" grep -q 'rpfpolicy confirm' /run/test/apply.err
becomes eth0 rp_filter 0
policy loose >/run/test/late
kill -HUP "$AGENT_PID"
agent_wait_log 'A policy on trial awaits its confirmation'
expect_value eth0 rp_filter 0
rpfpolicy confirm >/dev/null || fail "the trial is confirmed"
wait "$apply"
becomes eth0 rp_filter 2
policy strict >/run/test/late
kill -HUP "$AGENT_PID"
becomes eth0 rp_filter 1
agent_stop
expect_equal "it ends well" "$AGENT_STATUS" 0

policy loose >/run/test/late
agent_start
expect_value eth0 rp_filter 1
agent_stop
system_end
