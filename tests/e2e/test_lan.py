# SPDX-License-Identifier: Apache-2.0
"""A bridge as an Ethernet segment: broadcast OSPF with three routers on it, and it hides nothing."""
import pytest

from weft import BIN, SRC, await_true


@pytest.fixture(scope="module", autouse=True)
def lan(weft):
    weft.deploy(SRC / "configs/lan/lan.clab.yml")


def test_broadcast_ospf(weft):
    def up():
        nodes = [n for n in weft.json("inspect", "lan")["nodes"] if n["kind"] == "router"]
        return len(nodes) >= 3 and all(
            {p["name"]: p["up"] for p in n["protocols"]} == {"ospf": 2, "ospf6": 2} for n in nodes)
    await_true("three routers are neighbours of each other", 60, up)
    out = weft.exec("lan", "r1", "vtysh", "-c", "show ip ospf interface eth1")
    assert "Network Type BROADCAST" in out


def test_hosts_reach_each_other(weft):
    hosts = [n["name"] for n in weft.json("inspect", "lan")["nodes"] if n["kind"] == "host"]
    for family in ("-4", "-6"):
        out = weft.exec("lan", hosts[-1], "ip", family, "-brief", "addr", "show", "dev", "eth1")
        address = next(a.split("/")[0] for a in out.split()[2:] if not a.startswith("fe80"))
        weft.await_ping("lan", hosts[0], address)


def test_the_bridge_passes_everything(weft):
    """Frames that real bridges keep for themselves: LACP, LLDP (IEEE 802.1Q, table 8-1)."""
    weft.put("lan", "r1", BIN / "blast", "/tmp/blast")
    weft.put("lan", "r2", BIN / "blast", "/tmp/blast")
    for mac in ("01:80:c2:00:00:02", "01:80:c2:00:00:0e", "01:80:c2:00:00:00"):
        with weft.popen("lan", "r2", "/tmp/blast", "listen", "30", "50") as ear:
            assert "listening" in ear.stderr.readline()
            weft.exec("lan", "r1", "/tmp/blast", "send", "eth1", "random", "50", "3", mac)
            out = ear.communicate(timeout=40)[0]
        assert int(out.split()[0]) == 50, (mac, out)
