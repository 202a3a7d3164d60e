# SPDX-License-Identifier: Apache-2.0
"""Ten routers asleep on disk for ten minutes: forwarding goes on, and nobody's neighbour notices."""
import json
import time

import pytest

from perf import grid
from perf.api import Api
from weft import RUN, Ping, alive, await_true

ASLEEP = 600  # seconds, 15 times OSPF's dead interval
LIMIT = 900


@pytest.fixture(scope="module")
def up(weft, tmp_path_factory):
    path = grid.generate("grid", tmp_path_factory.mktemp("long"), "--rows", 2, "--columns", 5)[0]
    api = Api(RUN)
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


def test_ten_minutes(weft, up):
    api, routers = up
    names = [n["name"] for n in routers]
    before = {name: adjacencies(weft, name) for name in names}
    fibs = {name: api.prefixes("grid", name) for name in names}
    ping = Ping(weft, "grid", "h1", grid.H2, interval=0.1)
    weft.run("hibernate", "grid")
    assert not [n["name"] for n in routers if alive(n["pid"])]
    time.sleep(ASLEEP)
    weft.run("resume", "grid")
    await_true("all are ready", 300, lambda: all(
        n["state"] == "ready" and n["synced"] for n in api.routers("grid")))
    time.sleep(60)  # longer than a neighbour waits for a hello
    sent, received = ping.stop()
    print(f"{sent - received} of {sent} echoes lost")
    assert sent == received
    for name in names:
        after = adjacencies(weft, name)
        assert after.keys() == before[name].keys(), name
        # Guests' clocks stand while they sleep, so an adjacency has grown by the minute alone.
        assert all(after[n] >= before[name][n] for n in after), name
        assert api.prefixes("grid", name) == fibs[name]
        assert abs(float(api.exec("grid", name, "date", "+%s")) - time.time()) < 2, name
