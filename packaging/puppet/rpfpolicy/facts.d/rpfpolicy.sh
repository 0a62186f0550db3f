#!/bin/sh
# The fact rpfpolicy: `check` in short, as of now. `status` is its exit status (0 as wanted,
# 2 drift, 1 an error: then the rest is missing or speaks of the error), `head` and `summary` are the
# objects that `rpfpolicy check --format=ndjson` begins and ends with, `devices` up to twenty devices
# that are not as wanted.
report=$(mktemp) || exit
trap 'rm -f "$report"' EXIT
rpfpolicy check --format=ndjson >"$report" 2>/dev/null
status=$?

# first PATTERN MAX: lines that contain it, as elements of a list. In a name, quotes are escaped.
first() {
    grep -E "$1" "$report" | head -n "$2" | paste -s -d ,
}

printf '{"rpfpolicy": {"status": %d, "head": %s, "summary": %s, "devices": [%s]}}\n' "$status" \
    "$(first '"type": ?"check"' 1 | grep . || echo null)" \
    "$(first '"type": ?"summary"' 1 | grep . || echo null)" \
    "$(first '"state": ?"(drift|impossible)".*"type": ?"device"' 20)"
