#!/bin/bash
# `monitor`: a line for every change as it happens, what the kernel announces and what it does not,
# lost messages, and a clean end.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"

OUT=$SYSTEM_WORK/out
ERR=$SYSTEM_WORK/err
MONITOR=

# monitor_start COMMAND...: what it prints goes to OUT; returns when it listens.
monitor_start() {
    : >"$OUT"
    "$@" >"$OUT" 2>"$ERR" &
    MONITOR=$!
}

# monitor_end SIGNAL TEXT
monitor_end() {
    kill "-$1" "$MONITOR"
    wait "$MONITOR"
    expect_equal "$2: exit status" $? 0
    expect_equal "$2: stderr" "$(grep -v 'note: no device is called' "$ERR")" ""
}

# shown TEXT REGEX: soon.
shown() {
    eventually "$1" grep -qE -- "$2" "$OUT"
}

# seen FILTER: some object so far passes.
# shellcheck disable=SC2317 # called by eventually
seen() {
    [ "$(jq -s "any(.[]; $1)" "$OUT" 2>/dev/null)" = true ]
}

add_device lxc1
add_device eth0
policy_file 10-test.conf <<'END'
[rp_filter]
lxc* = off
eth0 = strict|loose
[accept_local]
lxc* = yes
END

# --- for people

add_device lxc5
rpfpolicy pause lxc5 --for=1h --reason=test >/dev/null 2>&1
monitor_start rpfpolicy monitor
shown "the title" '^TIME +DEVICE +KEY +OLD +NEW +WANTED +STATE +EVENT$'
echo 2 >"$CONF/lxc1/rp_filter"
shown "a written value" '^[0-9:.]{15} lxc1 +rp_filter +off \(0\) +loose \(2\) +off +drift +netconf$'
echo 1 >"$CONF/lxc1/accept_local"
ip link set lxc1 up
shown "a value that only a link event tells" 'lxc1 +accept_local +no \(0\) +yes \(1\) +yes +ok +link$'
add_device lxc2
shown "a new device, per key" ' lxc2 +accept_local +- +no \(0\) +yes +drift +new device$'
ip link set lxc2 name lan7
shown "a rename, with what is wanted now" ' lan7 +rp_filter +off \(0\) +off \(0\) +- +unmanaged +rename from lxc2$'
echo 1 >"$CONF/all/rp_filter"
shown "all" ' all +rp_filter +off \(0\) +strict \(1\) +off +drift +netconf$'
shown "what all does to a device" ' eth0 +rp_filter +off \(0\) +strict \(0\) +strict +ok +all$'
ip link del lan7
shown "a device that is gone" ' lan7 +rp_filter +strict \(0\) +- +- +- +gone$'
echo 1 >"$CONF/eth0/arp_ignore"
shown "a value that nothing announces" ' eth0 +arp_ignore +0 \(0\) +1 \(1\) +- +unmanaged +look$'
echo 2 >"$CONF/lxc5/rp_filter"
shown "a paused device, also after a look at everything" ' lxc5 +rp_filter .* paused +netconf$'
monitor_end INT "ended by ctrl-c"
ip link del lxc5
rpfpolicy resume lxc5 >/dev/null

# --- as JSON, for some devices

echo 0 >"$CONF/all/rp_filter"
monitor_start setpriv --reuid=65534 --regid=65534 --clear-groups \
    "$SYSTEM_BUILD/agent/cli/rpfpolicy" monitor --json lxc1 lxc9 default
# It listens once it shows something.
# shellcheck disable=SC2317 # called by eventually
listens() {
    echo 1 >"$CONF/lxc1/rp_filter"
    echo 0 >"$CONF/lxc1/rp_filter"
    [ -s "$OUT" ]
}
eventually "it listens, without privilege" listens
echo 2 >"$CONF/eth0/rp_filter"
echo 2 >"$CONF/lxc1/rp_filter"
eventually "a written value, JSON" seen '.device == "lxc1" and .event == "netconf" and
    .key == "rp_filter" and .old == {"configured": 0, "effective": 0} and
    .new == {"configured": 2, "effective": 2} and .wanted == 0 and .state == "drift" and
    (.time | test("^2[0-9-]+T[0-9:]+[.][0-9]{6}Z$")) and .ifindex > 0'
ip link set eth0 name lxc9
eventually "a rename to a named device" seen '.device == "lxc9" and .old_device == "eth0" and
    .event == "rename" and .wanted == 0'
echo 2 >"$CONF/default/rp_filter"
eventually "default" seen '.device == "default" and .ifindex == -2 and .new.configured == 2'
ip link set lxc9 name $'\e\xff'
ip link set $'\e\xff' name lxc9
eventually "a name of control bytes" seen '.old_device == "\\x1B\\xFF"'
expect_equal "other devices are left out" \
    "$(jq -r 'select(.old_device == null) | .device' "$OUT" | sort -u | xargs)" "default lxc1"
expect "ASCII only" not grep -q '[^ -~]' "$OUT"

# More messages than the buffer of an unprivileged process holds.
kill -STOP "$MONITOR"
room=$(cat /proc/sys/net/core/rmem_max) # doubled by the kernel; a message takes over 500 bytes of it
[ "$room" -le 16777216 ] || room=16777216
for ((i = 0; i < room / 700; i++)); do
    echo $((i % 2 + 1)) >"$CONF/lxc1/rp_filter"
    echo 0 >"$CONF/lxc1/rp_filter"
    echo $((i % 2 + 1)) >"$CONF/lxc1/rp_filter"
done
echo 0 >"$CONF/lxc1/rp_filter"
kill -CONT "$MONITOR"
eventually "lost messages are told" seen '.event == "lost"'
eventually "what is true now is read" sh -c "jq -se 'map(select(.device == \"lxc1\")) |
    last.new.configured == 0' '$OUT' >/dev/null"
monitor_end TERM "ended by SIGTERM"

# --- nobody reads any more

mkfifo "$SYSTEM_WORK/pipe"
rpfpolicy monitor --json >"$SYSTEM_WORK/pipe" 2>"$ERR" &
MONITOR=$!
exec 7<"$SYSTEM_WORK/pipe"
exec 7<&-
wait "$MONITOR"
expect_equal "the reader went away: exit status" $? 0
expect_equal "the reader went away: stderr" "$(cat "$ERR")" ""
rpfpolicy monitor >/dev/full 2>"$ERR"
expect_equal "a full disk: exit status" $? 1
expect "a full disk is told" grep -q "No space left" "$ERR"

# --- who would be cut by what is only observed, each peer once

ip link delete eth0 2>/dev/null
ip link delete lxc9 2>/dev/null
peers_world
serve webserver 192.0.2.1 80
connect one 203.0.113.1 192.0.2.1 80
connect two 203.0.113.2 192.0.2.1 80
policy_file 10-test.conf <<'END'
[agent]
mode = enforce
[rp_filter]
eth0 = strict, observe
eth1 = strict
END
monitor_start rpfpolicy monitor
shown "who would be cut" "^[0-9:.]{15} eth0 +rp_filter +- +off \(0\) +strict +observed +would drop tcp \
203.0.113.1:$(port_of one) of webserver: the way back uses another device \(eth1\), /etc/rpfpolicy.d/10-test.conf:4$"
ip route replace 203.0.113.2 via 198.51.100.2
shown "who would be cut from now on" ' eth0 .* observed +would drop tcp 203.0.113.2:'
monitor_end INT "with who would be cut"
expect_equal "each is told once" "$(grep -c 'would drop' "$OUT")" 2
expect "at the end it is summed up per rule" grep -qxF \
    '/etc/rpfpolicy.d/10-test.conf:4: eth0 = strict would have cut 2 peers' "$OUT"
expect "what is enforced is not observed" not grep -q 'eth1 = strict' "$OUT"
monitor_start rpfpolicy monitor --json eth0
eventually "who would be cut, JSON" seen '.event == "would drop" and .device == "eth0" and
    .peer == "203.0.113.1" and .rule.line == 4 and .mode == "strict" and .key == "rp_filter" and
    .new == {"configured": 0, "effective": 0} and .keep.line == "eth0 = loose" and
    (.time | test("^2[0-9-]+T[0-9:]+[.][0-9]{6}Z$"))'
monitor_end INT "JSON of who would be cut"
monitor_start rpfpolicy monitor eth1
eventually "others are left out" grep -q '^TIME' "$OUT"
echo 1 >"$CONF/eth1/rp_filter"
shown "after the first look" ' eth1 '
monitor_end INT "of another device"
expect "who would be cut on another device is left out" not grep -q would "$OUT"
ip link property add dev eth1 altname storage0
monitor_start rpfpolicy monitor storage0 all nosuch0
eventually "by another name" grep -q '^TIME' "$OUT"
ip link set dev eth1 alias 'it speaks of itself'
echo 0 >"$CONF/eth1/rp_filter"
shown "a device by another of its names" ' eth1 '
monitor_end INT "by another name"
expect_equal "a name that no device has is told" "$(cat "$ERR")" \
    "rpfpolicy: note: no device is called 'nosuch0' now; it is shown when it comes"

# --- without a policy, and with a bad one

rm /etc/rpfpolicy.d/10-test.conf
monitor_start rpfpolicy monitor
shown "no policy" '^TIME'
echo 2 >"$CONF/lxc1/rp_filter"
shown "a change without a policy" ' lxc1 +rp_filter +off \(0\) +loose \(2\) +- +unmanaged +netconf$'
monitor_end INT "no policy"
system_end
