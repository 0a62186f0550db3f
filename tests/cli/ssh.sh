#!/bin/bash
# What `apply` takes for an SSH session that it must not cut: what an ordinary user can imitate is none,
# nor is a connection that one side has closed.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

peers_world
policy_file 10-test.conf <<'END'
[rp_filter]
eth0 = strict
END

again() {
    rm -f /var/lib/rpfpolicy/accepted.conf
    echo 0 >"$CONF/eth0/rp_filter"
    echo 1 >/proc/sys/net/ipv4/route/flush
}

# refuses WHAT NAME / goes_on WHAT: about the connection NAME, which would be cut.
refuses() {
    again
    run_apply
    expect_status "$1: apply refuses" 1
    says "$1: says which" "$ERR" "refused: .* SSH session from 203.0.113.1:$(port_of "$2")"
    expect_value eth0 rp_filter 0
}

goes_on() {
    again
    run_apply
    expect_status "$1: apply goes on" 0
    expect_value eth0 rp_filter 1
    again
}

goes_on "nobody"

# --- by whom

mkdir "$SYSTEM_WORK/user"
cp "$(readlink -f "$(command -v python3)")" "$SYSTEM_WORK/user/sshd"
chown -R 65534 "$SYSTEM_WORK/user"
serve_as_user() {
    mkfifo -m 666 "$SYSTEM_WORK/serving-$2"
    setpriv --reuid=65534 --regid=65534 --clear-groups "$1" "$SYSTEM_SOURCE/tests/lib/echo.py" serve \
        "$SYSTEM_WORK/serving-$2" sshd 192.0.2.1 "$2" &
    read -r <"$SYSTEM_WORK/serving-$2"
}
serve_as_user python3 2201
connect called 203.0.113.1 192.0.2.1 2201
goes_on "a program of a user that calls itself sshd"
serve_as_user "$SYSTEM_WORK/user/sshd" 2202
connect own 203.0.113.1 192.0.2.1 2202
goes_on "a program of a user whose file is called sshd"
program_of_root sshd
serve_as_user "$SYSTEM_WORK/bin/sshd" 2203
connect user 203.0.113.1 192.0.2.1 2203
goes_on "root's sshd, run by a user"
serve sshd 192.0.2.1 2204
ROOTS=$!
connect roots 203.0.113.1 192.0.2.1 2204
refuses "root's sshd, run by root" roots
rm "$SYSTEM_WORK/bin/sshd"
refuses "its file is gone since an upgrade" roots
kill "$ROOTS"
wait "$ROOTS" 2>/dev/null
goes_on "it is ended"

# --- that one side has closed

cat >"$SYSTEM_WORK/keeps.py" <<'END'
import socket, sys
server = socket.create_server(("192.0.2.1", 22))
print("listens", flush=True)
connection = server.accept()[0]
print("accepted", flush=True)
connection.recv(1)
print("closed by the peer", flush=True)
sys.stdin.read()
END
mkfifo "$SYSTEM_WORK/hold"
coproc KEEPS { exec python3 "$SYSTEM_WORK/keeps.py"; }
read -r <&"${KEEPS[0]}"
in_peer python3 -c '
import socket, sys
c = socket.create_connection(("192.0.2.1", 22), 60, ("203.0.113.1", 0))
open(sys.argv[1], "w").write(str(c.getsockname()[1]) + "\n")
sys.stdin.read(1)
c.close()' "$SYSTEM_WORK/held.port" <"$SYSTEM_WORK/hold" &
exec {HOLD}>"$SYSTEM_WORK/hold"
read -r <&"${KEEPS[0]}" # accepted
until [ -s "$SYSTEM_WORK/held.port" ]; do sleep 0.01; done
refuses "port 22" held
echo >&"$HOLD"
read -r <&"${KEEPS[0]}" # closed by the peer
expect "it is half closed here" eval "ss -tnH state close-wait sport = :22 | grep -q 203.0.113.1"
goes_on "closed by the peer, not yet by the program"
system_end
