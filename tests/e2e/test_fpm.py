# SPDX-License-Identifier: Apache-2.0
"""A router without an agent, whose routes come by FPM, beside one with: OSPF, transit, changes."""
import re
import socket
import subprocess

import pytest

from weft import RUN, SRC, Ping, await_true, kill

H2 = "10.1.2.10"
TRANSIT = {"10.1.2.0/24": "eth2", "fd00:2::/64": "eth2", "10.1.1.10/32": "eth1", "fd00:1::10/128": "eth1"}


@pytest.fixture(scope="module", autouse=True)
def fpm(weft):
    weft.deploy(SRC / "configs/fpm/fpm.clab.yml")
    for address in (H2, "fd00:2::10"):
        weft.await_ping("fpm", "h1", address)
    await_true("the engine forwards", 60, lambda: forwards(weft))


def forwards(weft):
    """What goes through r1 in both directions, the engine sends on by itself."""
    routes = weft.routes("fpm", "r1")
    return all(routes.get(p, {}).get("kind") == "forward" and routes[p]["via"][0]["port"] == port
               for p, port in TRANSIT.items())


def table(weft):
    """Routes without those of neighbours, which come and go by themselves."""
    return {p: (r["kind"], [v["port"] for v in r["via"]]) for p, r in weft.routes("fpm", "r1").items()
            if not p.endswith(("/32", "/128")) or p == "10.255.0.2/32"}


def on_console(weft, command, seconds=30):
    """What a command says on r1's console: the only way in."""
    cmdline = open(f"/proc/{weft.node('fpm', 'r1')['pid']}/cmdline").read()
    path = re.search(rf"path=({RUN}/g/\d+/console.sock)", cmdline).group(1)
    said = ""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(seconds)
        s.connect(path)
        s.sendall(b"\n" + f"echo b'e'gin; {command}; echo e'n'd\n".encode())
        while not (found := re.search(r"\nbegin\r?\n(.*?)end\r?\n", said, re.S)):
            said += s.recv(4096).decode(errors="replace")
    return found.group(1)


def forwarded_by_guest(weft):
    """IPv4 and IPv6 packets, as r1's kernel counts them."""
    said = on_console(weft, "sed -n 2p /proc/net/snmp; grep Ip6OutForwDatagrams /proc/net/snmp6")
    return int(re.search(r"Ip: (?:\d+ ){5}(\d+)", said).group(1)), \
        int(re.search(r"Ip6OutForwDatagrams\s+(\d+)", said).group(1))


def test_nothing_of_the_agent_runs(weft):
    said = on_console(weft, "ls -l /proc/[0-9]*/exe 2>/dev/null")
    assert "zebra" in said and "ospfd" in said
    assert "weft-agent" not in said


def test_inspect_says_so(weft):
    r1, r2 = weft.node("fpm", "r1"), weft.node("fpm", "r2")
    assert (r1["intake"], r1["fpm"], r1["synced"], r1["punted"]) == ("fpm", True, True, [])
    assert (r2["intake"], r2["fpm"]) == ("agent", None)
    assert r1["boot"] == "cold" and "no agent" in r1["boot_why"]
    assert "intake fpm: zebra is connected" in weft.run("inspect", "fpm").stdout


def test_what_takes_an_agent_says_so(weft):
    done = weft.run("exec", "fpm", "r1", "--", "true", status=None)
    assert done.returncode != 0
    assert "fpm/r1 has no agent to run commands (intake: fpm): `weft console` gets in" in done.stderr
    done = weft.run("hibernate", "fpm", status=None)
    assert done.returncode != 0 and "a guest without an agent (intake: fpm) cannot be saved" in done.stderr


def test_transit_is_the_engines(weft):
    before, guest = weft.port("fpm", "r1", "eth1")["forwarded"], forwarded_by_guest(weft)
    said = [weft.exec("fpm", "h1", "ping", "-n", "-q", "-c", "200", "-i", "0.01", address)
            for address in (H2, "fd00:2::10")]
    after = weft.port("fpm", "r1", "eth1")
    assert forwarded_by_guest(weft) == guest
    assert all(" 0% packet loss" in s for s in said), (said, after, weft.counters("fpm"))
    assert after["forwarded"] - before >= 400, (said, after)


def has_mac(weft, mac):
    """What r1 sends to h1, the engine sends to this one."""
    routes = weft.routes("fpm", "r1")
    return all(p in routes and routes[p]["kind"] == "forward" and routes[p]["via"][0]["mac"] == mac
               for p in ("10.1.1.10/32", "fd00:1::10/128"))


def test_a_neighbour_changes_its_mac(weft):
    was = weft.port("fpm", "h1", "eth1")["mac"]
    for mac in ("02:00:00:00:0f:01", was):
        weft.exec("fpm", "h1", "ip", "link", "set", "eth1", "address", mac)
        for address in (H2, "fd00:2::10"):
            weft.await_ping("fpm", "h1", address)
        await_true("the engine follows", 60, lambda: has_mac(weft, mac))


def test_a_route_goes_and_comes(weft):
    weft.exec("fpm", "r2", "vtysh", "-c", "conf t", "-c", "interface eth2", "-c", "no ip ospf area 0")
    await_true("it is gone", 30, lambda: "10.1.2.0/24" not in weft.routes("fpm", "r1"))
    weft.exec("fpm", "r2", "vtysh", "-c", "conf t", "-c", "interface eth2", "-c", "ip ospf area 0")
    await_true("it is there", 30, lambda: forwards(weft))


def another_weftd(weft):
    weft.deploy(SRC / "configs/fpm/fpm.clab.yml")
    await_true("synced", 60, lambda: weft.node("fpm", "r1")["synced"])


def test_weftd_is_killed(weft):
    """Zebra says everything again to the next one, and the engine what neighbours did: the guest gets nothing."""
    before, guest = table(weft), forwarded_by_guest(weft)
    pings = [Ping(weft, "fpm", "h1", address) for address in (H2, "fd00:2::10")]
    kill(weft.daemon_pid())
    another_weftd(weft)
    assert forwards(weft)
    assert table(weft) == before
    for sent, received in [ping.stop() for ping in pings]:
        print(f"{sent} echoes, {sent - received} lost")
        assert sent == received
    assert forwarded_by_guest(weft) == guest


def test_a_neighbour_changes_while_there_is_no_weftd(weft):
    was, mac = weft.port("fpm", "h1", "eth1")["mac"], "02:00:00:00:0f:02"
    in_h1 = ["ip", "netns", "exec", "weft-fpm-h1"]
    kill(weft.daemon_pid())
    subprocess.run([*in_h1, "ip", "link", "set", "eth1", "address", mac], check=True)
    for address in ("10.1.1.1", "fd00:1::1"):
        await_true("r1 has heard of it", 30, lambda: subprocess.run(
            [*in_h1, "ping", "-n", "-c", "1", "-W", "1", address], stdout=subprocess.DEVNULL).returncode == 0)
    another_weftd(weft)
    assert has_mac(weft, mac)
    weft.exec("fpm", "h1", "ip", "link", "set", "eth1", "address", was)
    await_true("the engine follows", 60, lambda: weft.pings("fpm", "h1", H2) and
               weft.pings("fpm", "h1", "fd00:2::10") and has_mac(weft, was))


def test_zebra_is_killed(weft):
    before = table(weft)
    on_console(weft, "kill -9 $(pidof zebra)")
    await_true("it is missed", 30, lambda: weft.node("fpm", "r1")["fpm"] is False)
    await_true("it is back", 120, lambda: weft.node("fpm", "r1")["fpm"])
    await_true("the same routes", 120, lambda: weft.pings("fpm", "h1", H2) and
               weft.pings("fpm", "h1", "fd00:2::10") and table(weft) == before and forwards(weft))


def test_the_guest_is_killed(weft):
    before = table(weft)
    kill(weft.node("fpm", "r1")["pid"])
    await_true("another guest is ready", 120, lambda: (n := weft.node("fpm", "r1"))["state"] == "ready"
               and n["restarts"] == 1)
    await_true("the same routes", 120, lambda: weft.pings("fpm", "h1", H2) and
               weft.pings("fpm", "h1", "fd00:2::10") and table(weft) == before and forwards(weft))
