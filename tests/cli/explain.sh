#!/bin/bash
# What explain tells of devices, of `all` and `default`, and of a device that is not there, on a node
# where sysctl.d and a network plugin are at odds with the policy.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

OUT=$SYSTEM_WORK/out
ERR=$SYSTEM_WORK/err

explain() {
    rpfpolicy explain "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
}

says() {
    if grep -qF -- "$2" "$OUT"; then
        ok "$1: says '$2'"
    else
        fail "$1: does not say '$2'"
        sed 's/^/    /' "$OUT" "$ERR" >&2
    fi
}

says_not() {
    if grep -qF -- "$2" "$OUT"; then
        fail "$1: says '$2'"
        sed 's/^/    /' "$OUT" >&2
    else
        ok "$1: does not say '$2'"
    fi
}

begins() {
    expect_equal "$1: the first line is the conclusion" "$(head -n 1 "$OUT")" "$2"
}

status() {
    expect_equal "$1: exit status" "$STATUS" "$2"
}

# json EXPRESSION: of the answer as a Python object a
json() {
    python3 -c "import json, sys; a = json.load(open('$OUT')); k = a['device']['keys'][0]; print(repr(($1)))"
}

sysctl_d 10-network-security.conf <<'X'
# as a distribution ships it
net.ipv4.conf.default.rp_filter=2
net.ipv4.conf.all.rp_filter=2
X
run_systemd_sysctl --prefix=/net
ip link add eno1 type veth peer name peer0
ip addr add 192.0.2.1/24 dev eno1
ip link add lxc1 type veth peer name peer1
ip link add br0 type bridge
ip link set peer1 master br0
for device in eno1 peer0 lxc1 peer1 br0; do
    echo 0 >"$CONF/$device/rp_filter"
done
policy_file 10-node.conf <<'X'
[rp_filter]
lxc* = off
eno1 = strict
*    = loose
X

explain lxc1
begins "drift that \`all\` makes" \
    "lxc1: rp_filter is loose (2), wanted off: drift, because \`all\` is 2, set by /etc/sysctl.d/10-network-security.conf:3"
status "drift" 2
says lxc1 "rpfpolicy apply"
says lxc1 "net.ipv4.conf.all.rp_filter = 0"
says lxc1 "strict: only sources that are routed back"
says lxc1 "Its own value is 0, \`all\` is 2; the larger of the two counts: loose (2)."
says lxc1 "> lxc* = off"
says lxc1 "/etc/rpfpolicy.d/10-node.conf:2"
says lxc1 "loses: the bare * comes last"
says lxc1 "> net.ipv4.conf.all.rp_filter=2"

echo 1 >"$CONF/eno1/rp_filter"
explain eno1
says "an addressed device" "through whichever device"
says_not "an addressed device" "acts like strict"
says "an exact name" "wins: an exact name beats globs and sets"

explain peer1
begins "a port" "peer1: rp_filter is loose (2): moot, a port: what is set on its master br0 decides"
says "a port" "rpfpolicy explain br0"
status "a port" 0

explain all
begins "all" "all: rp_filter holds 2: drift, too large for lxc* = off, /etc/rpfpolicy.d/10-node.conf:2; set by /etc/sysctl.d/10-network-security.conf:3"
says all "wants the smallest value"
explain default
begins "default" "default: rp_filter holds 2, so new devices start loose (2): ok, as the policy needs it"
status "default" 0

printf '[rp_filter]\n* = strict\n' >"$SYSTEM_WORK/strict.conf"
explain eno2 --policy="$SYSTEM_WORK/strict.conf"
begins "a device that is not there, and no line of its own" \
    "eno2: not there now; if it came, rp_filter would start loose (2), wanted strict: drift until repaired, because 2 is stored, as new devices start, set by /etc/sysctl.d/10-network-security.conf:2"
says "what makes it start right" "So that it starts right"
expect_equal "what makes it start right, once" "$(grep -c '^ *rpfpolicy apply --once$' "$OUT")" 1

sysctl_d 20-globs.conf <<'X'
net.ipv4.conf.*.rp_filter = 1
net/ipv4/conf/lxc*/rp_filter = 2
net.ipv4.conf.lxcnew.rp_filter = 1
X
explain lxcnew
begins "a device that is not there" \
    "lxcnew: not there now; if it came, rp_filter would start loose (2), wanted off: drift until repaired, because 1 is stored, set by /etc/sysctl.d/20-globs.conf:3"
says lxcnew "> net.ipv4.conf.lxcnew.rp_filter = 1"
says lxcnew "an exact key beats every glob: /etc/sysctl.d/20-globs.conf:3"

rpfpolicy apply --once >/dev/null 2>&1
explain lxc1
begins "right now, but not for long" \
    "lxc1: rp_filter is off (0), as the policy wants it, but latent: the next \`add\` event makes it loose: /etc/sysctl.d/20-globs.conf:2"
status "latent" 0
says "latent" "mode = enforce"
says "latent" "is written, then overwritten by a later line"
explain br0
says "after apply" "rpfpolicy has written it since boot; before that it was 0."
sed -i '1i [agent]\nmode = enforce\n' /etc/rpfpolicy.d/10-node.conf
explain lxc1
says "enforcing, but not in force" "once this policy is in force"
says "enforcing, but not in force, and nothing installed" "It also takes the package rpfpolicy-agent"
says_not "enforcing, but not in force" "mode = enforce"
explain lxcnew
says "not there, and not in force" "rpfpolicy apply"
agent_seen observing
explain lxc1
says "an agent runs that only observes yet" "once this policy is in force"
says_not "an agent runs that only observes yet" "It also takes"
exec 8>&-
rpfpolicy accept >/dev/null
explain lxc1
says "nothing installed" "rpfpolicy-agent brings both"
touch /run/rpfpolicy-root/stand-back
explain lxc1
says "the agent was stopped" "systemctl start rpfpolicy-agent"
rm /run/rpfpolicy-root/stand-back
mkdir -p /etc/systemd/system
echo '[Unit]' >/etc/systemd/system/rpfpolicy-agent.service
explain lxc1
says "installed, but the agent does not run" "agent does not run. To start it"
says "installed, but the agent does not run" "systemctl enable --now rpfpolicy-agent"
system_install_rule
explain lxc1
says "only the hook does its part" "since the agent"
says "only the hook does its part" "systemctl enable --now rpfpolicy-agent"
rm /etc/sysctl.d/*
echo 1 >"$CONF/lxc1/rp_filter"
explain lxc1
says "drift that the agent would put right" "The agent, which keeps it so, does not run."
says "drift that the agent would put right" "systemctl enable --now rpfpolicy-agent"
touch /run/rpfpolicy-root/stand-back
explain lxc1
says "the same, and it was stopped" "systemctl start rpfpolicy-agent"
rm /run/rpfpolicy-root/stand-back
ln -sf /dev/null /etc/systemd/system/rpfpolicy-agent.service
explain lxc1
says_not "a unit that is masked" "systemctl"
rm /etc/systemd/system/rpfpolicy-agent.service
sed -i s/enforce/observe/ /etc/rpfpolicy.d/10-node.conf
explain lxc1
says "observing, and nothing installed" "(package rpfpolicy-agent), say in"
for word in observing enforcing; do
    agent_seen $word
    explain lxc1
    says "observing, and an agent is $word" "To have it put right then, say in"
    exec 8>&-
done
echo '[Unit]' >/etc/systemd/system/rpfpolicy-agent.service
explain lxc1
says "observing, and it is installed" "now rpfpolicy-agent), say in"
rm /etc/systemd/system/rpfpolicy-agent.service /etc/udev/rules.d/99-zz-rpfpolicy.rules
echo 0 >"$CONF/lxc1/rp_filter"
sed -i 1,3d /etc/rpfpolicy.d/10-node.conf
explain lxc1
begins "all is well" "lxc1: rp_filter is off (0), as the policy wants it: ok"
says_not "all is well" "What to do"
says "an empty sysctl.d" "No line speaks of it, nor of \`all\`."

# -- a name that looks like another one --

ip link add v.all.5 type bridge
echo 0 >"$CONF/v.all.5/rp_filter"
sysctl_d 30-dots.conf <<<'net/ipv4/conf/v.all.5/rp_filter = 0'
sysctl -qw net.ipv4.conf.all.rp_filter=0
explain v.all.5
says "a line of a device with \`all\` in its name" "The wrong value is set by /etc/sysctl.d/30-dots.conf:1 and would come back."
says_not "a line of a device with \`all\` in its name" "change that line"
ip link delete v.all.5
rm /etc/sysctl.d/30-dots.conf

# -- on a narrow terminal --

mkdir -p /dev/pts
if mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts; then
    ln -sf pts/ptmx /dev/ptmx
    sysctl_d 20-globs.conf <<<'net.ipv4.conf.lxc*.rp_filter = 2'
    COLUMNS=60 NO_COLOR=1 python3 "$SYSTEM_SOURCE/tests/lib/on-terminal.py" none none \
        rpfpolicy explain lxcnew | tr -d '\r' >"$OUT"
    expect "the conclusion is wrapped between words" \
        grep -qx '    is stored, set by /etc/sysctl.d/20-globs.conf:1' "$OUT"
    expect "no sentence is wider than the terminal" awk 'length > 60 && !/\// { exit 1 }' "$OUT"
    rm /etc/sysctl.d/20-globs.conf
fi

# -- another network namespace, where the host's unit starts nothing --

ip netns add other
inside() {
    ip netns exec other rpfpolicy --sysctl-root=/ "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
}
ip netns exec other ip link add lxc7 type bridge
policy_file 10-node.conf <<<$'[agent]\nmode = enforce\n[rp_filter]\nlxc* = off'
mkdir -p /etc/systemd/system
echo '[Unit]' >/etc/systemd/system/rpfpolicy-agent.service
inside accept
stand_back=/run/rpfpolicy-root/$(ip netns exec other stat -Lc %i /proc/self/ns/net)/stand-back
touch "$stand_back"
sysctl_d 20-lxc.conf <<<'net.ipv4.conf.lxc*.rp_filter = 2'
inside explain lxc7
says "elsewhere, and the agent was stopped" "and no agent runs in it."
says_not "elsewhere, and the agent was stopped" "systemctl"
says_not "elsewhere, and the agent was stopped" "null"
sed -i 's/lxc\*/lxc7/' /etc/rpfpolicy.d/10-node.conf
inside explain lxc7
says "elsewhere, and not in force" "an agent that runs in this network namespace"
says_not "elsewhere, and not in force" "systemctl"
rm /etc/sysctl.d/20-lxc.conf
ip netns exec other sh -c 'echo 1 >/proc/sys/net/ipv4/conf/lxc7/rp_filter'
inside explain lxc7
status "elsewhere, and written at run time" 2
says_not "elsewhere, and written at run time" "systemctl"
sed -i s/enforce/observe/ /etc/rpfpolicy.d/10-node.conf
inside explain lxc7
says "elsewhere, and only observing" "let an agent run in"
says_not "elsewhere, and only observing" "systemctl"
ip netns delete other
rm /etc/systemd/system/rpfpolicy-agent.service
policy_file 10-node.conf <<<$'[rp_filter]\nlxc* = off\neno1 = strict\n* = loose'

# -- what we wrote ourselves --

ip link add ours0 type bridge
policy_file 20-ours.conf <<<$'[rp_filter]\nours0 = strict'
rpfpolicy apply --once >/dev/null 2>&1
policy_file 20-ours.conf <<<$'[rp_filter]\nours0 = off'
explain ours0
begins "written by ourselves" \
    "ours0: rp_filter is strict (1), wanted off: drift, because 1 is stored, as rpfpolicy wrote it"
says_not "written by ourselves" "Nothing on disk tells of another writer"
rm /etc/rpfpolicy.d/20-ours.conf
ip link del ours0

# -- what cannot be read is not passed over --

sysctl_d 20-secret.conf <<<'net.ipv4.conf.lxc1.rp_filter = 2'
chmod 600 /etc/sysctl.d/20-secret.conf
setpriv --reuid 65534 --clear-groups rpfpolicy explain lxc1 >"$OUT" 2>"$ERR"
expect "explain names what it cannot read" grep -qF "/etc/sysctl.d/20-secret.conf: cannot open" "$ERR"
setpriv --reuid 65534 --clear-groups rpfpolicy generate sysctl.d >"$OUT" 2>"$ERR"
expect "and so does generate" grep -qF "/etc/sysctl.d/20-secret.conf: cannot open" "$ERR"
rm /etc/sysctl.d/20-secret.conf

# -- dots in a device's name --

sysctl_d 95-vrrp.conf <<<'net.ipv4.conf.vrrp.44.rp_filter = 1'
add_device vrrp.44
run_systemd_sysctl 2>/dev/null
expect "systemd-sysctl does not reach it" test "$(value vrrp.44 rp_filter)" != 1
explain vrrp.44
says "the line that misses is named" "/etc/sysctl.d/95-vrrp.conf:1 misses it: the dots of the name are read as slashes."
says "with one that would reach it" "    net/ipv4/conf/vrrp.44/rp_filter = 1"
rpfpolicy check >/dev/null 2>"$SYSTEM_WORK/check.err"
expect "check tells of it, too" grep -q \
    '95-vrrp.conf:1 misses vrrp.44, .*: net/ipv4/conf/vrrp.44/rp_filter = 1$' "$SYSTEM_WORK/check.err"
sed -n 's/^ *\(net.*vrrp.44.*\)/\1/p' "$OUT" >/etc/sysctl.d/95-vrrp.conf
run_systemd_sysctl 2>/dev/null
expect_value vrrp.44 rp_filter 1
explain vrrp.44
says_not "pasted it misses no more" "misses it"
ip link delete vrrp.44
rm /etc/sysctl.d/95-vrrp.conf

# -- other writers --

mkdir -p /etc/cni/net.d /etc/systemd/network
printf '{\n  "type": "cilium-cni"\n}\n' >/etc/cni/net.d/05-cilium.conf
printf '[Match]\nName=eno*\n[Network]\nIPv4ReversePathFilter=no\n' >/etc/systemd/network/a.network
echo 1 >"$CONF/lxc1/rp_filter"
explain lxc1
says "a plugin is suspected" "No line of sysctl.d gives it the 1 that is stored now."
says "a plugin is suspected" "/etc/cni/net.d/05-cilium.conf:2"
says "what was written at run time can be repaired" "it was written at run time and may be again, or it is what"
echo 0 >"$CONF/eno1/rp_filter"
explain eno1
says "networkd is suspected" "/etc/systemd/network/a.network:4"
says "networkd is suspected" "IPv4ReversePathFilter=no"
rm -r /etc/cni /etc/systemd/network
explain eno1
says "nobody is suspected" "Nothing on disk tells of another writer"

# -- procps reads differently --

sysctl_d 30-order.conf <<'X'
net.ipv4.conf.eno1.rp_filter = 1
net.ipv4.conf.*.rp_filter = 2
X
explain eno1
says "systemd" "when it appears, and in a full run: 1 is stored"
explain --flavor=procps eno1
says "procps" "sysctl --system"
says_not "procps" "when it appears"
sysctl --system >/dev/null 2>&1
says "procps is told as it is" "each run: $(value eno1 rp_filter) is stored"
echo 1 >"$CONF/lxc1/rp_filter"
echo 0 >"$CONF/all/rp_filter"
explain --flavor=nonsense eno1
status "an unknown flavor" 1
rm /etc/sysctl.d/*

# -- keys, exceptions, sets --

policy_file 20-more.conf <<'X'
[accept_redirects]
* = no
[log_martians]
* = yes
[set fast]
driver = mlx5*
[arp_ignore]
@fast = 1
[exception lab]
devices = eno1
rp_filter = loose
reason = a test bed
X
explain eno1
says "every key has a conclusion" "eno1: log_martians is no (0), wanted yes: drift, because 0 is stored, as it was from the start"
says "what cannot be reached" "eno1: accept_redirects is yes (1): impossible, cannot be no"
says "what cannot be reached" "all = no"
says "an exception" "wins: exception lab (a test bed)"
says "a plain rule" "loses: an exception comes first"
explain eno1 --key=log_martians
expect_equal "one key only" "$(grep -c '^eno1:' "$OUT")" 1
explain eno1 --key=src_valid_mark
begins "a key that no rule names" "eno1: src_valid_mark is no (0): no rule speaks of it"
explain eno1 --key=rp_filtr
status "an unknown key" 1
expect "an unknown key is guessed" grep -q "did you mean 'rp_filter'" "$ERR"
explain newdevice
says "sets need the device" "Judged by its name alone"

# -- JSON --

explain lxc1 --json
expect_equal "JSON: schema" "$(json "a['schema']")" 1
expect_equal "JSON: the device" "$(json "a['device']['name'], a['exists']")" "('lxc1', True)"
expect_equal "JSON: the state" "$(json "k['key'], k['state'], k['configured'], k['wanted']")" \
    "('rp_filter', 'drift', 1, 0)"
expect_equal "JSON: the rules" "$(json "[(r['pattern'], r['wins']) for r in k['rules']]")" \
    "[('lxc*', True), ('*', False)]"
explain all --json
expect_equal "JSON: all" "$(json "a['device']['name'], a['device']['ifindex'], k['key']")" \
    "('all', None, 'rp_filter')"

# -- without a policy, with a broken one, odd names --

rm /etc/rpfpolicy.d/*
explain lxc1
begins "no policy" "lxc1: rp_filter is strict (1): there is no policy"
says "no policy" "lxc* = strict"
status "no policy" 0
policy_file 10-test.conf <<<'[rp_filter'
explain lxc1
status "a broken policy" 1
says "a broken policy" "the policy has errors and decides nothing"
rm /etc/rpfpolicy.d/*
for name in a/b 'a b' . .. '' sixteen-bytes-xx; do
    explain "$name"
    status "'$name' can be no device" 1
done
# shellcheck disable=SC2016 # names that a shell would run
for name in '$(id)' '*' '[a]' '=k' '#c' ';reboot;' $'\e[31m' '@set' 'eth1..3' '...' 'a]b'; do
    ip link add name "$name" type bridge
    ip link set peer0 master "$name"
    explain -- "$name"
    status "$name" 0
    expect "only printable bytes for $(printf '%q' "$name")" \
        awk '/[^ -~]/ { exit 1 }' "$OUT"
    explain peer0
    expect "no command to paste with $(printf '%q' "$name")" \
        awk -v odd="$(printf '%q' "$name")" \
        '/^ *rpfpolicy explain / && !/explain [a-zA-Z0-9_.-]+$/ { exit 1 }' "$OUT"
    explain --json -- "$name"
    expect "JSON for $(printf '%q' "$name")" python3 -m json.tool "$OUT" "$SYSTEM_WORK/pretty"
    ip link del dev "$name"
done

# --- nobody wrote `all`, nor the device

rm -f /etc/rpfpolicy.d/* /etc/sysctl.d/*
policy_file 10-node.conf <<<$'[send_redirects]\nall = no\n* = no'
echo 1 >"$CONF/all/send_redirects"
for value in 0 1; do
    echo 0 | tee "$CONF/default/send_redirects" "$CONF/eno1/send_redirects" >/dev/null
    echo $value >"$CONF/default/send_redirects"
    explain eno1 --key=send_redirects
    begins "what the kernel gave \`all\`, default $value" \
        "eno1: send_redirects is yes (1), wanted no: drift, because \`all\` is 1, as it was from the start"
done

# --- nobody wrote `default`: for accept_source_route the kernel gives it another value than `all`

echo 0 >"$CONF/all/accept_source_route"
echo 1 >"$CONF/default/accept_source_route"
explain default --key=accept_source_route
says_not "default as it boots" "Who else may have written it"
echo 0 >"$CONF/default/accept_source_route"
explain default --key=accept_source_route
says "default as somebody made it" "No line of sysctl.d gives it the 0 that is stored now."

# --- forwarding: listed, judged and explained, written by nothing

echo 0 >"$CONF/eno1/forwarding"
printf '[agent]\nmode = enforce\n[forwarding]\neno1 = yes\n* = no\n' >"$SYSTEM_WORK/forwarding.conf"
explain eno1 --key=forwarding --policy="$SYSTEM_WORK/forwarding.conf"
status "forwarding otherwise than wanted" 2
says "forwarding otherwise than wanted" "forwarding is reported and never written"
says_not "forwarding otherwise than wanted" "apply"
rpfpolicy apply --policy="$SYSTEM_WORK/forwarding.conf" >"$OUT" 2>&1
expect_equal "apply leaves it" "$(cat "$CONF/eno1/forwarding")" 0
rpfpolicy check --policy="$SYSTEM_WORK/forwarding.conf" >"$OUT" 2>&1
expect_equal "check: drift" "$?" 2
echo 1 >"$CONF/eno1/forwarding"
explain eno1 --key=forwarding --policy="$SYSTEM_WORK/forwarding.conf"
says "forwarding as wanted" "a packet for another host is forwarded"

system_end
