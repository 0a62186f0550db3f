#!/bin/bash
# Nobody reads what the agent says: a pipe without a reader, one that is full, no stream at all, a
# journal that waits. It goes on with its work, ends when it is told to, and says how much was lost.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

# devices PREFIX: more of them than any queue holds lines; each is told of.
devices() {
    local i

    for ((i = 0; i < 800; i++)); do
        echo "link add $1$i group 7 type veth"
    done >/run/test/batch
    ip -batch /run/test/batch || system_abort "the devices could not be made"
    becomes "$1$((i - 1))" rp_filter 0
    ip link delete group 7
}

gone() {
    ! kill -0 "$AGENT_PID" 2>/dev/null
}

# ends TEXT: it does when it is told to.
ends() {
    kill "$AGENT_PID"
    wait_until "it ends" gone
    wait "$AGENT_PID"
    expect_equal "$1: it ends cleanly" "$?" 0
}

add_device eth0
accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
lxc* = off
* = strict
POLICY

: >"$AGENT_LOG"
mkfifo /run/test/pipe
"$AGENT" --verbose 2>/run/test/pipe &
AGENT_PID=$!
exec 7</run/test/pipe
becomes eth0 rp_filter 1
exec 7<&-
for _ in 1 2; do
    echo 0 >"$CONF/eth0/rp_filter"
    becomes eth0 rp_filter 1
done
ok "it goes on when the reader of its lines is gone"
exec 7<>/run/test/pipe
devices lxca
ok "and when a reader does not read"
cat <&7 >"$AGENT_LOG" &
reader=$!
wait_until "there is room again" grep -q 'Stopped\|lxca' "$AGENT_LOG"
echo 0 >"$CONF/eth0/rp_filter"
agent_wait_log 'nobody read in time, and which are lost: '
ok "who reads again learns how much was lost"
kill "$reader"
devices lxcb
ends "a full pipe"
exec 7<&-

# What it opens takes no place of a stream that is closed: its lines would be written there.
"$AGENT" --verbose >&- 2>&- &
AGENT_PID=$!
wait_until "it is there" status_is .enforcing true
echo 0 >"$CONF/eth0/rp_filter"
becomes eth0 rp_filter 1
ends "closed streams"
expect_equal "no line went where none belongs" "$(cat /run/rpfpolicy/agent)" observing

# Its queue holds what net.unix.max_dgram_qlen says.
mkdir -p /run/systemd/journal
exec 8> >(exec python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/run/systemd/journal/socket")
s.recv(65536)
sys.stdin.readline()
while True:
    print(s.recv(65536).decode(), flush=True)
' 8>&- >/run/test/journal)
wait_until "there is a journal" test -S /run/systemd/journal/socket
exec 9>>"$AGENT_LOG"
JOURNAL_STREAM=$(stat -L -c '%d:%i' /proc/self/fd/9) "$AGENT" 2>&9 8>&- 9>&- &
AGENT_PID=$!
wait_until "it is there" status_is .enforcing true
devices lxcc
ok "nor does a journal hold it up that does not read"
echo >&8
wait_until "the journal reads" test -s /run/test/journal
echo 0 >"$CONF/eth0/rp_filter"
wait_until "it learns what it missed" grep -q 'MESSAGE=.* which are lost: ' /run/test/journal
ends "a slow journal"
exec 8>&-
system_end
