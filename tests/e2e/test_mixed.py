# SPDX-License-Identifier: Apache-2.0
"""FRR and BIRD as neighbours."""
import pytest

from weft import SRC, await_true


@pytest.fixture(scope="module", autouse=True)
def mixed(weft):
    weft.deploy(SRC / "configs/mixed/mixed.clab.yml")


def test_neighbours(weft):
    def up():
        nodes = [n for n in weft.json("inspect", "mixed")["nodes"] if n["kind"] == "router"]
        return {n["image"] for n in nodes} == {"frr", "bird"} and all(
            n["protocols"] and all(p["up"] == p["total"] > 0 for p in n["protocols"]) for n in nodes)
    await_true("all neighbours are up", 60, up)


def test_ping_through_both(weft):
    hosts = [n["name"] for n in weft.json("inspect", "mixed")["nodes"] if n["kind"] == "host"]
    assert len(hosts) >= 2
    last = hosts[-1]
    for family in ("-4", "-6"):
        out = weft.exec("mixed", last, "ip", family, "-brief", "addr", "show", "dev", "eth1")
        address = next(a.split("/")[0] for a in out.split()[2:] if not a.startswith("fe80"))
        weft.await_ping("mixed", hosts[0], address)
    bird = next(n for n in weft.json("inspect", "mixed")["nodes"] if n.get("image") == "bird")
    before = sum(p["forwarded"] for p in bird["ports"])
    weft.exec("mixed", hosts[0], "ping", "-n", "-c", "50", "-i", "0.01", address)
    after = sum(p["forwarded"] for p in weft.node("mixed", bird["name"])["ports"])
    assert after - before >= 100  # both ways, by the engine
