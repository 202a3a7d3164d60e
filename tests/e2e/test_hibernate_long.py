# SPDX-License-Identifier: Apache-2.0
"""Ten OSPF routers and three of BGP asleep on disk for ten minutes: forwarding goes on, and nobody's
neighbour notices."""
import json
import time

import pytest

from perf import grid
from perf.api import Api
from weft import RUN, SRC, Ping, alive, await_true

ASLEEP = 600  # seconds, 15 times OSPF's dead interval
LIMIT = 900


@pytest.fixture(scope="module")
def up(weft, tmp_path_factory):
    path = grid.generate("grid", tmp_path_factory.mktemp("long"), "--rows", 2, "--columns", 5)[0]
    api = Api(RUN)
    weft.deploy(SRC / "configs/twins/blue.clab.yml")
    found = grid.bring_up(api, lambda p: weft.deploy(p, "--no-wait"), path, LIMIT, LIMIT)
    return api, found["routers"]


def adjacencies(weft, name):
    """Neighbour's address -> milliseconds since its state last changed."""
    said = json.loads(weft.exec("grid", name, "vtysh", "-c", "show ip ospf neighbor detail json"))
    found = {n["ifaceAddress"]: n["lastPrgrsvChangeMsec"]
             for entries in said.get("neighbors", said).values() for n in entries
             if n["nbrState"].startswith("Full")}
    assert found, name
    return found


def bgp_sessions(weft):
    """(router, neighbour) -> seconds since the session was established."""
    return {(r, peer): n["bgpTimerUpMsec"] / 1000
            for r in ("r1", "r2", "r3")
            for peer, n in json.loads(weft.exec("blue", r, "vtysh", "-c", "show bgp neighbors json")).items()
            if n["bgpState"] == "Established"}


def test_ten_minutes(weft, up):
    api, routers = up
    await_true("BGP is up", 90, lambda: len(bgp_sessions(weft)) == 12)
    sessions = bgp_sessions(weft)
    names = [n["name"] for n in routers]
    before = {name: adjacencies(weft, name) for name in names}
    fibs = {name: api.prefixes("grid", name) for name in names}
    ping = Ping(weft, "grid", "h1", grid.H2, interval=0.1)
    blue = Ping(weft, "blue", "h1", "10.0.3.10", interval=0.1)
    weft.run("hibernate", "grid")
    weft.run("hibernate", "blue")
    assert not [n["name"] for n in routers if alive(n["pid"])]
    time.sleep(ASLEEP)
    weft.run("resume", "grid")
    weft.run("resume", "blue")
    await_true("all are ready", 300, lambda: all(
        n["state"] == "ready" and n["synced"] for n in api.routers("grid")))
    time.sleep(60)  # longer than a neighbour waits for a hello
    sent, received = ping.stop()
    print(f"{sent - received} of {sent} echoes lost")
    assert sent == received
    sent, received = blue.stop()
    print(f"blue: {sent - received} of {sent} echoes lost")
    assert sent == received
    after = bgp_sessions(weft)
    assert after.keys() == sessions.keys() and all(after[s] >= sessions[s] for s in sessions)
    for name in names:
        after = adjacencies(weft, name)
        assert after.keys() == before[name].keys(), name
        # Guests' clocks stand while they sleep, so an adjacency has grown by the minute alone.
        assert all(after[n] >= before[name][n] for n in after), name
        assert api.prefixes("grid", name) == fibs[name]
        assert abs(float(api.exec("grid", name, "date", "+%s")) - time.time()) < 2, name
