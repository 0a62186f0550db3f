#!/bin/bash
# A node put right, told in steps, with the real systemd-udevd, 99-systemd.rules and systemd-sysctl in
# namespaces of its own. Exits with 1 when a step does not go as told, 77 where it cannot be played.
#
# story.sh BUILD-DIRECTORY
#
RPFPOLICY_BUILD=$(cd "${1:?the build directory}" && pwd) || exit 1
export RPFPOLICY_BUILD
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

POD=10.0.0.42
OUTSIDE=192.0.2.1
LXC=lxc4f21a9
step_number=0
bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' plain=$'\e[0m'
fi

# --- telling -------------------------------------------------------------------------------------

step() {
    step_number=$((step_number + 1))
    printf '\n%s%d. %s%s\n' "$bold" "$step_number" "$1" "$plain"
}

say() {
    printf '   %s\n' "$@"
}

indent() {
    sed 's/^/   | /'
}

# show COMMAND...: as if typed. Its output stays in $output, its exit status in $status.
show() {
    show_without '^$' "$@"
}

# show_without REGEX COMMAND...: the same, some lines left out.
show_without() {
    local regex=$1 left_out messages

    shift
    printf '\n   $ %s\n' "$*"
    output=$("$@" 2>"$SYSTEM_WORK/messages")
    status=$?
    messages=$(cat "$SYSTEM_WORK/messages")
    output+=${messages:+$'\n'$messages}
    [ -z "$output" ] || grep -Ev -- "$regex" <<<"$output" | indent
    left_out=$(grep -Ev '^$' <<<"$output" | grep -Ec -- "$regex")
    [ "$left_out" = 0 ] || say "($left_out more lines of warnings, not told here)"
}

# so TEXT COMMAND...: what the reader is told is true.
so() {
    local text=$1

    shift
    if "$@"; then
        printf '   [ok] %s\n' "$text"
    else
        printf '   [!!] NOT SO: %s\n' "$text"
        FAILURES=$((FAILURES + 1))
    fi
}

output_has() {
    grep -Eq -- "$1" <<<"$output"
}

is() {
    [ "$1" = "$2" ] || ! echo "        it is '$1', not '$2'"
}

words() {
    local value sep=''

    for value in $1; do
        case $value in
        0) value=off ;;
        1) value=strict ;;
        2) value=loose ;;
        esac
        printf '%s%s' "$sep" "$value"
        sep=' -> '
    done
    echo
}

# --- the node ------------------------------------------------------------------------------------

distribution_files() {
    sysctl_d 10-network-security.conf <<'CONF'
net.ipv4.conf.default.rp_filter=2
net.ipv4.conf.all.rp_filter=2
CONF
    echo 'net.ipv4.conf.*.rp_filter = 2' >/usr/lib/sysctl.d/50-default.conf
}

# The uplink, and beyond it a router that knows the way to the pods.
make_uplink() {
    ip netns add outside
    ip link add eno1 type veth peer name eth0 netns outside
    ip address add 192.0.2.10/24 dev eno1
    ip link set eno1 up
    ip route add default via "$OUTSIDE"
    ip -n outside address add "$OUTSIDE/24" dev eth0
    ip -n outside link set eth0 up
    ip -n outside route add 10.0.0.0/24 via 192.0.2.10
    echo 1 >/proc/sys/net/ipv4/ip_forward
}

# All pods are routed to cilium_host and come out of cilium_net. From there to each pod's device is
# the work of the plugin's BPF programs, which a rule and a table of routes stand for here.
make_plugin() {
    ip link add cilium_host type veth peer name cilium_net
    ip address add 10.0.0.1/32 dev cilium_host
    ip link set cilium_host up
    ip link set cilium_net up
    ip route add 10.0.0.0/24 dev cilium_host src 10.0.0.1
    ip rule add iif cilium_net lookup 100
}

# make_pod NAME ADDRESS LXC: the plugin answers for gateway and pods, hence the fixed neighbours.
make_pod() {
    ip netns add "$1"
    ip link add "$3" type veth peer name eth0 netns "$1"
    ip link set "$3" up
    ip -n "$1" address add "$2/32" dev eth0
    ip -n "$1" link set eth0 up
    ip -n "$1" neighbour add 10.0.0.1 lladdr "$(cat "/sys/class/net/$3/address")" dev eth0
    ip -n "$1" route add 10.0.0.1 dev eth0
    ip -n "$1" route add default via 10.0.0.1
    ip neighbour add "$2" lladdr "$(cat /sys/class/net/cilium_net/address)" dev cilium_host
    ip route add "$2" dev "$3" table 100
}

reverse_path_drops() {
    awk '$1 == "TcpExt:" {
        for (i = 2; i <= NF; i++)
            if (!seen) column[i] = $i
            else if (column[i] == "IPReversePathFilter") print $i
        seen = 1
    }' /proc/net/netstat
}

# The kernel's own words since the story began; other namespaces speak there too.
martians() {
    dmesg | awk -v since="$began" -v device="$LXC" '
        index($0, "martian source") && $0 ~ "on dev " device "$" {
            stamp = $0
            gsub(/^\[ *|\].*/, "", stamp)
            if (stamp + 0 >= since + 0) print
        }'
}

# The kernel limits how much it logs, over all namespaces: another packet gets another chance.
wait_for_martian() {
    local i

    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        output=$(martians | tail -n 1)
        [ -z "$output" ] || return 0
        ip netns exec pod ping -c 1 -W 1 -q "$OUTSIDE" >/dev/null
    done
    echo "        not after $i more packets"
    return 1
}

# --- the story -----------------------------------------------------------------------------------

read -r began _ </proc/uptime
echo "${bold}A Cilium node put right${plain}"
say "(in network, mount and process namespaces of its own; this machine is not touched)"

step "A node boots. Its distribution makes every device loose, and \`all\` too."
distribution_files
show head -v /etc/sysctl.d/10-network-security.conf /usr/lib/sysctl.d/50-default.conf
run_systemd_sysctl
so "systemd-sysctl has set \`all\` to loose" is "$(value all rp_filter)" 2

step "udev is running. The uplink, the plugin's devices and a first pod appear."
system_start_udev
make_uplink
make_plugin
make_pod pod "$POD" "$LXC"
system_settle
so "systemd-sysctl has made each of them loose" \
    is "$(for i in eno1 cilium_host cilium_net "$LXC"; do value "$i" rp_filter; done | xargs)" "2 2 2 2"

step "What the administrator wants, in one file."
policy_file 10-node.conf <<'CONF'
[agent]
mode = enforce

[rp_filter]
lxc*     = off
cilium_* = off
*        = strict
CONF
show cat /etc/rpfpolicy.d/10-node.conf

step "Where the node stands, and which line of which file is to blame."
show_without '^warning: (scanner|containers)' rpfpolicy check
so "check finds drift (exit 2)" is "$status" 2
so "the line that raised \`all\` is named" \
    output_has 'drift +all .*/etc/sysctl.d/10-network-security.conf:2'
so "the line that made $LXC loose is named" \
    output_has "drift +$LXC .*loose.*/usr/lib/sysctl.d/50-default.conf:1"
so "so is the reason why loose is not enough for it" output_has 'loose-unnumbered.*IPv4 address'

step "What it means: the pod cannot reach the world."
drops=$(reverse_path_drops)
echo 1 >"$CONF/$LXC/log_martians"
show ip netns exec pod ping -c 3 -i 0.2 -W 1 -q "$OUTSIDE"
so "no reply" output_has '100% packet loss'
say "" "IPReversePathFilter: $drops before, $(reverse_path_drops) now"
so "the kernel counts each packet as dropped by reverse path" \
    is "$(($(reverse_path_drops) - drops))" 3
if dmesg >/dev/null 2>&1; then
    wait_for_martian
    found=$?
    say "" "The kernel log:"
    indent <<<"$output"
    so "the martian log speaks of the pod on $LXC" test "$found" = 0
else
    say "(the kernel log may not be read here)"
fi

step "What would be written, in which order and why. Nothing is written yet."
before=$(all_values)
show rpfpolicy plan
so "there is something to do (exit 2)" is "$status" 2
# shellcheck disable=SC2016 # awk's own variables
so "\`all\` moves after the devices that must not be weakened by it" \
    awk '$2 == "eno1" { eno1 = NR } $2 == "all" { all = NR } END { exit !(eno1 && eno1 < all) }' \
    <<<"$output"
so "nothing has changed" is "$(all_values)" "$before"

step "The policy is accepted and carried out, while every single write is watched."
watch_start
show rpfpolicy apply --yes
watch_stop
so "apply succeeded" is "$status" 0
say "" "What the devices did, from one write to the next:"
for device in eno1 cilium_host cilium_net "$LXC"; do
    say "$(printf '  %-12s %s' "$device" "$(words "$(watched "$device")")")"
done
so "eno1 was loose, then strict, and at no instant off" is "$(watched eno1)" "2 1"
so "$LXC was loose, then off" is "$(watched "$LXC")" "2 0"
so "a device that is new starts as strict" is "$(watched default)" "2 1"

step "The pod reaches the world."
show ip netns exec pod ping -c 3 -i 0.2 -W 1 -q "$OUTSIDE"
so "every packet is answered" output_has ' 0% packet loss'
show_without '^warning: ' rpfpolicy check
so "check is content (exit 0)" is "$status" 0
say "(latent: right now, but a full run of systemd-sysctl would undo it; an add would not)"

step "More pods appear. systemd-sysctl makes their devices loose, our helper puts them right."
system_log_clear
watch_start
make_pod pod2 10.0.0.43 lxc77b03e
make_pod pod3 10.0.0.44 lxc9c1d52
system_settle
watch_stop
say "" "As the kernel announced it:"
for device in lxc77b03e lxc9c1d52; do
    say "  $device  $(words "$(watched "$device")")"
done
say "" "The system log:"
sed 's/.*\(rpfpolicy-helper\)\[[0-9]*\]/\1/' "$SYSTEM_LOG" | sort | indent
for device in lxc77b03e lxc9c1d52; do
    so "$device was born strict, made loose by systemd-sysctl, made off by the helper" \
        is "$(watched "$device")" "1 2 0"
    so "and the line of the policy is in the log" \
        grep -q "$device: rp_filter set from 2 to 0: lxc\*=off (/etc/rpfpolicy.d/10-node.conf:5)" \
        "$SYSTEM_LOG"
done
show ip netns exec pod3 ping -c 3 -i 0.2 -W 1 -q "$OUTSIDE"
so "the new pods reach the world from the start" output_has ' 0% packet loss'

step "A device gets another name, and is judged by it."
ip link add eth7 type veth peer name eth8
system_settle
so "eth7 is strict" is "$(value eth7 rp_filter)" 1
system_log_clear
show ip link set eth7 name lxc_health
system_settle
say "" "The system log:"
sed 's/.*\(rpfpolicy-helper\)\[[0-9]*\]/\1/' "$SYSTEM_LOG" | indent
so "lxc_health is off" is "$(value lxc_health rp_filter)" 0
show_without '^warning: ' rpfpolicy check
so "everything is as the policy wants it (exit 0)" is "$status" 0

echo
if [ "$FAILURES" = 0 ]; then
    echo "Every step went as told."
else
    echo "$FAILURES statements were not so."
fi
system_end
