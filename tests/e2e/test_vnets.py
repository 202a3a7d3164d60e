# SPDX-License-Identifier: Apache-2.0
"""40 vnets with the same names and addresses at once: all of them work, each by itself."""
import pytest

from perf import grid, vnets
from perf.api import Api
from weft import RUN

COUNT = 40
FRAMES = 200  # of each kind, from each h1
LIMIT = 1700  # seconds: that it ends, not how fast it is


@pytest.fixture(scope="module")
def up(weft, tmp_path_factory):
    paths = grid.generate("vnets", tmp_path_factory.mktemp("scale"), "--count", COUNT)
    api = Api(RUN)
    seconds, routers = vnets.bring_up(api, lambda p: weft.deploy(p, "--no-wait"), paths, LIMIT)
    print(f"{len(paths)} vnets of {len(routers)} routers converged after {seconds:.0f} s")
    return api, [p.name.split(".")[0] for p in paths]


def test_all_are_the_same(up):
    api, names = up
    macs = {tuple(p["mac"] for n in api.vnet(v)["nodes"] for p in n["ports"]) for v in names}
    assert len(names) == COUNT and len(macs) == 1  # nothing but the vnet tells them apart


def test_nobody_hears_another(up):
    api, names = up
    sent, seen, wrong = vnets.check_isolation(api, names, FRAMES)
    print(f"{sent} marked frames sent, {seen} frames seen on {2 * len(names)} hosts")
    assert seen >= sent  # those that sent them see them, too
    assert not wrong
