"""Events in random order against a running agent.

fuzz.py SEED STEPS AGENT: a device is made, renamed, deleted, put up or down, numbered, moved away
and back, enslaved; settings of devices, `all` and `default` are written by others; other policies
are accepted; the agent is killed, stopped and started again. AGENT is started and stopped here, and
left running. Prints each step, so that a seed can be followed.
"""

import pathlib
import random
import signal
import subprocess
import sys
import time

CONF = pathlib.Path("/proc/sys/net/ipv4/conf")
KINDS = ["lxc", "veth", "eth", "cali", "br"]
POLICIES = [
    "[rp_filter]\nlxc* = off\n* = strict\n",
    "[rp_filter]\nlxc* = off\ncali* = loose\neth* = strict|loose\n* = strict\n"
    "[log_martians]\neth* = yes\n* = no\n",
    "[set tiny]\nname = *1 *2\n[rp_filter]\nall = off\ndefault = loose\n@tiny = off\nbr* = unmanaged\n* = strict\n",
    "[rp_filter]\n@physical = loose\nlxc* = off\nveth* = strict\n[arp_filter]\n* = yes\n",
    "[set ports]\nmaster = br*\n[rp_filter]\n@ports = unmanaged\n* = loose|strict\n",
]


class World:
    def __init__(self, rng, agent):
        self.rng = rng
        self.agent_path = agent
        self.agent = None
        self.count = 0
        self.start()

    def run(self, *command, check=False):
        print("+", *command, flush=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            sys.exit(f"{command}: {done.stderr}")

    def names(self):
        return sorted(p.name for p in CONF.iterdir() if p.name not in ("all", "default", "lo"))

    def name(self):
        self.count += 1
        return f"{self.rng.choice(KINDS)}{self.count}"

    def device(self):
        return self.rng.choice(self.names() or ["lo"])

    def start(self):
        log = open("/run/test/agent.log", "ab")
        buffer = self.rng.choice([2048, 65536, 16 << 20])
        print("+ agent", buffer, flush=True)
        self.stopped = False
        self.agent = subprocess.Popen(
            [*self.agent_path.split(), f"--receive-buffer={buffer}"], stderr=log
        )

    def step_make(self):
        if self.rng.random() < 0.5:
            self.run("ip", "link", "add", self.name(), "type", "veth", "peer", "name", self.name())
        else:
            self.run("ip", "link", "add", self.name(), "type", "bridge")

    def step_delete(self):
        if len(self.names()) > 30 or self.rng.random() < 0.5:
            self.run("ip", "link", "delete", self.device())

    def step_rename(self):
        self.run("ip", "link", "set", self.device(), "name", self.name())

    def step_up_or_down(self):
        self.run("ip", "link", "set", self.device(), self.rng.choice(["up", "down"]))

    def step_address(self):
        verb = self.rng.choice(["add", "delete"])
        address = f"10.0.{self.rng.randrange(4)}.1/24"
        self.run("ip", "address", verb, address, "dev", self.device())

    def step_route(self):
        verb = self.rng.choice(["replace", "delete"])
        self.run("ip", "route", verb, "default", "dev", self.device())

    def step_enslave(self):
        bridges = [name for name in self.names() if name.startswith("br")]
        if bridges:
            self.run("ip", "link", "set", self.device(), "master", self.rng.choice(bridges))

    def step_free(self):
        self.run("ip", "link", "set", self.device(), "nomaster")

    def step_write(self):
        for _ in range(self.rng.randrange(1, 6)):
            where = self.rng.choice(["all", "default", *self.names() * 3, "lo"])
            key = self.rng.choice(["rp_filter", "rp_filter", "log_martians", "arp_filter"])
            if where == "all":
                key = "rp_filter"  # the only one that moves `all` without a pin
            value = self.rng.choice([0, 1, 2, 3, -1] if key == "rp_filter" else [0, 1])
            print("+ write", where, key, value, flush=True)
            try:
                (CONF / where / key).write_text(f"{value}\n")
            except OSError:
                pass

    def step_accept(self):
        text = f"[agent]\nmode = enforce\nsweep = 1s\n{self.rng.choice(POLICIES)}"
        print("+ policy", repr(text), flush=True)
        pathlib.Path("/etc/rpfpolicy.d/10-test.conf").write_text(text)
        self.run("rpfpolicy", "accept", check=True)

    def step_apply(self):
        self.run("rpfpolicy", "apply")

    def step_away(self):
        name = self.device()
        self.run("ip", "link", "set", name, "netns", "away")
        if self.rng.random() < 0.7:
            self.run("ip", "-n", "away", "link", "set", name, "netns", "1")

    def step_kill(self):
        print("+ kill", flush=True)
        self.agent.kill()
        self.agent.wait()
        self.start()

    def step_restart(self):
        print("+ restart", flush=True)
        self.agent.terminate()
        # Only where it is stopped: the leak sanitizer stops the process as it ends, and waits for
        # good when a SIGCONT takes that back.
        if self.stopped:
            self.agent.send_signal(signal.SIGCONT)
        if self.agent.wait() not in (0, -signal.SIGTERM):
            sys.exit(f"the agent ended with {self.agent.returncode}")
        self.start()

    def step_stop_and_continue(self):
        print("+ stop", flush=True)
        self.agent.send_signal(signal.SIGSTOP)
        self.stopped = True
        for _ in range(self.rng.randrange(10)):
            self.step()
        self.agent.send_signal(signal.SIGCONT)
        self.stopped = False

    def step_wait(self):
        time.sleep(self.rng.random() / 50)

    def step(self):
        often = [self.step_make, self.step_rename, self.step_write, self.step_delete]
        seldom = [
            self.step_up_or_down, self.step_address, self.step_route, self.step_enslave,
            self.step_free, self.step_away, self.step_wait, self.step_wait,
        ]
        rarely = [
            self.step_accept, self.step_apply, self.step_kill, self.step_restart,
            self.step_stop_and_continue,
        ]
        steps = self.rng.choices([often, seldom, rarely], [10, 6, 1])[0]
        self.rng.choice(steps)()
        if self.agent.poll() is not None:
            sys.exit(f"the agent ended by itself with {self.agent.returncode}")


def main():
    world = World(random.Random(sys.argv[1]), sys.argv[3])
    world.step_accept()
    for _ in range(int(sys.argv[2])):
        world.step()
    world.agent.send_signal(signal.SIGCONT)
    pathlib.Path("/run/test/agent.pid").write_text(f"{world.agent.pid}\n")


main()
