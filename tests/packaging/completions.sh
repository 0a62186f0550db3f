#!/bin/bash
# What bash, zsh and fish complete, by asking the shells themselves: every command and option of --help,
# formats, presets, and the names of devices, also of those that no shell would like. Arguments: the
# shell, and where the program looks for its presets.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
system_enter "$@"

command -v "$1" >/dev/null || system_skip "no $1 here"

# As installed.
mkdir -p /run/share
mount -t tmpfs tmpfs /run/share
root=/run/share/root
mkdir -p "$root$2"
cp "$SYSTEM_SOURCE"/policy/presets/*.conf "$root$2"
cat >/run/share/rpfpolicy <<END
#!/bin/sh
exec "$SYSTEM_BUILD/agent/cli/rpfpolicy" --root=$root "\$@"
END
chmod +x /run/share/rpfpolicy
export PATH=/run/share:$PATH

# A terminal for the shells.
mkdir -p /dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
ln -sf pts/ptmx /dev/ptmx

cd /run/share || exit 1
# shellcheck disable=SC2016 # nothing of this shall be expanded
for name in eth0 lxc1 '$(>x)' '`>x`' '*' '[a]' 'a;>x' '"q"' "it's" 'a\b' '&' '-rf' '=k' 'a|b' '~'; do
    add_device "$name"
done
python3 "$SYSTEM_SOURCE/tests/packaging/completions.py" "$SYSTEM_SOURCE/packaging/completions" "$1" ||
    fail "$1 does not complete all"
expect "no name was run" test ! -e /run/share/x
system_end
