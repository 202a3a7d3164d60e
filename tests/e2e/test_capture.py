# SPDX-License-Identifier: Apache-2.0
"""`weft capture` of real hosts and a router: what is in the file, and that nothing stays of it."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from perf import pcapng
from weft import BIN, ENV, RUN, await_true, kill

H1, H2, H3 = "10.0.1.10", "10.0.2.10", "10.0.1.11"
TOPOLOGY = f"""
name: cap
topology:
  defaults: {{kind: linux, image: alpine}}
  nodes:
    sw: {{kind: bridge}}
    r1: {{image: frr, startup-config: r1.conf}}
    h1: {{exec: [ip addr add {H1}/24 dev eth1, ip route add default via 10.0.1.1]}}
    h2: {{exec: [ip addr add {H2}/24 dev eth1, ip route add default via 10.0.2.1]}}
    h3: {{exec: [ip addr add {H3}/24 dev eth1, ip route add default via 10.0.1.1]}}
  links:
    - endpoints: ["h1:eth1", "sw:p1"]
    - endpoints: ["h3:eth1", "sw:p3"]
    - endpoints: ["sw:p2", "r1:eth1"]
    - endpoints: ["r1:eth2", "h2:eth1"]
"""
CONFIG = """interface eth1
 ip address 10.0.1.1/24
interface eth2
 ip address 10.0.2.1/24
ip route 10.9.0.0/16 blackhole
"""


@pytest.fixture(scope="module", autouse=True)
def cap(weft, tmp_path_factory):
    path = tmp_path_factory.mktemp("cap")
    (path / "r1.conf").write_text(CONFIG)
    (path / "cap.clab.yml").write_text(TOPOLOGY)
    weft.deploy(path / "cap.clab.yml")
    for address in (H2, H3):
        weft.await_ping("cap", "h1", address)
    return path / "cap.clab.yml"


class Capture:
    """In effect from the start of a `with` to its end; `file` afterwards."""

    def __init__(self, *args, path=None):
        self.path, self.file = path, None
        self.p = subprocess.Popen([BIN / "weft", "capture", "cap", *args, *(["-w", path] if path else [])],
                                  env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)

    def __enter__(self):
        self.said = self.p.stderr.readline().decode()
        assert "Ctrl-C ends it" in self.said, self.said
        return self

    def __exit__(self, why, *_):
        self.p.send_signal(signal.SIGINT)
        out, said = self.p.communicate(timeout=30)
        if why:
            return
        assert self.p.returncode == 0, said
        self.file = pcapng.parse(self.path.read_bytes() if self.path else out)
        # The file's statistics are what it has, and what it says at the end.
        assert [int(n) for n in re.findall(rb"\d+", said)] == [len(self.file.packets), 0]
        for name, found in self.file.statistics.items():
            assert found["missed"] == 0 and found["start"] <= found["end"]
            assert found["accepted"] == sum(p.interface == name for p in self.file.packets)
        assert len(self.file.statistics) == len(self.file.interfaces)

    def echoes(self, interface=None):
        """(direction, type, ttl, sequence) of ICMP without comments, in the file's order."""
        return [(p.direction, p.data[34], p.data[22], int.from_bytes(p.data[40:42], "big"))
                for p in self.file.packets if p.data[12:14] == b"\x08\0" and p.data[23] == 1 and
                not p.comment and interface in (None, p.interface)]


def ping(weft, address, count=3, *more):
    return weft.exec("cap", "h1", "ping", "-n", "-c", count, "-i", "0.05", "-W", "2", *more, address,
                     status=None)


def test_a_port_both_ways(weft, tmp_path):
    """Each echo and its answer, in time, with nanoseconds of now and the checksums of the wire."""
    before = time.time_ns()
    with Capture("h1:eth1", "icmp", path=tmp_path / "a.pcapng") as one:
        ping(weft, H2)
    assert one.echoes() == [(way, kind, ttl, n) for n in (1, 2, 3)
                            for way, kind, ttl in (("out", 8, 64), ("in", 0, 63))]
    times = [p.ns for p in one.file.packets]
    assert times == sorted(times) and len(set(times)) == len(times)
    assert before - 10**9 < times[0] and times[-1] < time.time_ns() + 10**9
    assert times[-1] - times[0] > 0.1 * 10**9  # three, 50 ms apart
    assert all(p.length == len(p.data) == 98 for p in one.file.packets)
    assert one.file.interfaces == [{"name": "h1:eth1", "description": "vnet cap", "snap": 65535,
                                    "filter": "icmp"}]
    assert one.file.application.startswith("weft ")


def test_a_link_has_each_packet_once(weft):
    """Outbound is what its first end sends. To standard output."""
    for at, echo, answer in (("r1:eth2,h2:eth1", "out", "in"), ("h2:eth1,r1:eth2", "in", "out")):
        with Capture(at, "icmp") as one:
            ping(weft, H2, 2)
        assert one.echoes() == [(way, kind, ttl, n) for n in (1, 2)
                                for way, kind, ttl in ((echo, 8, 63), (answer, 0, 64))]


def test_the_whole_vnet(weft):
    """All links with one clock: an echo's way through the vnet, in the order of its times."""
    with Capture("--all", "icmp[icmptype] = icmp-echo") as one:
        ping(weft, H2, 1)
    names = [i["name"] for i in one.file.interfaces]
    assert names == ["h1:eth1,sw:p1", "h3:eth1,sw:p3", "sw:p2,r1:eth1", "r1:eth2,h2:eth1"]
    assert [(p.interface, p.direction, p.data[22]) for p in one.file.packets] == [
        (names[0], "out", 64), (names[2], "out", 64), (names[3], "out", 63)]
    times = [p.ns for p in one.file.packets]
    assert times == sorted(times) and times[-1] - times[0] < 10**9


def test_filter_and_snap(weft):
    with Capture("h1:eth1", "-s", "60", "icmp", "and", "dst", "host", H3) as one:
        ping(weft, H3, 2)
        ping(weft, H2, 2)
    assert len(one.file.packets) == 2 and one.file.interfaces[0]["snap"] == 60
    assert all((p.length, len(p.data)) == (98, 60) for p in one.file.packets)
    assert one.file.statistics["h1:eth1"]["received"] >= 8


def test_drops_say_why(weft):
    with Capture("--all", "ip") as one:
        ping(weft, "10.9.1.1", 2)  # blackhole
        weft.exec("cap", "h1", "ip", "link", "set", "eth1", "mtu", "2000")
        ping(weft, H3, 1, "-s", "1800")  # more than the link takes
        weft.exec("cap", "h1", "ip", "link", "set", "eth1", "mtu", "1500")
        ping(weft, H2, 1, "-t", "1")  # no drop: the router's guest answers
    dropped = [(p.comment, p.direction, p.interface) for p in one.file.packets if p.comment]
    assert dropped == 2 * [("dropped by r1:eth1: blackhole (route says so)", None, "sw:p2,r1:eth1")] + [
        ("dropped by h1:eth1: giant (longer than the port's MTU)", None, "h1:eth1,sw:p1")]
    # As a packet on its way: once on each link, and then once more.
    assert sum(p.data[30:34] == socket.inet_aton("10.9.1.1") for p in one.file.packets) == 6
    errors = [e for e in one.echoes("sw:p2,r1:eth1") if e[1] == 11]
    assert [e[0] for e in errors] == ["in"]  # time exceeded, from r1


def shown(*args, **kw):
    """What tshark shows of a file: (interface, direction as in epb_flags, type, comment) of each
    packet."""
    fields = "frame.interface_name", "frame.packet_flags_direction", "icmp.type", "frame.comment"
    done = subprocess.run(["tshark", "-l", "-n", "-r", *args, "-T", "fields",
                           *(word for field in fields for word in ("-e", field))],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, **kw)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return [(name, int(way, 0), kind, comment) for name, way, kind, comment in lines]


def test_wireshark_reads_it(weft, tmp_path):
    path = tmp_path / "a.pcapng"
    with Capture("--all", "icmp", path=path):
        ping(weft, H2, 1)
        ping(weft, "10.9.1.1", 1)
    for line in (("sw:p2,r1:eth1", 2, "8", ""), ("r1:eth2,h2:eth1", 1, "0", ""),
                 ("sw:p2,r1:eth1", 0, "8", "dropped by r1:eth1: blackhole (route says so)")):
        assert line in shown(path)


def test_a_pipe_that_is_left(weft):
    """tshark shows packets as they come; when it has enough, the capture ends too."""
    with subprocess.Popen([BIN / "weft", "capture", "cap", "h1:eth1", "icmp"], env=ENV,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        try:
            assert b"Ctrl-C" in p.stderr.readline()
            pinger = weft.popen("cap", "h1", "ping", "-n", "-c", "2", "-i", "0.2", H2)
            assert [line[0::2] for line in shown("-", "-c", "4", stdin=p.stdout)] == [
                ("h1:eth1", kind) for kind in ("8", "0", "8", "0")]
            p.stdout.close()
            assert p.wait(20) == 0
            pinger.communicate(timeout=20)
        finally:
            p.kill()
    all_gone(weft)


def test_refusals(weft):
    for args, status, words in (
            (("cap", "h9:eth1"), 1, "no link at h9:eth1"), (("no", "h1:eth1"), 1, "no vnet no"),
            (("cap", "h1:eth1,r1:eth1"), 1, "no link h1:eth1,r1:eth1"),
            (("cap", "h1"), 2, "neither NODE:PORT"),
            (("cap", "h1:eth1,"), 2, "neither NODE:PORT"), (("cap", "--all", "nonsense("), 2, "filter"),
            (("cap",), 2, "missing"), (("cap", "--all", "-s", "0"), 2, "--snap")):
        done = weft.run("capture", *args, status=status)
        assert words in done.stderr, done.stderr
    assert "-w, --write FILE" in weft.run("capture", "--help").stdout


def dial():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)
    s.connect(f"{RUN}/capture.sock")
    return s


def test_what_is_no_request(weft):
    for words in (b"", b"x", b"[]", b"{}", b'{"vnet": 1}', b'{"vnet": "cap", "at": 1}',
                  b'{"vnet": "cap", "snap": 65536}', b'{"vnet": "\xff"}', b" " * 5000):
        with dial() as s:
            s.send(words)
            answer = s.recv(4096)
            assert not words or b"error" in answer and not s.recv(1)


def test_too_many(weft):
    """Of captures; who says nothing keeps nobody out."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(dial()) for _ in range(30)]
        for s in clients[:12]:
            s.send(b'{"vnet": "cap", "at": "h1:eth1"}')
            assert s.recv(4096) == b'{"interfaces":["h1:eth1"]}'
        assert "12 captures already" in weft.run("capture", "cap", "--all", status=1).stderr
        assert tapes(weft.engine_pid()) == 12
    await_true("they are gone", 10, lambda: not tapes(weft.engine_pid()))
    with Capture("h1:eth1", "icmp") as one:
        ping(weft, H2, 1)
    assert len(one.echoes()) == 2


def tapes(pid):
    """Mappings and descriptors of captures that a process has."""
    fds = f"/proc/{pid}/fd"
    return open(f"/proc/{pid}/maps").read().count("weft-capture") + sum(
        "weft-capture" in os.readlink(f"{fds}/{fd}") for fd in os.listdir(fds)
        if os.path.islink(f"{fds}/{fd}"))


def all_gone(weft):
    await_true("nothing is left of it", 10, lambda: not tapes(weft.engine_pid()) and
               not tapes(weft.daemon_pid()))
    assert all(link["carrier"] for link in weft.json("inspect", "cap")["links"])
    assert weft.pings("cap", "h1", H2)


def test_one_of_two_is_killed(weft):
    with Capture("h1:eth1", "icmp") as one, subprocess.Popen(
            [BIN / "weft", "capture", "cap", "--all"], env=ENV, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE) as other:
        assert b"Ctrl-C" in other.stderr.readline()
        assert tapes(weft.engine_pid()) == 2 and not tapes(weft.daemon_pid())
        ping(weft, H2, 1)
        kill(other.pid)
        await_true("one is left", 10, lambda: tapes(weft.engine_pid()) == 1)
        ping(weft, H2, 1)
    assert [e[1] for e in one.echoes()] == [8, 0, 8, 0]
    all_gone(weft)


def test_a_reader_that_stands_still(weft):
    """Holds nobody up; it gets what it has not missed."""
    with Capture("h1:eth1", "icmp") as one:
        os.kill(one.p.pid, signal.SIGSTOP)
        ping(weft, H2, 20)
        os.kill(one.p.pid, signal.SIGCONT)
    assert len(one.echoes()) == 40
    all_gone(weft)


def ended_by(weft, what):
    """What a capture says when that ends it."""
    with subprocess.Popen([BIN / "weft", "capture", "cap", "--all"], env=ENV, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        try:
            assert b"Ctrl-C" in p.stderr.readline()
            what()
            out, said = p.communicate(timeout=60)
        finally:
            p.kill()
    pcapng.parse(out)
    assert p.returncode == 1
    return said.decode()


def test_the_engine_is_killed(weft):
    engine = weft.engine_pid()
    assert "the engine" in ended_by(weft, lambda: kill(engine))
    await_true("an engine again", 20, lambda: weft.engine_pid() not in (None, engine))
    weft.await_ping("cap", "h1", H2)
    all_gone(weft)


def test_weftd_is_killed(weft, cap):
    engine = weft.engine_pid()
    assert "weftd ended" in ended_by(weft, lambda: kill(weft.daemon_pid()))
    await_true("the engine has let go of it", 10, lambda: not tapes(engine))
    assert "weftd does not answer" in weft.run("capture", "cap", "--all", status=4).stderr
    weft.deploy(cap)  # starts another
    with Capture("h1:eth1", "icmp") as one:
        ping(weft, H2, 1)
    assert len(one.echoes()) == 2


def test_the_vnet_is_destroyed(weft):
    engine = weft.engine_pid()
    assert "its vnet is destroyed" in ended_by(weft, lambda: weft.run("destroy", "cap"))
    await_true("the engine has let go of it", 10, lambda: not tapes(engine))
