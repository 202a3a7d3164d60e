# SPDX-License-Identifier: Apache-2.0
"""The real weft-dp, its guests and hosts played by socket pairs: what it forwards, punts, refuses."""
import errno
import os
import select
import socket
import struct
import subprocess
import time

import dp_client as dp
import pytest

from perf import netns as namespace

HOST_A, R_A, R_B, HOST_B = ("02:aa:00:00:00:0%d" % i for i in range(1, 5))
R_C, HOST_C = "02:aa:00:00:00:05", "02:aa:00:00:00:06"


class Net:
    """host a - router - host b (and - host c): the same addresses in every vnet. Ids: vnet * 100."""

    def __init__(self, client, vnet, mtu_b=1500):
        self.c, self.v, base = client, vnet, vnet * 100
        self.base = base
        self.a, self.b, self.x, self.ga, self.gb, self.gx = (dp.Wire() for _ in range(6))
        self.wires = [self.a, self.b, self.x, self.ga, self.gb, self.gx]
        n = lambda i: base + i
        self.mtu_b = mtu_b
        client.do(*self.records(), fds=[w.fd() for w in self.wires])

    def records(self, flags=dp.HAS_FD):
        n = lambda i: self.base + i
        mtu = self.mtu_b
        return [
            dp.vnet(self.v), dp.node(n(1), self.v, dp.HOST), dp.node(n(2), self.v, dp.HOST),
            dp.node(n(3), self.v, dp.HOST), dp.node(n(4), self.v, dp.ROUTER), dp.fib(n(1), n(4)),
            dp.port(n(1), n(1), dp.DGRAM, flags, mac_=HOST_A, mtu=9000),
            dp.port(n(2), n(2), dp.DGRAM, flags, mac_=HOST_B, mtu=9000),
            dp.port(n(3), n(3), dp.DGRAM, flags, mac_=HOST_C, mtu=9000),
            dp.port(n(4), n(4), dp.DGRAM, flags, n(1), mac_=R_A, mtu=9000),
            dp.port(n(5), n(4), dp.DGRAM, flags, n(1), mac_=R_B, mtu=mtu),
            dp.port(n(6), n(4), dp.DGRAM, flags, n(1), mac_=R_C, mtu=9000),
            dp.link(n(1), n(1), n(4)), dp.link(n(2), n(2), n(5)), dp.link(n(3), n(3), n(6)),
        ]

    def routes(self):
        n = lambda i: self.base + i
        return [
            dp.nh(n(4), 1, dp.ADJ, n(5), HOST_B), dp.nh(n(4), 2, dp.ADJ, n(6), HOST_C),
            dp.nh(n(4), 3, dp.PUNT), dp.nh(n(4), 4, dp.DROP),
            dp.nh(n(4), 5, dp.GROUP, members=[1, 2, 2]),
            dp.route(n(1), 1, "10.1.0.0/16"), dp.route(n(1), 3, "10.0.0.254/32"),
            dp.route(n(1), 4, "10.4.0.0/16"), dp.route(n(1), 5, "10.5.0.0/16"),
            dp.route(n(1), 1, "fd01::/32"),
        ]

    def port(self, i):
        return self.c.ports(self.base + i)[self.base + i]

    def to_router(self, packet, ethertype=0x800, dst=R_A):
        frame = dp.eth(dst, HOST_A, ethertype, packet)
        self.a.send(frame)
        return frame


@pytest.fixture
def net(engine):
    n = Net(engine.client, 1)
    n.c.do(*n.routes())
    return n


def until(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.01)


def test_forwards_two_vnets_with_the_same_addresses(engine):
    nets = [Net(engine.client, v) for v in (1, 2)]
    for n in nets:
        engine.client.do(*n.routes())
    for i, n in enumerate(nets):
        n.to_router(dp.ip4("10.1.2.3", ttl=64 - i, size=100 + i))
        n.to_router(dp.ip6("fd01::1", size=200 + i), 0x86dd)
    for i, n in enumerate(nets):
        got = n.b.recv()
        assert got == dp.eth(HOST_B, R_B, 0x800, dp.ip4("10.1.2.3", ttl=63 - i, size=100 + i))
        assert n.b.recv() == dp.eth(HOST_B, R_B, 0x86dd, dp.ip6("fd01::1", hops=63, size=200 + i))
        assert n.b.silent() and n.ga.silent() and n.gb.silent()
        assert n.port(4)["forwarded"] == 2 and n.port(4)["rx"] == 2 and n.port(5)["tx"] == 2
    for v in engine.client.vnets().values():
        assert v["forwarded"] == 2 and v["injected"] == 2 and not any(v["drops"].values())


@pytest.mark.parametrize("packet,ethertype", [
    (dp.ip4("10.1.2.3", ttl=1), 0x800), (dp.ip6("fd01::1", hops=1), 0x86dd),
    (dp.ip4("10.1.2.3", size=1501), 0x800), (dp.ip6("fd01::1", size=1501), 0x86dd),
    (dp.ip4("10.0.0.254"), 0x800), (dp.ip4("99.9.9.9"), 0x800), (dp.ip4("224.0.0.5"), 0x800),
    (dp.ip4("10.1.2.3", src="127.0.0.1"), 0x800), (dp.ip6("fe80::1"), 0x86dd),
    (bytes(46), 0x806), (bytes(46), 0x88cc), (bytes(46), 46), (bytes(46), 0x8100)],
    ids=["ttl", "hop limit", "mtu 4", "mtu 6", "local", "no route", "multicast", "loopback source",
         "link-local", "arp", "lldp", "llc", "vlan"])
def test_punts_untouched(net, packet, ethertype):
    frame = net.to_router(packet, ethertype)
    assert net.ga.recv() == frame
    until(lambda: net.port(4)["punted"] == 1)
    assert net.b.silent() and net.port(4)["forwarded"] == 0


def test_punts_other_macs_options_and_by_choice(net):
    assert net.to_router(dp.ip4("10.1.2.3"), dst="00:00:5e:00:01:01") == net.ga.recv()
    head = b"\x46\0\0\x18\0\0\0\0\x40\x11\0\0\x0a\0\0\1\x0a\1\2\3\1\1\1\0"
    head = head[:10] + struct.pack(">H", dp.checksum(head)) + head[12:]
    assert net.to_router(head) == net.ga.recv()
    net.c.do(dp.node(net.base + 4, 1, dp.ROUTER, 1))
    assert net.to_router(dp.ip4("10.1.2.3")) == net.ga.recv()
    net.to_router(dp.ip6("fd01::1"), 0x86dd)
    net.b.recv()


def test_named_drops(net):
    good = dp.ip4("10.1.2.3")
    net.to_router(b"\x55" + good[1:])
    net.to_router(good[:8] + b"\1" + good[9:])
    net.to_router(good[:15])
    net.to_router(dp.ip4("10.1.2.3", size=100)[:60])
    net.to_router(b"\x50" + dp.ip6("fd01::1")[1:], 0x86dd)
    net.to_router(dp.ip4("10.4.0.1"))
    net.a.send(b"short")
    net.ga.send(dp.eth(HOST_A, HOST_B, 0x800, good))
    net.gb.send(dp.eth(HOST_B, R_B, 0x800, bytes(1505)))
    until(lambda: net.port(5)["drops"]["giant"])
    until(lambda: net.port(4)["drops"]["source_mac"])
    drops = net.port(4)["drops"]
    assert (drops["ip4_header"], drops["runt"], drops["ip6_header"], drops["blackhole"]) == (
        2, 2, 1, 1)
    assert net.port(1)["drops"]["runt"] == 1
    assert net.ga.silent() and net.b.silent()


def test_injects(net):
    frame = dp.eth(HOST_A, R_A, 0x806, bytes(46))
    net.ga.send(frame)
    assert net.a.recv() == frame
    assert net.port(4)["injected"] == 1


def test_jumbo_frames(net):
    net.c.do(dp.port(105, 104, dp.DGRAM, 0, 101, mac_=R_B, mtu=9000))
    net.to_router(dp.ip4("10.1.2.3", size=9000))
    assert net.b.recv() == dp.eth(HOST_B, R_B, 0x800, dp.ip4("10.1.2.3", ttl=63, size=9000))


def test_ecmp_by_flow(net):
    seen = {net.b: 0, net.x: 0}
    for sport in range(300):
        for _ in range(2):
            net.to_router(dp.ip4("10.5.0.1", sport=sport))
        wire = next(w for w in seen if w.s in select.select([net.b.s, net.x.s], [], [], 5)[0])
        wire.recv()
        wire.recv()  # the second of the flow went the same way
        seen[wire] += 1
    assert 60 < seen[net.b] < 140, "a third, by weight"


def test_link_and_port_down(net):
    net.c.do(dp.link(102, 102, 105, 1))
    net.to_router(dp.ip4("10.1.2.3"))
    until(lambda: net.port(4)["drops"]["link_down"] == 1)
    assert not net.port(5)["state"] & 1
    net.c.do(dp.link(102, 102, 105, 0))
    net.to_router(dp.ip4("10.1.2.3"))
    net.b.recv()
    net.c.do(dp.port(105, 104, dp.DGRAM, dp.DOWN, 101, mac_=R_B))
    net.to_router(dp.ip4("10.1.2.3"))
    until(lambda: net.port(4)["drops"]["port_down"] == 1)
    net.c.do(dp.by_id(dp.PORT_DEL, 105))
    net.to_router(dp.ip4("10.1.2.3"))
    until(lambda: net.port(4)["drops"]["link_down"] == 2)


def test_killed_guest_and_its_successor(net):
    net.ga.close()
    for _ in range(3):
        net.to_router(bytes(46), 0x806)
    until(lambda: net.port(4)["drops"]["no_backing"] == 3)
    assert not net.port(4)["state"] & 2
    net.ga = dp.Wire()
    net.c.do(dp.port(104, 104, dp.DGRAM, dp.HAS_FD, 101, mac_=R_A, mtu=9000), fds=[net.ga.fd()])
    assert net.to_router(bytes(46), 0x806) == net.ga.recv()
    assert net.port(4)["state"] == 3


def test_bridge(engine):
    c, wires = engine.client, [dp.Wire() for _ in range(3)]
    c.do(dp.vnet(1), dp.node(1, 1, dp.BRIDGE), *[dp.node(2 + i, 1, dp.HOST) for i in range(3)],
         *[dp.port(1 + i, 1) for i in range(3)],
         *[dp.port(11 + i, 2 + i, dp.DGRAM, dp.HAS_FD) for i in range(3)],
         *[dp.link(1 + i, 1 + i, 11 + i) for i in range(3)], fds=[w.fd() for w in wires])
    hello = dp.eth("01:80:c2:00:00:0e", HOST_A, 0x88cc, bytes(46))
    wires[0].send(hello)
    assert wires[1].recv() == hello and wires[2].recv() == hello
    back = dp.eth(HOST_A, HOST_B, 0x800, bytes(46))
    wires[1].send(back)
    assert wires[0].recv() == back
    wires[0].send(back)
    until(lambda: c.ports(1)[1]["drops"]["bridge_same"] == 1)
    assert wires[2].silent()
    # A loop of two bridges ends by itself.
    c.do(dp.node(9, 1, dp.BRIDGE), *[dp.port(21 + i, 9) for i in range(2)],
         dp.by_id(dp.LINK_DEL, 3), dp.port(4, 1), dp.link(21, 21, 3), dp.link(22, 22, 4))
    wires[0].send(dp.eth("ff:ff:ff:ff:ff:ff", HOST_A, 0x806, bytes(46)))
    until(lambda: sum(p["drops"]["bridge_loop"] for p in c.ports().values()) >= 2)
    assert wires[1].recv()[:6] == b"\xff" * 6


def test_what_waits_is_read_when_all_has_been_said(engine):
    """A descriptor that comes in a sync waits for its end: the far port and the routes come later."""
    waiting = 8  # less than a socket holds
    net = Net.__new__(Net)
    net.c, net.v, net.base, net.mtu_b = engine.client, 1, 100, 1500
    net.wires = [dp.Wire() for _ in range(6)]
    net.a, net.b = net.wires[:2]
    for _ in range(waiting):
        net.to_router(dp.ip4("10.1.2.3"))
    records, fds = net.records(), [w.fd() for w in net.wires]
    net.c.do(dp.sync(0), *records[:7], fds=fds[:1])
    for i, record in enumerate(records[7:12]):  # one by one, and slowly
        net.c.do(record, fds=fds[i + 1:i + 2])
        time.sleep(0.02)
    net.c.do(*records[12:])
    net.c.do(*net.routes())
    assert net.b.silent()
    net.c.do(dp.sync(1))
    for _ in range(waiting):
        net.b.recv()
    assert not any(net.port(1)["drops"].values())


def test_state_survives_the_client(engine, net):
    boot = engine.client.hello()
    assert boot["version"] == 6 and boot["has_state"] == 1 and boot["pid"] == engine.p.pid
    assert boot["workers"] == engine.workers
    engine.client.close()
    net.to_router(dp.ip4("10.1.2.3"))
    net.b.recv()
    net.c = engine.client = engine.connect()
    assert engine.client.hello()["boot_id"] == boot["boot_id"]
    Net(engine.client, 2)
    # A new client repeats vnet 1 without its third host: that and vnet 2 go.
    engine.client.do(dp.sync(0))
    third = net.base + 3
    kept = [r for i, r in enumerate(net.records(0)) if i not in (3, 8, 14)]
    engine.client.do(*kept)
    engine.client.do(dp.sync(1))
    assert set(engine.client.vnets()) == {1} and third not in engine.client.ports()
    assert len(engine.client.ports()) == 5
    net.to_router(dp.ip4("10.1.2.3"))
    net.b.recv()
    with pytest.raises(dp.Refused):
        engine.client.do(dp.sync(1))


def test_routes_mark_and_sweep(net):
    c = net.c
    assert c.fibs()[101] == (4, 1)
    c.do(dp.sync(0, dp.FIB_SYNC, 104), dp.nh(104, 1, dp.ADJ, 105, HOST_B),
         dp.route(101, 1, "10.1.0.0/16"), dp.sync(1, dp.FIB_SYNC, 104))
    assert c.fibs()[101] == (1, 0)
    net.to_router(dp.ip4("10.1.2.3"))
    net.b.recv()
    with pytest.raises(dp.Refused) as e:
        c.do(dp.record(dp.NH_DEL, struct.pack("=II", 104, 1)))
    assert e.value.errno == errno.EBUSY
    with pytest.raises(dp.Refused):  # swept
        c.do(dp.route(101, 2, "10.9.0.0/16"))


def test_refusals(engine):
    n1, n2 = Net(engine.client, 1), Net(engine.client, 2)
    c = engine.client
    c.do(dp.by_id(dp.LINK_DEL, 101), dp.by_id(dp.LINK_DEL, 201))
    for code, rec in [
            (errno.EXDEV, dp.link(999, 101, 204)), (errno.EXDEV, dp.nh(104, 1, dp.ADJ, 204)),
            (errno.EXDEV, dp.port(104, 104, fib=201, mac_=R_A)),
            (errno.EBUSY, dp.node(104, 2, dp.ROUTER)), (errno.EBUSY, dp.port(104, 204)),
            (errno.EBUSY, dp.link(999, 101, 105)), (errno.ENOENT, dp.route(101, 77, "1.0.0.0/8")),
            (errno.EINVAL, dp.vnet(0)), (errno.EBADF, dp.port(104, 104, dp.DGRAM, dp.HAS_FD)),
            (errno.EBADMSG, dp.record(dp.VNET_SET, bytes(8))), (errno.ENOTSUP, dp.record(77))]:
        with pytest.raises(dp.Refused) as e:
            c.do(dp.record(dp.HELLO), rec)
        assert e.value.errno == code and e.value.index == 1 and str(e.value)


def sh(*argv):
    subprocess.run(argv, check=True, capture_output=True)


@pytest.fixture
def netns():
    name = f"weft-dp-{os.getpid()}"
    sh("ip", "netns", "add", name)
    yield name
    sh("ip", "netns", "del", name)


@pytest.fixture
def engine_in_netns(netns, tmp_path):
    e = dp.Engine(tmp_path, prefix=("ip", "netns", "exec", netns))
    yield e
    code, log = e.stop()
    assert code == 0, log


def test_device_sliced_by_vlan_and_tap(netns, engine_in_netns):
    """Two vnets share a device, each by a VLAN; a third has the untagged rest, behind a tap."""
    e, inside = engine_in_netns, ("ip", "netns", "exec", netns)
    sh(*inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
    sh(*inside, "ip", "link", "add", "phys", "type", "veth", "peer", "name", "far")
    for dev in ("phys", "far"):
        sh(*inside, "ip", "link", "set", dev, "up")
    tap_fd = namespace.tap(netns, "tap0")
    far, tap = namespace.inside(netns, open_far_and_tap)
    hosts = [dp.Wire(), dp.Wire()]
    backs = [h.fd() for h in hosts] + [tap_fd]
    dev = "net_af_packet0,iface=phys"
    for i, vlan in enumerate((10, 20, 0)):
        v, b = i + 1, 100 * (i + 1)
        back = dp.TAP if vlan == 0 else dp.DGRAM
        e.client.do(dp.vnet(v), dp.node(b, v, dp.PHYSICAL), dp.node(b + 1, v, dp.HOST),
                    dp.port(b, b, dp.DEV, vlan=vlan, dev=dev),
                    dp.port(b + 1, b + 1, back, dp.HAS_FD), dp.link(b, b, b + 1), fds=[backs[i]])
    with pytest.raises(dp.Refused):
        e.client.do(dp.node(99, 1, dp.HOST), dp.port(99, 99, dp.DEV, vlan=20, dev=dev))
    body = bytes(range(46))
    head = dp.mac(HOST_A) + dp.mac(HOST_B)
    for i, vlan in enumerate((10, 20)):
        far.send(head + struct.pack(">HHH", 0x8100, vlan, 0x88b5) + body)
        assert hosts[i].recv() == head + b"\x88\xb5" + body
        hosts[i].send(head + b"\x88\xb5" + body)
        got, aux = far.recvmsg(2000, 100)[:2]
        # The kernel shows a tag beside the frame: tpacket_auxdata.
        tci = struct.unpack_from("=IIIHHHH", aux[0][2])[5]
        assert tci == vlan and got == head + b"\x88\xb5" + body
    far.send(head + b"\x88\xb5" + body)
    assert tap.recv(2000) == head + b"\x88\xb5" + body
    tap.send(head + b"\x88\xb5" + body)
    assert far.recv(2000) == head + b"\x88\xb5" + body
    far.send(head + struct.pack(">HHH", 0x8100, 30, 0x88b5) + body)
    until(lambda: "VLAN" in e.text())
    assert e.client.ports()[100]["injected"] == 1
    before, seconds = e.cpu(), 4  # the clock of CPU time ticks in hundredths
    time.sleep(seconds)
    assert (e.cpu() - before) / seconds < 0.05
    e.client.do(dp.by_id(dp.VNET_DEL, 1), dp.by_id(dp.VNET_DEL, 2), dp.by_id(dp.VNET_DEL, 3))


def open_far_and_tap():  # within the namespace, in which tap0 is
    far = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    far.bind(("far", 3))  # all protocols: others are shown frames without their tags
    far.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA
    subprocess.run(["ip", "link", "set", "tap0", "up"], check=True)
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
    tap.bind(("tap0", 0x88b5))
    for s in (far, tap):
        s.settimeout(5)
    return far, tap


@pytest.fixture
def confined(tmp_path):
    tmp_path.chmod(0o777)  # the vhost-user socket's place
    e = dp.Engine(tmp_path, args=["--user", "12345"])
    yield e
    code, log = e.stop()
    assert code == 0, log


def test_confined(confined, tmp_path):
    e = confined
    with open(f"/proc/{e.p.pid}/status") as f:
        status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    assert status["Uid"].split() == ["12345"] * 4 and status["Groups"].strip() == ""
    assert int(status["NoNewPrivs"]) == 1 and int(status["Seccomp"]) == 2
    allowed = 1 << 12 | 1 << 13 | 1 << 14 | 1 << 39  # NET_ADMIN, NET_RAW, IPC_LOCK, BPF
    assert int(status["CapEff"], 16) & ~allowed == 0
    net = Net(e.client, 1)
    e.client.do(*net.routes())
    net.to_router(dp.ip4("10.1.2.3"))
    net.b.recv()
    # One engine a socket; a vhost-user port opens, is not backed until a guest comes, and closes.
    second = subprocess.run([e.p.args[0], "--socket", e.path], capture_output=True, text=True)
    assert second.returncode == 1 and "another engine" in second.stderr
    vhost = f"net_vhost0,iface={tmp_path}/vhost.sock,client=1"
    e.client.do(dp.port(104, 104, dp.DEV, 0, 101, mac_=R_A, dev=vhost))
    until(lambda: net.port(4)["state"] == 1)
    net.to_router(bytes(46), 0x806)
    until(lambda: net.port(4)["drops"]["no_backing"] == 1)
    e.client.do(dp.by_id(dp.VNET_DEL, 1))
    e.client.do(dp.vnet(1), dp.node(1, 1, dp.HOST), dp.port(1, 1, dp.DEV, dev=vhost))


def test_idle_and_many_frames(engine, net):
    for i in range(2000):
        net.to_router(dp.ip4("10.1.2.3"))
        if i % 8 == 7:
            for _ in range(8):
                net.b.recv()
    before, start = engine.cpu(), time.monotonic()
    time.sleep(2)  # the measurement itself
    assert (engine.cpu() - before) / (time.monotonic() - start) < 0.05
    for w in (net.a, net.ga):  # and with a dead guest still
        w.close()
    before = engine.cpu()
    time.sleep(1)
    assert engine.cpu() - before < 0.05
