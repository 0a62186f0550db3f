#!/usr/bin/env python3
"""Ask real shells what they complete, and compare with what `rpfpolicy --help` says there is.

Arguments: the directory of the completions, the shell (bash, zsh or fish). `rpfpolicy` is found by PATH;
the devices of this network namespace are those that /proc/self/net/dev names. Interactive shells run on
a terminal of their own and report through a pipe what they would offer."""
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import threading

failures = 0


def fail(text):
    global failures
    failures += 1
    print("FAILED:", text, file=sys.stderr)


class Terminal:
    """An interactive shell on a terminal. It writes candidates, one per line, and `.` to the pipe."""

    def __init__(self, command, setup, work):
        self.pipe_path = os.path.join(work, "pipe")
        os.mkfifo(self.pipe_path)
        environment = dict(os.environ, HOME=work, ZDOTDIR=work, INPUTRC="/dev/null", TERM="dumb",
                           REPORT=self.pipe_path)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environment)
        threading.Thread(target=self.drain, daemon=True).start()
        file = os.path.join(work, "setup")
        with open(file, "w") as stream:
            stream.write(setup)
        os.write(self.terminal, f". {file}\n".encode())
        self.pipe = open(self.pipe_path)
        self.read()

    def drain(self):
        try:
            while os.read(self.terminal, 4096):
                pass
        except OSError:
            pass

    def read(self):
        found = []
        for line in self.pipe:
            if line == ".\n":
                return found
            found.append(line[:-1])
        raise RuntimeError("the shell ended")

    def complete(self, line):
        os.write(self.terminal, line.encode() + b"\t")
        found = self.read()
        os.write(self.terminal, b"\x15")  # forget the line
        return found

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


BASH = """
. %s/rpfpolicy.bash
report() {
    _rpfpolicy "$@"
    for word in "${COMPREPLY[@]}"; do eval "printf '%%s\\n' $word"; done >&9
    echo . >&9
}
complete -F report rpfpolicy
exec 9>"$REPORT"
set +o history
echo . >&9
"""

ZSH = """
exec 9>"$REPORT"
fpath=(%s $fpath)
autoload -Uz compinit && compinit -u -D
compdef _rpfpolicy rpfpolicy
autoload -Uz +X _rpfpolicy
compadd() {
    local -a hits
    local -i end=${@[(i)(-|--)]}
    if [[ " ${@[1,end]}" == *' -'[[:alpha:]]#[OAD]' '* ]]; then
        builtin compadd "$@"
        return
    fi
    builtin compadd -O hits "$@"
    (($#hits)) && print -rl -u9 -- "$hits[@]"
    builtin compadd "$@"
}
setopt extendedglob
report() {
    zle list-choices
    echo . >&9
}
zle -N report
bindkey '^I' report
echo . >&9
"""


class Fish:
    def __init__(self, directory):
        self.file = os.path.join(directory, "rpfpolicy.fish")

    def complete(self, line):
        done = subprocess.run(
            ["fish", "--no-config", "-c", 'source "$argv[1]"; complete -C "$argv[2]"', "--", self.file,
             line], capture_output=True, check=False)
        if done.stderr:
            fail(f"fish, '{line}': {done.stderr.decode()}")
        return [text.split("\t")[0] for text in done.stdout.decode("latin-1").splitlines()]

    def close(self):
        pass


def shell(name, directory, work):
    if name == "fish":
        return Fish(directory)
    if name == "bash":
        return Terminal(["bash", "--norc", "--noprofile", "-i"], BASH % directory, work)
    os.mkdir(os.path.join(work, "functions"))
    os.symlink(os.path.join(directory, "rpfpolicy.zsh"), os.path.join(work, "functions/_rpfpolicy"))
    return Terminal(["zsh", "-f", "-i"], ZSH % os.path.join(work, "functions"), work)


def help_text(*verb):
    return subprocess.run(["rpfpolicy", *verb, "--help"], capture_output=True, text=True,
                          check=True).stdout


def keys():
    """What the policy language knows as keys, by what it says when one is not known."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as draft:
        draft.write("[exception x]\nno-such-word = 1\n")
        draft.flush()
        done = subprocess.run(["rpfpolicy", "validate", draft.name], capture_output=True, text=True,
                              check=False)
    known = re.search(r"known here are (.*)", done.stderr)[1].split(", ")
    return [word for word in known if word not in ("devices", "reason", "ref", "until")]


def option_names(text):
    return re.findall(r"^  (?:-[a-z], )?(--[a-z-]+)", text, re.M)


def expect(what, found, wanted):
    """Exactly these, a sign `=` behind an option aside."""
    found = {word.removesuffix("=") for word in found}
    missing, strange = set(wanted) - found, found - set(wanted)
    if missing or strange:
        fail(f"{what}: missing {sorted(missing)}, not expected {sorted(strange)}")
    else:
        print("ok:", what)


def check(asked, name):
    def complete(line):
        return asked.complete("rpfpolicy " + line)

    text = help_text()
    verbs = re.findall(r"^  ([a-z]+) ?", text.split("Commands:")[1].split("Global")[0], re.M)
    if len(verbs) < 17:
        fail(f"only {verbs} in the help")
    expect("commands", complete(""), verbs)
    expect("a command that was begun", complete("val"), ["validate"])
    expect("global options", complete("--"), option_names(text))
    for verb in verbs:
        own = help_text(verb)
        expect(f"options of {verb}", complete(f"{verb} --"), option_names(own))
        formats = re.search(r"--format=FORMAT +(.*)", own)[1].split(", ")
        expect(f"formats of {verb}", complete(f"{verb} --format "), formats)
        strip = "--format=" if name == "fish" else ""
        found = [word.removeprefix(strip) for word in complete(f"{verb} --format=")]
        expect(f"formats of {verb} behind a sign", found, formats)
    check_arguments(complete)


def check_arguments(complete):
    with open("/proc/self/net/dev", encoding="latin-1") as stream:
        devices = [line.split(":")[0].strip() for line in stream.readlines()[2:]]
    for verb in "check", "list", "monitor", "restore", "drops":
        expect(f"devices of {verb}", complete(f"{verb} "), devices)
    for verb in "explain", "pause --reason why", "resume":
        expect(f"devices of {verb}", complete(f"{verb} "), devices + ["all", "default"])
    expect("nothing for an address", complete("verdict "), [])
    expect("devices of verdict", complete("verdict 192.0.2.1 "), devices)
    expect("devices behind a value", complete("verdict --to 192.0.2.2 192.0.2.1 "), devices)
    expect("a value with a sign", complete("--format=json verdict 192.0.2.1 "), devices)
    expect("what can be generated", complete("generate "), ["policy", "sysctl.d"])
    expect("what presets can do", complete("preset "),
           ["list", "show", "enable", "disable", "diff", "suggest"])
    presets = subprocess.run(["rpfpolicy", "preset", "list"], capture_output=True, text=True, check=True)
    names = [line.split()[0] for line in presets.stdout.splitlines()[1:] if line[0] != " "]
    expect("names of presets", complete("preset show "), names)
    expect("several presets", complete(f"preset enable {names[0]} "), names)
    expect("keys", complete("explain --key "), keys())
    expect("flavors", complete("explain --flavor "), ["systemd", "procps"])
    expect("protocols", complete("verdict --proto "), ["tcp", "udp", "icmp"])
    expect("colors", complete("check --color "), ["auto", "always", "never"])
    expect("free text", complete("pause --reason "), [])
    expect("a command that is none", complete("no-such-command "), [])


def main():
    directory, name = os.path.realpath(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as work:
        asked = shell(name, directory, work)
        try:
            signal.alarm(120)
            check(asked, name)
        finally:
            asked.close()
    sys.exit(failures > 0)


main()
