#!/bin/bash
# The profiles for SELinux and AppArmor, loaded, in a virtual machine with Debian's own kernel. By hand, since it takes
# ten minutes the first time, and five later, without KVM:
#
#   tests/system/lsm.sh DIRECTORY selinux|apparmor [permissive]
#
# DIRECTORY keeps the Debian, and the packages: those that were built there once are taken again. What the kernel told
# of refusals is in DIRECTORY/share/denials. Nothing of the machine is changed.
set -eu -o pipefail

mkdir -p "$1"
directory=$(realpath "$1") lsm=$2 mode=${3:-enforcing}
source=$(cd "$(dirname "$0")/../.." && pwd)
root=$directory/root
base=systemd,systemd-sysv,udev,dbus,iproute2,procps,python3-minimal,kmod,jq,initramfs-tools,zstd
packages="linux-image-amd64 selinux-policy-default selinux-policy-dev policycoreutils selinux-utils apparmor make"

build() {
    BUILD=$directory/build DEB_BUILD_OPTIONS=nocheck "$source/quickstart" --no-install deb >"$directory/deb.log" 2>&1 || {
        tail -n 30 "$directory/deb.log" >&2
        exit 1
    }
    mkdir -p "$directory/packages"
    cp "$directory"/build-deb/rpfpolicy{,-agent,-report}_*.deb "$directory/packages"
}

prepare() {
    debootstrap --variant=minbase --include=$base bookworm "$root.new"
    printf 'virtio_pci\nvirtio_blk\next4\n9p\n9pnet_virtio\n' >>"$root.new/etc/initramfs-tools/modules"
    sed -i 's/^MODULES=.*/MODULES=list/' "$root.new/etc/initramfs-tools/initramfs.conf"
    # shellcheck disable=SC2086 # words
    DEBIAN_FRONTEND=noninteractive chroot "$root.new" apt-get install -y -q --no-install-recommends $packages
    mv "$root.new" "$root"
}

# As a person installs it; the labels are written here, which the machine would take minutes for.
install_ours() {
    rm -rf "$root/ours"
    mkdir -p "$root/ours" "$root/share"
    cp "$directory"/packages/rpfpolicy{,-agent,-report}_*.deb "$root/ours"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    DEBIAN_FRONTEND=noninteractive chroot "$root" sh -c 'apt-get install -y -q --no-install-recommends --reinstall /ours/*.deb'
    rm "$root/usr/sbin/policy-rc.d"
    cat >"$root/etc/systemd/system/inside.service" <<UNIT
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash -c 'modprobe 9pnet_virtio; mount -t 9p -o trans=virtio,version=9p2000.L share /share; bash /ours/inside.sh $lsm $mode >/share/log 2>&1'
ExecStopPost=/bin/sh -c 'sync; echo o >/proc/sysrq-trigger; sleep 30'
TimeoutStartSec=infinity
$([ "$lsm" = selinux ] && echo SELinuxContext=unconfined_u:unconfined_r:unconfined_t:s0)
UNIT
    cat >"$root/etc/systemd/system/inside.target" <<UNIT
[Unit]
Requires=multi-user.target
Wants=inside.service
UNIT
    cp "$source/tests/system/lsm/inside.sh" "$root/ours"
    : >"$root/etc/fstab"
    cp "$source"/packaging/apparmor/rpfpolicy* "$root/usr/share/rpfpolicy/apparmor/"
    [ "$lsm" = selinux ] || return 0
    sed -i "s/^SELINUX=.*/SELINUX=permissive/" "$root/etc/selinux/config"
    cp "$source"/packaging/selinux/rpfpolicy.* "$root/ours"
    chroot "$root" sh -c 'cd /ours && make -s -f /usr/share/selinux/devel/Makefile rpfpolicy.pp && semodule -n -s default -i rpfpolicy.pp'
    chroot "$root" setfiles -F /etc/selinux/default/contexts/files/file_contexts /
}

[ -e "$directory/packages" ] || build
[ -e "$root" ] || prepare
mount -t proc proc "$root/proc"
trap 'umount "$root/proc"' EXIT
install_ours
trap - EXIT
umount "$root/proc"
size=$(du -sm --apparent-size "$root" | cut -f1)
rm -f "$directory/image"
mke2fs -q -t ext4 -d "$root" "$directory/image" $((size + size / 4 + 500))M
kernel=$(find "$root/boot" -name 'vmlinuz-*' | sort -V | tail -n 1)
mkdir -p "$directory/share"
rm -f "$directory/share/log"
append="root=/dev/vda rw console=ttyS0 panic=-1 quiet systemd.unit=inside.target net.ifnames=0 audit=1 audit_backlog_limit=8192"
append="$append security=$lsm"
[ "$lsm" != selinux ] || append="$append selinux=1 enforcing=0"
timeout 1500 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -nographic -nic none -no-reboot \
    -kernel "$kernel" -initrd "${kernel/vmlinuz/initrd.img}" -append "$append" \
    -drive "file=$directory/image,if=virtio,format=raw,snapshot=on" \
    -virtfs "local,path=$directory/share,mount_tag=share,security_model=none" \
    -device virtio-rng-pci </dev/null >"$directory/console" 2>&1 || :
cat "$directory/share/log"
grep -q '^=== passed' "$directory/share/log"
