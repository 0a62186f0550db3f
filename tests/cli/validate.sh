#!/bin/bash
# `validate`: every error of every file in one run, as file:line: message, with and without --strict.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

run validate
expect_status "validate without a policy" 1
says "validate without a policy" "$ERR" 'no policy found'

policy_file 10-a.conf <<'END'
[rp_filter]
* = strict
END
policy_file 20-b.conf <<'END'
[rp_filter]
lxc* = off
eno1 = strict|loose
END
run validate
expect_status "a valid policy" 0
expect_equal "a valid policy: the sum" "$(cat "$OUT")" "2 files, 3 rules, valid"
expect_equal "a valid policy: stderr" "$(cat "$ERR")" ""
policy_file 30-c.conf <<'END'
[routing]
eth1..3 = auto
END
run validate
expect_equal "policy routing is more than no rules" "$(cat "$OUT")" \
    "3 files, 3 rules, policy routing, valid"

policy_file 20-b.conf <<'END'
[rp_filter]
lxc* = of
[rp_fliter]
END
policy_file 30-c.conf <<'END'
[rp_filter]
@nosuch = off
no separator
END
run validate
expect_status "errors" 1
for place in 20-b.conf:2 20-b.conf:3 30-c.conf:2 30-c.conf:3; do
    says "an error in $place" "$ERR" "^/etc/rpfpolicy.d/$place: "
done
says "errors: the sum" "$OUT" '^3 files, [0-9]+ errors.*, not valid$'
run validate --json
expect_status "validate --json with errors" 1
expect "validate --json with errors" jq -e '.valid == false and .errors >= 4 and .rules == null and
    (.messages | length >= 4 and all(has("file") and has("line") and has("level") and
    has("message")))' "$OUT" >/dev/null
rm /etc/rpfpolicy.d/*

policy_file 10-test.conf <<'END'
[rp_filter]
eno* = strict
eno* = loose
END
run validate
expect_status "a warning" 0
says "a rule that never wins is a warning" "$ERR" '10-test.conf:2: warning: '
run validate --strict
expect_status "a warning with --strict" 1
run validate --json
expect "a warning in JSON" jq -e '.valid and .warnings == 1 and .messages[0].level == "warning"' \
    "$OUT" >/dev/null

# A draft is validated where it lies, whoever may write it; in force it would be refused.
printf '[rp_filter]\n* = loose\n' >"$SYSTEM_WORK/draft.conf"
chmod 0666 "$SYSTEM_WORK/draft.conf"
run validate "$SYSTEM_WORK/draft.conf"
expect_status "a draft" 0
expect_equal "a draft: the sum" "$(cat "$OUT")" "1 file, 1 rule, valid"
run accept --policy="$SYSTEM_WORK/draft.conf"
expect_status "accepting what others may write" 1
run validate "$SYSTEM_WORK/nosuch.conf"
expect_status "a file that is not there" 1
says "a file that is not there is named" "$ERR" 'nosuch.conf'
printf '[rp_filter]\n\033[2J = loose\n\xff\xfe* = of\n' >"$SYSTEM_WORK/bytes.conf"
run validate "$SYSTEM_WORK/bytes.conf"
expect_equal "messages hold no byte that a terminal obeys" \
    "$(LC_ALL=C grep -caP '[^\n\x20-\x7e]' "$ERR")" 0

system_end
