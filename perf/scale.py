# SPDX-License-Identifier: Apache-2.0
"""A large network, and many small ones: how soon they work, and what they cost at rest."""
import collections
import statistics
import time

from perf import grid, vnets
from perf.lab import Lab, LabError, say
from perf.rows import row

ROWS = COLUMNS = 10
VNETS = 40
SETTLE = 20  # seconds from the last route to rest
REST = 60  # seconds over which the cost at rest is read
LIMIT = 1500  # seconds after which waiting ends; targets are far below
FRAMES = 50


def starts(routers):
    """How they started, for the table's case: "clone", or how many of each."""
    count = collections.Counter(node.get("boot", "cold") for node in routers)
    return ", ".join(f"{n} x {boot}" if len(count) > 1 else boot for boot, n in count.items())


def grid_rows(lab, accel):
    path = grid.generate("grid", lab.dir, "--rows", ROWS, "--columns", COLUMNS)[0]
    found = grid.bring_up(lab.api, lab.deploy, path, LIMIT, LIMIT, say)
    accel.update(node["accel"] for node in found["routers"])
    say(f"grid: cost at rest, {SETTLE} and {REST} s")
    time.sleep(SETTLE)
    routers, engine, weftd = grid.steady(lab.api, found["routers"], REST)
    case = f"grid of {len(routers)} ({starts(found['routers'])})"
    lab.weft("destroy", "grid")
    return [row(case, "all configured", "s", found["ready_s"], target="weft <= 240"),
            row(case, "all routes everywhere", "s", found["routes_s"], target="weft <= 420"),
            row(case, "a router at rest", "% of a core", statistics.mean(routers),
                target="weft <= 1.3"),
            row(case, "the costliest router at rest", "% of a core", max(routers)),
            row(case, "the engine at rest", "% of a core", engine),
            row(case, "weftd at rest", "% of a core", weftd)]


def vnet_rows(lab, accel):
    paths = grid.generate("vnets", lab.dir, "--count", VNETS)
    names = [p.name.split(".")[0] for p in paths]
    seconds, routers = vnets.bring_up(lab.api, lab.deploy, paths, LIMIT, say)
    accel.update(node["accel"] for node in routers)
    sent, _, wrong = vnets.check_isolation(lab.api, names, FRAMES, say)
    if wrong:
        raise LabError("\n".join(["isolation does not hold:", *wrong]))
    case = f"{len(names)} vnets of 3 ({starts(routers)})"
    for name in names:
        lab.weft("destroy", name)
    return [row(case, "all converged", "s", seconds, target="weft <= 300"),
            row(case, "frames that crossed", f"of {sent}", 0, target="weft <= 0")]


CASES = {"grid": grid_rows, "vnets": vnet_rows}


def run(accel, wanted):
    with Lab() as lab:
        lab.images("frr")
        return [r for case in wanted(CASES) for r in CASES[case](lab, accel)]
