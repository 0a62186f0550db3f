#!/bin/bash
# What the agent writes to a real journal: each field by which the page lets one search, and the
# catalog's words.

# shellcheck source=tests/integration/inside.sh
. /source/tests/integration/inside.sh

install_our_packages rpfpolicy rpfpolicy-agent
cat >/etc/rpfpolicy.d/10-node.conf <<'POLICY'
[agent]
mode = enforce
[rp_filter]
lxc* = off
*    = strict
POLICY
add_device eno1 0
expect "the policy is accepted" rpfpolicy accept
systemctl restart rpfpolicy-agent
eventually "the agent has put eno1 right" has eno1 1
echo 2 >"$CONF/eno1/rp_filter"
eventually "and again" has eno1 1
ip link add name lxc1 type bridge
eventually "a new device is given its value" has lxc1 0
journalctl --sync

# entries MATCH…: how many.
entries() {
    journalctl -b -o cat "$@" | wc -l
}

# field NAME MATCH…: of the latest entry that matches.
field() {
    local name=$1

    shift
    journalctl -b -n 1 -o json "$@" | jq -r ".$name"
}

expect "by device" test "$(entries RPF_DEVICE=eno1)" -ge 2
expect_equal "and by nothing that is not there" "$(entries RPF_DEVICE=eno2)" 0
expect_equal "each of its entries is of the agent" \
    "$(journalctl -b -o json RPF_DEVICE=eno1 | jq -r .SYSLOG_IDENTIFIER | sort -u)" rpfpolicy-agent
expect_equal "what was there" "$(field OLDVALUE RPF_DEVICE=eno1)" 2
expect_equal "what is there" "$(field NEWVALUE RPF_DEVICE=eno1)" 1
expect_equal "which setting" "$(field SYSCTL RPF_DEVICE=eno1)" net/ipv4/conf/eno1/rp_filter
expect_equal "the line that asks for it" "$(field RPF_RULE RPF_DEVICE=eno1)" /etc/rpfpolicy.d/10-node.conf:5
expect_equal "by index, for a device that was renamed" \
    "$(field RPF_DEVICE RPF_IFINDEX="$(cat /sys/class/net/eno1/ifindex)")" eno1
expect_equal "by rule" "$(field RPF_DEVICE RPF_RULE=/etc/rpfpolicy.d/10-node.conf:4)" lxc1
repaired=207c23fa6ffa498e90c40f032de3550c
expect_equal "repairs, by their id" "$(field RPF_DEVICE MESSAGE_ID=$repaired)" eno1
grep -oE '^\| `[0-9a-f]{32}' /source/packaging/journal/README.md | tr -d '|` ' >/out/ids
expect "the catalog has the ids of the page" test "$(sed 's/^/-- /' /out/ids |
    grep -cxFf - /usr/lib/systemd/catalog/rpfpolicy.catalog)" = "$(wc -l </out/ids)"

# The page's own commands: each runs and finds something, or nothing where it says so.
while IFS= read -r command; do
    expect "from the page: $command" eval "$command >/out/page 2>&1 </dev/null"
    expect "it finds something" grep -q . <(grep -v '^-- ' /out/page)
done < <(sed -n 's/^    \(journalctl [^#]*[^# ]\) *#.*/\1/p' /source/packaging/journal/README.md)

journalctl -b -x MESSAGE_ID=$repaired >/out/explained
expect_output /out/explained '^.*Subject: net/ipv4/conf/eno1/rp_filter was put back$'
expect_output /out/explained 'Something changed the setting to 2; it is 1 again\. The line'
expect_output /out/explained 'that asks for it: /etc/rpfpolicy.d/10-node.conf:5'
expect_output /out/explained 'rpfpolicy pause eno1'
inside_end
