#!/bin/bash
# quickstart finds its sources however it is called: through links to it, or to the clone. The build
# itself is played by a program that says where it is run.
set -u

# shellcheck source=tests/lib/results.sh
. "$(dirname "$0")/../lib/results.sh"
quickstart=$(cd "$(dirname "$0")/../.." && pwd -P)/quickstart
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

mkdir -p "$work/programs" "$work/bin" "$work/a clone/-here" "$work/elsewhere"
cp "$quickstart" "$work/a clone/-here/quickstart"
clone=$(cd "$work/a clone/-here" && pwd -P)

# program NAME: standard input becomes it; everything that could be asked for is installed.
program() {
    cat >"$work/programs/$1"
    chmod +x "$work/programs/$1"
}
program dpkg-query <<<$'#!/bin/sh\nprintf "install ok installed"'
program rpm <<<$'#!/bin/sh\nexit 0'
program id <<<$'#!/bin/sh\necho 0'
program meson <<<$'#!/bin/sh\npwd -P >"$WORK/built"; exit 1'
export WORK=$work PATH=$work/programs:$PATH

# builds_in_clone TEXT COMMAND...
builds_in_clone() {
    local text=$1

    shift
    rm -f "$work/built"
    "$@" --no-install demo >/dev/null 2>&1
    expect_equal "$text" "$(cat "$work/built" 2>&1)" "$clone"
}

cd "$work/elsewhere" || exit 1
builds_in_clone "by its path" "$clone/quickstart"
ln -s "$clone/quickstart" "$work/bin/quickstart"
builds_in_clone "through a link to it" "$work/bin/quickstart"
ln -s ../bin/quickstart "$work/elsewhere/again"
builds_in_clone "through a link to a link" ./again
builds_in_clone "through a link by sh" sh again
PATH=$work/bin:$PATH builds_in_clone "as a command" quickstart
ln -s "$clone" "$work/link"
builds_in_clone "through a link to the clone" "$work/link/quickstart"
cd "$work/link" && builds_in_clone "in a link to the clone" ./quickstart
builds_in_clone "by sh, in the clone" sh quickstart

exit "$((FAILURES > 0))"
