# SPDX-License-Identifier: Apache-2.0
"""How fairly a link and a worker's time are shared, and what that costs: weft-bench-sched
measures, here are the rows and what is asked of them."""
import collections
import json
import tempfile

from perf.fib import started
from perf.huge import HugePages
from perf.lab import BIN, LabError, say
from perf.rows import row

HUGE_MIB = 128
LINK = "cost of the link scheduler"
FAIR = "fair link: 256 backlogged vnets, weights 1..8"
SHARE = "cost of sharing uncontended"


def measure(case):
    """metric -> side -> the figures of its rounds."""
    sides = collections.defaultdict(dict)
    with tempfile.TemporaryFile("w+") as out:
        with started(BIN / "weft-bench-sched", case, out=out) as child:
            said = child.stderr.read()
            if child.wait():
                raise LabError(f"weft-bench-sched {case}: exit code {child.returncode}: {said}")
        out.seek(0)
        for f in json.load(out)["figures"]:
            sides[f["metric"]][f["side"]] = f["values"]
    return sides


def fair_rows():
    figures = {metric: sides["weft"][0] for metric, sides in measure("fair").items()}
    return [row(FAIR, "worst error of a share", "%", figures["worst error"], target="weft <= 1"),
            row(FAIR, "Jain's index", "", figures["jain"], target="weft >= 0.999"),
            row(FAIR, "of the link's rate", "%", figures["used"], target="weft >= 99.9")]


def link_rows():
    clk = measure("link")["clk a packet"]
    rates = {side: [1 / c for c in values] for side, values in clk.items()}
    return [row(LINK, "in and out", "clk a packet", clk["weft"], target="weft <= 40"),
            row(LINK, "packets", "a clk", rates["weft"], "rte_sched", rates["rte_sched"],
                "ratio >= 5")]


def share_rows():
    return [row(SHARE, metric, "clk a packet", sides["weft"], target="weft <= 5")
            for metric, sides in measure("share").items()]


CASES = {FAIR: fair_rows, LINK: link_rows, SHARE: share_rows}


def run(accel, wanted):
    found = []
    with HugePages(HUGE_MIB):
        for case in wanted(CASES):
            say(f"fair: {case}")
            found += CASES[case]()
    say("")
    return found
