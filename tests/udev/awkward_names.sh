#!/bin/bash
# Names that the kernel accepts and programs stumble over: each device is judged by its name as
# data, is put right, and is logged in plain ASCII on one line.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

# shellcheck disable=SC2016 # nothing in them is to be expanded
names=('*' '?' '[a]' '...' '=k' '#c' '-rf' '--help' '$(id)' ';reboot;' '"q"' "it's" '`id`' 'eth1..3'
    '@set' 'a]b' 'a\b' 'a!b' 'eth0.100' '&' $'\e[31mred' $'\xff\xfe' $'\xe2\x80\xaetxt' '--version'
    '-' '$name' 'lo0')

sysctl_d 50-default.conf <<'CONF'
net.ipv4.conf.*.rp_filter = 2
CONF
accept_policy <<'CONF'
[agent]
mode = enforce
[rp_filter]
* = strict
lo? = off
CONF
system_start_udev
echo 2 >"$CONF/default/rp_filter"

made=0
for name in "${names[@]}"; do
    if add_device "$name"; then
        made=$((made + 1))
    else
        fail "the kernel or ip refuses the name $(printf %q "$name")"
    fi
    # For a name that reads as a glob systemd-sysctl writes every device that it matches: let it
    # finish, so that each line below has one cause.
    [[ $name != *[*?[]* ]] || system_settle
done
system_settle

for name in "${names[@]}"; do
    wanted=1
    [ "$name" = lo0 ] && wanted=0
    expect_equal "$(printf %q "$name") is right" "$(cat "$CONF/$name/rp_filter")" "$wanted"
done
expect_equal "one line for each" "$(grep -c ': rp_filter set from 2 to .*=\(strict\|off\) (' "$SYSTEM_LOG")" \
    "$((made + 1))" # and `all`
expect_equal "all of it printable ASCII" "$(grep -c '[^ -~]' "$SYSTEM_LOG")" 0
# shellcheck disable=SC1003 # a backslash is meant
expect_log ': \\x1B\[31mred: rp_filter set from 2 to 1'
expect_log ': \\xFF\\xFE: rp_filter set from 2 to 1'
expect_no_log 'uid=|cannot|not put right'
system_end
