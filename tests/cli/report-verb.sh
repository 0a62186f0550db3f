#!/bin/bash
# `report` as the command has it: the program behind it is started where it is installed, with what was
# typed, and where it is not, that is said. Arguments: prefix and directory of the programs.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"
# shellcheck source=tests/lib/command.sh
. "$SYSTEM_SOURCE/tests/lib/command.sh"

PREFIX=$1
PROGRAM=$2/rpfpolicy-report
NAMES=$SYSTEM_WORK/names

# --- not installed

[ ! -d "$2" ] || mount -t tmpfs -o mode=0755 tmpfs "$2" || system_abort "the program cannot be hidden"
run report nosuch.json
expect_status "without the program" 1
expect_equal "without the program: stdout" "$(cat "$OUT")" ""
expect_equal "it is said which package to install" "$(cat "$ERR")" \
    "rpfpolicy: there is no $PROGRAM here: install the package rpfpolicy-report"
run report --help
expect_status "its help needs no program" 0
says "its help needs no program" "$OUT" '^Usage: rpfpolicy report \[OPTION\.\.\.\] '

# Nobody else decides what is run: neither where the command lies, nor what PATH says, nor where one is.
mkdir -p "$SYSTEM_WORK/away/cli" "$SYSTEM_WORK/away/report"
cp "$SYSTEM_BUILD/agent/cli/rpfpolicy" "$SYSTEM_WORK/away/cli"
printf '#!/bin/sh\necho mine\n' | tee "$SYSTEM_WORK/away/report/rpfpolicy-report" \
    >"$SYSTEM_WORK/away/cli/rpfpolicy-report"
chmod +x "$SYSTEM_WORK/away"/*/rpfpolicy-report
(cd "$SYSTEM_WORK/away/report" && PATH=$SYSTEM_WORK/away/cli:$PATH rpfpolicy report nosuch.json) >"$OUT" 2>&1
says_not "no other program is taken for it" "$OUT" mine

# --- installed, as `meson install` does it

[ ! -d "$2" ] || umount "$2"
meson install --no-rebuild --quiet --tags runtime --destdir "$SYSTEM_WORK/installed" -C "$SYSTEM_BUILD" \
    >"$SYSTEM_WORK/install.log" 2>&1 || {
    cat "$SYSTEM_WORK/install.log" >&2
    system_abort "nothing can be installed"
}
expect "the program is not for everybody's PATH" test ! -e "$SYSTEM_WORK/installed$PREFIX/bin/rpfpolicy-report"
mount -t overlay overlay -o "lowerdir=$SYSTEM_WORK/installed$PREFIX:$PREFIX" "$PREFIX" ||
    system_abort "what was installed cannot be put into place"
hash -r
PATH=$PREFIX/bin:$PATH
cd "$SYSTEM_WORK" || exit 1
policy_file 10-node.conf <<<$'[rp_filter]\n* = unmanaged'
rpfpolicy check --json >good.json
cp good.json ./--stale
mkdir "$NAMES"

# same TEXT ARGUMENT...: the command prints and gives what the program does. The time is cut out.
same() {
    local text=$1 status

    shift
    "$PROGRAM" "$@" >"$NAMES/out" 2>"$NAMES/err"
    status=$?
    run report "$@"
    expect_status "$text" "$status"
    expect "$text: the same result" diff <(sed -E 's/[0-9:]{8}( UTC|Z|<)/\1/g' "$NAMES/out") \
        <(sed -E 's/[0-9:]{8}( UTC|Z|<)/\1/g' "$OUT")
    expect "$text: the same messages" cmp "$NAMES/err" "$ERR"
}

same "a file" good.json
expect_status "a file that is as wanted" 0
says "a file that is as wanted" "$OUT" '^1 host: 1 ok$'
for format in json csv markdown html; do
    same "--format=$format" "--format=$format" good.json
done
same "what only --strict counts" --strict --all good.json
same "--stale" --stale=100d good.json
same "a value of its own" good.json --stale 100d --color=always
same "nothing to read" nosuch.json
expect_status "nothing to read" 1
same "no such time" --stale=0 good.json
same "behind --" -- --stale
expect_status "a file that is called as an option is" 0
run --json report good.json
json "an option before the verb" '.summary.hosts == 1'
rpfpolicy report --json -- - <good.json >"$OUT"
json "standard input" '.summary.hosts == 1'
run report --root=/nosuch good.json
expect_status "a root that is not there" 1
says "a root that is not there" "$ERR" "cannot look below '/nosuch', which --root names"
run report --root=/ --policy=/nosuch good.json
expect_status "options that every command takes" 0
run report --dry-run good.json
expect_status "an option of another command" 1
rpfpolicy report good.json >/dev/full 2>"$ERR"
expect_equal "a full disk: exit status" "$?" 1
says "a full disk" "$ERR" '^rpfpolicy: cannot write the result: No space left'
rpfpolicy report good.json 2>"$ERR" >&-
expect_equal "a closed stdout: exit status" "$?" 1

# --- it cannot be run

mount --bind "$SYSTEM_WORK/good.json" "$PROGRAM"
run report good.json
expect_status "a program that cannot be run" 1
says "a program that cannot be run" "$ERR" "^rpfpolicy: cannot run $PROGRAM: "

system_end
