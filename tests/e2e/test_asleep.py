# SPDX-License-Identifier: Apache-2.0
"""A router whose guest is saved on disk: the Linux kernel, as its neighbour, goes on finding it."""
import os
import subprocess
import time

import dp_client as dp
import pytest

from perf import netns

SIDES = "ab"
HOST = {"a": "02:aa:00:00:00:01", "b": "02:aa:00:00:00:02"}
ROUTER = {"a": "02:aa:00:00:00:03", "b": "02:aa:00:00:00:04"}
PORT = {"a": 104, "b": 105}


def sh(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


class Host:
    """A namespace with a tap: 10.N.0.2 and fd0N::2, by default routes over 10.N.0.1 and fe80::1."""

    def __init__(self, side):
        self.side, self.n = side, SIDES.index(side) + 1
        self.name = f"weft-asleep-{os.getpid()}-{side}"
        sh("ip", "netns", "add", self.name)
        self.fd = netns.tap(self.name, "tap0")
        self.do("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/tap0/addr_gen_mode")
        self.do("ip", "link", "set", "tap0", "address", HOST[side], "up")
        self.do("ip", "addr", "add", f"10.{self.n}.0.2/24", "dev", "tap0")
        self.do("ip", "addr", "add", f"fd0{self.n}::2/64", "dev", "tap0", "nodad")
        self.do("ip", "addr", "add", "fe80::2/64", "dev", "tap0", "nodad")
        self.do("ip", "route", "add", "default", "via", f"10.{self.n}.0.1")
        self.do("ip", "route", "add", "default", "via", "fe80::1", "dev", "tap0")

    def do(self, *argv):
        return sh("ip", "netns", "exec", self.name, *argv)

    def ping(self, address, count=1, interval=0.1):
        return subprocess.Popen(["ip", "netns", "exec", self.name, "ping", "-n", "-q", "-W", "2",
                                 "-c", str(count), "-i", str(interval), address],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def close(self):
        os.close(self.fd)
        sh("ip", "netns", "del", self.name)


@pytest.fixture
def hosts():
    all = {}
    try:
        for side in SIDES:
            all[side] = Host(side)
        yield all
    finally:
        for h in all.values():
            h.close()


def node(asleep):
    return dp.node(103, 1, dp.ROUTER, dp.ASLEEP if asleep else 0)


@pytest.fixture
def guests(engine, hosts):
    """host a - router - host b; our ends of the guest's NICs, by side."""
    c, wires = engine.client, {side: dp.Wire() for side in SIDES}
    c.do(dp.vnet(1), node(False), dp.fib(101, 103), dp.nh(103, 1, dp.LOCAL))
    for i, side in enumerate(SIDES):
        n, host = i + 1, 101 + i
        c.do(dp.node(host, 1, dp.HOST),
             dp.port(host, host, dp.TAP, dp.HAS_FD, mac_=HOST[side]),
             dp.port(PORT[side], 103, dp.DGRAM, dp.HAS_FD, 101, mac_=ROUTER[side]),
             dp.link(host, host, PORT[side]),
             dp.nh(103, 10 + i, dp.ADJ, PORT[side], HOST[side]),
             dp.route(101, 1, f"10.{n}.0.1/32"), dp.route(101, 10 + i, f"10.{n}.0.2/32"),
             dp.route(101, 1, f"fd0{n}::1/128"), dp.route(101, 10 + i, f"fd0{n}::2/128"),
             dp.route(101, 1, f"fe80:0:0:{PORT[side]:x}::1/128"),  # fe80::1 of this port
             fds=[hosts[side].fd, wires[side].fd()])
    yield wires
    for w in wires.values():
        w.close()


def test_neighbours_are_answered_while_the_guest_is_not_there(engine, hosts, guests):
    c = engine.client
    lost = hosts["a"].ping("10.2.0.2")
    lost.communicate()
    assert lost.returncode == 1, "nobody has answered for the router yet"
    while not all(w.silent() for w in guests.values()):
        next(w for w in guests.values() if not w.silent()).recv()
    c.do(node(True))
    for h in hosts.values():
        h.do("ip", "neigh", "flush", "all")
    for _ in range(30):
        # Before the echoes and not while they go: a kernel drops what waits for an entry it forgets.
        for h in hosts.values():
            h.do("ip", "neigh", "flush", "all")
        pings = [hosts["a"].ping("10.2.0.2"), hosts["a"].ping("fd02::2"),
                 hosts["b"].ping("10.1.0.2"), hosts["b"].ping("fd01::2")]
        for p in pings:
            text = p.communicate()[0]
            assert " 0% packet loss" in text, text
    for side, h in hosts.items():
        sent = h.ping(f"10.{3 - h.n}.0.2"), h.ping(f"fd0{3 - h.n}::2")
        assert [p.wait() for p in sent] == [0, 0]
        v4 = h.do("ip", "neigh", "show", f"10.{h.n}.0.1")
        v6 = h.do("ip", "-6", "neigh", "show", "fe80::1")
        assert ROUTER[side] in v4 and f"{ROUTER[side]} router" in v6, (v4, v6)
        assert guests[side].silent()
        assert c.ports()[PORT[side]]["drops"]["policed"] == 0


def test_only_its_own_addresses_and_nothing_else(engine, hosts, guests):
    c, a = engine.client, hosts["a"]
    c.do(node(True))
    before = c.ports()[104]["drops"]["asleep"]
    quiet = [a.ping("10.1.0.1"), a.ping("10.1.0.77"), a.ping("fd01::77"), a.ping("fe80::3%tap0")]
    for p in quiet:
        text = p.communicate()[0]
        assert p.returncode == 1, text
    assert c.ports()[104]["drops"]["asleep"] > before
    assert ROUTER["a"] in a.do("ip", "neigh", "show", "10.1.0.1")  # found, but it does not speak
    # It defends its addresses against who would take them.
    a.do("ip", "addr", "add", "fd01::1/64", "dev", "tap0")
    a.do("ip", "addr", "add", "fd01::77/64", "dev", "tap0")
    deadline = time.monotonic() + 10
    while " tentative" in a.do("ip", "-6", "addr", "show", "dev", "tap0").replace(
            "dadfailed tentative", "dadfailed"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    failed = a.do("ip", "-6", "addr", "show", "dev", "tap0", "dadfailed")
    assert "fd01::1/64" in failed and "fd01::77/64" not in failed
    # Awake, the guest is asked again.
    c.do(node(False))
    a.do("ip", "neigh", "flush", "all")
    p = a.ping("10.2.0.2")
    assert guests["a"].recv() and p.wait() == 1
