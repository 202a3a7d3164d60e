# SPDX-License-Identifier: Apache-2.0
"""A guest's NIC and the real engine, which is killed and started again while frames are under way: by
vhost-user and by a relay. The guest (payload/net.c) sends back what it gets and is never started
again. WEFT_ROUNDS says how often."""
import ctypes
import fcntl
import itertools
import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import sys
import time

import pytest
import vmm

sys.path[:0] = [os.environ["WEFT_SRC"], str(pathlib.Path(os.environ["WEFT_SRC"]) / "tests/e2e")]
import dp_client as dp  # noqa: E402
from perf import huge  # noqa: E402

pytestmark = pytest.mark.skipif(bool(vmm.why_not()), reason=vmm.why_not())
ROUNDS = int(os.environ.get("WEFT_ROUNDS", "5"))
# Each frame is a flow of IPv4 of its own, so that they are spread over the pairs: its first byte, an "E",
# is the version and the size of the header.
HOST, GUEST, KIND, PAIRS = "02:00:00:00:00:01", "02:00:00:00:00:02", 0x0800, 4


def body(what, number):
    return what + struct.pack(">I7xI", number, number) + bytes(100)


class Relay:
    """Its NIC's socket, which weftd would hold, is given to each engine."""
    frames_seen = True

    def __init__(self, tmp):
        self.nic, self.here = f"{tmp}/nic", f"{tmp}/engine"
        self.option = f"local={self.nic},peer={self.here},queues={PAIRS}"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.here)

    def attach(self, client, wire):
        self.sock.connect(self.nic)
        client.do(*records(dp.port(2, 2, dp.DGRAM, dp.HAS_FD, mac_=GUEST, mtu=9000)),
                  fds=[wire.fd(), self.sock.fileno()])

    def lost(self, control):
        control.ask("carrier", nic=0, up=False)  # as weftd does: a relay does not see it

    def back(self, control):
        control.ask("carrier", nic=0, up=True)


class VhostUser:
    frames_seen = False

    def __init__(self, tmp):
        self.path = f"{tmp}/vhost"
        self.option = f"vhost-user={self.path},queues={PAIRS}"

    def attach(self, client, wire):
        if os.path.exists(self.path):
            os.unlink(self.path)  # the dead engine's, which DPDK would refuse
        client.do(*records(dp.port(2, 2, dp.DEV, mac_=GUEST, mtu=9000,
                                   dev=f"net_vhost0,iface={self.path},queues={2 * PAIRS}")),
                  fds=[wire.fd()])  # more than the guest uses

    def lost(self, control):
        pass

    def back(self, control):
        pass


def records(guest):
    return [dp.vnet(1), dp.node(1, 1, dp.HOST), dp.node(2, 1, dp.HOST),
            dp.port(1, 1, dp.DGRAM, dp.HAS_FD, mac_=HOST, mtu=9000), guest, dp.link(1, 1, 2)]


class Lab:
    """The guest, an engine, and a host's wire at it."""

    def __init__(self, tmp, way, *args):
        self.tmp, self.way, self.wire, self.numbers = tmp, way, dp.Wire(), itertools.count(1)
        self.engine = None
        self.machine = vmm.Vmm(tmp, "net", "--net", f"mac={GUEST},{way.option},mtu=9000", *args)
        self.control = self.machine.control()
        self.nic()  # which is there when it answers

    def close(self):
        self.machine.close()
        if self.engine:
            self.kill()
        self.wire.close()

    def kill(self):
        self.engine.p.kill()
        self.engine.p.wait(10)
        self.engine.log.close()
        self.engine.client.close()
        self.engine = None

    def start(self):
        self.engine = dp.Engine(self.tmp)
        self.way.attach(self.engine.client, self.wire)

    def nic(self):
        return self.control.ask("status")["result"]["nics"][0]

    def until(self, true, what):
        self.machine.until(true, what, timeout=20)

    def link_is(self, up):
        self.until(lambda: self.nic()["link"] == up, f"link {'up' if up else 'down'}")

    def frame(self, what=b"E"):
        number = next(self.numbers)
        return number, dp.eth(GUEST, HOST, KIND, body(what, number))

    def flood(self, count=40):
        """Frames that nobody waits for."""
        for _ in range(count):
            try:
                self.wire.s.send(self.frame()[1], socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionRefusedError):
                return

    def echo(self, timeout=5):
        """A frame comes back; what was under way before is passed over."""
        number, frame = self.frame()
        self.wire.send(frame)
        end = time.monotonic() + timeout
        while select.select([self.wire.s], [], [], max(0, end - time.monotonic()))[0]:
            got = self.wire.recv()
            if got[14:15] == b"E" and struct.unpack(">I", got[15:19])[0] == number:
                assert got == dp.eth(HOST, GUEST, KIND, frame[14:])
                return True
        return False

    def echoes(self, count=20):
        for i in range(count):
            assert self.echo(), f"frame {i} of {count} was lost"

    def ready(self):
        """The engine has the guest's device, the guest its link, and a frame passes."""
        self.link_is(True)
        self.until(lambda: self.engine.client.ports()[2]["state"] & 1, "backing of the guest's port")
        self.until(lambda: self.echo(0.1), "frame")


@pytest.fixture(params=[Relay, VhostUser], ids=["relay", "vhost-user"])
def lab(request, tmp_path):
    it = Lab(tmp_path, request.param(tmp_path))
    yield it
    it.close()


def test_engine_restarts(lab, proved):
    lab.start()
    lab.ready()
    lab.way.back(lab.control)
    lab.echoes()
    began = time.monotonic()
    for i in range(1, ROUNDS + 1):
        lab.flood()  # so that frames are in the rings when it dies
        lab.kill()
        lab.way.lost(lab.control)
        lab.link_is(False)
        lab.until(lambda: lab.machine.said().count("link down\n") >= i, "word of the guest's")
        lab.start()
        lab.way.back(lab.control)
        lab.ready()
        lab.echoes()
    took = time.monotonic() - began
    lab.control.ask("carrier", nic=0, up=False)
    lab.link_is(False)
    lab.flood()
    lab.control.ask("carrier", nic=0, up=True)
    lab.ready()
    lab.echoes()
    said = lab.machine.said()
    assert said.count("NIC found") == 1 and "FAILED" not in said
    assert said.count("link up\n") >= ROUNDS + 1
    assert {f"pair {i:016x}" for i in range(PAIRS)} <= set(said.splitlines())
    assert f"pairs {PAIRS:016x}\n" in said and f"mtu {9000:016x} " in said
    nic = lab.nic()
    assert nic["queues"] == PAIRS and nic["peer_refused"] == 0
    assert (nic["rx_frames"] > 0) == lab.way.frames_seen  # by vhost-user none passes through
    proved(f"{nic['backend']}, {PAIRS} pairs of queues: {ROUNDS} engines killed and started again in "
           f"{took:.1f} s, the guest "
           "saw its link go and come, and every frame came back after each")


def huge_kib(pid):
    """What a process has mapped of a guest's memory in huge pages."""
    with open(f"/proc/{pid}/smaps") as f:
        return sum(int(size) for size in
                   re.findall(r"memfd:guest.*\nSize: +(\d+) kB\nKernelPageSize: +2048 kB", f.read()))


def test_huge_pages(tmp_path, proved):
    """The guest's memory is of them, for the engine as well; without enough there is no machine."""
    if huge.free() < 8:
        pytest.skip("16 MiB of free huge pages: vm.nr_hugepages sets some aside")
    way = VhostUser(tmp_path)
    lab = Lab(tmp_path, way, "--huge-pages")
    try:
        lab.start()
        lab.ready()
        lab.echoes()
        assert huge_kib(lab.machine.process.pid) == 16 << 10
        assert huge_kib(lab.engine.p.pid) == 16 << 10
    finally:
        lab.close()
    much = vmm.Vmm(tmp_path, "net", "--net", f"mac={GUEST},{way.option}", "--huge-pages", memory=1 << 20)
    _, said = much.process.communicate(timeout=10)
    assert much.process.returncode == 1 and "huge pages of 2 MiB are not free" in said
    proved("a guest's memory of huge pages, which the engine maps as such")


def test_surprise_reset(lab, proved):
    """The device starts anew while frames go through it, and goes on."""
    lab.start()
    lab.ready()
    lab.echoes()
    for i in range(1, 21):
        lab.flood(8)  # and all of it fits the guest's ring: the engine would drop the rest
        lab.wire.send(lab.frame(b"R")[1])
        lab.flood(6)
        lab.until(lambda: lab.machine.said().count("started again\n") >= i, "start of the device")
        lab.ready()
        lab.echoes(5)
    assert lab.nic()["peer_refused"] == 0
    proved(f"{lab.nic()['backend']}: 20 surprise resets under traffic")


class Noting:
    """A back end that has memory to note in-flight descriptors in. It serves no queue."""
    GET_FEATURES, GET_PROTOCOL, GET_AREA, SET_AREA = 1, 15, 31, 32
    ANSWERS = {GET_FEATURES: 1 << 32 | 1 << 30, GET_PROTOCOL: 1 << 12}  # version 1, in-flight memory

    def __init__(self, path):
        self.path, self.listener = path, socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.listener.settimeout(10)
        self.sock = self.listener.accept()[0]
        self.sock.settimeout(10)

    def serve(self, until):
        """Answers, up to a request whose descriptors it returns."""
        while True:
            header, fds, _, _ = socket.recv_fds(self.sock, 12, 8)
            request, _, size = struct.unpack("<III", header)
            if size:
                self.sock.recv(size, socket.MSG_WAITALL)
            if request == self.GET_AREA:
                area = os.memfd_create("area")
                os.ftruncate(area, 4096)
                socket.send_fds(self.sock, [struct.pack("<IIIQQHHI", request, 5, 24, 4096, 0, 2, 256, 0)],
                                [area])
                os.close(area)
            elif request in self.ANSWERS:
                self.sock.sendall(struct.pack("<IIIQ", request, 5, 8, self.ANSWERS[request]))
            if request == until:
                return fds
            for fd in fds:
                os.close(fd)

    def close(self):
        self.sock.close()
        self.listener.close()
        os.unlink(self.path)


def test_in_flight(tmp_path, proved):
    """What a back end notes in-flight descriptors in is kept for its successor."""
    path, areas = f"{tmp_path}/noting", []
    machine = vmm.Vmm(tmp_path, "net", "--net", f"mac={GUEST},vhost-user={path}")
    try:
        for i in range(3):
            noting = Noting(path)
            if i == 0:
                noting.serve(Noting.GET_AREA)
            [fd] = noting.serve(Noting.SET_AREA)
            areas.append(os.fstat(fd).st_ino)
            os.close(fd)
            noting.serve(Noting.GET_FEATURES)
            machine.until(lambda: machine.said().count("link up\n") > i, "link")
            noting.close()
    finally:
        machine.close()
    assert len(set(areas)) == 1
    proved("a vhost-user back end's memory of in-flight descriptors is kept over 2 of its deaths")


@pytest.fixture
def alone():
    """A network of its own, for this process and all that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    if libc.unshare(0x40000000):  # CLONE_NEWNET
        pytest.skip(f"a network namespace: {os.strerror(ctypes.get_errno())}")
    yield
    assert libc.setns(before, 0) == 0
    os.close(before)


def tap_queue(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    # TUNSETIFF: IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x5102))
    return fd


@pytest.mark.parametrize("given", ["name", "descriptors"])
def test_tap(alone, tmp_path, proved, given):
    fds = [tap_queue("bed0") for _ in range(4)]
    if given == "name":
        fcntl.ioctl(fds[0], 0x400454cb, 1)  # TUNSETPERSIST: it stays for weft-vmm
        for fd in fds:
            os.close(fd)
        where, fds = "tap=bed0", []
    else:
        where = "tap-fds=" + ":".join(map(str, fds))
    subprocess.run(["ip", "link", "set", "bed0", "up"], check=True)
    machine = vmm.Vmm(tmp_path, "net", "--net", f"mac={GUEST},{where},queues=4", fds=fds)
    try:
        control = machine.control()
        machine.until(lambda: "link up" in machine.said(), "link")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(KIND)) as wire:
            wire.bind(("bed0", KIND))
            wire.settimeout(10)
            for i in range(100):
                wire.send(dp.eth(GUEST, HOST, KIND, body(b"E", i)))
                assert wire.recv(2000) == dp.eth(HOST, GUEST, KIND, body(b"E", i))
        nic = control.ask("status")["result"]["nics"][0]
        assert (nic["backend"], nic["queues"], nic["link"]) == ("tap", 4, True)
        assert nic["rx_frames"] >= 100 and nic["tx_frames"] >= 100
    finally:
        machine.close()
        for fd in fds:
            os.close(fd)
    proved(f"a tap by {given}, with 4 pairs of queues")
