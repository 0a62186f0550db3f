#!/bin/bash
# What an agent that is not root says of former values: `restore` goes by what root noted, and by that
# word only where root knows nothing, within what the policy speaks of and the key takes. A forged record
# moves no device that root knows.

# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/agent.sh"
system_enter "$@"

CLAIMS=/run/rpfpolicy/before
NOTED=/run/rpfpolicy-root/before

index() {
    cat "/sys/class/net/$1/ifindex"
}

# What root noted and the agent has written since.
ROOT="all rp_filter 1 root
default rp_filter 0 root
eth0 rp_filter 2 root
lo rp_filter 0 root"

# planned: what `restore` would write, one a line: DEVICE KEY VALUE SOURCE.
planned() {
    rpfpolicy restore --dry-run --json 2>/run/test/err |
        jq -r '.writes[] | "\(.name) \(.key) \(.new) \(.source)"' | sort
}

# put FILE: in the place of the agent's record, as its user.
put() {
    "${AGENT_AS_USER[@]}" cp --remove-destination "$1" "$CLAIMS"
}

# forge LINE…: as the agent's user, before the lines that the agent wrote of what root has noted.
forge() {
    {
        head -n 1 /run/test/claims
        printf '%s\n' "$@"
        sed '1d; / new0 /d' /run/test/claims
    } >/run/test/forged
    put /run/test/forged
}

echo 0 >"$CONF/default/rp_filter"
add_device eth0
echo 2 >"$CONF/eth0/rp_filter"
echo 1 >"$CONF/all/rp_filter"
accept_policy <<'POLICY'
[agent]
mode = enforce
[rp_filter]
eth0 = strict
lan* = strict
new* = loose
mark* = off
POLICY
expect "what is there at accept is noted" grep -q '^=rp_filter 2 2 [0-9]* eth0 1$' "$NOTED"
expect_equal "by root" "$(stat -c %u:%a "$NOTED")" 0:644
expect_equal "which is no reason to go back" "$(planned)" ""
rpfpolicy restore --dry-run >/run/test/out 2>&1
expect_equal "nor to list anything" "$?" 0
agent_start_as_user
becomes eth0 rp_filter 1
add_device new0
becomes new0 rp_filter 2
agent_caught_up
agent_stop
expect "the agent keeps a record of its own" grep -q '^rp_filter 1 2 [0-9]* new0 ' "$CLAIMS"
expect_equal "root notes nothing of what came later" "$(grep -c new0 "$NOTED")" 0
expect_equal "restore goes by what root noted, and for a new device by the agent's word" "$(planned)" \
    "$ROOT
new0 rp_filter 1 agent"
rpfpolicy restore --dry-run >/run/test/out 2>/run/test/err
expect "it says so" grep -q "^new0: .* (by the agent's word)$" /run/test/out
expect_equal "of no other device" "$(grep -c "by the agent's word" /run/test/out)" 1

# --- noted once more, as by each accept, apply, reload and start of the agent

rpfpolicy accept >/dev/null
expect_equal "a note leaves to the agent's word what that alone can tell" "$(planned)" "$ROOT
new0 rp_filter 1 agent"
"$SYSTEM_BUILD/agent/helper/rpfpolicy-helper" --before-agent
expect_equal "so does the helper's" "$(planned)" "$ROOT
new0 rp_filter 1 agent"
add_device lan2
rpfpolicy accept >/dev/null
expect "what nobody has claimed is noted" grep -q '^=rp_filter \([0-9]\) \1 [0-9]* lan2 ' "$NOTED"
expect_equal "and what is claimed is not" "$(grep -c new0 "$NOTED")" 0
ip link del lan2

# --- forged

cp "$CLAIMS" /run/test/claims
eth0=$(index eth0) new0=$(index new0) lo=$(index lo)
forge "rp_filter 0 1 $eth0 eth0 0" "rp_filter 0 0 $lo lo 0" "log_martians 1 0 $eth0 eth0 0" \
    "rp_filter 2 0 $(grep -o ' -[0-9]* all' "$NOTED" | head -n 1 | cut -d ' ' -f 2) all 2"
expect_equal "a forged value of what root noted counts for nothing" "$(planned)" \
    "$ROOT"
forge "rp_filter 0 1 $eth0 other 0" "rp_filter 0 1 $eth0 eth0 0"
expect_equal "nor by another name" "$(planned)" "$ROOT"
for line in "log_martians 1 0 $new0 new0 0" "accept_local 0 0 $new0 new0 0"; do
    forge "$line"
    expect_equal "nor of a key that the policy does not speak of: $line" "$(planned)" "$ROOT"
done
for value in 3 -1 2147483647 99999999999; do
    forge "rp_filter $value 2 $new0 new0 0"
    expect_equal "nor what the key does not take: $value" "$(planned | grep new0)" ""
done
forge "rp_filter 0 2 $new0 new0 0"
expect_equal "what may be is the agent's word" "$(planned | grep new0)" "new0 rp_filter 0 agent"
head -c 300000 /dev/zero | tr '\0' 'x' >/run/test/rubbish
put /run/test/rubbish
expect_equal "rubbish is none" "$(planned | grep new0)" ""
"${AGENT_AS_USER[@]}" ln -sf "$NOTED" "$CLAIMS"
expect_equal "nor is a link" "$(planned | grep new0)" ""
rpfpolicy restore --dry-run >/run/test/out 2>&1
expect_equal "which holds up no restore" "$?" 2
cp "$NOTED" /run/test/noted
add_device lan3
rpfpolicy accept >/run/test/out 2>&1
expect_equal "nor what root notes" "$(grep -c '^=rp_filter .* lan3 ' "$NOTED")" 1
ip link del lan3
cp /run/test/noted "$NOTED" # without new0, which nobody had claimed then

# --- hidden

head -n 1 /run/test/claims >/run/test/empty
put /run/test/empty
expect_equal "what the agent does not own up to is left" "$(planned)" ""
rpfpolicy restore --dry-run >/run/test/out 2>&1
expect_equal "with an exit status that tells" "$?" 2
expect "and listed" grep -q '^eth0: rp_filter left at 1: someone has changed it since (it was 2)$' /run/test/out

# --- carried out, by a forged record

forge "rp_filter 0 1 $eth0 eth0 0" "log_martians 1 0 $eth0 eth0 0" "rp_filter 0 2 $new0 new0 0"
rpfpolicy restore >/run/test/out 2>&1
expect_equal "restore" "$?" 0
expect_value eth0 rp_filter 2
expect_value eth0 log_martians 0
expect_value all rp_filter 1
expect_value new0 rp_filter 0
rpfpolicy resume >/dev/null 2>&1

# --- what udev renames after root had noted it

rm -f "$NOTED" "$CLAIMS"
add_device early
echo 2 >"$CONF/early/rp_filter"
rpfpolicy accept >/dev/null
ip link set early name lan0
agent_start_as_user
becomes lan0 rp_filter 1
agent_stop
expect_equal "a device that has another name by now had what root saw" "$(planned | grep lan0)" \
    "lan0 rp_filter 2 root"

# --- the unit notes before its agent starts

rm -f "$NOTED" "$CLAIMS"
add_device lan1
"$SYSTEM_BUILD/agent/helper/rpfpolicy-helper" --before-agent
expect "the helper notes for the unit" grep -q '^=rp_filter \([0-9]\) \1 [0-9]* lan1 ' "$NOTED"
system_end
