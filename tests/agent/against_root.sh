#!/bin/bash
# What the agent's user may do in its own directory, against the programs that root runs there: none of
# them waits without end or runs out of memory. The same for root's own directory where somebody gave that
# to the agent's user; there, too, nobody takes its word for a guardian's.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

RUN=/run/rpfpolicy
ORDERS=/run/rpfpolicy-root
USER=(setpriv --reuid=1234 --regid=1234 --clear-groups)

LIMIT=(prlimit --as=$((300 << 20)))
is_sanitized "$SYSTEM_BUILD/agent/cli/rpfpolicy" && LIMIT=()

# try STATUS ARGUMENT…: ends by itself, with that exit status, and with little memory.
try() {
    "${LIMIT[@]}" timeout 30 rpfpolicy "${@:2}" </dev/null >"$OUT" 2>"$ERR"
    expect_equal "$PLACE: ${*:2}: exit status" "$?" "$1"
}

add_device eth0
policy_file 10-test.conf <<'END'
[rp_filter]
eth0 = strict
END
mkdir -p $RUN $ORDERS
chown 1234:1234 $RUN $ORDERS

change() {
    echo 0 >"$CONF/eth0/rp_filter"
}

clean() {
    rm -rf ${RUN:?}/* ${ORDERS:?}/*
}

# put_there KIND FILE
put_there() {
    clean
    case $1 in
    sparse) "${USER[@]}" truncate -s 900G "$2" ;;
    fifo) "${USER[@]}" mkfifo "$2" ;;
    esac || system_abort "no $1 $2"
}

# --- files that have no end, and such as are none

for kind in sparse fifo; do
    for file in $RUN/before $RUN/status.json $RUN/agent $ORDERS/flushed $ORDERS/stand-back; do
        PLACE="$file is $kind"
        put_there "$kind" "$file"
        change
        try 0 apply --once
        expect_value eth0 rp_filter 1
        says_not "$PLACE: what was there is recorded" "$ERR" 'could not be recorded'
        try 0 check
        change
        try 1 apply --once --confirm=1s
        expect_value eth0 rp_filter 0
    done
    PLACE="paused is $kind"
    put_there "$kind" $ORDERS/paused
    try 1 apply --once
    try 1 pause --reason=test
done

# --- somebody else listens where a guardian would

listener() {
    clean
    rm -f "$SYSTEM_WORK/listens"
    mkfifo -m 666 "$SYSTEM_WORK/listens"
    "${USER[@]}" python3 -c '
import os, socket, struct, sys, time
how, ready = sys.argv[1:]
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind("/run/rpfpolicy-root/confirm")
os.chmod("/run/rpfpolicy-root/confirm", 0o666)
server.listen(0)
waiting = []
if how == "deaf":
    for _ in range(3):  # until nobody else can connect
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.setblocking(False)
        try:
            client.connect("/run/rpfpolicy-root/confirm")
        except BlockingIOError:
            break
        waiting.append(client)
open(ready, "w").write("yes\n")
word = 0
while how == "deaf":
    time.sleep(1)
while True:  # says that it was kept, whatever number that word has
    client = server.accept()[0]
    size = len(client.recv(1000))
    answer = bytearray(size)
    struct.pack_into("i", answer, 0, word % 12)
    struct.pack_into("i", answer, size - 20, 1)
    word += 1
    try:
        client.send(answer)
    except OSError:
        pass
    waiting.append(client)' "$1" "$SYSTEM_WORK/listens" &
    LISTENER=$!
    read -r <"$SYSTEM_WORK/listens"
}

for PLACE in deaf spoofed; do
    listener "$PLACE"
    for _ in $(seq 12); do
        try 1 confirm
        says_not "$PLACE: nothing is confirmed" "$OUT" Confirmed
        [ "$PLACE" = spoofed ] || break
    done
    says "$PLACE: says who listens" "$ERR" 'is not a socket of root'
    change
    try 0 apply --once
    expect_value eth0 rp_filter 1
    kill "$LISTENER"
    wait "$LISTENER" 2>/dev/null
done
system_end
