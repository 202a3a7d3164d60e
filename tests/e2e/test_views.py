# SPDX-License-Identifier: Apache-2.0
"""`weft trace` and `weft top` of a deployed lab, against what packets really do."""
import json
import re
import subprocess

import pytest

from weft import SRC, await_true

H1, H2, H1_6, H2_6 = "10.0.1.10", "10.0.3.10", "fd00:1::10", "fd00:3::10"
WAY, DETOUR = ["h1", "r1", "r3", "h2"], ["h1", "r1", "r2", "r3", "h2"]


@pytest.fixture(scope="module", autouse=True)
def red(weft):
    weft.deploy(SRC / "configs/twins/red.clab.yml")
    weft.await_costs("red", "r1", "r2", "r3")
    for address in H2, H2_6:
        weft.await_ping("red", "h1", address)


def trace(weft, *args):
    return weft.json("trace", "red", *args)


def way(weft, *args):
    return [hop["node"] for hop in trace(weft, *args)["hops"]]


@pytest.mark.parametrize("src, dst", [(H1, H2), (H1_6, H2_6)])
def test_hop_by_hop(weft, src, dst):
    """Each hop has its FIB's route, the next one's MAC, and is where the one before leads."""
    found = trace(weft, "h1", src, dst)
    hops = found["hops"]
    assert [h["node"] for h in hops] == WAY and found["result"] == hops[-1]["result"] == "delivered"
    assert [h["ttl"] for h in hops] == [64, 64, 63, 62] and not hops[0]["in"] and not hops[-1]["out"]
    links = {frozenset((link["a"], link["b"])) for link in weft.json("inspect", "red")["links"]}
    for here, there in zip(hops, hops[1:]):
        assert {f"{here['node']}:{here['out']}", f"{there['node']}:{there['in']}"} in links
        if here["route"]:
            assert here["result"] == "forwarded" and here["route"]["kind"] == "forward"
            via = weft.routes("red", here["node"])[here["route"]["prefix"]]["via"]
            assert via == [{"port": here["out"], "mac": here["route"]["mac"]}]
            if there["node"] != "h2":
                assert weft.port("red", there["node"], there["in"])["mac"] == here["route"]["mac"]
    assert [bool(h["route"]) for h in hops] == [False, True, True, False]


def test_as_a_real_packet(weft):
    """Its TTL as it arrives; and none is sent."""
    said = weft.exec("red", "h1", "ping", "-n", "-c", "1", H2)
    assert int(re.search(r"ttl=(\d+)", said).group(1)) == trace(weft, "h2", H2, H1)["hops"][-1]["ttl"]
    before = weft.counters("red")["forwarded"]
    for _ in range(20):
        trace(weft, "h1", H1, H2)
    assert weft.counters("red")["forwarded"] - before < 20


def test_other_ends(weft):
    assert trace(weft, "h1", H1, "203.0.113.9")["result"] == "no_route"
    assert trace(weft, "h1", H1, "224.0.0.5")["result"] == "special"
    expired = trace(weft, "h1", H1, H2, "--ttl", 2)
    assert expired["result"] == "expired" and expired["hops"][-1]["node"] == "r3"
    own = re.search(r"inet ([\d.]+)", weft.exec("red", "r3", "ip", "-4", "addr", "show", "dev", "eth3")).group(1)
    assert trace(weft, "h1", H1, own)["result"] == "local"
    assert way(weft, "r1:eth3", H1, H2, "--udp", "1000:53") == WAY[1:]
    text = weft.run("trace", "red", "h1", H1, H2).stdout.splitlines()
    assert text[0].split() == ["NODE", "IN", "TTL", "ROUTE", "OUT", "TO", "RESULT"] and len(text) == 6
    assert text[-1].startswith("delivered: ")
    for wrong in (["h1", H1], ["h1", H1, H2_6], ["h1", "x", H2], ["h1", H1, H2, "--udp", "70000:1"],
                  ["h1", H1, H2, "--ttl", "0"], ["h1:", H1, H2], ["h1", H1, H2, "x"]):
        weft.run("trace", "red", *wrong, status=2)
    assert "no such port" in weft.run("trace", "red", "h1:eth9", H1, H2, status=1).stderr
    assert "no node h9" in weft.run("trace", "red", "h9", H1, H2, status=1).stderr


def test_a_detour(weft):
    weft.run("link", "down", "red", "r1:eth2")
    try:
        await_true("the way goes by r2", 30, lambda: way(weft, "h1", H1, H2) == DETOUR)
    finally:
        weft.run("link", "up", "red", "r1:eth2")
    await_true("and back", 40, lambda: way(weft, "h1", H1, H2) == WAY)
    weft.run("link", "down", "red", "r3:eth3")
    try:
        cut = await_true("its end is cut off", 10, lambda: next(
            (t for t in [trace(weft, "h1", H1, H2)] if t["result"] != "delivered"), None))
        assert cut["result"] in ("drop", "punt", "no_route")
    finally:
        weft.run("link", "up", "red", "r3:eth3")
    weft.await_ping("red", "h1", H2)  # r3 asks for its MAC when somebody wants it
    await_true("it is there again", 10, lambda: trace(weft, "h1", H1, H2)["result"] == "delivered")


def test_top(weft):
    """What flows is on its way's nodes and links, and on no others."""
    weft.await_ping("red", "h1", H2)
    with subprocess.Popen(["ip", "netns", "exec", "weft-red-h1", "ping", "-q", "-n", "-i", "0.002", "-s",
                           "1000", H2], stdout=subprocess.DEVNULL) as ping:
        try:
            def look():
                out = weft.run("top", "red", "--interval", 1, "--count", 1, "--format", "json").stdout
                found = json.loads(out)
                rates = {n["name"]: n["forwarded_per_s"] for n in found["nodes"]}
                return found if rates["r1"] > 50 and rates["r3"] > 50 > rates["r2"] else None
            found = await_true("r1 and r3 forward, r2 does not", 30, look)
            text = weft.run("top", "red", "--interval", 1, "--count", 1).stdout
        finally:
            ping.terminate()
    assert found["vnet"] == "red" and {n["name"] for n in found["nodes"]} == {"r1", "r2", "r3", "h1", "h2"}
    links = {(link["a"], link["b"]): link for link in found["links"]}
    busy = links["r1:eth2", "r3:eth1"]
    for direction in busy["a_to_b"], busy["b_to_a"]:
        assert direction["packets_per_s"] > 50
        assert direction["bits_per_s"] / direction["packets_per_s"] > 8 * 900
    idle = links["r1:eth1", "r2:eth1"]
    assert idle["a_to_b"]["packets_per_s"] < 50 and idle["carrier"]
    order = [link["a_to_b"]["bits_per_s"] + link["b_to_a"]["bits_per_s"] for link in found["links"]]
    assert order == sorted(order, reverse=True)
    cpu = [n["cpu_percent"] for n in found["nodes"]]
    assert cpu == sorted(cpu, reverse=True) and cpu[0] > 0
    assert found["workers"] and found["workers"][0]["packets_per_s"] > 100
    assert 0 < found["workers"][0]["busy_percent"] <= 100 and not found["workers"][0]["limiting"]
    heads = [line.split()[0] for line in text.splitlines() if line and line.split()[0].isupper()]
    assert heads == ["WORKER", "NODE", "LINK"]
    assert "no vnet" in weft.run("top", "nobody", status=1).stderr
