#!/bin/bash
# The host with four network cards: only the first answers. Cure 1, loose on the others, and its price;
# cure 2, policy routing with strict everywhere, put in place under an open connection.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/lib/nics.sh
. "$(dirname "$0")/../lib/nics.sh"
system_enter "$@"
nics_setup

quietly() {
    "$@" >"$SYSTEM_WORK/out" 2>&1 || {
        sed 's/^/    /' "$SYSTEM_WORK/out" >&2
        return 1
    }
}

# --- before --------------------------------------------------------------------------------------

only_the_first_answers "strict, one default route"

# --- cure 1: loose -------------------------------------------------------------------------------

policy_file 10-test.conf <<'X'
[rp_filter]
eth1..3 = loose
*       = strict
X
expect "cure 1 is applied" quietly rpfpolicy apply
all_nics_answer "loose on eth1..3"
nics_guard_sources
only_the_first_answers "loose, and the network drops foreign sources: its price"
expect "the same in IPv6, which has no filter of its own" peer_does_not_reach fd00:6::4
nics_trust_sources

system_end
