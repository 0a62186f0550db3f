#!/bin/bash
# What the journal receives: for each event its message id and the fields that tools look for.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

journal=/run/test/journal
mkdir -p /run/systemd/journal
: >"$journal"
mkfifo /run/test/journal.pipe
python3 "$SYSTEM_SOURCE/tests/lib/syslog-sink.py" /run/systemd/journal/socket "$journal" \
    /run/test/journal.pipe 'never sent'

received() {
    grep -qxF -- "$1" "$journal"
}

expect_field() {
    wait_until "the journal received $1" received "$1"
    ok "received: $1"
}

id_of() {
    sed -n "s/.*\[LOG_EVENT_$1\] = \"\(.*\)\",/\1/p" "$SYSTEM_SOURCE/agent/daemon/log.c"
}

add_device eth0
accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
lxc* = off
* = strict
POLICY
# Standard error is the journal's when JOURNAL_STREAM names its device and inode.
exec 9>>"$AGENT_LOG"
JOURNAL_STREAM=$(stat -L -c '%d:%i' /proc/self/fd/9) "$AGENT" 2>&9 &
AGENT_PID=$!
expect_field "MESSAGE_ID=$(id_of STARTED)"
expect_field "MESSAGE_ID=$(id_of POLICY)"
expect_field 'SYSLOG_IDENTIFIER=rpfpolicy-agent'

: >"$journal"
add_device lxc1
expect_field "MESSAGE_ID=$(id_of GIVEN)"
expect_field 'PRIORITY=7'
expect_field 'SYSCTL=net/ipv4/conf/lxc1/rp_filter'

: >"$journal"
echo 2 >"$CONF/eth0/rp_filter"
expect_field "MESSAGE_ID=$(id_of REPAIRED)"
expect_field 'PRIORITY=5'
expect_field 'SYSCTL=net/ipv4/conf/eth0/rp_filter'
expect_field 'OLDVALUE=2'
expect_field 'NEWVALUE=1'
expect_field 'OURVALUE=1'
expect_field 'RPF_DEVICE=eth0'
expect_field "RPF_IFINDEX=$(cat /sys/class/net/eth0/ifindex)"
expect_field 'RPF_RULE=/etc/rpfpolicy.d/10-test.conf:5'
expect_field 'RPF_CAUSE=netconf'

rm /var/lib/rpfpolicy/accepted.conf
expect_field "MESSAGE_ID=$(id_of NO_POLICY)"
agent_stop
expect_field "MESSAGE_ID=$(id_of STOPPED)"
expect "nothing of that goes to standard error too" test ! -s "$AGENT_LOG"
system_end
