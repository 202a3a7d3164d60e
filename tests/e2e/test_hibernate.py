# SPDX-License-Identifier: Apache-2.0
"""Guests of a vnet stand still together, or wait on disk, while their network forwards on."""
import json
import os
import pathlib
import re
import subprocess
import threading
import time

import pytest

from weft import SRC, STATE, Ping, alive, await_true, kill

H2 = "10.0.3.10"
ROUTERS = ("r1", "r2", "r3")
ASLEEP = STATE / "asleep"
FILES = {v: SRC / f"configs/twins/{v}.clab.yml" for v in ("red", "blue")}


@pytest.fixture(scope="module", autouse=True)
def twins(weft):
    for vnet in FILES:
        weft.deploy(FILES[vnet], "--no-wait")
    for vnet in FILES:
        weft.deploy(FILES[vnet])
        weft.await_ping(vnet, "h1", H2)
    for vnet in FILES:
        await_true(f"{vnet} is settled", 90, lambda: settled(weft, vnet))


def settled(weft, vnet):
    found = weft.json("inspect", vnet)
    routers = [n for n in found["nodes"] if n["kind"] == "router"]
    return found["state"] == "running" and all(
        n.get("protocols") and all(p["up"] == p["total"] > 0 for p in n["protocols"])
        for n in routers)


def pids(weft, vnet):
    return [weft.node(vnet, r)["pid"] for r in ROUTERS]


def states(weft, vnet):
    return {n["state"] for n in weft.json("inspect", vnet)["nodes"] if n["kind"] == "router"}


def sessions(weft, vnet):
    """Seconds that each neighbour of each router has been up, by the routers' own count."""
    found = {}
    for r in ROUTERS:
        if vnet == "red":
            said = json.loads(weft.exec(vnet, r, "vtysh", "-c", "show ip ospf neighbor detail json"))
            for router in said.get("neighbors", said).values():
                for n in router:
                    found[r, n["ifaceAddress"]] = n["lastPrgrsvChangeMsec"] / 1000
        else:
            for peer, n in json.loads(weft.exec(vnet, r, "vtysh", "-c", "show bgp neighbors json")).items():
                assert n["bgpState"] == "Established"
                found[r, peer] = n["bgpTimerUpMsec"] / 1000
    assert len(found) >= 6
    return found


def no_session_was_reset(weft, vnet, before):
    await_true("the protocols are up", 30, lambda: settled(weft, vnet))
    after = sessions(weft, vnet)
    assert after.keys() == before.keys()
    for who, seconds in before.items():
        assert after[who] >= seconds, (vnet, who, seconds, after[who])


def nothing_was_lost(ping):
    sent, received = ping.stop()
    print(f"{sent} echoes, {sent - received} lost")
    assert sent == received


def flush_neighbours(vnet):
    for host in ("h1", "h2"):
        subprocess.run(["ip", "-n", f"weft-{vnet}-{host}", "neigh", "flush", "dev", "eth1"], check=True)


def pss(weft, vnet):
    return sum(n["memory_bytes"] for n in weft.json("inspect", vnet)["nodes"] if n["kind"] == "router")


def clock_error(weft, vnet, router):
    """How far a guest's wall clock, of which we see whole seconds, is from ours at least."""
    began = time.time()
    there = int(weft.exec(vnet, router, "date", "+%s"))
    return max(0, began - (there + 1), there - time.time())


@pytest.mark.parametrize("vnet", FILES)
def test_pause_and_resume(weft, vnet):
    before, old = sessions(weft, vnet), pids(weft, vnet)
    ping = Ping(weft, vnet, "h1", H2)
    said = weft.run("pause", vnet).stdout
    print(said)
    found = re.fullmatch(rf"{vnet}: 3 routers paused within (\d+\.\d) ms\n", said)
    assert found and float(found.group(1)) < 500
    assert weft.json("inspect", vnet)["state"] == "paused" and states(weft, vnet) == {"paused"}
    for refused in (["exec", vnet, "r1", "--", "true"], ["restart", vnet, "r1"],
                    ["deploy", FILES[vnet]]):
        assert f"weft resume {vnet}" in weft.run(*refused, status=1).stderr
    weft.exec(vnet, "h1", "true")
    assert settled(weft, "blue" if vnet == "red" else "red")  # the other one goes on
    # Longer than any neighbour waits: 4 s of OSPF, 9 s of BGP.
    cpu = [weft.node(vnet, r)["cpu_s"] for r in ROUTERS]
    time.sleep(12)
    assert [weft.node(vnet, r)["cpu_s"] for r in ROUTERS] == pytest.approx(cpu, abs=0.5)
    assert weft.json("pause", vnet)["routers"] == 3  # it is so already
    assert weft.json("resume", vnet)["spread_us"] < 500_000
    assert pids(weft, vnet) == old
    no_session_was_reset(weft, vnet, before)
    nothing_was_lost(ping)
    for router in ROUTERS:
        assert clock_error(weft, vnet, router) < 0.1


def test_weftd_is_killed_while_paused(weft):
    before, old = sessions(weft, "red"), pids(weft, "red")
    weft.run("pause", "red")
    kill(weft.daemon_pid())
    weft.deploy(FILES["blue"])  # starts a new weftd
    await_true("it knows", 20, lambda: states(weft, "red") == {"paused"})
    time.sleep(6)
    assert pids(weft, "red") == old
    weft.run("resume", "red")
    no_session_was_reset(weft, "red", before)
    assert pids(weft, "red") == old


def test_a_paused_guest_that_dies_stays_down(weft):
    weft.run("pause", "red")
    pid = weft.node("red", "r2")["pid"]
    kill(pid)
    time.sleep(3)
    assert weft.node("red", "r2")["pid"] is None
    assert weft.run("hibernate", "red", status=1).stderr.count("r2")
    weft.run("resume", "red")
    await_true("it is back", 60, lambda: (n := weft.node("red", "r2"))["state"] == "ready" and n["pid"] != pid)
    await_true("red is settled", 90, lambda: settled(weft, "red"))


@pytest.mark.parametrize("vnet", FILES)
def test_hibernate_and_resume(weft, vnet):
    before, old, memory = sessions(weft, vnet), pids(weft, vnet), pss(weft, vnet)
    routes = weft.routes(vnet, "r1").keys()
    ping = Ping(weft, vnet, "h1", H2)
    said = weft.run("hibernate", vnet).stdout
    print(said)
    assert re.fullmatch(rf"{vnet}: 3 routers hibernated in \d+\.\d s, \S+ \w+ on disk\n", said)
    assert not any(alive(pid) for pid in old)
    assert weft.json("inspect", vnet)["state"] == "hibernated" and states(weft, vnet) == {"hibernated"}
    assert pss(weft, vnet) == 0 < memory
    assert weft.routes(vnet, "r1").keys() == routes
    assert f"weft resume {vnet}" in weft.run("exec", vnet, "r1", "--", "true", status=1).stderr
    assert f"weft resume {vnet}" in weft.run("pause", vnet, status=1).stderr
    assert "already" in weft.run("hibernate", vnet).stdout
    for _ in range(5):
        flush_neighbours(vnet)
        time.sleep(2)
    said = weft.run("resume", vnet).stdout
    print(said)
    assert f"{vnet}: 3 routers resumed" in said
    no_session_was_reset(weft, vnet, before)
    assert not list(ASLEEP.iterdir())
    nothing_was_lost(ping)
    now = pss(weft, vnet)
    print(f"{memory >> 20} MiB given back, {now >> 20} MiB after the resume")
    assert now < 1.05 * memory  # what was shared with the template still is
    for router in ROUTERS:
        assert clock_error(weft, vnet, router) < 0.1
    assert {weft.node(vnet, r)["restarts"] for r in ROUTERS} <= {0, 1}
    assert weft.routes(vnet, "r1").keys() == routes


def test_again_and_from_pause(weft):
    before = sessions(weft, "red")
    for _ in range(2):
        weft.run("pause", "red")
        weft.run("hibernate", "red")
        weft.run("resume", "red")
    no_session_was_reset(weft, "red", before)


def test_weftd_is_killed_while_hibernated(weft):
    before = sessions(weft, "red")
    weft.run("hibernate", "red")
    (ASLEEP / "half.tmp").mkdir()
    ping = Ping(weft, "red", "h1", H2)
    kill(weft.daemon_pid())
    weft.deploy(FILES["blue"])  # starts a new weftd
    assert states(weft, "red") == {"hibernated"}
    assert len(list(ASLEEP.iterdir())) == 3
    flush_neighbours("red")
    time.sleep(3)
    weft.run("resume", "red")
    no_session_was_reset(weft, "red", before)
    nothing_was_lost(ping)


def test_the_engine_is_killed_while_hibernated(weft):
    """Another one gets the routes, and answers for guests that are not there."""
    before = sessions(weft, "red")
    weft.run("hibernate", "red")
    old = weft.engine_pid()
    kill(old)
    await_true("another engine", 30, lambda: weft.engine_pid() not in (None, old))
    flush_neighbours("red")
    weft.await_ping("red", "h1", H2, seconds=10)
    weft.run("resume", "red")
    no_session_was_reset(weft, "red", before)


@pytest.mark.parametrize("verb", ["hibernate", "resume"])
@pytest.mark.parametrize("after", [0.0, 0.2, 0.7])
def test_weftd_is_killed_in_the_middle(weft, verb, after):
    """It is one or the other then, and works."""
    before = sessions(weft, "red")
    if verb == "resume":
        weft.run("hibernate", "red")
    old = weft.daemon_pid()
    asking = threading.Thread(target=lambda: weft.run(verb, "red", status=None))
    asking.start()
    time.sleep(after)
    kill(old)
    asking.join()
    weft.deploy(FILES["blue"])
    state = weft.json("inspect", "red")["state"]
    print(f"{verb}, killed after {after} s: {state}")
    assert state != "paused"
    if state == "hibernated":
        weft.run("resume", "red")
    no_session_was_reset(weft, "red", before)
    assert not list(ASLEEP.iterdir())


def test_a_full_disk_leaves_it_running(weft):
    before, old = sessions(weft, "red"), pids(weft, "red")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", ASLEEP], check=True)
    try:
        said = weft.run("hibernate", "red", status=1).stderr
        print(said)
        assert re.search(r"red/r\d: ", said)
        assert not list(ASLEEP.iterdir())
    finally:
        subprocess.run(["umount", ASLEEP], check=True)
    assert weft.json("inspect", "red")["state"] == "running"
    assert pids(weft, "red") == old
    no_session_was_reset(weft, "red", before)


def test_a_saved_guest_that_is_no_use_stays_asleep(weft):
    before = sessions(weft, "red")
    weft.run("hibernate", "red")
    first = sorted(ASLEEP.iterdir())[0]
    first.rename(ASLEEP.parent / "away")
    assert re.search(r"red/r\d: ", weft.run("resume", "red", status=1).stderr)
    assert states(weft, "red") == {"hibernated"}
    assert all(pid is None for pid in pids(weft, "red"))
    (ASLEEP.parent / "away").rename(first)
    weft.run("resume", "red")
    no_session_was_reset(weft, "red", before)


def test_one_at_a_time(weft):
    """Of two that are asked for at once one is refused, or comes after the other."""
    said = []
    asking = [threading.Thread(target=lambda v=v: said.append(weft.run(v, "blue", status=None)))
              for v in ("pause", "hibernate", "pause", "resume")]
    for t in asking:
        t.start()
    for t in asking:
        t.join()
    for done in said:
        assert done.returncode == 0 or "blue" in done.stderr
    weft.run("resume", "blue")
    await_true("blue is settled", 60, lambda: settled(weft, "blue"))


def test_destroy_in_every_mode(weft):
    weft.run("pause", "blue")
    weft.run("destroy", "blue")
    weft.run("hibernate", "red")
    weft.run("destroy", "red")
    assert not list(ASLEEP.iterdir())
    assert weft.json("inspect")["vnets"] == []
