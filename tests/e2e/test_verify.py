# SPDX-License-Identifier: Apache-2.0
"""`weft verify`: guests' kernels, intakes and FIBs agree, after changes and whatever died; and it sees when they do not."""
import ctypes
import json
import os
import socket
import struct
import subprocess
import time

import pytest

from churn import Router
from perf import dp
from weft import BIN, ENV, RUN, alive, await_true, kill

PIDFD_OPEN, PIDFD_GETFD = 434, 438


@pytest.fixture(scope="module")
def router(weft, tmp_path_factory):
    return Router(weft, tmp_path_factory.mktemp("churn"), seed=1)


class Hijacked(dp.Client):
    """weftd's own connection to the engine, while weftd stands still: it knows nothing of what is done there."""

    def __init__(self, pid):
        self.pid, self.seq, self.s = pid, 1 << 20, None
        os.kill(pid, 19)
        libc = ctypes.CDLL(None, use_errno=True)
        pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
        for fd in os.listdir(f"/proc/{pid}/fd"):
            copy = libc.syscall(PIDFD_GETFD, pidfd, int(fd), 0)
            try:
                s = socket.socket(fileno=copy)
            except OSError:
                os.close(copy)
                continue
            if s.family == socket.AF_UNIX and s.type == socket.SOCK_SEQPACKET and self.peer(s) == f"{RUN}/dp.sock":
                self.s = s
            else:
                s.close()
        os.close(pidfd)

    @staticmethod
    def peer(s):
        try:
            return s.getpeername()
        except OSError:
            return None

    def raw(self, data, fds=()):
        await_true("the engine has answered weftd", 10, lambda: not self.waiting())
        self.s.setblocking(True)
        try:
            return super().raw(data, fds)
        finally:
            self.s.setblocking(False)

    def waiting(self):
        try:
            return self.s.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""

    def let_go(self):
        self.s.close()
        os.kill(self.pid, 18)


def behind_weftds_back(weft, do):
    """do(client, fib): with the engine, of which weftd hears nothing; fib is r1's."""
    await_true("an engine", 20, weft.engine_pid)
    client = Hijacked(weft.daemon_pid())
    try:
        fibs = [struct.unpack_from("=IIII", r, 8) for r in client.do(dp.by_id(dp.FIB_GET, 0))]
        do(client, max(fibs, key=lambda f: f[2] + f[3])[0])
    finally:
        client.let_go()


def test_nothing_differs(weft, router):
    r1 = router.verified()
    assert r1["routes"]["kernel"] == r1["routes"]["intake"] == r1["routes"]["fib"] == len(
        weft.json("routes", "churn", "r1")["routes"]) > 20
    assert any("link-local or multicast" in why for why in r1["left_out"])
    router.shell("/bin/ip route add 192.0.2.0/24 dev eth1 table 77 && /bin/ip link add dum0 type dummy && "
                 "/bin/ip link set dum0 up && /bin/ip route add 198.51.100.0/24 dev dum0")
    left_out = router.verified()["left_out"]
    assert "table 77: 1 prefix: of a table that no port's packets are looked up in" in left_out
    assert any("198.51.100.0/24: via dum0, which is not a port" in why for why in left_out)
    assert "r1: left out: table 77" in weft.run("verify", "churn").stdout
    router.shell("/bin/ip link del dum0; /bin/ip route flush table 77")
    router.verified()
    assert weft.run("verify", "churn", "h1", status=1).stderr == "weft: verify: h1 is not a router\n"
    assert "no node r9" in weft.run("verify", "churn", "r9", status=1).stderr


def test_what_the_engine_lacks_is_seen(weft, router):
    """A route goes from the FIB, another one comes, a third leads elsewhere: nobody but the engine knows."""
    router.begin(["route add 40.1.0.0/16 via 10.1.0.2 dev eth1", "route add 40.2.0.0/16 via 10.2.0.2 dev eth2",
                  "route add blackhole 40.4.0.0/16", "route add 2001:db8:4000::/48 via fd00:1::2 dev eth1"])
    router.await_end(20)
    router.verified()

    def spoil(client, fib):
        held = {}  # next hop by prefix
        for r in client.do(dp.routes_get(fib, 4)):
            if struct.unpack_from("=H", r)[0] == dp.ROUTE_SET:
                _, nh, _, length = struct.unpack_from("=IIBB", r, 8)
                held[f"{socket.inet_ntoa(r[24:28])}/{length}"] = nh
        client.do(dp.route(fib, 0, "40.1.0.0/16", dp.ROUTE_DEL), dp.route(fib, held["40.4.0.0/16"], "40.2.0.0/16"),
                  dp.route(fib, held["40.2.0.0/16"], "40.3.0.0/16"))
        client.do(dp.route(fib, 0, "2001:db8:4000::/48", dp.ROUTE_DEL))

    behind_weftds_back(weft, spoil)
    done = weft.run("verify", "churn", "--format", "json", status=5)
    r1 = json.loads(done.stdout)["routers"][0]
    assert r1["state"] == "differs" and r1["difference_count"] == 4 and r1["takes"] >= 3
    found = {d["prefix"]: d for d in r1["differences"]}
    assert set(found) == {"40.1.0.0/16", "40.2.0.0/16", "40.3.0.0/16", "2001:db8:4000::/48"}
    eth1 = {"kind": "forward", "via": [{"port": "eth1", "mac": "02:00:00:00:01:02"}]}
    eth2 = {"kind": "forward", "via": [{"port": "eth2", "mac": "02:00:00:00:02:02"}]}
    assert [found["40.1.0.0/16"][view] for view in ("kernel", "intake", "fib")] == [eth1, eth1, None]
    assert [found["40.2.0.0/16"][view] for view in ("kernel", "intake", "fib")] == [eth2, eth2, {"kind": "drop", "via": []}]
    assert [found["40.3.0.0/16"][view] for view in ("kernel", "intake", "fib")] == [None, None, eth2]
    assert not any(d["routes_differ"] for d in found.values())
    out = weft.run("verify", "churn", "r1", status=5).stdout
    assert "4 differ" in out and "forward eth2 02:00:00:00:02:02  drop" in out
    kill(weft.daemon_pid())  # the next one says everything again
    weft.deploy(router.file)
    router.verified()


def test_watch(weft, router):
    """It is silent until something differs."""
    router.begin(["route add 41.0.0.0/16 via 10.1.0.2 dev eth1"])
    router.await_end(20)
    watch = subprocess.Popen([BIN / "weft", "verify", "churn", "--watch=1"], env=ENV, stdout=subprocess.PIPE, text=True)
    try:
        behind_weftds_back(weft, lambda client, fib: client.do(dp.route(fib, 0, "41.0.0.0/16", dp.ROUTE_DEL)))
        line = watch.stdout.readline()
        assert "r1: 1 differs, first 41.0.0.0/16 of table 254: kernel forward eth1" in line and "fib nothing" in line
        router.begin(["route del 41.0.0.0/16 via 10.1.0.2 dev eth1"])
        assert "r1: same" in watch.stdout.readline()
    finally:
        watch.kill()
        watch.wait()


def test_changes_and_breaks(router):
    """Nothing differs after thousands of changes in the midst of which agent, weftd and engine die."""
    began, checked = time.monotonic(), 0
    for what in ("", "agent", "weftd", "engine", "agent"):
        router.change(1000, what, 60)
        r1 = router.verified()
        print(f"{what or 'nothing'} died: {r1['routes']} after {r1['takes']} takes, {time.monotonic() - began:.1f} s")
        checked += router.check_against_ip()
    assert r1["routes"]["kernel"] > 500 and checked > 100


NONE = """name: slow
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    r1:
      image: frr
      weft: {intake: none}
      exec: [ip addr add 10.0.1.1/24 dev eth1, ip addr add 10.0.2.1/24 dev eth2,
             ip addr add fd00:1::1/64 dev eth1 nodad, ip addr add fd00:2::1/64 dev eth2 nodad]
    h1: {exec: [ip addr add 10.0.1.10/24 dev eth1, ip route add default via 10.0.1.1,
                ip addr add fd00:1::10/64 dev eth1 nodad, ip route add default via fd00:1::1]}
    h2: {exec: [ip addr add 10.0.2.10/24 dev eth1, ip route add default via 10.0.2.1,
                ip addr add fd00:2::10/64 dev eth1 nodad, ip route add default via fd00:2::1]}
  links: [endpoints: ['r1:eth1', 'h1:eth1'], endpoints: ['r1:eth2', 'h2:eth1']]
"""


def test_a_guest_that_forwards_by_itself(weft, tmp_path):
    """intake: none. The engine has no FIB of it; all that crosses it is punted, and injected."""
    file = tmp_path / "slow.clab.yml"
    file.write_text(NONE)
    weft.deploy(file)
    for address in ("10.0.2.10", "fd00:2::10"):
        weft.await_ping("slow", "h1", address)
    before = weft.port("slow", "r1", "eth1")
    out = weft.exec("slow", "h1", "ping", "-n", "-c", "50", "-i", "0.02", "-W", "2", "10.0.2.10")
    assert " 0% packet loss" in out and "ttl=63" in out
    after, r1 = weft.port("slow", "r1", "eth1"), weft.node("slow", "r1")
    assert after["forwarded"] == before["forwarded"] == 0
    assert after["punted"] - before["punted"] >= 50 and after["injected"] - before["injected"] >= 50
    assert r1["intake"] == "none" and r1["fib"] == [] and r1["synced"]
    assert r1["punted"] == ["all: its guest forwards by itself (intake: none)"]
    assert "forwards by itself" in weft.run("inspect", "slow", "r1").stdout
    assert weft.json("inspect", "slow")["state"] == "running" and weft.routes("slow", "r1") == {}
    verified = weft.json("verify", "slow")["routers"]
    assert [(r["node"], r["state"], r["routes"]) for r in verified] == [("r1", "guest", None)]
    # What its kernel does it does with all: a filter of its own.
    weft.exec("slow", "r1", "sh", "-c", "nft add table ip t && nft add chain ip t f "
              "'{ type filter hook forward priority 0; }' && nft add rule ip t f ip daddr 10.0.2.10 drop")
    assert not weft.pings("slow", "h1", "10.0.2.10") and weft.pings("slow", "h1", "fd00:2::10")
    weft.exec("slow", "r1", "nft", "delete", "table", "ip", "t")
    kill(weft.engine_pid())
    weft.await_ping("slow", "h1", "10.0.2.10")
    weft.run("destroy", "slow")
