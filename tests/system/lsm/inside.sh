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
        sed 's/^/    /' /tmp/check.out
        failed=1
    fi
}

becomes() {
    local i

    for ((i = 0; i < 600; i++)); do
        [ "$(cat "/proc/sys/net/ipv4/conf/$1/rp_filter")" = "$2" ] && return 0
        sleep 0.1
    done
    echo "$1 is $(cat "/proc/sys/net/ipv4/conf/$1/rp_filter")"
    return 1
}

until_true() {
    local i

    for ((i = 0; i < 600; i++)); do
        "$@" && return 0
        sleep 0.1
    done
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


on_trial() {
    [ -e /run/rpfpolicy-root/trial ]
}

over() {
    [ ! -e /run/rpfpolicy-root/confirm ]
}

dmesg -n 1
modprobe dummy numdummies=0
ip link set lo up
LSM=$1 # and in $2 the mode of SELinux, which is set when all has started
case $LSM in
apparmor)
    cp /usr/share/rpfpolicy/apparmor/rpfpolicy* /etc/apparmor.d/
    check "profiles are loaded" apparmor_parser --replace /etc/apparmor.d/rpfpolicy-agent /etc/apparmor.d/rpfpolicy-helper /etc/apparmor.d/rpfpolicy
    ;;
selinux)
    [ "$2" = enforcing ] && setenforce 1
    restorecon -R /etc/rpfpolicy.d /usr/lib/rpfpolicy /var/lib/rpfpolicy /run/rpfpolicy*
    echo "mode: $(getenforce), commands in $(id -Z)"
    ;;
esac
systemctl restart rpfpolicy-agent
agent=$(systemctl show -P MainPID rpfpolicy-agent)
echo "the agent is $(tr -d '\0' <"/proc/$agent/attr/current")"

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
systemctl start rpfpolicy-agent
check "the agent is at work again" systemctl is-active rpfpolicy-agent
check plan eval 'rpfpolicy plan; [ $? -lt 3 ]'
check drops eval 'timeout 20 rpfpolicy drops --for=2s; [ $? -lt 3 ]'
policy loose
sed -i 's/enforce/observe/' /etc/rpfpolicy.d/10-test.conf
check "accept observing" rpfpolicy accept --force
check "the agent stays at work" until_true systemctl is-active rpfpolicy-agent
systemctl stop rpfpolicy-agent

journalctl --no-pager -q -u rpfpolicy-agent -p warning | tail -n 20
echo "--- refused, or it would have been, of others: $(denials | grep -vc rpfpolicy); of ours:"
denials | grep rpfpolicy | sort | uniq && failed=1
echo "=== $([ $failed = 0 ] && echo passed || echo failed)"
