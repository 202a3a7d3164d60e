# SPDX-License-Identifier: Apache-2.0
"""Hosts with the offloads they have by default: the real weft-dp, the kernel's TCP and UDP, and two
routers, whose guests are kernels in namespaces."""
import contextlib
import ctypes
import fcntl
import hashlib
import os
import socket
import struct
import subprocess
import threading

import dp_client as dp
import pytest

from perf import netns

SIZE = 8 << 20
UDP_SEGMENT = 103


def sh(*argv):
    subprocess.run(argv, check=True, capture_output=True)


def inside(name, *argv):
    sh("ip", "netns", "exec", name, *argv)


def mac(number):
    return f"02:07:00:00:00:{number:02x}"


def net(i, host=0):
    return f"10.7.{i}.{host}", f"fd07:{i}::{host or ''}"


def tap(name, dev, number, flags=0x5002):  # TAP, NO_PI, VNET_HDR
    fd = netns.tap(name, dev, flags)
    sh("ip", "-n", name, "link", "set", dev, "address", mac(number))
    return fd


class Net:
    """a - r1 - r2 - b. Ports 1 and 6 are the hosts', 2 to 5 the routers'; MACs end like that. The
    routers' guests are namespaces with taps, without headers: they see frames."""

    def __init__(self, engine, stack, middle=1500):
        self.c, self.names, self.middle = engine.client, {}, middle
        for what in ("a", "r1", "r2", "b"):
            name = f"weft-off-{os.getpid()}-{what}"
            sh("ip", "netns", "add", name)
            stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
            inside(name, "sh", "-ec", "cd /proc/sys/net; echo 1 >ipv4/ip_forward;"
                   "echo 0 >ipv6/conf/default/accept_dad; echo 0 >ipv4/icmp_ratelimit;"
                   "[ %d = 1 ] && echo 1 >ipv6/conf/all/forwarding || :" % (what[0] == "r"))
            self.names[what] = name
        self.fds = [self.end("a", "eth0", 1, 0, 2), self.end("r1", "eth0", 2, 0, 1, 0x1002),
                    self.end("r1", "eth1", 3, 1, 1, 0x1002), self.end("r2", "eth0", 4, 1, 2, 0x1002),
                    self.end("r2", "eth1", 5, 2, 1, 0x1002), self.end("b", "eth0", 6, 2, 2)]
        for what, own, gate in (("a", 0, 1), ("r1", 1, 2), ("r2", 1, 1), ("b", 2, 1)):
            self.routes(what, own, gate)
        self.c.do(*self.records(), fds=self.fds)
        for fd in self.fds:
            os.close(fd)

    def end(self, what, dev, number, i, host, *flags):
        name, fd = self.names[what], tap(self.names[what], dev, number, *flags)
        self.address(what, dev, i, host)
        if i == 1:
            sh("ip", "-n", name, "link", "set", dev, "mtu", str(self.middle))
        return fd

    def address(self, what, dev, i, host):
        for prefix, length in zip(net(i, host), (24, 64)):
            sh("ip", "-n", self.names[what], "addr", "add", f"{prefix}/{length}", "dev", dev)
        sh("ip", "-n", self.names[what], "link", "set", dev, "up")

    def routes(self, what, own, gate):
        """To the networks that it is not in, by a router in its own; or has by another port."""
        for to in (0, 1, 2):
            for prefix, via in zip((f"10.7.{to}.0/24", f"fd07:{to}::/64"), net(own, gate)):
                subprocess.run(["ip", "-n", self.names[what], "route", "add", prefix, "via", via],
                               check=False, capture_output=True)

    def records(self):
        def port(number, node, fib=0):
            mtu = self.middle if number in (3, 4) else 1500
            return dp.port(number, node, dp.TAP, dp.HAS_FD, fib, mac_=mac(number), mtu=mtu)

        routers = [r for router, left in ((2, 2), (3, 4)) for r in (
            dp.nh(router, 1, dp.ADJ, left, mac(left - 1)), dp.nh(router, 3, dp.PUNT),
            dp.nh(router, 2, dp.ADJ, left + 1, mac(left + 2)),
            *(dp.route(router, 1 + (to == 2), net(to)[f] + ("/24", "/64")[f])
              for to in (0, 2) for f in (0, 1)),
            *(dp.route(router, 3, net(i, host)[f] + ("/32", "/128")[f])  # the routers' own
              for i, host in ((0, 1), (1, 1), (1, 2), (2, 1)) for f in (0, 1)))]
        return [dp.vnet(1), dp.node(1, 1, dp.HOST), dp.node(2, 1, dp.ROUTER), dp.fib(2, 2),
                dp.node(3, 1, dp.ROUTER), dp.fib(3, 3), dp.node(4, 1, dp.HOST),
                port(1, 1), port(2, 2, 2), port(3, 2, 2), port(4, 3, 3), port(5, 3, 3), port(6, 4),
                *routers, *(dp.link(i, 2 * i - 1, 2 * i) for i in (1, 2, 3))]

    def socket(self, what, *args):
        return netns.inside(self.names[what], lambda: socket.socket(*args))

    def drops(self):
        """Reasons; but for what kernels said before there were links."""
        return {why for port in self.c.ports().values() for why, n in port["drops"].items()
                if n and why != "link_down"}


@pytest.fixture
def build(engine):
    with contextlib.ExitStack() as stack:
        yield lambda **more: Net(engine, stack, **more)


def receive(listener, found):
    s, _ = listener.accept()
    s.settimeout(20)
    digest, n = hashlib.sha256(), 0
    while data := s.recv(1 << 20):
        digest.update(data)
        n += len(data)
    found += [n, digest.hexdigest()]


def tcp(n, family):
    """Sends SIZE bytes from a to b, which must be what was sent."""
    af = (socket.AF_INET, socket.AF_INET6)[family]
    listener, found = n.socket("b", af, socket.SOCK_STREAM), []
    listener.settimeout(20)
    listener.bind((net(2, 2)[family], 0))
    listener.listen()
    reader = threading.Thread(target=receive, args=(listener, found))
    reader.start()
    data = os.urandom(SIZE)
    with n.socket("a", af, socket.SOCK_STREAM) as s:
        s.settimeout(20)
        s.connect(listener.getsockname()[:2])
        s.sendall(data)
    reader.join(30)
    listener.close()
    assert found == [SIZE, hashlib.sha256(data).hexdigest()]


def frames_of(name):
    """Packets that the interface of a host has received."""
    with netns.inside(name, lambda: open("/proc/thread-self/net/dev", encoding="ascii")) as f:
        line = next(x for x in f if "eth0:" in x)
    return int(line.split(":")[1].split()[1])


@pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
def test_tcp_is_not_segmented_between_hosts(build, family):
    n = build()
    tcp(n, family)
    ports = n.c.ports()
    assert ports[2]["forwarded"] >= SIZE // 1448 and ports[4]["forwarded"] == ports[2]["forwarded"]
    # Of what was forwarded all came out; it is counted as frames, b's kernel has seen fewer.
    assert ports[6]["rx"] >= ports[4]["forwarded"] and ports[6]["punted"] == ports[6]["rx"]
    assert ports[6]["rx_bytes"] > SIZE + ports[4]["forwarded"] * 54
    assert frames_of(n.names["b"]) < ports[6]["rx"] / 2
    assert not n.drops()


@pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
def test_path_mtu_discovery(build, family):
    n = build(middle=1300)
    tcp(n, family)
    ports = n.c.ports()
    assert ports[2]["punted"] > 0, "the guest has seen what is too long"
    assert ports[2]["forwarded"] >= SIZE // 1300
    found = subprocess.run(["ip", "-n", n.names["a"], "route", "get", net(2, 2)[family]],
                           check=True, capture_output=True, text=True).stdout
    assert "mtu 1300" in found
    assert n.drops() <= {"policed"}


@pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
def test_udp(build, family):
    """Datagrams that the kernel would have cut, and one that it has not summed."""
    n = build()
    af = (socket.AF_INET, socket.AF_INET6)[family]
    b, a = (n.socket(x, af, socket.SOCK_DGRAM) for x in ("b", "a"))
    b.settimeout(10)
    b.bind((net(2, 2)[family], 0))
    a.connect(b.getsockname()[:2])
    a.send(b"one")  # also finds the neighbours
    assert b.recv(100) == b"one"
    a.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
    data = os.urandom(20500)
    a.send(data)
    assert [b.recv(2000) for _ in range(21)] == [data[i:i + 1000] for i in range(0, 20500, 1000)]
    assert n.c.ports()[4]["forwarded"] == 22
    assert not n.drops()
    a.close()
    b.close()


def without_offloads(dev):
    """As ethtool -K: an af_packet device takes frames as they are to be on a wire."""
    def switch():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for what in (0x17, 0x2c):  # ETHTOOL_STXCSUM, ETHTOOL_SGRO
                value = ctypes.create_string_buffer(struct.pack("=II", what, 0))
                fcntl.ioctl(s, 0x8946, struct.pack("16sQ16x", dev.encode(),
                                                   ctypes.addressof(value)))  # SIOCETHTOOL
    return switch


def test_receiver_of_frames(build):
    """A device in b's place: what leaves by it are frames with checksums, and all arrive."""
    n, dev = build(), f"weftoff{os.getpid()}"[:15]
    name = n.names["b"]
    sh("ip", "-n", name, "link", "del", "eth0")
    sh("ip", "link", "add", dev, "mtu", "1500", "type", "veth", "peer", "name", "eth0", "netns", name,
       "address", mac(6))
    try:
        netns.inside(name, without_offloads("eth0"))
        sh("ip", "link", "set", dev, "up")
        n.address("b", "eth0", 2, 2)
        n.routes("b", 2, 1)
        n.c.do(dp.by_id(dp.NODE_DEL, 4), dp.node(4, 1, dp.PHYSICAL),
               dp.port(6, 4, dp.DEV, mac_=mac(6), dev=f"net_af_packet0,iface={dev}"),
               dp.link(3, 5, 6))
        for family in (0, 1):
            tcp(n, family)
        port = n.c.ports()[6]
        assert port["rx"] == port["punted"] + port["drops"]["backing_full"] > 2 * SIZE // 1448
        errors = subprocess.run(["ip", "netns", "exec", name, "nstat", "-asz", "TcpInCsumErrors"],
                                check=True, capture_output=True, text=True).stdout
        assert errors.split()[-2] == "0"
        assert n.drops() <= {"backing_full"}
    finally:
        n.c.do(dp.by_id(dp.VNET_DEL, 1))
        sh("ip", "link", "del", dev)
