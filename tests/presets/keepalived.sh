#!/bin/bash
# The preset of keepalived: what each of its three values is for, with packets; and the real keepalived, which
# makes its device as the preset has it, and finds nothing to change of `all` where the preset is in force.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
# shellcheck source=tests/presets/host.sh
. "$(dirname "$0")/host.sh"
system_enter "$@"
command -v keepalived >/dev/null || system_skip "no keepalived here"

HEAR=$SYSTEM_SOURCE/tests/presets/hear.py
READY=$SYSTEM_WORK/ready
VIRTUAL=192.0.2.50
VMAC=00:00:5e:00:01:33
MAC=02:50:48:00:00:01 # of the uplink

# who_answers ADDRESS: their hardware addresses.
who_answers() {
    in_namespace lan "$HEAR" answers wire "$BESIDE" "$1" "$VIRTUAL" $VMAC
}

# advertisements: from whom they are accepted on vrrp.51, of this host (by another card, say) and a neighbour.
advertisements() {
    local listener source

    "$HEAR" group "$READY" vrrp.51 224.0.0.18 "$BESIDE" >"$SYSTEM_WORK/heard" &
    listener=$!
    read -r _ <"$READY"
    for source in $HOST $BESIDE; do
        in_namespace lan python3 "$SYSTEM_SOURCE/tests/lib/send-packets.py" wire 01:00:5e:00:00:12 1 "$source" \
            224.0.0.18 >/dev/null
    done
    wait $listener
    cat "$SYSTEM_WORK/heard"
}

host_setup
mkfifo "$READY"

# --- each value

sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 # as keepalived sets it
device macvlan vrrp.51
ip address add $VIRTUAL/32 dev vrrp.51
in_force keepalived strict
expect_equal "advertisements of this host's other instance" "$(advertisements)" "$HOST $BESIDE"
expect_equal "the uplink's address is answered by the uplink" "$(who_answers $HOST)" $MAC
in_force keepalived strict 'vrrp.* = yes'
sysctl -qw net.ipv4.conf.vrrp/51.accept_local=0 # which nothing asks for any more
expect_equal "without accept_local: only a neighbour's" "$(advertisements)" $BESIDE
in_force keepalived strict 'vrrp.* = 1'
sysctl -qw net.ipv4.conf.vrrp/51.arp_ignore=0
expect_equal "without arp_ignore: the virtual one answers, too" "$(who_answers $HOST)" "$VMAC $MAC"
in_force keepalived strict 'vrrp.* = off'
expect "without off: ARP for the virtual address is not answered" not answers_arp lan wire $BESIDE $VIRTUAL
device_gone vrrp.51
sysctl -qw net.ipv4.conf.eth0.arp_ignore=0

# --- the real one

cat >"$SYSTEM_WORK/keepalived.conf" <<END
vrrp_instance test {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 255
    use_vmac
    virtual_ipaddress {
        $VIRTUAL/32
    }
}
END

# keepalived_start / keepalived_stop: LOG has what it says.
keepalived_start() {
    LOG=$SYSTEM_WORK/keepalived.log
    keepalived --use-file="$SYSTEM_WORK/keepalived.conf" --dont-fork --log-console --pid=/run/keepalived.pid \
        --vrrp_pid=/run/vrrp.pid >"$LOG" 2>&1 &
    KEEPALIVED=$!
    eventually "keepalived has the virtual address" is_master || cat "$LOG" >&2
}

is_master() {
    ip -4 -o address show dev vrrp.51 2>"$SYSTEM_WORK/address" | grep -qw "$VIRTUAL"
}

keepalived_stop() {
    kill $KEEPALIVED
    wait $KEEPALIVED
}

# settings: of its device, those that the preset names.
settings() {
    (cd "$CONF/vrrp.51" && cat rp_filter accept_local arp_ignore) | tr '\n' ' '
}

rm /etc/rpfpolicy.d/*
sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.all.accept_local=0 net.ipv4.conf.all.arp_ignore=0
keepalived_start
expect_equal "keepalived sets what the preset does" "$(settings)" "0 1 1 "
expect_value all rp_filter 0
keepalived_stop
expect_value all rp_filter 1

in_force keepalived strict
keepalived_start
on_a_bus rpfpolicy check vrrp.51 >"$SYSTEM_WORK/check" 2>&1
expect_equal "the preset finds nothing to change" $? 0
expect_equal "and keepalived nothing of all" "$(grep -c 'sysctl net.ipv4.conf.all' "$LOG")" 0
expect_equal "to the virtual address" "$(arrives lan wire vrrp.51 $BESIDE $VIRTUAL)" accepted
expect_equal "the virtual address is answered by its own" "$(who_answers $VIRTUAL)" $VMAC
expect_equal "the uplink's by the uplink" "$(who_answers $HOST)" $MAC
expect_effective eth0 1
expect_equal "to the uplink" "$(arrives lan wire eth0 $FAR $HOST)" accepted
keepalived_stop
expect_value all rp_filter 0

system_end
