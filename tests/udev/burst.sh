#!/bin/bash
# 300 devices at once: every one is right when udev is finished, and each was written once.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

sysctl_d 50-default.conf <<'CONF'
net.ipv4.conf.*.rp_filter = 2
CONF
accept_policy <<'CONF'
[agent]
mode = enforce
[rp_filter]
lxc* = off
* = strict
CONF
system_start_udev

for i in $(seq 150); do
    echo "link add lxc$i type veth peer name pod$i"
done | ip -batch -
system_settle

count() {
    local n=0 name

    for name in "$CONF/$1"*; do
        [ "$(effective "${name##*/}")" = "$2" ] && n=$((n + 1))
    done
    echo "$n"
}
expect_equal "lxc devices are off" "$(count lxc 0)" 150
expect_equal "pod devices are strict" "$(count pod 1)" 150
expect_equal "every device was written once" \
    "$(grep -c ': rp_filter set from 2 to [01]: ' "$SYSTEM_LOG")" 300
expect_no_log 'cannot|not put right|could not'
system_end
