# SPDX-License-Identifier: Apache-2.0
"""A grid of 100 routers: all of them come up, and each knows the way to everything."""
import pytest

from perf import grid
from perf.api import Api
from weft import RUN

SIDE = 10
LIMIT = 1700  # seconds: that it ends, not how fast it is


@pytest.fixture(scope="module")
def up(weft, tmp_path_factory):
    path = grid.generate("grid", tmp_path_factory.mktemp("scale"), "--rows", SIDE,
                         "--columns", SIDE)[0]
    api = Api(RUN)
    found = grid.bring_up(api, lambda p: weft.deploy(p, "--no-wait"), path, LIMIT, LIMIT)
    print(f"all ready after {found['ready_s']:.0f} s, all routes after {found['routes_s']:.0f} s")
    return api, found["routers"], grid.prefixes(path.parent / "grid")


def test_every_router_knows_every_prefix(up):
    api, routers, wanted = up
    # A loopback each, the links, and the two hosts' own.
    assert len(routers) == SIDE**2 and len(wanted) == SIDE**2 + 2 * SIDE * (SIDE - 1) + 2
    lacking = {n["name"]: wanted - api.prefixes("grid", n["name"]) for n in routers}
    assert not {name: sorted(lack)[:5] for name, lack in lacking.items() if lack}


def test_from_corner_to_corner(weft, up):
    for source, target in (("h1", grid.H2), ("h2", grid.H1)):
        out = weft.exec("grid", source, "ping", "-n", "-c", "5", "-W", "2", target)
        hops = 64 - int(out.split("ttl=")[1].split()[0])
        assert hops == 2 * (SIDE - 1) + 1, out


def test_nobody_was_restarted(up):
    """And at rest all go on: what they cost then is printed, and judged by perf/run scale."""
    api, routers, _ = up
    share, engine, weftd = grid.steady(api, routers, 60)
    print(f"at rest, % of a core: a router {sum(share) / len(share):.2f} (at most "
          f"{max(share):.2f}), engine {engine:.2f}, weftd {weftd:.2f}")
    now = {n["name"]: n for n in api.routers("grid")}
    for node in routers:
        assert now[node["name"]]["pid"] == node["pid"]
        assert now[node["name"]]["state"] == "ready" and now[node["name"]]["synced"]
