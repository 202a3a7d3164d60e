# SPDX-License-Identifier: Apache-2.0
"""What the engine cannot represent the guest does itself, and inspect says what and why."""
import subprocess

import pytest

from weft import SRC, STATE, await_true, kill

H2 = "10.0.3.10"


@pytest.fixture(scope="module", autouse=True)
def red(weft):
    weft.deploy(SRC / "configs/twins/red.clab.yml")
    for address in (H2, "fd00:3::10"):
        weft.await_ping("red", "h1", address)


def forwarded_by_engine(weft, count=20):
    """How many of `count` echoes from h1 r1's engine side forwarded; all must be answered."""
    before = weft.port("red", "r1", "eth3")["forwarded"]
    weft.exec("red", "h1", "ping", "-n", "-c", str(count), "-i", "0.05", "-W", "2", H2)
    return weft.port("red", "r1", "eth3")["forwarded"] - before


def punted(weft):
    return weft.node("red", "r1")["punted"]


@pytest.mark.parametrize("add,remove,reason", [
    ("nft add table ip t && nft add chain ip t f '{ type filter hook forward priority 0; }' && "
     "nft add rule ip t f counter accept", "nft delete table ip t", "nftables"),
    ("ip rule add pref 100 from 10.77.0.0/16 lookup 100", "ip rule del pref 100", "policy rule"),
], ids=["nftables", "policy-rule"])
def test_the_whole_router_is_punted(weft, add, remove, reason):
    assert forwarded_by_engine(weft) >= 20 and not punted(weft)
    weft.exec("red", "r1", "sh", "-c", add)
    try:
        await_true("inspect says why", 20, lambda: any(reason in r for r in punted(weft)))
        assert forwarded_by_engine(weft) == 0
    finally:
        weft.exec("red", "r1", "sh", "-c", remove)
    await_true("the reason goes", 20, lambda: not punted(weft))
    assert forwarded_by_engine(weft) >= 20


def test_nft_rules_count_what_they_forward(weft):
    """The guest's own rule sees the transit traffic: nothing is different, only slower."""
    weft.exec("red", "r1", "sh", "-c", "nft add table ip t && nft add chain ip t f "
              "'{ type filter hook forward priority 0; }' && nft add rule ip t f ip daddr 10.0.3.10 counter accept")
    try:
        await_true("punted", 20, lambda: punted(weft))
        forwarded_by_engine(weft)
        out = weft.exec("red", "r1", "nft", "list", "table", "ip", "t")
        assert int(out.split("packets ")[1].split()[0]) >= 20
    finally:
        weft.exec("red", "r1", "nft", "delete", "table", "ip", "t")
    await_true("forwarded again", 20, lambda: not punted(weft))


def test_a_route_by_something_that_is_no_port(weft):
    weft.exec("red", "r1", "sh", "-c", "ip link add dum0 type dummy && ip link set dum0 up && "
              "ip route add 198.51.100.0/24 dev dum0")
    try:
        await_true("inspect says why", 20, lambda: any(
            "198.51.100.0/24" in r and "dum0" in r for r in punted(weft)))
        assert weft.routes("red", "r1")["198.51.100.0/24"]["kind"] == "punt"
        assert forwarded_by_engine(weft) >= 20  # the others are not concerned
    finally:
        weft.exec("red", "r1", "ip", "link", "del", "dum0")
    await_true("the reason goes", 20, lambda: not punted(weft))


def test_blackholes_and_unreachables(weft):
    weft.exec("red", "r1", "sh", "-c", "ip route add blackhole 198.51.100.0/25; "
              "ip route add unreachable 198.51.100.128/25")
    try:
        await_true("routes arrive", 20, lambda: "198.51.100.0/25" in weft.routes("red", "r1"))
        assert weft.routes("red", "r1")["198.51.100.0/25"]["kind"] == "drop"
        before = weft.port("red", "r1", "eth3")["drops"].get("blackhole", 0)
        out = weft.exec("red", "h1", "ping", "-n", "-c", "3", "-i", "0.1", "-W", "1", "198.51.100.1", status=None)
        assert "100% packet loss" in out and "nreachable" not in out
        assert weft.port("red", "r1", "eth3")["drops"]["blackhole"] - before == 3
        out = weft.exec("red", "h1", "ping", "-n", "-c", "1", "-W", "5", "198.51.100.200", status=None)
        assert "Destination Host Unreachable" in out
    finally:
        weft.exec("red", "r1", "sh", "-c", "ip route del blackhole 198.51.100.0/25; "
                  "ip route del unreachable 198.51.100.128/25")


def test_a_vrf_selects_the_fib(weft):
    """r2's port to r3 moves into a VRF: its FIB is that table's, and is on it in the engine."""
    weft.exec("red", "r2", "sh", "-c", "ip link add vrf9 type vrf table 900 && ip link set vrf9 up && "
              "ip link set eth2 master vrf9 && ip route add 203.0.113.0/24 via 10.0.23.2 dev eth2 table 900")
    try:
        # Out of the default VRF nobody talks to r3 any more: somebody must ask for its MAC.
        weft.exec("red", "r2", "ping", "-c", "1", "-I", "vrf9", "-W", "5", "10.0.23.2")

        def found():
            return [r for r in weft.json("routes", "red", "r2")["routes"]
                    if r["table"] == 900 and r["prefix"] == "203.0.113.0/24"]
        route = await_true("the VRF's route", 30, lambda: (
            f := found()) and f[0]["kind"] == "forward" and f[0])
        assert route["via"][0]["port"] == "eth2"
        fibs = {f["table"] for f in weft.node("red", "r2")["fib"]}
        assert {254, 900} <= fibs
    finally:
        weft.exec("red", "r2", "sh", "-c", "ip link set eth2 nomaster; ip link del vrf9")
    await_true("the VRF's FIB goes", 20, lambda: 900 not in {
        f["table"] for f in weft.node("red", "r2")["fib"]})


def test_a_smaller_mtu_is_answered_by_the_guest(weft):
    """The guest lowers an MTU: what is too large for that way out gets the guest's own ICMP error."""
    weft.exec("red", "r1", "sh", "-c", "ip route add 198.51.100.0/24 via 10.0.13.2 dev eth2 && "
              "ip link set eth2 mtu 1400")
    try:
        await_true("inspect says why", 20, lambda: any("mtu of eth2 is 1400" in r for r in punted(weft)))
        out = weft.exec("red", "h1", "ping", "-n", "-c", "1", "-s", "1472", "-M", "do", "-W", "5",
                        "198.51.100.1", status=None)
        assert "Frag needed" in out and "mtu = 1400" in out
    finally:
        weft.exec("red", "r1", "sh", "-c", "ip link set eth2 mtu 1500; ip route del 198.51.100.0/24")
    await_true("the reason goes", 20, lambda: not punted(weft))


def test_more_routes_than_fib_routes(weft, tmp_path):
    """A router over its limit forwards by itself; nothing fails."""
    file = tmp_path / "small.clab.yml"
    file.write_text("""name: small
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    r1: {image: frr, weft: {fib-routes: 6}, exec: [ip addr add 10.0.1.1/24 dev eth1, ip addr add 10.0.2.1/24 dev eth2]}
    h1: {exec: [ip addr add 10.0.1.10/24 dev eth1, ip route add default via 10.0.1.1]}
    h2: {exec: [ip addr add 10.0.2.10/24 dev eth1, ip route add default via 10.0.2.1]}
  links: [endpoints: ['r1:eth1', 'h1:eth1'], endpoints: ['r1:eth2', 'h2:eth1']]
""")
    weft.deploy(file)
    assert "all IPv4: more than 6 routes (fib-routes)" in weft.node("small", "r1")["punted"]
    weft.await_ping("small", "h1", "10.0.2.10")
    assert weft.port("small", "r1", "eth1")["forwarded"] == 0
    vnet = weft.json("inspect", "small")
    assert vnet["state"] == "running"
    r1 = weft.node("small", "r1")
    assert r1["error"] is None and r1["fib_routes_max"] == 6
    assert all(fib["ipv4"] + fib["ipv6"] <= 6 for fib in r1["fib"])


def test_what_the_engine_refuses_the_guest_forwards(weft, tmp_path):
    """A weftd that comes back to other routes has more to say than fits, until the old ones go."""
    file = tmp_path / "tight.clab.yml"
    file.write_text("""name: tight
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    r1: {image: frr, weft: {fib-routes: 64}, exec: [ip addr add 10.0.1.1/24 dev eth1]}
    h1: {exec: [ip addr add 10.0.1.10/24 dev eth1]}
  links: [endpoints: ['r1:eth1', 'h1:eth1']]
""")
    in_h1 = ["ip", "netns", "exec", "weft-tight-h1"]
    weft.deploy(file)
    weft.exec("tight", "r1", "sh", "-c",
              "for i in $(seq 40); do ip route add blackhole 198.51.$i.0/24; done; "
              "(until ping -c 1 -W 1 10.0.1.77; do :; done; for i in $(seq 40); do "
              "ip route del blackhole 198.51.$i.0/24; ip route add blackhole 203.0.$i.0/24; done; "
              "ip addr add 10.0.1.2/24 dev eth1) >/dev/null 2>&1 </dev/null &")
    await_true("routes arrive", 20, lambda: "198.51.40.0/24" in weft.routes("tight", "r1"))
    kill(weft.daemon_pid())
    subprocess.run([*in_h1, "ip", "addr", "add", "10.0.1.77/24", "dev", "eth1"], check=True)
    await_true("the routes are others", 30, lambda: subprocess.run(
        [*in_h1, "ping", "-n", "-c", "1", "-W", "1", "10.0.1.2"], stdout=subprocess.DEVNULL).returncode == 0)
    weft.deploy(file)
    await_true("all fits again", 60, lambda: (n := weft.node("tight", "r1"))["synced"] and not n["error"] and
               "203.0.40.0/24" in weft.routes("tight", "r1"))
    log = (STATE / "log/weftd.log").read_text()
    assert "tight/r1: its guest forwards: route of FIB" in log
    assert sum(fib["ipv4"] + fib["ipv6"] for fib in weft.node("tight", "r1")["fib"]) <= 64
