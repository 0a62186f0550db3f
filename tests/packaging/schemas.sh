#!/bin/bash
# The JSON Schemas against what the program really prints, in every situation that has members of its own.
# shellcheck disable=SC2119,SC2120 # functions are passed by name, arguments left out
# shellcheck source=tests/agent/agent.sh
. "$(dirname "$0")/../agent/agent.sh"
# shellcheck source=tests/lib/peers.sh
. "$(dirname "$0")/../lib/peers.sh"
system_enter "$@"

python3 -c 'import jsonschema' 2>/dev/null || system_skip "no python3-jsonschema here"
[ -x "$AGENT" ] || system_skip "the agent is not built"
OUT=$SYSTEM_WORK/out
mkdir "$OUT"

# keep VERB SITUATION [ARGUMENT...]: what the verb says as JSON.
keep() {
    rpfpolicy "$1" --json "${@:3}" >"$OUT/$1-$2.json" 2>>"$SYSTEM_WORK/errors"
}

# A peer whose packets a strict eth0 would drop, and devices with names that nobody expects.
peers_world
add_device lxc1
add_device $'lxc\xff\xfe'
add_device $'\e[31m'
add_device '{"a",1}'
add_device br0
ip link add port0 type veth peer name far0
ip link set port0 master br0

# --- nothing yet, and policies that cannot be used

keep status never
keep check no-policy
[ ! -s "$OUT/check-no-policy.json" ] && rm "$OUT/check-no-policy.json"
policy_file 10-test.conf <<'END'
[rp_filer]
eth0 = strict
[rp_filter]
eth0 = strickt
END
keep check broken
policy_file 10-test.conf <<<'[rp_filter]'
chmod 666 /etc/rpfpolicy.d/10-test.conf
keep check not-trusted
rm /etc/rpfpolicy.d/10-test.conf

# --- everything that a policy can say, and nothing accepted

sysctl_d 10-others.conf <<'END'
net.ipv4.conf.all.rp_filter = 2
net.ipv4.conf.default.rp_filter = 2
net.ipv4.conf.*.rp_filter = 2
END
run_systemd_sysctl
policy_file 10-test.conf <<'END'
[set lxc]
name = lxc*
[rp_filter]
@lxc = off
eth0 = strict
eth1 = loose|off
gone0 = strict
dum* = unmanaged
* = strict, observe
default = unmanaged
[log_martians]
* = yes
[arp_ignore]
all = 1
eth1 = 2
[exception one]
devices = eth1 lxc9
src_valid_mark = yes
reason = of a test
ref = T-1
until = 2001-01-01
[exception two]
devices = br0
rp_filter = off
reason = of a test
END
keep check drift
keep check one-device eth0
keep check latent --strict
rpfpolicy pause --reason="$(printf 'why \xff not')" eth1 'lxc*' $'lxc\xff\xfe' >/dev/null
rpfpolicy pause --reason=short --for=1h all >/dev/null
keep check paused
rpfpolicy resume >/dev/null
rpfpolicy pause --reason=all >/dev/null
keep check all-paused
rpfpolicy resume >/dev/null 2>&1

policy_file 10-test.conf <<<$'[rp_filter]\n* = strict'
keep check default

# --- accepted, with the hook

policy_file 10-test.conf <<'END'
[agent]
mode = enforce
[rp_filter]
lxc* = off
eth0 = strict
END
rpfpolicy apply --once >/dev/null 2>&1
keep check applied
touch /etc/udev/rules.d/99-zz-rpfpolicy.rules
echo '# the hook' >/etc/udev/rules.d/99-zz-rpfpolicy.rules
keep check hook
keep status hook
policy_file 10-test.conf <<'END'
[rp_filter]
all = unmanaged
lxc* = off
END
echo 2 >"$CONF/all/rp_filter"
keep check impossible
policy_file 10-test.conf <<'END'
[rp_filter]
all = unmanaged
* = off
END
keep check default-impossible
policy_file 10-test.conf <<'END'
[rp_filter]
all = off
* = off
END
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,ro,bind /proc/sys/net
keep check read-only
umount /proc/sys/net

# --- policy routing

ip addr add 10.1.0.9/24 dev $'lxc\xff\xfe'
ip addr add 2001:db8::9/64 dev $'lxc\xff\xfe' nodad
policy_file 10-test.conf <<'END'
[routing]
* = auto
[routing lxc*]
gateway = first
END
ip link set $'lxc\xff\xfe' up
keep check routing
keep routes asked show
keep routes planned plan
keep check routing-of-one eth0
rpfpolicy routes apply >/dev/null 2>&1
keep check routed
printf '[agent]\nmode = observe\n' >/etc/rpfpolicy.d/10-test.conf
keep check leftovers
keep routes leftovers show
rpfpolicy routes flush >/dev/null
ip addr flush dev $'lxc\xff\xfe'
rpfpolicy accept >/dev/null
policy_file 10-test.conf <<'END'
[rp_filter]
all = unmanaged
lxc* = off
END

# --- a trial

rpfpolicy apply --confirm=300s </dev/null >/dev/null 2>&1 &
wait_until "it is on trial" test -e /run/rpfpolicy-root/trial
keep check trial
keep routes trial show
keep status trial
rpfpolicy confirm >/dev/null
wait "$!"
printf '[rp_filter]\n* = off\n' >/run/test/tried
rpfpolicy accept --policy=/run/test/tried --trial=1s >/dev/null 2>&1
wait_until "it went back" test ! -e /run/rpfpolicy-root/confirm
keep status failed-trial

# --- an agent that only observes, and that saw somebody who would be cut

for device in all eth0 eth1; do echo 0 >"$CONF/$device/rp_filter"; done
serve webserver 192.0.2.1 80
serve nameserver 192.0.2.1 53 udp # until somebody speaks to it it has no peer
connect web 203.0.113.1 192.0.2.1 80
accept_policy <<'END'
[rp_filter]
eth0 = strict
END
agent_start
wait_until "somebody would have been cut" status_is '.evidence.rules[0].peers' 1
keep status observing
keep check observing
agent_stop

# --- one that enforces, has a conflict and is paused

accept_policy <<'END'
[agent]
mode = enforce
[rp_filter]
lxc* = loose
eth0 = loose
[log_martians]
* = yes
[routing]
eth1 = auto
END
agent_start
keep status enforcing
keep check enforcing
mkfifo "$SYSTEM_WORK/nothing"
# shellcheck disable=SC2317 # called by wait_until
fight() {
    echo 0 >"$CONF/lxc1/rp_filter"
    read -r -t 0.05 <>"$SYSTEM_WORK/nothing"
    status_is '.conflicts | length > 0' true
}
wait_until "a conflict" fight
rpfpolicy pause --reason=why eth0 $'lxc\xff\xfe' >/dev/null
rpfpolicy pause --reason=why --for=1h all >/dev/null
wait_until "the pauses are seen" status_is '.pauses | length' 3
keep status conflict
keep check conflict
agent_stop
keep status stopped
keep check stopped
agent_start
agent_stop KILL
keep status killed
keep check killed

for verb in check routes status; do
    python3 "$SYSTEM_SOURCE/tests/packaging/schemas.py" "$SYSTEM_SOURCE/packaging/schemas/$verb.json" \
        "$OUT/$verb"-*.json || fail "what '$verb --json' prints is not what its schema says"
done
system_end
