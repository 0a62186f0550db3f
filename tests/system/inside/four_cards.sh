# shellcheck shell=bash
# A node with four network cards, each towards a router, the way back by the first one alone: strict drops
# what comes in by the others from afar, until the policy makes those loose.

AFAR=203.0.113.9

ip netns add routers
ip -n routers link set lo up
ip -n routers address add "$AFAR/32" dev lo
for card in 0 1 2 3; do
    ip link add "eth$card" type veth peer name "r$card" netns routers
    ip address add "10.0.$card.2/24" dev "eth$card"
    ip link set "eth$card" up
    ip -n routers address add "10.0.$card.1/24" dev "r$card"
    ip -n routers link set "r$card" up
done
ip route add default via 10.0.0.1 dev eth0
udevadm settle

# reaches CARD: a packet from afar is answered that came in by this card. The routers take every answer.
reaches() {
    ip netns exec routers ping -q -c 1 -W 1 -I "$AFAR" "10.0.$1.2" >/dev/null
}

does_not_reach() {
    ! reaches "$1"
}

for card in 0 1 2 3; do
    eventually "eth$card is strict" has "eth$card" 1
done
# shellcheck disable=SC2016 # for the inner shell
ip netns exec routers sh -c 'for one in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$one; done'
eventually "eth0 is reached from afar" reaches 0
for card in 1 2 3; do
    expect "strict: eth$card is not" does_not_reach "$card"
done
echo 'eth1..3 = loose' >>/etc/rpfpolicy.d/10-node.conf
rpfpolicy plan
expect "plan has something to do" test $? = 2
expect "apply" rpfpolicy apply --once --force
for card in 1 2 3; do
    expect "eth$card is loose" has "eth$card" 2
    eventually "and is reached" reaches "$card"
done
expect "eth0 is strict as before" has eth0 1
expect "check is clean" rpfpolicy check
