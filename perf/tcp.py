# SPDX-License-Identifier: Apache-2.0
"""TCP between two hosts across two routers, with the offloads that hosts have by default: Weft's
beside Linux's own, and beside taps with nothing in between."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from perf import dp, proc
from perf.huge import HugePages
from perf.lab import BIN, SRC, command, say
from perf.rows import row
from perf.sides import Cleanup, Program
from perf.taps import tap

MEMORY_MIB = 256
ROUNDS, SECONDS = 7, 2
START_LIMIT = 10  # seconds until a server listens
ANSWER_LIMIT = 30  # more than a client was asked to take
CASES = {"IPv4": ("cubic", 1, 4), "IPv6": ("cubic", 1, 6), "IPv4, 8 flows": ("cubic", 8, 4),
         "IPv4, BBR": ("bbr", 1, 4)}  # congestion control, flows, family
TARGETS = {"IPv4": "ratio >= 1.0", "IPv6": "ratio >= 1.0"}
PORT = 5201


def net(i, host):
    """Addresses in the i-th of the three networks in a row."""
    return f"10.7.{i}.{host}/24", f"fd07:{i}::{host}/64"


def bare(prefix):
    return prefix.split("/")[0]


def mac(number):
    return f"02:07:00:00:00:{number:02x}"


class Namespaces(contextlib.AbstractContextManager):
    def __init__(self, label):
        self.prefix = f"weft-perf-{os.getpid()}-{label}"
        self.made = []

    def add(self, what):
        name = f"{self.prefix}-{what}"
        command("ip", "netns", "add", name)
        self.made.append(name)
        command("ip", "-n", name, "link", "set", "lo", "up")
        command("ip", "netns", "exec", name, "sh", "-ec",  # addresses are there at once
                "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad")
        return name

    def __exit__(self, *_):
        for name in self.made:
            with contextlib.suppress(subprocess.SubprocessError):
                subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def address(name, dev, i, host):
    for prefix in net(i, host):
        command("ip", "-n", name, "addr", "add", prefix, "dev", dev)
    command("ip", "-n", name, "link", "set", dev, "up")


def route(name, to, via):
    """The network `to` by the router `via` = (network, host)."""
    for target, gate in zip(net(to, 0), net(*via)):
        command("ip", "-n", name, "route", "add", target, "via", bare(gate))


class Side(Namespaces):
    """Two hosts, a and b, in networks 0 and 2, and an iperf3 that listens at b."""

    def __init__(self, label, directory):
        super().__init__(label)
        self.dir, self.server = directory, None
        self.a, self.b = None, None

    def hosts(self):
        self.a, self.b = self.add("a"), self.add("b")

    def listen(self):
        self.server = Program("iperf3", self.dir, "ip", "netns", "exec", self.b, "iperf3", "-s",
                              "-p", PORT)
        listening = ["ip", "netns", "exec", self.b, "ss", "-Hltn", f"sport = :{PORT}"]
        self.server.until(lambda: subprocess.run(listening, check=True, capture_output=True).stdout,
                          "no server", START_LIMIT)

    def measure(self, control, flows, family):
        """Gbit/s that the server has received."""
        client = Program("iperf3", self.dir, "ip", "netns", "exec", self.a, "iperf3", "-J", "-p",
                         PORT, "-t", SECONDS, "-O", "0.5", "-c", bare(net(2, 2)[family == 6]),
                         "-C", control, "-P", flows, pipes=True)
        try:
            said, _ = client.child.communicate(timeout=SECONDS + ANSWER_LIMIT)
            return json.loads(said)["end"]["sum_received"]["bits_per_second"] / 1e9
        except subprocess.TimeoutExpired:
            client.fail("no answer")
        except (KeyError, ValueError):
            client.fail(said[-300:])
        finally:
            client.end()

    def __exit__(self, *details):
        if self.server:
            self.server.end()
        super().__exit__(*details)


class Linux(Side):
    """Namespaces joined by veths."""

    def __init__(self, directory):
        super().__init__("linux", directory)

    def __enter__(self):
        try:
            self.hosts()
            routers = [self.add("r1"), self.add("r2")]
            for i, (left, right) in enumerate(((self.a, routers[0]), routers, (routers[1], self.b))):
                command("ip", "link", "add", f"r{i}", "netns", left, "type", "veth", "peer",
                        f"l{i}", "netns", right)
                address(left, f"r{i}", i, 1 if i else 2)
                address(right, f"l{i}", i, 2 if i else 1)
            for name in routers:
                command("ip", "netns", "exec", name, "sh", "-ec",
                        "echo 1 >/proc/sys/net/ipv4/ip_forward;"
                        "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
            self.routes(routers)
            self.listen()
        except BaseException:
            self.__exit__()
            raise
        return self

    def routes(self, routers):
        route(self.a, 2, (0, 1))
        route(routers[0], 2, (1, 2))
        route(routers[1], 0, (1, 1))
        route(self.b, 0, (2, 1))


class Taps(Side):
    """Hosts with taps, as weftd makes them, and one program that has their other ends. Who their
    neighbours are they are told: there is nobody else to ask."""

    def __init__(self, label, directory):
        super().__init__(label, directory)
        self.program = None

    def __enter__(self):
        try:
            self.hosts()
            self.start()
            self.host(self.a, 0, 2, 2)
            self.host(self.b, 2, 0, 5)
            self.listen()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        """Has the program make both taps, or makes them for it."""
        raise NotImplementedError

    def host(self, name, own, other, gate):
        command("ip", "-n", name, "link", "set", "eth0", "address", mac(1 if own == 0 else 6))
        address(name, "eth0", own, 2)
        for prefix in net(own, 1):
            command("ip", "-n", name, "neigh", "add", bare(prefix), "lladdr", mac(gate), "dev",
                    "eth0", "nud", "permanent")
        route(name, other, (own, 1))

    def __exit__(self, *details):
        if self.program:
            self.program.end()
        super().__exit__(*details)


class Bare(Taps):
    """Each frame is read and written."""

    def __init__(self, directory):
        super().__init__("bare", directory)

    def start(self):
        self.program = Program("taps", self.dir, sys.executable, SRC / "perf/taps.py", self.a,
                               mac(1), self.b, mac(6))
        show = ["ip", "-n", self.b, "link", "show", "eth0"]
        self.program.until(lambda: not subprocess.run(show, check=False,
                                                      capture_output=True).returncode,
                           "no taps", START_LIMIT)


class Weft(Taps):
    """An engine with two routers in between."""

    def __init__(self, directory):
        super().__init__("weft", directory)
        self.client = None

    def start(self):
        path = self.dir / "dp.sock"
        self.program = Program("weft-dp", self.dir, BIN / "weft-dp", "--socket", path, "--memory",
                               MEMORY_MIB)
        self.client = self.program.until(lambda: dp.Client(str(path)), "no answer")
        if not self.client.hello()["hugepages"]:
            self.program.fail("runs without huge pages")
        taps = [tap(self.a), tap(self.b)]
        self.client.do(*self.records(), fds=taps)
        for fd in taps:
            os.close(fd)

    def records(self):
        """Ports 1 and 6 are the hosts', 2 to 5 the routers'; their MACs end like that."""
        hosts = [r for node, port in ((1, 1), (4, 6))
                 for r in (dp.node(node, 1, dp.HOST),
                           dp.port(port, node, dp.TAP, dp.HAS_FD, mac_=mac(port)))]
        routers = [r for node, left, right in ((2, 2, 3), (3, 4, 5))
                   for r in (dp.node(node, 1, dp.ROUTER), dp.fib(node, node),
                             dp.port(left, node, fib=node, mac_=mac(left)),
                             dp.port(right, node, fib=node, mac_=mac(right)),
                             dp.nh(node, 1, dp.ADJ, left, mac(left - 1)),
                             dp.nh(node, 2, dp.ADJ, right, mac(right + 1)),
                             *(dp.route(node, 1 + (to == 2), str(bare(p)) + "/" + p.split("/")[1])
                               for to in (0, 2) for p in (net(to, 0)[0], f"fd07:{to}::/64")))]
        return [dp.vnet(1), *hosts, *routers,
                *(dp.link(i, 2 * i - 1, 2 * i) for i in (1, 2, 3))]

    def __exit__(self, *details):
        if self.client:
            self.client.close()
        super().__exit__(*details)

    def check(self):
        """All went by the engine, and it dropped nothing by its own fault."""
        ports = self.client.ports()
        wrong = {k: v for k, v in ports[1]["drops"].items() if v}
        if not ports[2]["forwarded"] or wrong:
            self.program.fail(f"forwarded {ports[2]['forwarded']}, drops {wrong}")


def run(accel, wanted):
    chosen = wanted(CASES)
    accel.add(proc.vector())
    found = []
    with Cleanup() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(
            prefix="weft-perf-")))
        stack.enter_context(HugePages(MEMORY_MIB))
        weft, *peers = sides = [stack.enter_context(side(directory))
                                for side in (Weft, Linux, Bare)]
        for case in chosen:
            figures = {side: [] for side in sides}
            for i in range(ROUNDS):
                for side in sides:
                    say(f"{case}: {i + 1}/{ROUNDS}")
                    figures[side].append(side.measure(*CASES[case]))
            weft.check()
            targets = TARGETS.get(case), None
            found += [row(case, "received", "Gbit/s", figures[weft], name, figures[peer], target)
                      for name, peer, target in zip(("Linux, veth", "bare taps"), peers, targets)]
    say("")
    return found
