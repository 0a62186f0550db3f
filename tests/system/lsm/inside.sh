#!/bin/bash
# Inside the machine of ../lsm.sh: what an administrator does, in the order of a day, with the profiles loaded.
# Prints ok or FAILED a line, at the end what was refused or would have been.

failed=0
check() {
    local what=$1

    shift
    if "$@" >/tmp/check.out 2>&1; then
        echo "ok: $what"
    else
        echo "FAILED: $what"
        {
            cat /tmp/check.out
            journalctl --no-pager -q -u rpfpolicy-agent -u accepting -o cat | tail -n 20
            denials_of_ours
        } | sed 's/^/    /'
        failed=1
    fi
}

# Far more than any of it takes here, where each command takes a second.
until_true() {
    local end=$((SECONDS + 90))

    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

is_value() {
    [ "$(cat "/proc/sys/net/ipv4/conf/$1/rp_filter")" = "$2" ]
}

becomes() {
    until_true is_value "$@" && return 0
    echo "$1 is $(cat "/proc/sys/net/ipv4/conf/$1/rp_filter")"
    return 1
}

policy() {
    printf '%s\n' '[agent]' 'mode = enforce' 'sweep = 5s' "${@:2}" '[rp_filter]' "d* = $1" >/etc/rpfpolicy.d/10-test.conf
}

# Wherever they are: auditd takes them where it runs.
denials() {
    {
        dmesg
        journalctl --no-pager -q -o short
        cat /var/log/audit/audit.log 2>/dev/null
    } | grep -E 'avc: +denied|apparmor="(DENIED|ALLOWED)"'
}

# What was refused of ours, or would have been, each kind once.
denials_of_ours() {
    denials | grep rpfpolicy | sed -E 's/.*(avc: |apparmor=)/\1/; s/ (pid|ino|fsuid|ouid)=[0-9]+//g; s/ src=[0-9]+//' | sort -u
}

on_trial() {
    [ -e /run/rpfpolicy-root/trial ]
}

over() {
    [ ! -e /run/rpfpolicy-root/confirm ]
}

# An agent that accepts by itself, of root as in a container.
accepting_starts() {
    systemctl reset-failed accepting 2>/dev/null
    systemd-run -q --unit=accepting -p Type=notify /usr/lib/rpfpolicy/rpfpolicy-agent --accept
}

accepting_says() {
    journalctl --no-pager -q -u accepting -o cat | grep -q -- "$1"
}

# runs_as UNIT: that its agent is in the domain or profile of agents.
runs_as() {
    local context

    context=$(tr -d '\0' <"/proc/$(systemctl show -P MainPID "$1")/attr/current")
    echo "it is $context"
    [[ $context == *:rpfpolicy_agent_t:* || $context == "rpfpolicy-agent ($aa_mode)" ]]
}

# gateway_is ADDRESS: of the way that the agent gave d2.
gateway_is() {
    [ "$(ip -j route show table all default dev d2 | jq -r '.[].gateway')" = "$1" ]
}

dmesg -n 1
modprobe dummy numdummies=0
ip link set lo up
uname -r
aa_mode=enforce
case $1 in # and in $2 the mode; that of SELinux is set when all has started
apparmor)
    profiles=()
    for profile in rpfpolicy-agent rpfpolicy-helper rpfpolicy; do
        cp "/usr/share/rpfpolicy/apparmor/$profile" /etc/apparmor.d/
        profiles+=("/etc/apparmor.d/$profile")
    done
    complain=()
    [ "$2" = permissive ] && aa_mode=complain complain=(--complain)
    check "profiles are loaded" apparmor_parser --replace "${complain[@]}" "${profiles[@]}"
    ;;
selinux)
    [ "$2" = enforcing ] && setenforce 1
    restorecon -R /etc/rpfpolicy.d /usr/lib/rpfpolicy /var/lib/rpfpolicy /run/rpfpolicy*
    echo "mode: $(getenforce), commands in $(id -Z)"
    ;;
esac
systemctl restart rpfpolicy-agent
check "the agent is confined" runs_as rpfpolicy-agent

policy loose
check accept rpfpolicy accept
ip link add d0 type dummy
check "the agent writes a new device" becomes d0 2
check check rpfpolicy check
check status eval 'rpfpolicy status; [ $? -lt 2 ]'
check explain eval 'rpfpolicy explain d0; [ $? -lt 3 ]'
check reload systemctl reload rpfpolicy-agent

policy off
rpfpolicy apply --confirm=600s </dev/null >/tmp/apply.out 2>&1 &
check "apply waits" until_true on_trial
check "the agent obeys" becomes d0 0
check confirm rpfpolicy confirm
check "apply ends well" wait $!

policy strict
rpfpolicy apply --confirm=2s </dev/null >/tmp/apply.out 2>&1
check "nobody confirms" becomes d0 0

python3 -m http.server --bind 127.0.0.1 6443 >/dev/null 2>&1 &
server=$!
answers() {
    python3 -c 'import socket; socket.create_connection(("127.0.0.1", 6443), 1)' 2>/dev/null
}
check "somebody answers" until_true answers
policy strict 'probe = tcp/127.0.0.1:6443'
check "accept --trial" rpfpolicy accept --trial=900s
check "the agent obeys a trial" becomes d0 1
kill "$server"
check "a probe that fails ends it" until_true over
check "and the value is back" becomes d0 0
check "why" eval "rpfpolicy status | grep 'could be reached before'"

policy loose
check apply rpfpolicy apply
check pause rpfpolicy pause --reason=test d0
check resume rpfpolicy resume d0
check "the agent is killed" systemctl kill -s KILL rpfpolicy-agent
systemctl stop rpfpolicy-agent
rm -f /run/rpfpolicy-root/stand-back
udevadm control --reload
ip link add d1 type dummy
udevadm settle
check "the hook writes a new device" becomes d1 2
check restore eval 'rpfpolicy restore --force; [ $? -lt 2 ]'
check "resume all" rpfpolicy resume # what went back is paused
systemctl start rpfpolicy-agent
check "the agent is at work again" becomes d0 2
check plan eval 'rpfpolicy plan; [ $? -lt 3 ]'
check drops eval 'timeout 20 rpfpolicy drops --for=2s; [ $? -lt 3 ]'
check "preset enable" rpfpolicy preset enable cilium
echo '# ours' >>/etc/rpfpolicy.d/20-preset-cilium.conf
check "preset diff" eval 'rpfpolicy preset diff cilium | grep "# ours"'
rm /etc/rpfpolicy.d/20-preset-cilium.conf
check report eval 'rpfpolicy check --json >/run/report; rpfpolicy report /run/report; [ $? -ne 1 ]'

# A way whose gateway is in a lease, of each program that leaves one on file.
mkdir -p /etc/systemd/networkd.conf.d
printf '[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n' >/etc/systemd/networkd.conf.d/10-test.conf
systemctl start systemd-networkd
ip link add d2 type dummy
ip address add 172.16.5.4/24 dev d2
ip link set d2 up
index=$(cat /sys/class/net/d2/ifindex)
mkdir -p /run/systemd/netif/leases
echo ROUTER=172.16.5.1 >"/run/systemd/netif/leases/$index"
policy loose '[routing]' 'd2 = auto'
check "accept a way" rpfpolicy accept
check "the gateway of networkd's lease" until_true gateway_is 172.16.5.1
rm "/run/systemd/netif/leases/$index"
mkdir -p /run/NetworkManager/devices
restorecon -R /run/NetworkManager 2>/dev/null
printf '[dhcp4]\ndhcp4.routers=172.16.5.3\n' >"/run/NetworkManager/devices/$index"
ip address change 172.16.5.4/24 dev d2 valid_lft 3600 preferred_lft 3600
check "the gateway of NetworkManager's" until_true gateway_is 172.16.5.3
check "status of ways" eval 'rpfpolicy status; [ $? -lt 2 ]'

systemctl stop rpfpolicy-agent
[ "$1" != selinux ] || check "the boolean for it" setsebool rpfpolicy_agent_accepts on
policy off 'trial = 600s'
check "an agent with --accept starts" accepting_starts
check "and is confined" runs_as accepting
check "it begins a trial" until_true accepting_says 'accepted on trial for 600 s'
check "and obeys it" becomes d0 0
check "confirm its trial" rpfpolicy confirm
check "its trial is kept" until_true accepting_says 'The policy on trial is kept'
python3 -m http.server --bind 127.0.0.1 6443 >/dev/null 2>&1 &
server=$!
check "somebody answers" until_true answers
policy strict 'trial = 600s' 'probe = tcp/127.0.0.1:6443'
check "it begins another" becomes d0 1
kill "$server"
check "which a probe ends" until_true accepting_says 'The policy on trial was taken back'
check "and the value is back" becomes d0 0
policy loose 'trial = 2s'
check "nobody confirms the third" until_true accepting_says 'nobody confirmed it in time'
policy strict 'protect = tcp/22'
check "and one without trial is accepted" becomes d0 1
[ $failed = 0 ] || journalctl --no-pager -q -u accepting -o cat | tail -n 40
systemctl stop accepting
systemctl start rpfpolicy-agent

policy loose
sed -i 's/enforce/observe/' /etc/rpfpolicy.d/10-test.conf
check "accept observing" rpfpolicy accept --force
check "the agent stays at work" until_true systemctl is-active rpfpolicy-agent
systemctl stop rpfpolicy-agent

journalctl --no-pager -q -u rpfpolicy-agent -p warning | tail -n 20
denials >/share/denials
echo "--- refused, or it would have been, of others: $(denials | grep -vc rpfpolicy); of ours:"
denials_of_ours | grep . && failed=1
echo "=== $([ $failed = 0 ] && echo passed || echo failed)"
