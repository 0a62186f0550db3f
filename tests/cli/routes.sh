#!/bin/bash
# `routes`: what it shows, what it changes and what it leaves alone, in a host with four network cards.
# Whether packets then go where they shall is for tests/routing.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
for n in 0 1 2 3; do
    ip link add "eth$n" type veth peer name "far$n"
    ip link set "far$n" up
    ip link set "eth$n" up
    ip address add "172.16.$((4 + n)).4/24" dev "eth$n"
    ip address add "fd00:$((4 + n))::4/64" dev "eth$n" nodad
done
ip route add default via 172.16.4.1
ip route add default via fd00:4::1
ip route add 10.0.0.0/8 via 172.16.5.9 table 100
ip rule add from 10.0.0.0/8 lookup 100 priority 77
FOREIGN=$(foreign)
eth() {
    cat "/sys/class/net/eth$1/ifindex"
}
T1=$((21000 + $(eth 1)))

# --- no policy, none that asks for it

run routes show
expect_status "show without a policy" 0
says "which it says" "$OUT" 'asks for no routing'
run routes apply --once
expect_status "apply without a policy" 1
policy_file 10-test.conf <<'X'
[rp_filter]
* = strict
X
run routes plan
expect_status "nothing is asked for" 0
says "and nothing to do" "$OUT" '^Nothing to do'

# --- where replies leave

run explain eth1 --peer=203.0.113.1
says "tells where replies leave" "$OUT" 'from 172.16.5.4 to 203.0.113.1: by eth0 via 172.16.4.1, not by eth1'
says "one cure" "$OUT" '^ +eth1 = auto$'
says_not "loose is none, since replies would leave elsewhere all the same" "$OUT" '= loose'
policy_file 20-loose.conf <<<$'[rp_filter]\neth1 = loose'
run explain eth1 --peer=203.0.113.1
says "nor does it matter what the policy says" "$OUT" '^ +eth1 = auto$'
rm /etc/rpfpolicy.d/20-loose.conf
for options in --to=172.16.5.4 --mark=1 "--peer=203.0.113.1 --mark=x" "--peer=203.0.113.1 --to=eth1"; do
    # shellcheck disable=SC2086 # words
    run explain eth1 $options
    expect_status "explain $options" 1
done
run explain eth1
says "without a peer, for those far away" "$OUT" 'from 172.16.5.4 to peers far away: by eth0'
says "the cure is for all of them" "$OUT" '^ +eth1 = auto$'
says_not "and not for an address that stands for them" "$OUT" 'ip (rule|route) add'
run explain eth0
says "the first card is symmetric" "$OUT" 'from 172.16.4.4 to peers far away: by eth0 via 172.16.4.1$'
says_not "and needs no cure" "$OUT" '= loose'
run explain eth1 --peer=172.16.5.9 --json
json "the same in JSON" '.replies[0] == {"from": "172.16.5.4", "to": "172.16.5.9", "devices": ["eth1"], "symmetric": true, "message": "from 172.16.5.4 to 172.16.5.9: by eth1"}'
for useless in all nosuch0 "eth1 --key=rp_filter"; do
    # shellcheck disable=SC2086 # words
    run explain $useless --peer=203.0.113.1
    expect_status "a peer of $useless" 1
    says "a peer of $useless" "$ERR" '^rpfpolicy: --peer goes with the name of a device'
done
run explain eth1 --peer=eth0
expect_status "who is no address" 1
says "which it says" "$ERR" "takes an address of IPv4 or IPv6, not 'eth0'"

# --- and in IPv6

run explain eth1
says "without a peer, for those far away in IPv6" "$OUT" 'from fd00:5::4 to peers far away: by eth0 via fd00:4::1, not by eth1'
says "where loose is no cure" "$OUT" 'IPv6 has no rp_filter'
says_not "link-local addresses are no matter" "$OUT" 'from fe80'
run explain eth1 --peer=2001:db8::1
says "to a peer in IPv6" "$OUT" 'from fd00:5::4 to 2001:db8::1: by eth0 via fd00:4::1, not by eth1'
says_not "addresses of IPv4 do not reply" "$OUT" 'from 172'
expect_equal "the finding comes first" "$(head -n 1 "$OUT")" \
    "2001:db8::1 -> fd00:5::4 by eth1: accepted, but replies leave by another way"
says "the route is guilty" "$OUT" "'default via fd00:4::1 dev eth0.*' in table main"
says "what nobody tried is not told as a cure" "$OUT" 'no cure can be tried'
says_not "neither routing nor a value" "$OUT" '= (auto|loose|off)|modelled|None of the cures'
run explain eth1 --peer=2001:db8::1 --json
json "in JSON, too" '.passes == false and (.culprit | test("fd00:4::1 dev eth0")) and .cures == [] and
    (.note | test("no cure can be tried"))'
run explain eth1 --peer=2001:db8::1
says_not "since nothing is dropped here" "$OUT" 'strict (drops|can stay)'
run explain eth0
says "the first card is symmetric in IPv6, too" "$OUT" 'from fd00:4::4 to peers far away: by eth0 via fd00:4::1$'
says_not "and needs no cure there, either" "$OUT" 'no rp_filter'
run explain eth1 --peer=fd00:5::9 --json
json "the same in JSON" '.replies == [{"from": "fd00:5::4", "to": "fd00:5::9", "devices": ["eth1"], "symmetric": true, "message": "from fd00:5::4 to fd00:5::9: by eth1"}]'
json "with nothing to cure" '.replies_cure == "" and .replies_note == null'
run explain eth1 --json
json "one reply per address, to nobody in particular" '[.replies[] | [.from, .to, .symmetric]] == [["172.16.5.4", null, false], ["fd00:5::4", null, false]]'
run explain eth1 --peer=::ffff:203.0.113.1
says "a peer of IPv4 as a socket shows it" "$OUT" 'from 172.16.5.4 to 203.0.113.1: by eth0'
ip -6 address del fd00:7::4/64 dev eth3
run explain eth3 --peer=2001:db8::1
says "a peer of a family that the device has not" "$OUT" 'none to 2001:db8::1: eth3 has no IPv6 address'
run explain eth3 --peer=2001:db8::1 --json
json "in JSON, too" '.replies == [] and (.replies_note | test("no IPv6 address"))'
ip address add fd00:7::4/64 dev eth3 nodad
for peer in fd00:4::4 172.16.4.4; do
    run explain eth1 --peer="$peer"
    says "a peer that is this host: $peer" "$OUT" "to $peer: stays in this host$"
    says_not "which needs no cure" "$OUT" '= auto'
done
ip -6 route add unreachable 2001:db8:9::/48
run explain eth1 --peer=2001:db8:9::1
says "where nothing leads" "$OUT" 'from fd00:5::4 to 2001:db8:9::1: no way \(unreachable\)$'
says_not "nothing leaves by the wrong card" "$OUT" '= auto'
ip -6 route del unreachable 2001:db8:9::/48
for peer in fe80::1 ff02::1 ::; do
    run explain eth1 --peer="$peer"
    expect_status "who is no host: $peer" 1
done

# --- see first

policy_file 10-test.conf <<'X'
[routing]
eth0..3 = auto
[routing eth1]
gateway = 172.16.5.1 fd00:5::1
[routing *]
gateway = first
X
run routes show
expect_status "show with something to do" 2
says "a device is in drift" "$OUT" '^drift +eth1 +172.16.5.4, fd00:5::4 +172.16.5.1 \(policy\), fd00:5::1 \(policy\)'
says "the first host is the gateway of others" "$OUT" '^drift +eth2 .*172.16.6.1 \(first host\)'
says "the first card is left alone" "$OUT" '^primary +eth0 '
says "with the line that asks for it" "$OUT" '10-test.conf:2$'
says "and the number of changes" "$OUT" '^[0-9]+ changes are to be made'
run routes plan
expect_status "plan" 2
says "a plan says what one would type" "$OUT" "ip -4 rule add from 172.16.5.4 lookup $T1 priority 20200 protocol 182"
run routes apply --dry-run
expect_status "a dry run" 2
expect_equal "and changes nothing" "$(ours)" ""
run routes apply
expect_status "apply where the mode is observe" 2
expect_equal "writes nothing" "$(ours)" ""
expect "accepts the policy" grep -q 'fd00:5::1' /var/lib/rpfpolicy/accepted.conf
says "shows what it would make" "$OUT" "ip -4 rule add from 172.16.5.4 lookup $T1 priority 20200 protocol 182"
says "and tells the way on" "$ERR" "^'rpfpolicy routes apply --once'"
run routes apply --json
expect_status "the same as JSON" 2
json "has what it would make" '(.changes | length > 0) and all(.changes[]; has("result") | not)'
expect_equal "and writes nothing" "$(ours)" ""
run routes plan --json
expect_status "plan as JSON" 2
json "has the changes" '.changes[0].op == "add-route" and .summary.drift == 3 and .asked'

# --- do it

run routes apply --once
expect_status "apply" 0
says "each change is a line" "$OUT" '^ip -6 route add default via fd00:5::1 dev eth1 table [0-9]+ protocol 182: wanted$'
expect_equal "what others have is as it was" "$(foreign)" "$FOREIGN"
expect_equal "replies leave by their device" \
    "$(ip route get 203.0.113.1 from 172.16.5.4 | sed 's/ uid.*//;q')" \
    "203.0.113.1 from 172.16.5.4 via 172.16.5.1 dev eth1 table $T1"
expect "connected subnets stay on main" \
    sh -c 'ip route get 172.16.6.9 from 172.16.5.4 | grep -q "dev eth2"'
expect "the same in IPv6" sh -c 'ip -6 route get 2001:db8::1 from fd00:6::4 | grep -q "dev eth2"'
expect "the first card goes by main" \
    sh -c 'ip route get 203.0.113.1 from 172.16.4.4 | grep -q "via 172.16.4.1 dev eth0"'
run routes apply --once
expect_status "apply again" 0
says "has nothing to do" "$OUT" '^Nothing to do'
run routes show
expect_status "all is as wanted" 0
says "which the table says" "$OUT" '^ok +eth3 '
run routes show --json
expect_status "and the JSON" 0
json "per device" '.devices | length == 4'
json "with addresses, table and gateway" \
    '.devices[1] | .name == "eth1" and .state == "ok" and (.addresses | index("172.16.5.4/24")) and .gateways.ipv4 == {"address": "172.16.5.1", "source": "policy"}'
json "rules and routes" \
    '.devices[1] | (.rules | length == 2) and (.routes | length == 4) and .rules[0].from == "172.16.5.4"'
json "and who asks" '.devices[1].rule.line == 2 and .devices[1].conflict == null'
expect "anyone may look" setpriv --reuid=65534 --regid=65534 --clear-groups \
    "$SYSTEM_BUILD/agent/cli/rpfpolicy" routes show >/dev/null

run explain eth1
says "replies are symmetric now" "$OUT" 'from 172.16.5.4 to peers far away: by eth1 via 172.16.5.1$'
says "in IPv6, too" "$OUT" 'from fd00:5::4 to peers far away: by eth1 via fd00:5::1$'
says_not "and nothing is to be done" "$OUT" '= loose'

# --- what strict forwards

echo 1 >"$CONF/eth1/rp_filter"
sysctl -qw net.ipv4.ip_forward=1
run check
says "a strict second card that forwards" "$OUT" 'warning: strict-forward: .*\[1: eth1\]'
run explain eth1
says "tells so, and of whom it could be tried" "$OUT" 'eth1 forwards, and strict drops'
says_not "and promises nothing" "$OUT" '^ +(ip|nft) '
sysctl -qw net.ipv4.ip_forward=0
echo 0 >"$CONF/eth1/rp_filter"

# --- check says the same

run check
expect_status "check" 0
says "counts it" "$OUT" '^routing of 4 devices: 3 ok, 1 primary'
ip rule del from 172.16.6.4 lookup "$((21000 + $(eth 2)))"
run check
expect_status "check finds a lost rule" 2
says "as drift of the device" "$OUT" '^drift +eth2 +routing +- +auto .*10-test.conf:2'
run check eth1
expect_status "which is not the matter of another device" 0
run check --json
json "JSON has it" '.summary.routing.drift == 1 and (.routing | length == 4)'
run check --format=nagios
expect_status "a monitoring system" 2
says "sees it" "$OUT" 'routing not as wanted.* routing=1;;0;0$'
run check --format=prometheus
says "so do metrics" "$OUT" '^rpfpolicy_routing_devices\{state="drift"\} 1$'
run check --format=csv
says "and tables" "$OUT" '^[0-9]+,eth2,routing,drift,,,,no,,'
run check --format=ndjson
expect_equal "and streams" "$(jq -r 'select(.type == "routing" and .state == "drift") | .name' "$OUT")" eth2
run routes apply --once
sed -i 's/^eth0..3 = auto/eth1 = auto/' /etc/rpfpolicy.d/10-test.conf
run check
expect_status "what nobody asks for any more" 2
says "is drift, too" "$OUT" '^drift +- +routing +[0-9]+ left +none'
sed -i 's/^eth1 = auto/eth0..3 = auto/' /etc/rpfpolicy.d/10-test.conf

# --- what changes

ip address replace 172.16.5.99/24 dev eth1
ip rule del from 172.16.6.4 lookup "$((21000 + $(eth 2)))"
run routes show
expect_status "an address more and a rule less" 2
run routes apply --once
expect_status "are put right" 0
expect "the new address has a rule" sh -c 'ip rule show | grep -q "from 172.16.5.99 "'
ip address del 172.16.5.99/24 dev eth1
run routes apply --once
says "a gone address loses its rule" "$OUT" '^ip -4 rule del from 172.16.5.99'
ip link set eth3 down
run routes apply --once
expect_status "a device that is down waits" 0
run routes show
says "which is shown" "$OUT" '^waiting +eth3 '
ip link set eth3 up
ip address add fd00:7::4/64 dev eth3 nodad
run routes apply --once
expect_equal "gateways come and go in one step" "$STATUS" 0
sed -i 's/172.16.5.1 /172.16.5.9 /' /etc/rpfpolicy.d/10-test.conf
run routes apply --once
says "another gateway replaces the old one" "$OUT" '^ip -4 route replace default via 172.16.5.9'

# --- who is in the way

ip rule add from 10.1.0.0/16 lookup 100 priority 20200
run routes show
expect_status "a foreign rule at our priority" 2
says "is a conflict" "$OUT" '^conflict +eth1 '
says "and named" "$OUT" "note: eth1: a rule of somebody else stands at priority 20200: 'from 10.1.0.0/16 lookup 100'"
run routes show --json
json "in JSON, too" '.devices[1].conflict | test("priority 20200")'
OURS=$(ours)
sed -i 's/172.16.5.9 /172.16.5.7 /' /etc/rpfpolicy.d/10-test.conf
run routes apply --once
expect_status "apply leaves it alone" 2
expect_equal "what it has it keeps" "$(ours)" "$OURS"
run apply --once
expect_status "so does apply with values" 2
says "which does not tell that all is as wanted" "$ERR" 'as the policy wants it, but not all of the routing'
run routes apply --once --force
expect_status "unless forced" 0
expect "then it is written" sh -c "ip route show table $T1 | grep -q 'default via 172.16.5.7'"
ip rule del priority 20200 from 10.1.0.0/16
ip route add 10.9.0.0/16 dev eth1 table "$((21000 + $(eth 2)))"
run routes show
says "so is a foreign route in our table" "$OUT" 'note: eth2: table [0-9]+ is used by somebody else'
ip route del 10.9.0.0/16 table "$((21000 + $(eth 2)))"

mkdir -p /run/systemd/network /etc/cni/net.d
echo '[RoutingPolicyRule]' >/run/systemd/network/10-netplan-eth1.network
echo '[RoutingPolicyRule]' >/etc/systemd/network/10-cloud-init-eth2.network
echo '"type": "aws-cni"' >/etc/cni/net.d/10-aws.conflist
run routes show --json
json "others at work are conflicts" \
    '[.devices[1, 2].conflict | test("cloud-init configures rules here")] == [true, true]'
jq -r '.devices[1, 2].cure' "$OUT" >"$SYSTEM_WORK/cure"
expect "whose cures a shell takes" sh -n "$SYSTEM_WORK/cure"
expect "with what is for a person as comments" not grep -E '^(then|it) ' "$SYSTEM_WORK/cure"
rm -r /run/systemd/network/10-netplan-eth1.network /etc/systemd/network/10-cloud-init-eth2.network /etc/cni

# --- pauses

run pause eth1 --reason=test
sed -i 's/172.16.5.7 /172.16.5.6 /' /etc/rpfpolicy.d/10-test.conf
run routes apply --once
expect_status "a paused device" 0
expect "keeps what it has" sh -c "ip route show table $T1 | grep -q 'default via 172.16.5.7'"
run routes show
says "and is shown as such" "$OUT" '^paused +eth1 '
run resume
run routes apply --once
expect "until it goes on" sh -c "ip route show table $T1 | grep -q 'default via 172.16.5.6'"

# --- back

FOREIGN=$(foreign) # eth3 was down meanwhile
OURS=$(ours)
policy_file 10-test.conf <<'X'
[rp_filter]
eth1 = strict
[routing]
eth1 = auto
[routing eth1]
gateway = first
X
echo 0 >"$CONF/eth1/rp_filter"
run routes apply --once --confirm=1s </dev/null
expect_status "an apply that nobody confirms" 1
expect_equal "is taken back" "$(ours)" "$OURS"
ip route add 10.77.0.0/16 table "$T1" proto 182 nexthop via 172.16.5.1 dev eth1 \
    nexthop via 172.16.5.2 dev eth1
run routes apply --once --confirm=1s </dev/null
expect_status "a route that is not made again" 1
says "is no failure" "$ERR" 'not confirmed: values and policy were put back'
expect_equal "and all else is there again" "$(ours)" "$OURS"

# --- the whole policy

run plan
expect_status "plan" 2
says "has the values" "$OUT" 'eth1 +rp_filter +0 -> 1'
says "and the routes" "$OUT" 'ip -4 rule del from 172.16.6.4 lookup'
run plan --json
json "in JSON, too" '(.writes | length > 0) and (.routes | length > 0) and .routes[0].command'
run apply --dry-run
expect_status "a dry run" 2
says "shows both" "$OUT" '^ip -4 rule del from 172.16.6.4'
expect_equal "and does nothing" "$(ours)$(cat "$CONF/eth1/rp_filter")" "${OURS}0"
run apply --once --confirm=1s </dev/null
expect_status "apply, not confirmed" 1
expect_equal "all is taken back" "$(ours)$(cat "$CONF/eth1/rp_filter")" "${OURS}0"
run apply --once --json
expect_status "apply" 0
json "tells both" '.summary.written == 1 and .summary.routes.done > 0 and .routes[0].result == "done"'
expect_value eth1 rp_filter 1
expect "what is not asked for any more is gone" not sh -c 'ip rule show | grep -q "from 172.16.6.4 "'
run apply --once
expect_status "a second one" 0
says "has nothing to do" "$OUT" '^Nothing to do'
OURS=$(ours)
run restore --dry-run
expect_status "restore tells first" 2
says "of routes, too" "$OUT" '^ip -4 rule del from 172.16.5.4'
expect_equal "and leaves them" "$(ours)" "$OURS"
run restore --json
expect_status "restore" 0
json "tells of both" '.writes[0].new == 0 and (.routes | length > 0)'
expect_equal "takes all of ours away" "$(ours)$(cat "$CONF/eth1/rp_filter")" 0
run routes apply --once
expect_equal "since all is paused they stay away" "$(ours)" ""
run resume
run routes apply --once
expect_equal "until it goes on" "$(ours)" "$OURS"
run routes flush --dry-run
expect_status "flush tells first" 2
run routes flush
expect_status "flush" 0
expect_equal "takes away all of ours" "$(ours)" ""
expect_equal "and nothing else" "$(foreign)" "$FOREIGN"
run routes flush
says "once" "$OUT" '^Nothing to do'

# --- names that no device has

policy_file 10-test.conf <<'X'
[rp_filter]
wlan0 = off, observe
[routing]
etho1 = auto
eth7  = off
ppp*  = auto
X
run routes show
expect_status "a name that no device has" 0
says "is told" "$OUT" "^note: there is no device 'etho1' \(/etc/rpfpolicy.d/10-test.conf:4\)$"
says_not "but not where nothing is asked" "$OUT" 'eth7'
run check
expect_status "check lets it pass" 0
says "but says so" "$OUT" "^note: there is no device 'etho1'"
run check --strict
expect_status "unless it is strict" 2
run check --json
json "it is counted with the others" '.summary.unmatched == 2'
sed -i /etho1/d /etc/rpfpolicy.d/10-test.conf
run routes show
says "where none is there the table is no riddle" "$OUT" '^No device here is one that \[routing\] asks for'

# --- words

run routes
expect_status "routes alone" 1
run routes shw
expect_status "an unknown word" 1
says "is named" "$ERR" "show, plan, apply or flush, not 'shw'"
run routes show --force
expect_status "an option that has no meaning there" 1
expect "nobody without privilege changes routes" sh -c "! setpriv --reuid=65534 --regid=65534 \
    --clear-groups '$SYSTEM_BUILD/agent/cli/rpfpolicy' routes apply 2>/dev/null"
system_end
