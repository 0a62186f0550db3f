# shellcheck shell=bash
# A system of its own for tests: network devices, /proc, /sys, /dev, /etc, /run, /var/lib and the
# sysctl.d and udev directories are private to the script that sources this file, and are gone when
# it ends. Nothing it does is seen outside.
#
#   #!/bin/bash
#   . "$(dirname "$0")/../lib/system.sh"
#   system_enter "$@"          # from here on in the system of its own; "$@" are the arguments again
#   system_start_udev          # real systemd-udevd, real 99-systemd.rules, our rule and helper
#   accept_policy <<<'...'     # writes /etc/rpfpolicy.d/10-test.conf and puts it into force
#   add_device eth0
#   system_settle              # events are handled and their log lines are written
#   expect_value eth0 rp_filter 1
#   system_end
#
# RPFPOLICY_BUILD names the build directory. Without root, or where namespaces cannot be made, the
# script exits with 77 (skipped), with CI=true in the environment with 1.

set -u -o pipefail

SYSTEM_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/results.sh
. "$SYSTEM_SOURCE/tests/lib/results.sh"
SYSTEM_BUILD=${RPFPOLICY_BUILD:-$SYSTEM_SOURCE/build}
SYSTEM_WORK=/run/test          # scratch space, private
SYSTEM_LOG=$SYSTEM_WORK/syslog # what was sent to the system log
CONF=/proc/sys/net/ipv4/conf

# is_sanitized PROGRAM: built with the address sanitizer, which has an allocator of its own and takes all
# addresses there are. Without a pipe, since pipefail counts the end of nm, too.
is_sanitized() {
    grep -q __asan <(nm -D "$1")
}

export LC_ALL=C
export PATH=$SYSTEM_BUILD/agent/cli:/usr/sbin:/usr/bin:/sbin:/bin:$PATH

# --- entering ------------------------------------------------------------------------------------

system_skip() {
    echo "skipped: $*" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

# Run the calling script again in namespaces of its own; returns in there.
system_enter() {
    if [ "${SYSTEM_INSIDE:-}" != "$$" ]; then
        [ "$(id -u)" = 0 ] || system_skip "needs root"
        SYSTEM_REFUSED=$(unshare --net --mount --pid --fork --mount-proc true 2>&1) ||
            system_skip "namespaces cannot be made here: $SYSTEM_REFUSED"
        case $SYSTEM_BUILD/ in
        /etc/* | /run/* | /dev/* | /var/lib/*) system_skip "$SYSTEM_BUILD would be hidden" ;;
        esac
        # Process 1 of the new namespace is $$ = 1 in there.
        SYSTEM_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc \
            bash "$0" "$@"
    fi
    unset SYSTEM_INSIDE
    system_mounts || system_skip "private mounts cannot be made here"
    ip link set lo up
    system_start_syslog
}

system_mounts() {
    local etc directory

    mount -t tmpfs -o mode=0755 tmpfs /run && mkdir "$SYSTEM_WORK" /run/lock /run/etc || return
    etc=/run/etc
    cp -a /etc/. "$etc" && mount --bind "$etc" /etc || return
    rm -rf /etc/sysctl.d /etc/sysctl.conf /etc/udev/rules.d /etc/rpfpolicy.d
    mkdir -p /etc/sysctl.d /etc/udev/rules.d /etc/rpfpolicy.d
    mount -t tmpfs -o mode=0755 tmpfs /var/lib && mount -t sysfs sysfs /sys || return
    for directory in /lib/sysctl.d /usr/lib/sysctl.d /usr/local/lib/sysctl.d \
        /usr/local/lib/udev/rules.d /usr/lib/rpfpolicy.d /usr/local/lib/rpfpolicy.d; do
        [ ! -d "$directory" ] || mount -t tmpfs -o mode=0755 tmpfs "$directory" || return
    done
    system_mount_dev
}

# A /dev without disks and with room for a log socket.
system_mount_dev() {
    local new=$SYSTEM_WORK/dev node

    mkdir "$new" && mount -t tmpfs -o mode=0755 tmpfs "$new" || return
    for node in null zero full random urandom tty kmsg; do
        [ -e "/dev/$node" ] || continue
        : >"$new/$node" && mount --bind "/dev/$node" "$new/$node" || return
    done
    ln -s /proc/self/fd "$new/fd" && mkdir "$new/shm" || return
    mount --move "$new" /dev
}

system_start_syslog() {
    mkfifo "$SYSTEM_WORK/marks"
    : >"$SYSTEM_LOG"
    python3 "$SYSTEM_SOURCE/tests/lib/syslog-sink.py" /dev/log "$SYSTEM_LOG" "$SYSTEM_WORK/marks" \
        'everything before this is written'
}

# --- udev ----------------------------------------------------------------------------------------

# udev_rules NAME: standard input becomes a rules file, in force at once where udevd runs.
udev_rules() {
    cat >"/etc/udev/rules.d/$1"
    [ ! -S /run/udev/control ] || udevadm control --reload
}

# Where a rule starts the helper from in here.
SYSTEM_HELPER=/run/rpfpolicy-helper

# Put our rule in place with the helper that was built.
system_install_rule() {
    cp "$SYSTEM_BUILD/agent/helper/rpfpolicy-helper" "$SYSTEM_HELPER"
    sed "s|\"[^\"]*/rpfpolicy-helper\"|\"$SYSTEM_HELPER\"|" \
        "$SYSTEM_BUILD/rules.d/99-zz-rpfpolicy.rules" >/etc/udev/rules.d/99-zz-rpfpolicy.rules
    grep -q "\"$SYSTEM_HELPER\"" /etc/udev/rules.d/99-zz-rpfpolicy.rules ||
        system_abort "the rule does not start the helper"
}

# Only the real 99-systemd.rules and ours, so that the machine's other rules decide nothing here.
system_start_udev() {
    system_install_rule
    system_start_udev_without_rule
}

# system_start_udev_without_rule [NAME…]: with these rules of the distribution's too, where it has them.
system_start_udev_without_rule() {
    local rules=$SYSTEM_WORK/rules.d udevd=/lib/systemd/systemd-udevd name

    [ -x "$udevd" ] || udevd=/usr/lib/systemd/systemd-udevd
    [ -x "$udevd" ] || system_skip "no systemd-udevd here"
    mkdir "$rules"
    cp /usr/lib/udev/rules.d/99-systemd.rules "$rules" || system_skip "no 99-systemd.rules here"
    for name; do
        [ ! -e "/usr/lib/udev/rules.d/$name" ] || cp "/usr/lib/udev/rules.d/$name" "$rules"
    done
    mount --bind "$rules" /usr/lib/udev/rules.d
    "$udevd" --daemon --resolve-names=never 2>"$SYSTEM_WORK/udevd" || {
        cat "$SYSTEM_WORK/udevd" >&2
        system_abort "systemd-udevd does not start"
    }
}

# All events are handled and what was logged until now can be read.
system_settle() {
    udevadm settle --timeout=120 || system_abort "udevadm settle failed"
    system_log_sync
}

system_log_sync() {
    logger --socket /dev/log --tag test -- 'everything before this is written'
    read -r <"$SYSTEM_WORK/marks"
}

# Forget the log lines so far.
system_log_clear() {
    system_log_sync
    : >"$SYSTEM_LOG"
}

# --- putting things in place ---------------------------------------------------------------------

# policy_file NAME: standard input becomes a policy file.
policy_file() {
    cat >"/etc/rpfpolicy.d/$1"
}

# accept_policy: standard input becomes the accepted policy.
accept_policy() {
    policy_file 10-test.conf
    rpfpolicy accept >"$SYSTEM_WORK/accept.out" 2>&1 || {
        cat "$SYSTEM_WORK/accept.out" >&2
        system_abort "the policy of this test is not accepted"
    }
}

# sysctl_d NAME: standard input becomes a file of /etc/sysctl.d.
sysctl_d() {
    cat >"/etc/sysctl.d/$1"
}

# As systemd-sysctl.service does at boot.
run_systemd_sysctl() {
    local program=/lib/systemd/systemd-sysctl

    [ -x "$program" ] || program=/usr/lib/systemd/systemd-sysctl
    "$program"
}

# add_device NAME: the simplest kind of device that every kernel has and that comes without a peer.
add_device() {
    ip link add name "$1" type bridge
}

# agent_seen WORD: an agent seems to live and to do that, until `exec 8>&-`.
agent_seen() {
    exec 8>/run/rpfpolicy/agent
    echo "$1" >&8
    python3 -c 'import fcntl, struct
fcntl.fcntl(8, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))' # F_OFD_SETLK
}

# --- looking and telling -------------------------------------------------------------------------

# value DEVICE KEY: the configured value.
value() {
    cat "$CONF/$1/$2" 2>/dev/null || echo absent
}

# What the kernel acts on for rp_filter: 0, 1 or 2.
effective() {
    local all own

    all=$(value all rp_filter)
    own=$(value "$1" rp_filter)
    [ "$own" = absent ] && echo absent && return
    [ "$all" -gt "$own" ] && own=$all
    case $own in
    0 | 1) echo "$own" ;;
    *) echo 2 ;;
    esac
}

# Every setting of every device, to compare before and after.
all_values() {
    (cd "$CONF" && grep -r . .) | sort
}

# watch_start: from here on every change of what rp_filter amounts to is recorded.
watch_start() {
    coproc SYSTEM_WATCH { exec python3 "$SYSTEM_SOURCE/tests/lib/effective-watch.py"; }
    # shellcheck disable=SC2153 # coproc sets it
    SYSTEM_WATCHER=$SYSTEM_WATCH_PID
    read -r <&"${SYSTEM_WATCH[0]}" || system_abort "the watch does not start"
}

watch_stop() {
    kill "$SYSTEM_WATCHER"
    cat <&"${SYSTEM_WATCH[0]}" >"$SYSTEM_WORK/watched"
    wait "$SYSTEM_WATCHER" || system_abort "the watch failed"
}

# watched DEVICE: the effective values it had in between, in their order, "2 1".
watched() {
    sed -n "s/^$1 //p" "$SYSTEM_WORK/watched"
}

system_abort() {
    echo "FAILED, cannot go on: $*" >&2
    exit 1
}

expect_value() {
    expect_equal "$1: $2 is $3" "$(value "$1" "$2")" "$3"
}

expect_effective() {
    expect_equal "$1: rp_filter acts as $2" "$(effective "$1")" "$2"
}

# expect_log REGEX / expect_no_log REGEX: over the lines since the start or system_log_clear.
expect_log() {
    if grep -Eq -- "$1" "$SYSTEM_LOG"; then
        ok "logged: $1"
    else
        fail "not logged: $1"
        sed 's/^/    /' "$SYSTEM_LOG" >&2
    fi
}

expect_no_log() {
    if grep -Eq -- "$1" "$SYSTEM_LOG"; then
        fail "logged: $1"
        grep -E -- "$1" "$SYSTEM_LOG" | sed 's/^/    /' >&2
    else
        ok "not logged: $1"
    fi
}

system_end() {
    [ "$FAILURES" = 0 ] && exit 0
    echo "$FAILURES failed" >&2
    exit 1
}
