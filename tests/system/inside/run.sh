#!/bin/bash
# Runs inside the booted system of boot.sh: one phase per boot, named in /test/phase and told in the file
# of that name. Here is what the phases have in common.

set -u -o pipefail
export conf=/proc/sys/net/ipv4/conf
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

# shellcheck source=tests/lib/results.sh
. /test/results.sh

fail() {
    echo "FAILED: $*" >&2
    # What the agent's unit went through, once: the first failure is the one to explain.
    [ "$FAILURES" -gt 0 ] || journalctl -b --no-pager -o short-monotonic -u rpfpolicy-agent | tail -n 30
    FAILURES=$((FAILURES + 1))
}

has() {
    [ "$(cat "$conf/$1/rp_filter" 2>/dev/null)" = "$2" ]
}

all_values() {
    (cd /proc/sys/net && grep -rs . ipv4 ipv6) | grep -v -e '/stable_secret:' -e 'tcp_fastopen_key' |
        sort
}

no_failed_unit() {
    [ -z "$(systemctl list-units --failed --plain --no-legend)" ] || {
        systemctl list-units --failed --plain --no-legend
        return 1
    }
}

# What this phase does on purpose makes systemd warn: a policy that cannot be taken, a kill.
expected='^$'

# Nothing of ours warns, nor does anything of ours make others warn; how systemd ends processes in a
# container is its own affair.
no_warnings() {
    local found

    found=$(journalctl -b -o short -p warning | grep -i rpfpolicy |
        grep -vE "$expected|Failed to kill control group")
    [ -z "$found" ] || {
        echo "$found"
        return 1
    }
}

policy() {
    cat >/etc/rpfpolicy.d/10-node.conf
}

node_policy() {
    policy <<POLICY
[agent]
mode = $1
[rp_filter]
lxc*     = off
cilium_* = off
*        = strict
POLICY
}

agent_pid() {
    systemctl show -p MainPID --value rpfpolicy-agent
}

agent_is() {
    [ "$(systemctl is-active rpfpolicy-agent)" = "$1" ]
}

# slice_of PID: what the scheduler gives it in one go, in nanoseconds; 0 before Linux 6.12.
# sched_getattr(2) by its number: neither Perl nor Python know it here.
slice_of() {
    local number=275

    [ "$(uname -m)" != x86_64 ] || number=315
    perl -e '$attr = "\0" x 56; syscall($ARGV[0], $ARGV[1] + 0, $attr, 56, 0) == 0 or die "$!\n";
             print unpack("x24 Q", $attr), "\n"' "$number" "$1"
}

# another_agent PID: at work; between the two the process is 0.
another_agent() {
    local pid

    pid=$(agent_pid)
    [ "$pid" != 0 ] && [ "$pid" != "$1" ] && agent_is active
}

# version_of PACKAGE: the installed one.
version_of() {
    dpkg-query -W -f='${Version}' "$1"
}

# apt ARGUMENT…: what it and the packages say is left in /test/apt.
apt() {
    # shellcheck disable=SC2024 # root anyway
    apt-get "$@" -y -q >/test/apt 2>&1 || {
        cat /test/apt
        return 1
    }
}

# upgrade_to VERSION: from the packages in /test/VERSION.
upgrade_to() {
    apt install "/test/$1/rpfpolicy.deb" "/test/$1/rpfpolicy-agent.deb" &&
        [ "$(version_of rpfpolicy) $(version_of rpfpolicy-agent)" = "$1 $1" ]
}

# watch_start: from here on every value that rp_filter amounts to on any device is written down;
# watch_stop: a line per device and `default`, with the values in their order, is in /test/watched.
watch_start() {
    coproc WATCH { exec python3 /test/effective-watch.py; }
    # shellcheck disable=SC2153 # coproc sets it
    watcher=$WATCH_PID
    read -r <&"${WATCH[0]}"
}

watch_stop() {
    kill "$watcher"
    cat <&"${WATCH[0]}" >/test/watched
    wait "$watcher"
}

# kept_all: of those devices that were watched none had more than one value.
kept_all() {
    [ "$(wc -l </test/watched)" -gt 1 ] && ! grep -E '^[^ ]+ . .' /test/watched
}

phase=$(cat /test/phase)
# shellcheck source=/dev/null # one of the files beside this
. "/test/inside/$phase.sh"
expect "no unit failed" no_failed_unit
expect "no warnings in the journal" no_warnings
echo "$FAILURES" >/test/status
exit 0
