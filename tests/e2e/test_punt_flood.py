# SPDX-License-Identifier: Apache-2.0
"""A host of red asks its router as much as it can send. No session goes down, no transit is lost.

The networks are those of configs/twins, with BFD on every session. In red the link of r1 and r2 is a
switch, with a host h4 that floods the port r1 has a session on; h1 floods one without. A host h3 is
behind r2: what it says to h2 goes by the flooded router, r1, both ways, as the link between r2 and
r3 costs more. It does not come by the taps of h1 and h4, which are full of what these send.
"""
import json
import re
import shutil

import pytest

from weft import BIN, SRC, Ping, await_true

SECONDS = 10
ROUTERS = ("r1", "r2", "r3")
H3 = "10.0.2.10"
BFD = """bfd
 profile steady
  detect-multiplier 5
  receive-interval 300
  transmit-interval 300
 exit
exit
!
"""
NODES = f"""    sw:
      kind: bridge
    h3:
      image: alpine:latest
      exec:
        - ip addr add {H3}/24 dev eth1
        - ip route add default via 10.0.2.1
    h4:
      image: alpine:latest
      exec:
        - ip addr add 10.0.12.4/29 dev eth1
"""
LINKS = """    - endpoints: ["sw:eth1", "r1:eth1"]
    - endpoints: ["sw:eth2", "r2:eth1"]
    - endpoints: ["sw:eth3", "h4:eth1"]
    - endpoints: ["r2:eth3", "h3:eth1"]
"""
H3_PORT = """interface eth3
 ip address 10.0.2.1/24
 ip ospf area 0
 ip ospf passive
exit
!
"""


def edit(path, *changes):
    text = path.read_text()
    for pattern, new in changes:
        text, n = re.subn(pattern, new, text, flags=re.M)
        assert n, (path, pattern)
    path.write_text(text)


def with_bfd(directory, vnet):
    ospf = (r"^ ip ospf network point-to-point\n", r"\g<0> ip ospf bfd\n ip ospf bfd profile steady\n")
    bgp = (r"^ neighbor (\S+) remote-as .*\n", r"\g<0> neighbor \1 bfd\n neighbor \1 bfd profile steady\n")
    for r in ROUTERS:
        edit(directory / vnet / r / "daemons", (r"\Z", "bfdd=yes\n"))
        edit(directory / vnet / r / "frr.conf", (r"^interface lo$", BFD + r"\g<0>"),
             ospf if vnet == "red" else bgp)


def make(here):
    shutil.copytree(SRC / "configs/twins", here)
    for vnet in ("red", "blue"):
        with_bfd(here, vnet)
    edit(here / "red.clab.yml", (r"^  links:\n", NODES + r"\g<0>"), (r"^.*r1:eth1.*\n", LINKS))
    for r in ("r1", "r2"):
        edit(here / "red" / r / "frr.conf", (r"(10\.0\.12\..)/30", r"\1/29"))
    for r in ("r2", "r3"):
        edit(here / "red" / r / "frr.conf", (r"^interface eth2\n", r"\g<0> ip ospf cost 1000\n"))
    edit(here / "red/r2/frr.conf", (r"^router ospf$", H3_PORT + r"\g<0>"))


@pytest.fixture(scope="module", autouse=True)
def networks(weft, tmp_path_factory):
    here = tmp_path_factory.mktemp("flood") / "twins"
    make(here)
    for vnet in ("red", "blue"):
        weft.deploy(here / f"{vnet}.clab.yml", "--no-wait")
    for vnet in ("red", "blue"):
        weft.deploy(here / f"{vnet}.clab.yml")
        await_true(f"{vnet} is settled", 120, lambda: settled(weft, vnet))
        weft.await_ping(vnet, "h1", "10.0.3.10")
    weft.await_ping("red", "h2", H3)
    weft.await_costs("red", *ROUTERS)


def settled(weft, vnet):
    found = weft.json("inspect", vnet)
    routers = [n for n in found["nodes"] if n["kind"] == "router"]
    return found["state"] == "running" and all(
        n["protocols"] and all(p["up"] == p["total"] > 0 for p in n["protocols"])
        for n in routers) and all(bfd_is_up(weft, vnet, r) for r in ROUTERS)


def bfd_is_up(weft, vnet, router):
    peers = ask(weft, vnet, router, "bfd peers")
    return len(peers) >= 2 and all(p["status"] == "up" for p in peers)


def ask(weft, vnet, router, what):
    return json.loads(weft.exec(vnet, router, "vtysh", "-c", f"show {what} json"))


def changes(weft, vnet):
    """How often each session of each router changed its state, as that router has counted."""
    found = {}
    for r in ROUTERS:
        for peer in ask(weft, vnet, r, "bfd peers counters"):
            found[r, "bfd", peer["peer"]] = peer["session-down"]
        if vnet == "red":
            for neighbours in ask(weft, vnet, r, "ip ospf neighbor detail")["neighbors"].values():
                for n in neighbours:
                    found[r, "ospf", n["ifaceAddress"]] = n["stateChangeCounter"]
        else:
            for peer, n in ask(weft, vnet, r, "bgp neighbors").items():
                found[r, "bgp", peer] = n["connectionsDropped"]
    assert len(found) >= 12
    return found


def forwarded_by_r1(weft):
    return [weft.port("red", "r1", p)["forwarded"] for p in ("eth1", "eth2")]


@pytest.mark.parametrize("host,interface,address", [("h1", "eth3", "10.0.1.1"), ("h4", "eth1", "10.0.12.1")])
def test_flood(weft, host, interface, address):
    sessions = {v: changes(weft, v) for v in ("red", "blue")}
    before, transit = weft.counters("red")["punts"], forwarded_by_r1(weft)
    port = weft.port("red", "r1", interface)
    pings = [Ping(weft, "red", "h2", H3), Ping(weft, "blue", "h1", "10.0.3.10")]
    offered = weft.exec("red", host, str(BIN / "blast"), "punt", "eth1", port["mac"], address, "10.0.3.10",
                        str(SECONDS), str(SECONDS * 2_000_000))
    after, blue = weft.counters("red")["punts"], weft.counters("blue")["punts"]
    came = weft.port("red", "r1", interface)["wire_rx_packets"] - port["wire_rx_packets"]
    (echoes, answered), (echoes_blue, answered_blue) = (p.stop() for p in pings)
    punts = {c: {k: n - before[c][k] for k, n in v.items()} for c, v in after.items()}
    print(f"{int(offered) / SECONDS / 1e3:.0f} k a second offered, {came / SECONDS / 1e3:.0f} k came: {punts}")
    # It was a flood, and what is not flooded has its own rate.
    assert punts["exception"]["policed"] > 0 and punts["neighbour"]["policed"] > 0
    assert punts["control"]["policed"] == 0 and punts["control"]["passed"] > 0
    assert all(p["policed"] == 0 for p in blue.values())
    assert echoes == answered and echoes_blue == answered_blue
    for was, now in zip(transit, forwarded_by_r1(weft)):
        assert now - was >= answered
    for vnet, old in sessions.items():
        assert settled(weft, vnet)
        assert changes(weft, vnet) == old
