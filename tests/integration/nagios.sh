#!/bin/bash
# `check --format=nagios` against the guidelines for monitoring plugins, and as a service of a real
# Nagios.

# shellcheck source=tests/integration/inside.sh
. /source/tests/integration/inside.sh

install_our_packages rpfpolicy
add_device lxc1 0
add_device eno1 1
add_device 'bad|=;name' 1
echo 0 >"$CONF/all/rp_filter"
echo 0 >"$CONF/default/rp_filter"
# `all` and `default` are nobody's here, so that what a device is follows from the test alone.
cat >/etc/rpfpolicy.d/10-node.conf <<'POLICY'
[rp_filter]
lxc*    = off
eno*    = strict
bad*    = strict
all     = unmanaged
default = unmanaged
POLICY

# plugin STATUS WORD: it exits with STATUS, says WORD, and speaks as the guidelines have it: text,
# a bar, performance data of 'label'=value;warn;crit;min;max, long text below, one bar in all.
plugin() {
    local got=0 item="('[^'=]+'|[^ '=]+)=-?[0-9]+(\.[0-9]+)?(us|ms|s|%|B|KB|MB|TB|c)?(;[0-9.:@~-]*){0,4}"

    rpfpolicy check --format=nagios >/out/said 2>/out/errors || got=$?
    expect_equal "$2: exit status" "$got" "$1"
    [ "$got" = "$1" ] || cat /out/said /out/errors
    expect "$2: says so first" grep -q "^RPFPOLICY $2 - " <(head -n 1 /out/said)
    expect "$2: fits into 4 KiB" test "$(wc -c </out/said)" -lt 4096
    [ "$1" = 3 ] && return
    expect_equal "$2: one bar" "$(tr -cd '|' </out/said | wc -c)" 1
    head -n 1 /out/said | sed 's/^[^|]*| *//' >/out/perfdata
    expect "$2: performance data" grep -Eqx "$item( $item)*" /out/perfdata
}

plugin 0 OK
expect "drift=0 in the performance data" grep -q 'drift=0;;0;0' /out/perfdata
# A value that lasts only until systemd-sysctl runs again.
echo 'net.ipv4.conf.eno1.rp_filter = 0' >/etc/sysctl.d/50-other.conf
plugin 1 WARNING
expect_output /out/said '^latent: eno1 rp_filter: strict now, but .* makes it off: /etc/sysctl.d/50-other.conf:1$'
rm /etc/sysctl.d/50-other.conf
echo 0 >"$CONF/eno1/rp_filter"
echo 0 >"$CONF"/'bad|=;name'/rp_filter
plugin 2 CRITICAL
expect_output /out/said '^drift: eno1 rp_filter is off, wanted strict$'
expect_output /out/said '^drift: bad\\x7C=;name rp_filter'

# Nagios itself: our objects and the few that they need.
mkdir -p /nagios/objects /nagios/results
cp /source/packaging/nagios/rpfpolicy.cfg /nagios/objects
cat >/nagios/objects/site.cfg <<'CONFIG'
define timeperiod {
    timeperiod_name  always
    alias            always
    monday           00:00-24:00
    tuesday          00:00-24:00
    wednesday        00:00-24:00
    thursday         00:00-24:00
    friday           00:00-24:00
    saturday         00:00-24:00
    sunday           00:00-24:00
}
define command {
    command_name  nothing
    command_line  /bin/true
}
define contact {
    contact_name                   admin
    host_notification_period       always
    service_notification_period    always
    host_notification_commands     nothing
    service_notification_commands  nothing
}
define host {
    host_name           node
    address             127.0.0.1
    check_period        always
    max_check_attempts  1
    contacts            admin
}
define hostgroup {
    hostgroup_name  rpfpolicy
    members         node
}
define service {
    name           generic-service
    check_period   always
    contacts       admin
    notification_period always
    register       0
}
CONFIG
cat >/nagios/nagios.cfg <<'CONFIG'
cfg_dir=/nagios/objects
log_file=/nagios/log
status_file=/nagios/status
object_cache_file=/nagios/objects.cache
precached_object_file=/nagios/precached
state_retention_file=/nagios/retention
temp_file=/nagios/temp
check_result_path=/nagios/results
lock_file=/nagios/pid
command_file=/nagios/command
query_socket=/nagios/query
check_external_commands=0
status_update_interval=1
service_inter_check_delay_method=n
max_service_check_spread=1
illegal_macro_output_chars=`~$&|'"<>
nagios_user=root
nagios_group=root
CONFIG

nagios_verifies() {
    /opt/usr/sbin/nagios4 -v /nagios/nagios.cfg >/out/nagios 2>&1 || {
        cat /out/nagios
        return 1
    }
    grep -q "^Total Warnings: 0" /out/nagios || {
        cat /out/nagios
        return 1
    }
}

expect "Nagios takes our objects" nagios_verifies

status() {
    sed -n '/^servicestatus/,/}/p' /nagios/status 2>/dev/null | sed -n "s/^\t$1=//p"
}

checked() {
    [ "$(status current_state)" = "$1" ] && [ "$(status has_been_checked)" = 1 ]
}

/opt/usr/sbin/nagios4 /nagios/nagios.cfg >/out/nagios 2>&1 &
nagios=$!
eventually "Nagios runs the check: CRITICAL" checked 2
expect "shows what we said" grep -q '^RPFPOLICY CRITICAL - ' <(status plugin_output)
expect "the long output" grep -q 'drift: eno1' <(status long_plugin_output)
expect_equal "and the performance data" "$(status performance_data)" "$(cat /out/perfdata)"
kill "$nagios"
wait "$nagios"

echo '* = strictt' >>/etc/rpfpolicy.d/10-node.conf
plugin 3 UNKNOWN
rm /etc/rpfpolicy.d/10-node.conf
plugin 3 UNKNOWN
inside_end
