#!/bin/bash
# Taking a preset, keeping what was edited, seeing what is newer, and what is suggested.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

OUT=$SYSTEM_WORK/out
ERR=$SYSTEM_WORK/err
PRESETS=/usr/share/rpfpolicy/presets
ROOT=$SYSTEM_WORK/root
COPY=$ROOT/etc/rpfpolicy.d/20-preset-cilium.conf

# Below a root of its own, since /usr/share is the machine's.
mkdir -p "$ROOT$PRESETS" "$ROOT/etc"
cp "$SYSTEM_SOURCE"/policy/presets/*.conf "$ROOT$PRESETS/"

preset() {
    rpfpolicy --root="$ROOT" preset "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
}

status() {
    expect_equal "$1: exit status" "$STATUS" "$2"
    [ "$STATUS" = "$2" ] || sed 's/^/    /' "$OUT" "$ERR" >&2
}

says() {
    if grep -qF -- "$2" "$OUT" "$ERR"; then
        ok "$1: says '$2'"
    else
        fail "$1: does not say '$2'"
        sed 's/^/    /' "$OUT" "$ERR" >&2
    fi
}

preset list
status list 0
expect_equal "every shipped preset is listed" "$(sed 1d "$OUT" | wc -l)" \
    "$(find "$SYSTEM_SOURCE/policy/presets" -name '*.conf' | wc -l)"
says list "Pod and host devices of a Cilium node"

preset show cilium
expect "show prints the file" cmp -s "$OUT" "$ROOT$PRESETS/cilium.conf"

# -- a link that leads out of the root --

mkdir "$SYSTEM_WORK/outside"
ln -s "$SYSTEM_WORK/outside" "$ROOT/etc/rpfpolicy.d"
preset enable cilium
status "a link out of the root" 1
expect_equal "nothing is written there" "$(ls "$SYSTEM_WORK/outside")" ""
rm "$ROOT/etc/rpfpolicy.d"

# -- enable, twice, edit --

umask 077
preset enable cilium
umask 022
status enable 0
says enable "rpfpolicy plan"
expect "the copy is a policy" rpfpolicy --root="$ROOT" validate
expect_equal "the copy names preset and version" \
    "$(sed -n '1s/ [0-9a-f]*$//p' "$COPY")" "# rpfpolicy preset cilium 1"
expect_equal "the copy can be read by all" "$(stat -c %a "$COPY")" 644
expect_equal "its directory can be read by all" "$(stat -c %a "$ROOT/etc/rpfpolicy.d")" 755
expect_equal "nothing else is left there" "$(ls "$ROOT/etc/rpfpolicy.d")" 20-preset-cilium.conf
preset enable cilium
status "enabling twice" 0
says "enabling twice" "already"
preset diff
status "no difference" 0
expect_equal "no difference is printed" "$(cat "$OUT")" ""

echo 'eth9 = off' >>"$COPY"
cp "$COPY" "$SYSTEM_WORK/edited"
preset list
says "an edited copy" "edited"
for verb in enable disable; do
    preset "$verb" cilium
    status "$verb of an edited copy" 1
    says "$verb of an edited copy" "--force"
    expect "$verb leaves an edited copy alone" cmp -s "$COPY" "$SYSTEM_WORK/edited"
done
preset diff cilium
status "diff of an edited copy" 2
says "diff of an edited copy" "-eth9 = off"
says "diff names the copy" "--- /etc/rpfpolicy.d/20-preset-cilium.conf (enabled)"
says "diff names what is shipped" "+++ cilium (shipped, version 1)"
printf '# \033[2J\377 odd' >>"$COPY"
preset diff cilium
status "diff of odd bytes" 2
says "diff of odd bytes" '-# \x1B[2J\xFF odd'
says "diff of a last line that does not end" '\ No newline at end of file'
expect "a terminal obeys none of it" not grep -q '[^[:print:]]' "$OUT"
cp "$SYSTEM_WORK/edited" "$COPY"
# shellcheck disable=SC2016 # for the shell inside
unshare --mount bash -c 'mount -t tmpfs tmpfs /usr/bin && exec "$0" "$@"' \
    "$SYSTEM_BUILD/agent/cli/rpfpolicy" --root="$ROOT" preset diff cilium >"$OUT" 2>"$ERR"
STATUS=$?
status "diff without diff(1)" 1
says "diff without diff(1)" "there is no /usr/bin/diff here: install the package diffutils"
expect_equal "and nothing else" "$(cat "$OUT"; wc -l <"$ERR")" 1
preset enable --force cilium
status "enable --force" 0
expect "--force brings the shipped text back" \
    cmp -s <(sed 1d "$COPY") <(sed 1d "$ROOT$PRESETS/cilium.conf")

# -- a newer one is shipped --

sed -i -e '1s/.*/# rpfpolicy preset cilium 2/' -e '$a cni* = off' "$ROOT$PRESETS/cilium.conf"
cp "$COPY" "$SYSTEM_WORK/old"
preset list
says "a newer one" "newer shipped"
expect "an upgrade changes no copy" cmp -s "$COPY" "$SYSTEM_WORK/old"
preset diff
status "diff with a newer one" 2
says "diff with a newer one" "+cni* = off"
preset enable cilium
status "taking the newer one" 0
says "taking the newer one" "version 2"
expect "the newer one is there" grep -q '^cni\* = off' "$COPY"

preset disable cilium
status disable 0
expect "disable removes the copy" test ! -e "$COPY"
preset disable cilium
status "disabling twice" 0
says "disabling twice" "not enabled"
printf '[agent]\nmode = enforce\n' >"$ROOT/etc/rpfpolicy.d/10-mode.conf"
preset enable cilium
preset disable cilium
says "disabling the last rules" "/etc/rpfpolicy.d/10-mode.conf: no rule in any file"
rm "$ROOT/etc/rpfpolicy.d/10-mode.conf"

# -- the administrator is told what stands in whose shadow --

printf '[rp_filter]\n* = loose\n' >"$ROOT/etc/rpfpolicy.d/10-local.conf"
preset enable hardened-ipv4
status "hardening over an older line" 0
expect "hardening over an older line: no warning, the preset yields" not grep -q "can never win" "$OUT" "$ERR"
says "hardening over an older line" "Note: for the redirect settings"
rm "$ROOT"/etc/rpfpolicy.d/*

# -- a line of the administrator wins over a preset's, in a file that sorts before it, too --

# look VERB...: below the root, as preset() does it.
look() {
    rpfpolicy --root="$ROOT" "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
}

ip link add eni5 type bridge
printf '[rp_filter]\nen* = loose\n' >"$ROOT/etc/rpfpolicy.d/10-local.conf"
preset enable aws-vpc-cni
look validate --strict
status "a glob before a preset's" 0
look explain eni5
says "a glob before a preset's" "> en* = loose"
says "a glob before a preset's" "loses: a preset yields to a line of the administrator"
ip link delete eni5
rm "$ROOT"/etc/rpfpolicy.d/*

# -- every pair is valid as files, too --

for first in "$ROOT$PRESETS"/*.conf; do
    for second in "$ROOT$PRESETS"/*.conf; do
        rpfpolicy validate "$first" "$second" >"$OUT" 2>&1 ||
            fail "$(basename "$first") with $(basename "$second"): $(cat "$OUT")"
    done
done
ok "every pair of presets is valid"

# -- suggest --

preset suggest
status "nothing to suggest" 0
says "nothing to suggest" "Nothing to suggest"
ip link add cilium_host type bridge
ip link add bpfout.cali type veth peer name bpfin.cali
ip link add cali1234 type bridge
mkdir -p "$ROOT/etc/cni/net.d"
: >"$ROOT/etc/cni/net.d/10-aws.conflist"
preset suggest
says suggest "because of device cilium_host"
says suggest "because of file /etc/cni/net.d/10-aws.conflist"
preset suggest --json
expect_equal "suggest as JSON" "$(python3 -c "
import json
print([s['name'] for s in json.load(open('$OUT'))['suggestions']])")" \
    "['aws-vpc-cni', 'calico-ebpf', 'cilium']"
preset list --json
expect_equal "list as JSON" "$(python3 -c "
import json
print([p['version'] for p in json.load(open('$OUT'))['presets'] if p['name'] == 'cilium'])")" "[2]"

# suggested DEVICE...: the names that are suggested where these devices are there, and no file is.
suggested() {
    ip netns add suggest
    for device; do
        ip -n suggest link add "$device" type bridge
    done
    ip netns exec suggest "$SYSTEM_BUILD/agent/cli/rpfpolicy" --root="$ROOT" preset suggest --json |
        python3 -c "import json, sys; print(*[s['name'] for s in json.load(sys.stdin)['suggestions']])"
    ip netns delete suggest
}

rm -r "$ROOT/etc/cni"
expect_equal "docker0 alone" "$(suggested docker0)" containers
expect_equal "docker0 beside Cilium" "$(suggested docker0 cilium_host)" cilium
expect_equal "a bridge of OVN" "$(suggested br-ex br-int ovn-k8s-mp0)" ovn-kubernetes
expect_equal "a network of Docker" "$(suggested br-0123456789ab)" containers
expect_equal "Podman" "$(suggested podman1)" containers
expect_equal "OpenShift SDN" "$(suggested tun0 vxlan_sys_4789)" openshift-sdn
expect_equal "Antrea with VXLAN" "$(suggested antrea-gw0 vxlan_sys_4789)" antrea
expect_equal "VXLAN of Open vSwitch" "$(suggested vxlan_sys_4789)" ""
expect_equal "tun0 of whomever" "$(suggested tun0)" ""
expect_equal "flannel" "$(suggested flannel.1 cni0)" flannel
expect_equal "flannel by UDP" "$(suggested flannel0)" flannel
expect_equal "kube-router" "$(suggested kube-bridge kube-dummy-if)" kube-router
expect_equal "Submariner over flannel" "$(suggested vx-submariner flannel.1)" "flannel submariner"
expect_equal "libvirt" "$(suggested virbr0)" libvirt
expect_equal "Tailscale" "$(suggested tailscale0)" tailscale
expect_equal "IPsec" "$(suggested vti1)" ipsec
expect_equal "keepalived" "$(suggested vrrp.51)" keepalived
expect_equal "a VRF called vrrp" "$(suggested vrrp)" ""

# by_file NAME FILE [DEVICE...]: where this file is there, and these devices; in capitals, too.
by_file() {
    local file=$2 tried

    for tried in "$file" "${file%/*}/$(tr '[:lower:]' '[:upper:]' <<<"${file##*/}")"; do
        mkdir -p "$ROOT${tried%/*}"
        : >"$ROOT$tried"
        expect_equal "$1, by $tried" "$(suggested "${@:3}")" "$1"
        rm "$ROOT$tried"
    done
}

by_file antrea /etc/cni/net.d/10-antrea.conflist
by_file aws-vpc-cni /etc/cni/net.d/10-aws.conflist
by_file calico-iptables /etc/cni/net.d/10-calico.conflist
by_file cilium /etc/cni/net.d/05-cilium.conflist
by_file cilium /etc/sysctl.d/99-zzz-override_cilium.conf
by_file containers /etc/cni/net.d/87-podman-bridge.conflist
by_file containers /etc/containers/networks/backend.json
by_file containers /run/sysctl.d/10-netavark-podman1.conf
by_file flannel /etc/cni/net.d/10-flannel.conflist
by_file hardened-ipv4 /etc/sysctl.d/60-hardening.conf
by_file ipsec /etc/ipsec.d/office.conf
by_file ipsec /etc/swanctl/conf.d/office.conf
by_file kube-router /etc/cni/net.d/10-kuberouter.conflist
by_file openshift-sdn /etc/cni/net.d/80-openshift-network.conf tun0
by_file openvpn /etc/openvpn/office.conf
by_file openvpn /etc/openvpn/client/office.conf tun0
by_file openvpn /etc/openvpn/server/road.conf
by_file ovn-kubernetes /etc/cni/net.d/10-ovn-kubernetes.conf
by_file tailscale /var/lib/tailscale/tailscaled.state
by_file wireguard /etc/wireguard/wg0.conf
mkdir -p "$ROOT/sys/module/ena"
expect_equal "Cilium on AWS" "$(suggested cilium_host lxc_health)" "cilium cilium-eni"
rm -r "$ROOT/sys"
expect_equal "Submariner's other tunnel" "$(suggested vxlan-tunnel)" submariner
expect_equal "WireGuard" "$(suggested wg0)" wireguard
expect_equal "Amazon's pods" "$(suggested eni1a2b3c4d5e6 vlan.eth.1)" aws-vpc-cni
expect_equal "Calico with eBPF" "$(suggested bpfin.cali bpfout.cali cali12ab34cd56e)" calico-ebpf
expect_equal "Canal" "$(suggested flannel.1 cali12ab34cd56e)" "calico-iptables flannel"

# -- presets that disagree, and presets that say the same --

rm -f "$ROOT"/etc/rpfpolicy.d/*
preset enable calico-ebpf calico-iptables
says "two presets of Calico" "'cali* = off|loose' can never win: 'cali* = strict|off' in /etc/rpfpolicy.d/20-preset-calico-iptables.conf"
look validate --strict
status "two presets of Calico" 1
look check cali1234
says "check warns, too" "'cali* = strict|off' in /etc/rpfpolicy.d/20-preset-calico-iptables.conf"
look explain cali1234
says "explain names the one that wins" "> cali* = strict|off"
says "and why" "loses: a later line of its kind"
rm "$ROOT"/etc/rpfpolicy.d/*
preset enable tailscale wireguard
look validate --strict
status "two that say the same" 0
says "two that say the same: a note" "of another preset that says the same"
expect "and no warning" not grep -q "warning" "$OUT" "$ERR"
rm "$ROOT"/etc/rpfpolicy.d/*

# -- what is refused --

preset enable no-such
status "an unknown preset" 1
preset enable cilum
says "a misspelt preset" "did you mean 'cilium'"
preset enable
status "no name" 1
preset enabel cilium
says "a misspelt action" "did you mean 'preset enable'"
preset enable ../../etc/passwd
status "a path" 1
expect_equal "nothing was made" "$(ls "$ROOT/etc/rpfpolicy.d")" ""

system_end
