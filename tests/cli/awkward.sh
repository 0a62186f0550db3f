#!/bin/bash
# Device names that the kernel accepts and programs stumble over: every command, in every format,
# prints them harmlessly, and writes to the device that is meant and to no other.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

OUT=$SYSTEM_WORK/out
ERR=$SYSTEM_WORK/err

# shellcheck disable=SC2016 # nothing in them shall expand
names=(
    '...' '*' '[a]' '=k' '#c' '-rf' '--help' '$(id)' ';reboot;' '`id`' '"quoted"' "it's"
    $'\e[2J' $'a\x01b' $'del\x7f' $'\xff\xfe' $'caf\xc3\xa9' $'cut\xe2\x80' $'\xe2\x80\xaegpj'
    'eth1..3' '@set' 'a]b' 'a|b' 'a,b' 'eth0.100' 'back\slash' '&amp;' '{a}' '~' '!x' '\x41'
    '0' '-1' 'lxc*' '?'
)

i=0
for name in "${names[@]}"; do
    ip link add "made$i" type veth peer name "peer$i" || system_abort "no device can be made"
    # ip(8) has opinions on names; the kernel is asked directly.
    python3 - "made$i" "$name" <<'END' || fail "the kernel refuses a name it should accept: $(printf %q "$name")"
import fcntl, os, socket, struct, sys
SIOCSIFNAME = 0x8923
old, new = map(os.fsencode, sys.argv[1:])
fcntl.ioctl(socket.socket(), SIOCSIFNAME, struct.pack("16s16s8x", old, new))
END
    i=$((i + 1))
done
count=$((2 * ${#names[@]} + 1))

# no_harm TEXT FILE: nothing in it that a terminal obeys or that is no text.
no_harm() {
    expect_equal "$1: bytes that are not printable ASCII" \
        "$(LC_ALL=C grep -caP '[^\n\x20-\x7e]' "$2")" 0
}

run() {
    rpfpolicy "$@" >"$OUT" 2>"$ERR" </dev/null
    STATUS=$?
    expect "$*: ends with an exit status of its own" test "$STATUS" -le 4
    no_harm "$*: stdout" "$OUT"
    no_harm "$*: stderr" "$ERR"
}

# Every name, through JSON, is what the kernel has.
expect_same_names() {
    expect "$1: the names are those of the kernel" python3 - "$OUT" <<'END'
import json, os, sys
devices = json.load(open(sys.argv[1]))["devices"]
got = sorted(
    bytes.fromhex(d["name_bytes"]) if "name_bytes" in d else d["name"].encode() for d in devices
)
ones = sorted(n for n in os.listdir(b"/proc/sys/net/ipv4/conf") if n not in (b"all", b"default"))
for d in devices:
    if "name_bytes" in d:
        raw = bytes.fromhex(d["name_bytes"])
        assert d["name"].encode("ascii") and "\\x" in d["name"], d["name"]
        try:
            raw.decode()
            sys.exit("valid UTF-8 given in hex")
        except UnicodeDecodeError:
            pass
sys.exit(got != ones)
END
}

sysctl -qw net.ipv4.conf.all.rp_filter=2
run list
run list --json
expect_same_names "list --json"
policy_file 10-test.conf <<'END'
[rp_filter]
* = strict
peer* = off
eth1..3 = loose
?set = loose
END
for format in table json ndjson csv nagios prometheus; do
    run check --format="$format"
    expect_equal "check --format=$format: exit status" "$STATUS" 2
    case $format in
    json)
        expect_same_names "check --json"
        expect_equal "check --json: every device" "$(jq .summary.devices "$OUT")" "$count"
        ;;
    ndjson)
        expect "every line of ndjson is an object" jq -es 'all(type == "object")' "$OUT" >/dev/null
        ;;
    csv)
        expect "csv: every line has as many cells as the first" python3 -c '
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
sys.exit(not all(len(row) == len(rows[0]) for row in rows) or len(rows) < 70)' "$OUT"
        ;;
    nagios)
        expect_equal "nagios: one bar only" "$(tr -cd '|' <"$OUT" | wc -c)" 1
        ;;
    esac
done
run check --all
run check -- '-rf' '--help' $'\e[2J' 'eth1..3' '*'
expect_equal "a device is asked for by its name" "$(grep -c '^drift ' "$OUT")" 7
run check -- '\x1B[2J' --json
run check '\xFF\xFE' --json
expect_equal "a device is found by its name as it is printed" \
    "$(jq -r '.devices[0].name_bytes' "$OUT")" fffe
run check $'no\e[2Jsuch'
expect_equal "an unknown device: exit status" "$STATUS" 1
run plan
run plan --json
expect "plan --json" jq -e '.writes | length > 30' "$OUT" >/dev/null
run apply --dry-run
run validate
run validate --json
run accept
run apply --once
expect_equal "apply: exit status" "$STATUS" 0
for ((i = 0; i < ${#names[@]}; i++)); do
    name=${names[i]}
    expected=1
    case $name in '@set') expected=2 ;; esac
    expect_equal "$(printf %q "$name") is as its rule says" "$(value "$name" rp_filter)" "$expected"
    expect_equal "peer$i is as its rule says" "$(value "peer$i" rp_filter)" 0
done
run check
expect_equal "check after apply: exit status" "$STATUS" 0
run check --strict

if rpfpolicy explain --help >/dev/null 2>&1; then
    for name in "${names[@]}"; do
        run explain -- "$name"
        run explain --json -- "$name"
        expect "explain --json $(printf %q "$name")" jq -e . "$OUT" >/dev/null
    done
fi
if rpfpolicy generate --help >/dev/null 2>&1; then
    run generate policy
    cp "$OUT" "$SYSTEM_WORK/generated.conf"
    run check --policy="$SYSTEM_WORK/generated.conf"
    expect_equal "what generate policy wrote is true: exit status" "$STATUS" 0
    run generate sysctl.d
fi
if rpfpolicy preset --help >/dev/null 2>&1; then
    run preset suggest
fi

system_end
