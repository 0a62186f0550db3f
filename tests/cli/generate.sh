#!/bin/bash
# generate policy describes what is in effect, so that check with it is clean; generate sysctl.d says
# a policy so that the real systemd-sysctl alone reaches it, at boot and when a device appears.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

OUT=$SYSTEM_WORK/out
ERR=$SYSTEM_WORK/err
POLICY=$SYSTEM_WORK/policy.conf
FRAGMENT=/etc/sysctl.d/99-zz-rpfpolicy.conf

generate() {
    rpfpolicy generate "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
}

# clean TEXT OPTION...: check and plan find nothing to do.
clean() {
    local text=$1

    shift
    if rpfpolicy "$@" check >"$SYSTEM_WORK/check" 2>&1; then
        ok "$text: check is clean"
    else
        fail "$text: check is not clean"
        cat "$OUT" "$SYSTEM_WORK/check" >&2
    fi
    expect "$text: nothing to write" rpfpolicy "$@" plan >"$SYSTEM_WORK/check" 2>&1
}

# --- generate policy

for number in 0 1 2 3; do
    ip link add "lxc$number" type veth peer name "eth$number"
    echo 2 >"$CONF/lxc$number/rp_filter"
    echo 1 >"$CONF/eth$number/rp_filter"
done
# shellcheck disable=SC2016 # a name that a shell would run
ODD=('*' 'a]b' '$(id)' 'eth1..3' '=k' '#c' ';x' '@set' $'\xff\xfe')
for name in "${ODD[@]}"; do
    ip link add name "$name" type bridge
done
for all in 0 1 2 -1 5; do
    echo "$all" >"$CONF/all/rp_filter"
    for value in 0 1 2 7; do
        echo "$value" >"$CONF/lxc2/rp_filter"
        generate policy
        expect_equal "all=$all, lxc2=$value: exit status" "$STATUS" 0
        cp "$OUT" "$POLICY"
        expect "all=$all, lxc2=$value: it is valid" rpfpolicy validate "$POLICY"
        clean "all=$all, lxc2=$value" "--policy=$POLICY"
    done
done
echo 0 >"$CONF/all/rp_filter"
policy_file 10-test.conf <<<'[log_martians]
lxc* = yes'
echo 1 >"$CONF/eth2/log_martians"
generate policy
expect "the keys of the policy on disk are described" grep -q '^\[log_martians\]' "$OUT"
cp "$OUT" "$POLICY"
clean "two keys" "--policy=$POLICY"

# --- generate sysctl.d

for name in "${ODD[@]}"; do
    ip link del dev "$name"
done
sysctl_d 10-distribution.conf <<'X'
net.ipv4.conf.default.rp_filter = 2
net.ipv4.conf.all.rp_filter = 2
net.ipv4.conf.*.rp_filter = 2
X
policy_file 10-test.conf <<'X'
[rp_filter]
lxc*    = off
eth1..2 = loose
lo      = strict
*       = strict
[log_martians]
* = yes
X
run_systemd_sysctl --prefix=/net
generate sysctl.d
expect_equal "all of it can be said" "$STATUS" 0
cp "$OUT" "$FRAGMENT"
run_systemd_sysctl --prefix=/net
clean "after a full run of systemd-sysctl"
rpfpolicy check --strict >"$OUT" 2>&1 || fail "the next run would undo it: $(cat "$OUT")"
generate sysctl.d
expect "it is the same where it is in place" cmp -s "$OUT" "$FRAGMENT"
ip link add lxcnew type veth peer name eth9
for device in lxcnew eth9; do
    run_systemd_sysctl "--prefix=/net/ipv4/conf/$device"
done
clean "after two devices were added"

policy_file 20-set.conf <<'X'
[set fast]
driver = mlx5*
[rp_filter]
@fast = loose
X
generate sysctl.d
expect_equal "a set cannot be said" "$STATUS" 2
expect "a comment tells what is missing" grep -q '^# .*@fast' "$OUT"
expect "so does a message" grep -q 'cannot be said' "$ERR"
expect "the rest is there" grep -q '^net/ipv4/conf/lxc\*/rp_filter = 0' "$OUT"

# --- the fragments of the presets, which are shipped

PRESET=$SYSTEM_WORK/cilium.conf
cp "$SYSTEM_SOURCE/policy/presets/cilium.conf" "$PRESET"
generate sysctl.d "--policy=$PRESET"
expect "a preset is named" grep -q "^# rpfpolicy's preset cilium, version [0-9]*, for" "$OUT"
expect "here it answers to the other files" grep -qF ">$FRAGMENT" "$OUT"
sed '1s/$/ 0123456789abcdef/' "$SYSTEM_SOURCE/policy/presets/cilium.conf" >"$PRESET"
generate sysctl.d "--policy=$PRESET"
expect "an edited copy is not called the preset" not grep -q 'preset' "$OUT"

mkdir "$SYSTEM_WORK/shipped"
expect "each can be made anew" \
    "$SYSTEM_SOURCE/sysctl.d/generate" "$SYSTEM_BUILD/agent/cli/rpfpolicy" "$SYSTEM_WORK/shipped"
expect "each stands there as it is made now, if not: sysctl.d/generate" \
    diff -r --exclude=README.md --exclude=generate --exclude=meson.build \
    "$SYSTEM_SOURCE/sysctl.d" "$SYSTEM_WORK/shipped"
expect_equal "there is one for each preset" "$(find "$SYSTEM_WORK/shipped" -name '*.conf' | wc -l)" \
    "$(find "$SYSTEM_SOURCE/policy/presets" -name '*.conf' | wc -l)"
for file in "$SYSTEM_SOURCE"/sysctl.d/*.conf; do
    expect "${file##*/} sets something" grep -q '^net/ipv4/conf/.* = [0-9]' "$file"
done

# --- what is refused

rm /etc/rpfpolicy.d/*
generate sysctl.d
expect_equal "no policy, no fragment" "$STATUS" 1
expect_equal "nothing is printed then" "$(cat "$OUT")" ""
generate nonsense
expect_equal "generate what?" "$STATUS" 1
generate
expect_equal "generate nothing" "$STATUS" 1

system_end
