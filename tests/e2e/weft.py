# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests share: an instance of Weft of their own, and ways to look at it."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

BIN = pathlib.Path(os.environ["WEFT_BIN"])
SRC = pathlib.Path(os.environ["WEFT_SRC"])
RUN = "/run/weft-test"
STATE = BIN.parent / "test-state"
ENV = dict(os.environ, WEFT_RUN=RUN, WEFT_STATE=str(STATE))


# Two hosts on a link.
PAIR = """
name: pair
topology:
  nodes:
    h1: {kind: linux, image: alpine, exec: [ip addr add 10.0.0.1/24 dev eth1]}
    h2: {kind: linux, image: alpine, exec: [ip addr add 10.0.0.2/24 dev eth1]}
  links:
    - endpoints: ["h1:eth1", "h2:eth1"]
"""


def await_true(what, seconds, condition, pause=0.1):
    """Returns the first true value of condition(); fails after seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(pause)


class Weft:
    """The CLI, as a user calls it."""
    folder = None  # that it is called in; None: that of the test

    def argv(self, *args):
        return [BIN / "weft", *map(str, args)]

    def env(self):
        return ENV

    def run(self, *args, status=0, timeout=300, stdin=None):
        done = subprocess.run(self.argv(*args), env=self.env(), cwd=self.folder, timeout=timeout,
                              stdin=subprocess.DEVNULL if stdin is None else None, input=stdin,
                              capture_output=True)
        done.stdout = done.stdout.decode(errors="replace")
        done.stderr = done.stderr.decode(errors="replace")
        assert status is None or done.returncode == status, \
            f"weft {args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *args):
        return json.loads(self.run(*args, "--format", "json").stdout)

    def exec(self, vnet, node, *command, status=0, timeout=300, stdin=None):
        return self.run("exec", vnet, node, "--", *command, status=status, timeout=timeout,
                        stdin=stdin).stdout

    def popen(self, vnet, node, *command, **kw):
        return subprocess.Popen(self.argv("exec", vnet, node, "--", *command), env=self.env(), cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **kw)

    def deploy(self, path, *args, **kw):
        return self.run("deploy", path, *args, **kw)

    def node(self, vnet, node):
        return self.json("inspect", vnet, node)

    def port(self, vnet, node, port):
        return next(p for p in self.node(vnet, node)["ports"] if p["name"] == port)

    def routes(self, vnet, node):
        return {r["prefix"]: r for r in self.json("routes", vnet, node)["routes"]}

    def counters(self, vnet):
        return self.json("inspect", vnet)["counters"]

    def pings(self, vnet, node, address):
        return self.run("exec", vnet, node, "--", "ping", "-n", "-c", "1", "-W", "1", address,
                        status=None).returncode == 0

    def await_ping(self, vnet, node, address, seconds=60):
        await_true(f"{vnet}/{node} pings {address}", seconds,
                   lambda: self.pings(vnet, node, address))

    def await_costs(self, vnet, *routers):
        """A clone's zebra asks for its NICs' speed 15 s after they came, OSPF's costs change with it,
        and for a moment traffic goes other ways."""
        for router in routers:
            await_true(f"{router} knows its NICs' speed", 40, lambda: "Cost: 10" not in self.exec(
                vnet, router, "vtysh", "-c", "show ip ospf interface eth1"))

    def put(self, vnet, node, source, target):
        """A program of ours, into a guest or a host."""
        self.exec(vnet, node, "sh", "-c", f"cat >{target} && chmod +x {target}",
                  stdin=pathlib.Path(source).read_bytes())

    def daemon_pid(self):
        return self.json("version")["weftd"]["pid"]

    def engine_pid(self):
        """None: there is none at the moment."""
        engine = self.json("version")["weftd"]["engine"]
        return engine and engine["pid"]


def alive(pid):
    """Runs and is no zombie that only its parent has not buried yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    await_true(f"{pid} is dead", 10, lambda: not alive(pid), pause=0.01)


class Ping:
    """Echoes at a steady rate in the background, the first of which has been answered; says what was
    lost. How many there are is the machine's to say: only that some were answered before what a test
    does, and some after it, is sure."""

    def __init__(self, weft, vnet, node, address, interval=0.01):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", f"weft-{vnet}-{node}", "ping", "-n", "-i", str(interval), address],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.answered = set()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self._await_more(1)

    def _read(self):
        for line in self.process.stdout:
            if found := re.search(r"icmp_seq=(\d+) ttl=", line):
                self.answered.add(int(found.group(1)))

    def _await_more(self, count):
        wanted = len(self.answered) + count
        await_true(f"{count} more echoes are answered", 30, lambda: len(self.answered) >= wanted, pause=0.01)

    def stop(self):
        """(sent, received), after 20 more answers; without what was under way when it stopped."""
        try:
            self._await_more(20)
        finally:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=20)
            self.reader.join(timeout=20)
        return max(self.answered), len(self.answered)


def leftovers():
    """What of this instance is still there."""
    found = []
    for proc in pathlib.Path("/proc").iterdir():
        if not proc.name.isdigit() or not alive(proc.name):
            continue
        with contextlib.suppress(OSError):
            command = proc.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environ = proc.joinpath("environ").read_bytes()
            program = os.readlink(proc / "exe")
            if RUN in command or (program.startswith(str(BIN)) and RUN.encode() in environ):
                found.append(f"process {proc.name}: {command}")
    if os.path.exists(RUN):
        found += [f"file {p}" for p in [pathlib.Path(RUN), *pathlib.Path(RUN).rglob("*")]]
    return found + sorted(named_things() - FOREIGN)


def named_things():
    """Namespaces and mounts, which do not say whose they are."""
    netns = pathlib.Path("/run/netns")
    return {f"namespace {n}" for n in (netns.iterdir() if netns.exists() else [])} | {
        f"mount {line.split()[1]}" for line in open("/proc/mounts")
        if line.split()[1] != "/run/netns"}  # which stays, as ip(8) has it too


FOREIGN = named_things()


def assert_nothing_left():
    left = leftovers()
    assert not left, "\n".join(["left behind:", *left])


def hugepages():
    path = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    return int(path.read_text()) if path.exists() else 0


@contextlib.contextmanager
def instance():
    """With nothing deployed; everything is removed afterwards, and that is checked."""
    w = Weft()
    w.run("destroy", "--all")
    pages = hugepages()
    assert_nothing_left()
    yield w
    w.run("destroy", "--all")
    assert_nothing_left()
    assert hugepages() == pages
