# SPDX-License-Identifier: Apache-2.0
"""Two networks with the same names and addresses, as the quickstart deploys them."""
import json
import os
import pty
import select
import subprocess
import time

import pytest

from weft import BIN, ENV, SRC, Ping, await_true

H1, H2, H2_6 = "10.0.1.10", "10.0.3.10", "fd00:3::10"
FILES = {v: SRC / f"configs/twins/{v}.clab.yml" for v in ("red", "blue")}


@pytest.fixture(scope="module", autouse=True)
def twins(weft):
    """Deployed, and everything reaches everything within a minute, in both families."""
    began = time.monotonic()
    for vnet in FILES:
        weft.deploy(FILES[vnet], "--no-wait")
    for vnet in FILES:
        for address in (H2, H2_6):
            weft.await_ping(vnet, "h1", address, seconds=60 - (time.monotonic() - began))
    print(f"converged after {time.monotonic() - began:.1f} s")
    for vnet in FILES:
        weft.deploy(FILES[vnet])  # waits until all is ready


def guest_packets(weft, vnet, router):
    """Frames that a router's NICs have seen, by the guest's own count."""
    return int(weft.exec(vnet, router, "sh", "-c",
                         "cat /sys/class/net/eth*/statistics/[rt]x_packets | "
                         "awk '{ n += $1 } END { print n }'"))


def test_same_address_two_machines(weft):
    """What h1 reaches as h2 is its own vnet's h2: a namespace that the other has not."""
    for vnet in FILES:
        with weft.popen(vnet, "h2", "socat", "TCP-LISTEN:7777,reuseaddr",
                        f"SYSTEM:echo h2 of {vnet}") as server:
            said = await_true("an answer", 10, lambda: weft.exec(
                vnet, "h1", "socat", "-T2", "-", f"TCP:{H2}:7777", status=None))
            assert said.strip() == f"h2 of {vnet}"
            server.wait(timeout=10)
    macs = {v: weft.port(v, "r1", "eth1")["mac"] for v in FILES}
    assert macs["red"] == macs["blue"]  # even these are the same


def test_protocols_are_up(weft):
    def up(vnet):
        found = weft.json("inspect", vnet)
        routers = [n for n in found["nodes"] if n["kind"] == "router"]
        return found["state"] == "running" and all(
            n["protocols"] and all(p["up"] == p["total"] > 0 for p in n["protocols"])
            for n in routers) and {p["name"] for n in routers for p in n["protocols"]}
    assert await_true("OSPF is up", 30, lambda: up("red")) == {"ospf", "ospf6"}
    assert await_true("BGP is up", 30, lambda: up("blue")) == {"bgp"}


@pytest.mark.parametrize("address", [H2, H2_6])
def test_transit_does_not_pass_through_guests(weft, address):
    count = 1_000_000
    weft.await_costs("red", "r1", "r2", "r3")
    weft.await_ping("red", "h1", address)
    seen = {r: guest_packets(weft, "red", r) for r in ("r1", "r2", "r3")}
    forwarded = {r: weft.port("red", r, p)["forwarded"] for r, p in (("r1", "eth3"), ("r3", "eth1"))}
    began = time.monotonic()

    def grown():
        # The host's own kernel drops what its tap has no room for, so this takes several calls.
        weft.exec("red", "h1", BIN / "blast", "udp", address, 9, count)
        return all(weft.port("red", r, p)["forwarded"] - forwarded[r] >= count
                   for r, p in (("r1", "eth3"), ("r3", "eth1")))
    await_true("a million packets forwarded by r1 and by r3", 180, grown)
    for router, before in seen.items():
        # Hellos, acknowledgements, ARP, the ICMP errors of a closed port: some a second.
        control = 200 + 60 * (time.monotonic() - began)
        assert guest_packets(weft, "red", router) - before < control


def test_a_second_deploy_changes_nothing(weft):
    def state():
        return [(n["name"], n.get("pid"), n.get("restarts"), [p["mac"] for p in n["ports"]])
                for v in FILES for n in weft.json("inspect", v)["nodes"]]
    before = state()
    ping = Ping(weft, "red", "h1", H2)
    for vnet in FILES:
        weft.deploy(FILES[vnet])
    sent, received = ping.stop()
    assert sent == received
    assert state() == before


def carrier(weft, vnet, node, port):
    return weft.exec(vnet, node, "cat", f"/sys/class/net/{port}/carrier").strip()


@pytest.mark.parametrize("vnet", FILES)
def test_link_down(weft, vnet):
    """Carrier goes in the guests, the route leaves the FIB, traffic goes the other way; and back."""
    ports = {r: weft.port(vnet, r, "eth2")["forwarded"] for r in ("r2",)}
    assert weft.routes(vnet, "r1")["10.0.3.0/24"]["via"][0]["port"] == "eth2"
    ping = Ping(weft, vnet, "h1", H2)
    weft.run("link", "down", vnet, "r1:eth2")
    try:
        await_true("no carrier", 10, lambda: carrier(weft, vnet, "r1", "eth2") == "0" and
                   carrier(weft, vnet, "r3", "eth1") == "0")
        await_true("the route moves", 20, lambda: [
            v["port"] for v in weft.routes(vnet, "r1").get("10.0.3.0/24", {}).get("via", [])] == ["eth1"])
        weft.await_ping(vnet, "h1", H2, seconds=20)
        assert weft.port(vnet, "r2", "eth1")["forwarded"] > 0, ports
        link = next(n for n in weft.json("inspect", vnet)["links"] if n["a"] == "r1:eth2")
        assert not link["up"] and not link["carrier"]
    finally:
        weft.run("link", "up", vnet, "r1:eth2")
    await_true("carrier is back", 10, lambda: carrier(weft, vnet, "r1", "eth2") == "1")
    await_true("the route is back", 30, lambda: [
        v["port"] for v in weft.routes(vnet, "r1").get("10.0.3.0/24", {}).get("via", [])] == ["eth2"])
    sent, received = ping.stop()
    print(f"{vnet}: {sent - received} of {sent} echoes lost, 10 ms each")
    assert received > sent / 2


def test_ttl_is_answered_by_the_router(weft):
    out = weft.exec("red", "h1", "ping", "-n", "-c", "1", "-t", "1", "-W", "5", H2, status=None)
    assert "10.0.1.1" in out and "Time to live exceeded" in out
    out = weft.exec("red", "h1", "ping", "-n", "-c", "1", "-t", "2", "-W", "5", H2, status=None)
    assert "10.0.13.2" in out and "Time to live exceeded" in out


def test_exec_in_guests_and_hosts(weft):
    assert "FRRouting 8.4" in weft.exec("red", "r1", "vtysh", "-c", "show version")
    assert weft.exec("red", "r2", "hostname").strip() == "r2"
    assert weft.exec("blue", "h2", "hostname").strip() == "h2"
    assert weft.run("exec", "red", "r1", "--", "sh", "-c", "exit 7", status=None).returncode == 7
    assert weft.run("exec", "red", "h1", "--", "no-such-program", status=None).returncode == 127
    assert weft.exec("red", "r1", "wc", "-c", stdin=b"x" * 100_000).strip() == "100000"
    big = weft.exec("red", "r1", "sh", "-c", "dd if=/dev/zero bs=1000 count=1000 2>/dev/null | tr '\\0' x")
    assert big == "x" * 1_000_000


def test_console(weft):
    """A line wakes a shell; Ctrl-] leaves."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(BIN / "weft", ["weft", "console", "red", "r1"], ENV)
    said = b""

    def hears(text, asking):
        nonlocal said
        os.write(fd, asking)
        if select.select([fd], [], [], 1)[0]:
            said += os.read(fd, 4096)
        return text in said
    try:
        await_true("a prompt", 30, lambda: hears(b"# ", b"\n"))
        await_true("an answer", 30, lambda: hears(b"it is 42", b"echo it is $((40 + 2))\n"))
        os.write(fd, b"exit\n\x1d")
        assert await_true("its end", 10, lambda: (
            w := os.waitpid(pid, os.WNOHANG))[0] and w)[1] == 0
    finally:
        os.close(fd)


def test_debug(weft):
    """gdb at a router's machine stops it, looks, and lets it go."""
    target = f"target remote | {BIN}/weft debug red r1"
    run = subprocess.run(["gdb", "-nx", "-q", "-batch", "-ex", "set architecture i386:x86-64", "-ex", target,
                          "-ex", "p $pc != 0", "-ex", "detach"], env=ENV, stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and "$1 = 1" in run.stdout, run.stdout + run.stderr
    assert weft.exec("red", "r1", "hostname") == "r1\n"


def test_idle_engine_uses_little(weft):
    """With hellos alone, far under 5 % of a core; measured over some seconds of its own CPU time."""
    pid = weft.engine_pid()

    def cpu():
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100
    before, began = cpu(), time.monotonic()
    await_true("time to measure", 10, lambda: time.monotonic() - began > 5, pause=0.5)
    share = (cpu() - before) / (time.monotonic() - began)
    print(f"{share:.1%} of a core")
    assert share < 0.05


def test_tcp_in_both(weft):
    for vnet in FILES:
        weft.exec(vnet, "h2", "iperf3", "-s", "-1", "-D")
        done = await_true("iperf3", 60, lambda: json.loads(weft.exec(
            vnet, "h1", "iperf3", "-c", H2, "-t", "2", "-J", status=None) or "{}").get("end", {}).get("sum_received"))
        bits = done["bits_per_second"]
        print(f"{vnet}: {bits / 1e6:.0f} Mbit/s")
        assert bits > 1e6


def test_the_engine_is_confined(weft):
    status = open(f"/proc/{weft.engine_pid()}/status").read()
    assert "Uid:\t805306367" in status and "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status


def test_guests_are_confined(weft):
    uids = set()
    for vnet in FILES:
        for n in weft.json("inspect", vnet)["nodes"]:
            if n["kind"] != "router":
                continue
            status = open(f"/proc/{n['pid']}/status").read()
            uid = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
            assert int(uid) > 805306367 and "Seccomp:\t2" in status
            assert "CapEff:\t0000000000000000" in status
            uids.add(uid)
    assert len(uids) == 6


def test_help_and_errors(weft):
    assert weft.run("inspect", "nobody", status=1).stderr.count("\n") == 1
    assert "no link" in weft.run("link", "down", "red", "r1:eth9", status=1).stderr
    assert "h1 is not a router" in weft.run("routes", "red", "h1", status=1).stderr
