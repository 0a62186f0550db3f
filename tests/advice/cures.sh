#!/bin/bash
# The cures that `explain --peer` prints: each is pasted as it stands, and packets are sent. What does not
# cure is not printed, and what is guilty is named.
# shellcheck disable=SC2119 # arguments left out
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"
nics_setup
nics_guard_sources

PEER=172.16.0.4
OWN=/etc/rpfpolicy.d/10-local.conf

# asked DEVICE ADDRESS [OPTION...]: what explain has to say is in $OUT.
asked() {
    run explain "$1" --peer="$2" --json "${@:3}"
}

cures() {
    jq '.cures | length' "$OUT"
}

# paste N: cure N of the answer, as it stands.
paste_cure() {
    local kind

    kind=$(jq -r ".cures[$1].kind" "$OUT")
    jq -r ".cures[$1].text" "$OUT" >"$SYSTEM_WORK/cure"
    case $kind in
    policy)
        cat "$SYSTEM_WORK/cure" >>"$OWN"
        rpfpolicy apply --once >"$SYSTEM_WORK/apply" 2>&1 || {
            cat "$SYSTEM_WORK/apply" >&2
            return 1
        }
        ;;
    commands) bash -e "$SYSTEM_WORK/cure" ;;
    esac
}

# Rules and routes as they were, and no policy of the administrator.
start() {
    rm -f "$OWN"
    rpfpolicy apply --once >/dev/null 2>&1
}

# offers REGEX / offers_not REGEX: among the cures there is one with such a text, or none.
offers() {
    jq -r '.cures[].text' "$OUT" | grep -qE -- "$1"
}

offers_not() {
    ! offers "$1"
}

# each_cures TEXT DEVICE PEER ADDRESS [OPTION...]: nothing passes before, and every cure cures; undo takes
# away what commands did.
each_cures() {
    local text=$1 device=$2 peer=$3 address=$4 n i kind

    expect "$text: the peer does not reach $address" peer_does_not_reach "$address"
    asked "$device" "$peer" "${@:5}"
    json "$text: so it says" '.passes == false'
    json "$text: what is guilty is named" '.culprit | length > 0'
    n=$(cures)
    expect "$text: there is a cure" [ "$n" -gt 0 ]
    cp "$OUT" "$SYSTEM_WORK/answer"
    for ((i = 0; i < n; i++)); do
        cp "$SYSTEM_WORK/answer" "$OUT"
        kind=$(jq -r ".cures[$i].kind" "$OUT")
        expect "$text: cure $i can be pasted" paste_cure "$i"
        expect "$text: cure $i, $(jq -c ".cures[$i].text" "$OUT"), cures" peer_reaches "$address"
        expect "$text: the first card still answers" peer_reaches 172.16.4.2
        asked "$device" "$peer" "${@:5}"
        json "$text: cure $i, and so it says" '.passes and .culprit == null and .cures == []'
        [ "$kind" != commands ] || undo_commands
        start
    done
}

undo_commands() {
    sed -n 's/^ip \(rule\|route\) add /ip \1 del /p' "$SYSTEM_WORK/cure" | tac | bash -e
}

printf '[rp_filter]\neth* = strict\n' | policy_file 05-base.conf
rpfpolicy apply --once >/dev/null

# --- what is to be typed writes, whatever the mode

run explain eth1 --peer=172.16.0.4
says "the mode observes" "$OUT" '^ *rpfpolicy apply --once$'
says_not "and apply alone would write nothing" "$OUT" '^ *rpfpolicy apply$'
printf '[agent]\nmode = enforce\n' | policy_file 01-mode.conf
run explain eth1 --peer=172.16.0.4
says "the mode enforces" "$OUT" '^ *rpfpolicy apply$'
rm /etc/rpfpolicy.d/01-mode.conf

# --- a second card, nothing else

each_cures "second card" eth1 "$PEER" 172.16.5.4
expect "loose is no cure where replies leave elsewhere" offers_not 'loose|off'
asked eth0 "$PEER"
json "the first card passes" .passes
run explain eth1 --peer="$PEER"
expect_equal "the finding comes first" "$(head -n 1 "$OUT")" "$PEER -> 172.16.5.4 by eth1: dropped"

# --- verdict has the same where the packet is lost

# same_as_explain TEXT DEVICE PEER [OPTION...]: culprit, note and cures.
same_as_explain() {
    asked "${@:2:2}" "${@:4}"
    jq -S '{culprit, note, cures}' "$OUT" >"$SYSTEM_WORK/explained"
    run verdict "$3" "$2" --json "${@:4}"
    expect "$1: verdict has the cures of explain" \
        cmp -s "$SYSTEM_WORK/explained" <(jq -S '{culprit, note, cures}' "$OUT")
}

same_as_explain "dropped" eth1 "$PEER" --to=172.16.5.4
json "dropped: there are some" '.now.result == "drop" and (.cures | length > 0)'
run verdict "$PEER" eth1 --to=172.16.5.4
says "dropped: in words" "$OUT" '^ *eth1 = auto$'
same_as_explain "accepted" eth0 "$PEER" --to=172.16.4.2
json "accepted: there are none" '.now.result == "accept" and .culprit == null and .cures == []'
ip rule add priority 50 ipproto udp sport 53 lookup main
same_as_explain "with ports that a rule looks at" eth1 "$PEER" --to=172.16.5.4 --proto=udp --dport=53
json "with ports that a rule looks at: the rule is guilty" '.culprit | test("rule 50 ")'
ip rule del priority 50

# A mark lets the packet pass; the ARP request of its sender has none, and stays unanswered.
ip route add 172.16.5.1 via 172.16.4.1
ip route add 172.16.5.0/24 dev eth1 table 77
ip rule add priority 60 fwmark 0x7 lookup 77
sysctl -qw net.ipv4.conf.eth1.src_valid_mark=1
same_as_explain "mute" eth1 172.16.5.1 --to=172.16.5.4 --mark=7
json "mute: accepted, and what is guilty is named" '.now.result == "accept" and
    (.culprit | test("ARP requests of 172.16.5.1"))'
sysctl -qw net.ipv4.conf.eth1.src_valid_mark=0
ip rule del priority 60
ip route flush table 77
ip route del 172.16.5.1

rpfpolicy pause eth1 --reason=test
run verdict "$PEER" eth1 --to=239.1.1.1 --json
json "no line cures what is paused" '.now.result == "drop" and .cures == []'
rpfpolicy resume eth1 >/dev/null
run verdict "$PEER" eth1 --to=239.1.1.1 --json
json "and one does once that is over" '.cures | length == 1'

# --- main has a more specific route, which passes `main first`

ip route add 172.16.0.0/16 via 172.16.4.1
each_cures "a /16 in main" eth1 "$PEER" 172.16.5.4
asked eth1 "$PEER"
expect "main-first = no is among them" offers 'main-first = no'
expect "the route is guilty" grep -q '172.16.0.0/16 via 172.16.4.1 dev eth0' <(jq -r .culprit "$OUT")
ip route del 172.16.0.0/16

ip route add 0.0.0.0/1 via 172.16.4.1
ip route add 128.0.0.0/1 via 172.16.4.1
each_cures "two halves" eth1 "$PEER" 172.16.5.4
json "after each" '.passes'
ip route del 0.0.0.0/1
ip route del 128.0.0.0/1

# --- a rule of somebody else that is asked before ours

ip route add default via 172.16.4.1 table 52
ip rule add priority 5270 lookup 52
each_cures "an earlier rule" eth1 "$PEER" 172.16.5.4
asked eth1 "$PEER"
expect "the rule is guilty" grep -q "rule 5270 'from all lookup 52'" <(jq -r .culprit "$OUT")
expect "another base is offered" offers 'routing-priority-base = 5000'
ip rule del priority 5270
ip rule add priority 150 from 172.16.5.4 lookup 52
each_cures "one before which no base is" eth1 "$PEER" 172.16.5.4
asked eth1 "$PEER"
expect "so that no line of the policy cures" offers_not routing
ip rule del priority 150

# --- another program sets up the card

# A rule of it sends replies elsewhere; by its file routing of the card is refused.
NETWORKD=/run/systemd/network/70-eth1.network.d
mkdir -p "$NETWORKD"
printf '[RoutingPolicyRule]\nFrom=172.16.5.4\nTable=52\n' >"$NETWORKD/ec2net_alias.conf"
ip rule add priority 1 from 172.16.5.4 lookup 52
asked eth1 "$PEER"
expect "its rule is guilty" grep -q "rule 1 'from 172.16.5.4 lookup 52'" <(jq -r .culprit "$OUT")
json "what it does without its file is modelled" '[.cures[] | select(.kind == "file")] | length == 1 and
    (.[0] | .modelled and (.tried | test("^modelled, not tried: ")) and (.price | test("ec2net_alias.conf")) and
     (.text | test("^systemctl mask .*@eth1.* .eth1 = auto. .*rpfpolicy apply --once\n$"; "m")))'
# As printed, but that systemd does not run here and takes no rule away; nor does the policy enforce.
jq -r '.cures[] | select(.kind == "file").text' "$OUT" | grep -vE '^(systemctl|networkctl|rpfpolicy) ' \
    >"$SYSTEM_WORK/cure"
run explain eth1 --peer="$PEER"
says "in words, too" "$OUT" "^ +Commands of root, which change another program's files"
expect "it can be pasted" bash -e "$SYSTEM_WORK/cure"
ip rule del priority 1
rpfpolicy apply --once >/dev/null
expect "and once its rule is gone it cures" peer_reaches 172.16.5.4
start
ip route add default via 172.16.4.1 table 53
ip rule add priority 1 from 172.16.5.4 lookup 53
asked eth1 "$PEER"
expect "a rule of nobody that is known blames no file" [ "$(jq '[.cures[] | select(.kind == "file")] | length' "$OUT")" = 0 ]
ip rule del priority 1
ip route flush table 53

# --- more to try with than is tried with, which is said

# many_routes OP: 300 networks on the link of eth0; one router of 300 more is one.
many_routes() {
    local n

    for ((n = 0; n < 300; n++)); do
        echo "route $1 10.$((70 + n / 256)).$((n % 256)).0/24 dev eth0"
        echo "route $1 10.$((80 + n / 256)).$((n % 256)).0/24 via 172.16.4.9 dev eth0"
    done | ip -batch -
}

# as_neighbours OP: 20,500 of them on eth0.
as_neighbours() {
    local n

    for ((n = 0; n < 20500; n++)); do
        echo "neigh $1 10.6.$((n / 256)).$((n % 256)) lladdr 02:00:00:00:00:01 dev eth0"
    done | ip -batch -
}

asked eth1 "$PEER"
json "all of few is tried with" '.cures | length > 0 and all(.routes_left_out == 0 and .peers_left_out == 0 and
    (.tried | test("tried with") | not))'
many_routes add
as_neighbours add
asked eth1 "$PEER"
json "not all of many" '.cures | length > 0 and all(.routes_left_out > 40 and .routes_left_out < 100 and
    (.tried | test("tried with 256 of [0-9]+ subnets, routers")))'
json "nor with all peers" '.cures[0] | .peers_left_out >= 500 and
    (.tried | test("tried with 20000 of [0-9]+ packets of peers"))'
as_neighbours del
many_routes del

# --- an address that is on lo, or that is forwarded to

ip address add 172.16.5.77/32 dev lo
ip -n r1 route add 172.16.5.77/32 via 172.16.5.4
each_cures "an address on lo" eth1 "$PEER" 172.16.5.77 --to=172.16.5.77
asked eth1 "$PEER" --to=172.16.5.77
expect "no rule for the addresses of the card is offered" offers_not 'eth1 = auto'
ip -n r1 route del 172.16.5.77/32
ip address del 172.16.5.77/32 dev lo

ip netns add container
ip link add pod type veth peer name eth0 netns container
ip address add 172.16.88.1/24 dev pod
ip link set pod up
ip -n container link set lo up
ip -n container address add 172.16.88.2/24 dev eth0
ip -n container link set eth0 up
ip -n container route add default via 172.16.88.1
sysctl -qw net.ipv4.ip_forward=1
ip -n r1 route add 172.16.88.0/24 via 172.16.5.4
ip -n peer route add 172.16.88.0/24 via 172.16.0.1
in_namespace r1 nft flush ruleset
each_cures "a container behind the second card" eth1 "$PEER" 172.16.88.2 --to=172.16.88.2
asked eth1 "$PEER" --to=172.16.88.2
expect "no rule for the card's own addresses" offers_not 'eth1 = auto'
ip link del pod
ip netns del container
sysctl -qw net.ipv4.ip_forward=0
sysctl -qw net.ipv4.conf.all.rp_filter=0
nics_guard_sources

# --- loose where it drops: no route at all

ip route del default
asked eth1 203.0.113.9
json "no route" '.passes == false and (.culprit | test("no route"))'
expect "loose is no cure without a route" offers_not loose
ip route add default via 172.16.4.1

# --- marks

ip rule add priority 100 fwmark 0x1 lookup 100
ip route add local default dev lo table 100
sysctl -qw net.ipv4.conf.eth0.src_valid_mark=1
asked eth0 "$PEER" --mark=1
json "a mark that leads to a local route" '.passes == false and (.culprit | test("rule 100"))'
expect "accept_local is no cure of it" offers_not accept_local
expect "src_valid_mark = no is" offers '^eth0 = no$'
sysctl -qw net.ipv4.conf.eth0.src_valid_mark=0
ip rule del priority 100
ip route flush table 100

# As wg-quick has it: everything without its mark into the tunnel.
ip link add wg0 type veth peer name wg-far
ip link set wg-far up
ip link set wg0 up
ip route add default dev wg0 table 51820
ip rule add priority 32764 not fwmark 0xca6c lookup 51820
ip rule add priority 32763 lookup main suppress_prefixlength 0
asked eth0 203.0.113.9 --mark=0xca6c
json "marked packets without src_valid_mark" '.passes == false'
expect "src_valid_mark cures" offers '^eth0 = yes$'
asked eth0 203.0.113.9 --mark=0
expect "no way past the tunnel is offered" offers_not 'ip route|auto'
sysctl -qw net.ipv4.conf.eth0.src_valid_mark=1
asked eth0 203.0.113.9
json "whether they carry a mark is not known" '.passes == null and (.note | test("0xca6c"))'
sysctl -qw net.ipv4.conf.eth0.src_valid_mark=0
ip rule del priority 32764
ip rule del priority 32763
ip link del wg0

# As Tailscale has it with an exit node: loose, and its own packets carry a mark.
ip link add ts0 type veth peer name ts-far
ip link set ts0 up
ip link set ts-far up
ip route replace default dev ts0 table 52
ip rule add priority 5210 fwmark 0x80000/0xff0000 lookup main
ip rule add priority 5270 lookup 52
sysctl -qw net.ipv4.conf.eth0.rp_filter=2
asked eth0 203.0.113.9
json "a healthy host is not told that anything is lost" '.passes == null and .cures == []'
json "and which rule looks at the mark" '.note | test("0x80000.*rule 5210")'
asked eth0 203.0.113.9 --mark=0x80000
json "what is marked passes" .passes
sysctl -qw net.ipv4.conf.eth0.rp_filter=1
ip rule del priority 5210
ip rule del priority 5270
ip link del ts0

# --- who is nobody, who is the host itself, whom no rule for an address helps

asked eth1 0.0.0.0 --to=255.255.255.255
json "a host without an address may speak" '.passes and .cures == []'
asked eth1 "$PEER" --to=239.1.1.1
json "multicast from far away is dropped" '.passes == false'
expect "only a value cures it" offers '^eth1 = loose$'
expect "and no rule for addresses" offers_not 'eth1 = auto'
asked eth1 172.16.4.2
json "an own address is dropped" '.passes == false and (.culprit | test("accept_local"))'
expect "the cure can be pasted" paste_cure 0
run verdict 172.16.4.2 eth1 --ask-kernel --json
json "and the kernel accepts it then" '.kernel == "accept"'
start

# --- a bridge, which has no router; and a port of one

ip link add br0 type bridge
ip address add 172.18.0.1/16 dev br0
ip link set br0 up
ip link add port0 type veth peer name port-far
ip link set port0 master br0 up
ip link set port-far up
sysctl -qw net.ipv4.conf.br0.rp_filter=1
asked br0 "$PEER"
json "on a bridge nobody from far away" '.passes == false and .cures == []'
asked br0 172.18.0.9
json "its neighbours pass" .passes
asked port0 172.18.0.9
json "nothing comes in by a port itself" '.passes == null'
ip link del port0
ip link del br0

# --- more of what passes `main first`, and of rules before ours

ip route add 172.16.0.4/32 via 172.16.4.1
each_cures "one host in main" eth1 "$PEER" 172.16.5.4
ip route del 172.16.0.4/32
ip rule add priority 600 to 172.16.0.0/24 lookup main
each_cures "an earlier rule for its subnet" eth1 "$PEER" 172.16.5.4
ip rule del priority 600

# --- an address of another card: no rule for the addresses of this one speaks of it

asked eth1 "$PEER" --to=172.16.4.2
json "an address of another card" '.passes == false'
expect "no rule for the addresses of the card is offered for it" offers_not 'eth1 = auto'

# --- loose where it drops: what may not be reached, and a card without an address

ip route add unreachable 203.0.113.0/24
asked eth1 203.0.113.9
json "an unreachable route" '.passes == false and (.culprit | test("unreachable"))'
expect "loose is no cure of it" offers_not loose
ip route del unreachable 203.0.113.0/24
ip link add bare0 type veth peer name bare-far
ip link set bare-far up
ip link set bare0 up
sysctl -qw net.ipv4.conf.bare0.rp_filter=1
asked bare0 "$PEER" --to=172.16.4.2
json "a card without an address" '.passes == false'
expect "loose is no cure there" offers_not loose
ip link del bare0

# --- 240.0.0.0/4 is used by people

ip route add 240.0.0.0/4 dev eth1
run explain eth1 --json
json "a route to class E says nothing of peers far away" '.replies[0].symmetric == false'
ip route del 240.0.0.0/4
printf '[routing]\neth1 = auto\n[routing eth1]\ngateway = 240.0.0.1\n' | policy_file 20-e.conf
run validate
expect_status "a gateway in class E is one" 0
rm /etc/rpfpolicy.d/20-e.conf
system_end
