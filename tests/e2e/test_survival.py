# SPDX-License-Identifier: Apache-2.0
"""Any one process may be killed: forwarding goes on, and all of it comes back."""
import os
import signal
import socket

import pytest

from perf import netns
from weft import PAIR, SRC, Ping, alive, assert_nothing_left, await_true, kill

H2 = "10.0.3.10"


@pytest.fixture(scope="module", autouse=True)
def red(weft):
    weft.deploy(SRC / "configs/twins/red.clab.yml")
    for address in (H2, "fd00:3::10"):
        weft.await_ping("red", "h1", address)


def picture(weft):
    """What inspect says, but for what grows by itself."""
    vnet = weft.json("inspect", "red")
    for key in ("age_s", "counters"):
        del vnet[key]
    for way in (way for link in vnet["links"] for way in link["ways"]):
        del way["sent"], way["on_wire"]
    for node in vnet["nodes"]:
        for key in ("cpu_s", "memory_bytes"):
            node.pop(key, None)
        for port in node["ports"]:
            for key in [k for k in port if "packets" in k or "bytes" in k] + [
                    "forwarded", "punted", "injected", "drops"]:
                del port[key]
        for fib in node.get("fib", []):
            for key in ("bytes", "lookup_bytes", "shared_bytes"):
                fib.pop(key, None)
    return vnet


def settled(weft):
    """Neighbours are up and routes have come to rest."""
    vnet = weft.json("inspect", "red")
    return vnet["state"] == "running" and all(
        p["up"] == p["total"] == 2 for n in vnet["nodes"] if n["kind"] == "router"
        for p in n.get("protocols", [{"up": 0, "total": 2}]))


def test_weftd_is_killed(weft):
    await_true("settled", 60, lambda: settled(weft))
    before = await_true("a picture that holds", 30, lambda: (p := picture(weft)) == picture(weft) and p)
    ping = Ping(weft, "red", "h1", H2)
    old = weft.daemon_pid()
    kill(old)
    weft.deploy(SRC / "configs/twins/red.clab.yml")  # starts a new weftd, which adopts everything
    assert weft.daemon_pid() != old
    await_true("inspect says the same", 60, lambda: picture(weft) == before)
    sent, received = ping.stop()
    print(f"{sent} echoes, {sent - received} lost")
    assert sent == received


def test_a_guest_is_killed(weft):
    """All traffic goes by r2, whose guest dies: the engine forwards on, the guest comes back."""
    weft.run("link", "down", "red", "r1:eth2")
    try:
        await_true("traffic goes by r2", 30, lambda: [
            v["port"] for v in weft.routes("red", "r1").get("10.0.3.0/24", {}).get("via", [])] == ["eth1"])
        weft.await_ping("red", "h1", H2)
        pid = weft.node("red", "r2")["pid"]
        forwarded = weft.port("red", "r2", "eth1")["forwarded"]
        ping = Ping(weft, "red", "h1", H2)
        kill(pid)
        # Until the neighbours miss its hellos (4 s) nothing may be lost.
        await_true("another guest", 10, lambda: weft.node("red", "r2")["pid"] not in (pid, None))
        sent, received = ping.stop()
        print(f"{sent} echoes, {sent - received} lost, while the guest was dead")
        assert sent == received
        assert weft.port("red", "r2", "eth1")["forwarded"] - forwarded >= received
        await_true("r2 is ready again", 90, lambda: (
            n := weft.node("red", "r2"))["state"] == "ready" and n["synced"] and n["restarts"] == 1)
        weft.await_ping("red", "h1", H2, seconds=90)
        await_true("it has its neighbours again", 60, lambda: all(
            p["up"] == 2 for p in weft.node("red", "r2").get("protocols") or [{"up": 0}]))
    finally:
        weft.run("link", "up", "red", "r1:eth2")
    await_true("settled", 60, lambda: settled(weft))


def test_the_engine_is_killed(weft):
    await_true("settled", 60, lambda: settled(weft))
    before = weft.routes("red", "r1")
    pids = [weft.node("red", r)["pid"] for r in ("r1", "r2", "r3")]
    ping = Ping(weft, "red", "h1", H2)
    old = weft.engine_pid()
    kill(old)
    await_true("another engine", 30, lambda: weft.engine_pid() not in (None, old))
    for address in (H2, "fd00:3::10"):
        weft.await_ping("red", "h1", address, seconds=30)
    sent, received = ping.stop()
    print(f"{sent - received} of {sent} echoes lost, 10 ms each")
    await_true("settled", 60, lambda: settled(weft))
    await_true("the same routes", 30, lambda: weft.routes("red", "r1").keys() == before.keys())
    assert pids == [weft.node("red", r)["pid"] for r in ("r1", "r2", "r3")]
    counters = weft.port("red", "r1", "eth3")["forwarded"]
    weft.exec("red", "h1", "ping", "-n", "-c", "20", "-i", "0.01", H2)
    assert weft.port("red", "r1", "eth3")["forwarded"] - counters >= 20  # not through the guests


def test_what_is_sent_without_an_engine_waits(weft):
    """Also after weftd was started again, when the engine that died was the only one that had the taps."""
    kill(weft.daemon_pid())
    weft.deploy(SRC / "configs/twins/red.clab.yml")
    await_true("settled", 60, lambda: settled(weft))
    weft.await_ping("red", "h1", H2)
    weftd, engine = weft.daemon_pid(), weft.engine_pid()
    udp = [netns.inside(netns.name("red", host), lambda: socket.socket(type=socket.SOCK_DGRAM)) for host in ("h1", "h2")]
    with udp[0] as sender, udp[1] as receiver:
        receiver.bind((H2, 7000))
        receiver.settimeout(30)
        os.kill(weftd, signal.SIGSTOP)  # no other engine, until all is sent
        try:
            kill(engine)
            for i in range(100):
                sender.sendto(str(i).encode(), (H2, 7000))
        finally:
            os.kill(weftd, signal.SIGCONT)
        assert [int(receiver.recv(8)) for _ in range(100)] == list(range(100))


def test_ports_flap(weft):
    """A guest's interface and its cable, a hundred times each: nothing is restarted, and all is as before."""
    def who():
        nodes = weft.json("inspect", "red")["nodes"]
        return [(n.get("pid"), n.get("restarts")) for n in nodes] + [weft.engine_pid(), weft.daemon_pid()]

    await_true("settled", 60, lambda: settled(weft))
    before = who()
    weft.exec("red", "r2", "sh", "-c",
              "for i in $(seq 100); do ip link set eth1 down; ip link set eth1 up; done")
    for _ in range(100):
        weft.run("link", "down", "red", "r1:eth1")
        weft.run("link", "up", "red", "r1:eth1")
    await_true("settled", 90, lambda: settled(weft))
    routers = weft.json("verify", "red")["routers"]
    assert {r["node"]: r["state"] for r in routers} == dict.fromkeys(("r1", "r2", "r3"), "same"), routers
    assert who() == before
    weft.await_ping("red", "h1", H2)


def test_restart(weft):
    pid = weft.node("red", "r2")["pid"]
    weft.run("restart", "red", "r2")
    await_true("the guest is another one", 20, lambda: not alive(pid) and
               weft.node("red", "r2")["pid"] not in (pid, None))
    await_true("settled", 90, lambda: settled(weft))


def test_destroy_after_weftd_was_killed(weft):
    kill(weft.daemon_pid())
    weft.run("destroy", "--all")
    assert_nothing_left()


def test_destroy_after_all_was_killed(weft, tmp_path):
    """With no vnet any more, so that nobody starts another engine, which would take the first one's place."""
    weft.run("destroy", "--all")
    (tmp_path / "pair.clab.yml").write_text(PAIR)
    weft.deploy(tmp_path / "pair.clab.yml")
    weft.run("destroy", "pair")
    weftd, engine = weft.daemon_pid(), weft.engine_pid()
    kill(weftd)
    kill(engine)
    weft.run("destroy", "--all")
    assert_nothing_left()
