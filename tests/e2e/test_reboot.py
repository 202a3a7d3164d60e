# SPDX-License-Identifier: Apache-2.0
"""The machine is restarted: processes, namespaces and /run are gone, and all vnets come back."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

from weft import BIN, ENV, RUN, SRC, STATE, alive, await_true

H2 = "10.0.3.10"
NETWORKS = {"10.0.1.0/24", "10.0.3.0/24", "fd00:1::/64", "fd00:3::/64"}  # of the hosts
ROUTERS = ("r1", "r2", "r3")
VNETS = ("red", "blue")
FILES = {v: SRC / f"configs/twins/{v}.clab.yml" for v in VNETS}


def processes():
    """pids of this instance: by its directory, or what its guests' and engine's programs are told."""
    found = []
    for proc in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if proc.name.isdigit() and int(proc.name) != os.getpid() and (
                    RUN.encode() in (proc / "cmdline").read_bytes() or
                    f"WEFT_RUN={RUN}".encode() in (proc / "environ").read_bytes()):
                found.append(int(proc.name))
    return [pid for pid in found if os.readlink(f"/proc/{pid}/exe").startswith((str(BIN), "/usr/bin/qemu"))]


def crash():
    """What a machine that loses power leaves: the disk. Hosts' daemons die with their namespaces."""
    for pid in (pids := processes()):
        os.kill(pid, signal.SIGKILL)
    await_true("all are dead", 20, lambda: not any(map(alive, pids)))
    for namespace in pathlib.Path("/run/netns").glob("weft-*"):
        if namespace.name.split("-")[1] in VNETS:
            subprocess.run(["ip", "netns", "pids", namespace.name], check=True, capture_output=True)
            subprocess.run(["ip", "netns", "del", namespace.name], check=True)
    shutil.rmtree(RUN)


def boot():
    """weftd as its service starts it."""
    with open(STATE / "log/weftd.log", "ab") as log:
        subprocess.Popen([BIN / "weftd"], env=ENV, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                         start_new_session=True)


def settled(weft, vnet):
    found = weft.json("inspect", vnet)
    return found["state"] == "running" and all(
        n.get("protocols") and all(p["up"] == p["total"] > 0 for p in n["protocols"])
        for n in found["nodes"] if n["kind"] == "router") and all(
            weft.routes(vnet, r).keys() >= NETWORKS for r in ROUTERS)


def picture(weft, vnet):
    found = weft.json("inspect", vnet)
    return (found["state"], found["weight"], found["notes"],
            [(n["name"], n["state"], n["error"], n.get("protocols"),
              [(p["name"], p["mac"], p["mtu"], p["carrier"]) for p in n["ports"]]) for n in found["nodes"]],
            [(k["a"], k["b"], k["up"], k["risen"], k["carrier"], [w.get("impair") for w in k["ways"]])
             for k in found["links"]],
            [weft.routes(vnet, r).keys() & NETWORKS for r in ROUTERS])


def uptime(weft):
    return float(weft.exec("blue", "r1", "cat", "/proc/uptime").split()[0])


def test_reboot(weft):
    for vnet in VNETS:
        weft.deploy(FILES[vnet], "--no-wait")
    for vnet in VNETS:
        weft.deploy(FILES[vnet])
        weft.await_ping(vnet, "h1", H2)
    weft.run("link", "down", "red", "r1:eth2")
    weft.run("link", "set", "red", "r1:eth1", "delay", "2ms")
    await_true("blue is settled", 60, lambda: settled(weft, "blue"))
    blue, before = picture(weft, "blue"), uptime(weft)
    weft.run("hibernate", "blue")
    await_true("red has noticed that a link is down", 60, lambda: [
        p["up"] for n in weft.json("inspect", "red")["nodes"] for p in n.get("protocols", [])] == [1, 1, 2, 2, 1, 1])
    red = await_true("a picture that holds", 60, lambda: (p := picture(weft, "red")) == picture(weft, "red") and p)

    crash()
    boot()

    await_true("weftd answers", 30, lambda: weft.run("version", "--format", "json", status=None).returncode == 0
               and weft.json("version")["weftd"])
    await_true("red is as it was", 90, lambda: picture(weft, "red") == red)
    weft.await_ping("red", "h1", H2)
    assert weft.node("red", "r1")["restarts"] == 0
    assert {n["state"] for n in weft.json("inspect", "blue")["nodes"] if n["kind"] == "router"} == {"hibernated"}
    weft.run("resume", "blue")
    await_true("blue is as it was", 90, lambda: picture(weft, "blue") == blue)
    assert uptime(weft) > before  # the same guests go on
    weft.await_ping("blue", "h1", H2)
