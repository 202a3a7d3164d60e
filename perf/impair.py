# SPDX-License-Identifier: Apache-2.0
"""How exactly a link delays, loses and slows down a million frames a second."""
from perf import dp, memif, routes
from perf.engine import BUFFERS, Vnet
from perf.rows import row

OFFERED = 1e6  # frames a second
WINDOWS = 12
LEN = 64  # bytes, behind the sink's port without its tag
DELAY_US = 20  # of error, in the median
PART = 0.01    # of error, of rate and loss

VNET = Vnet(1, routes.small(4), vlan=1)
CASES = {
    "delay 1ms": {"delay_ns": 1_000_000},
    "delay 5ms": {"delay_ns": 5_000_000},
    "loss 1%": {"loss": 0.01},
    "loss 10%": {"loss": 0.1},
    "rate 100Mbit": {"rate": 100_000_000},
    "rate 400Mbit": {"rate": 400_000_000},
}


def counts(bed):
    """Frames that the link was given, that it lost, that arrived."""
    way, end = bed.client.ports(VNET.last - 1), bed.client.ports(VNET.last)
    way, end = way[VNET.last - 1], end[VNET.last]
    return way["tx"], way["drops"]["loss"], end["rx"], way["drops"]["link_full"]


def impair(bed, **what):
    bed.client.do(dp.impair(VNET.last, VNET.last - 1, **what))


def delay(case, what, seen, plain):
    wanted = what["delay_ns"] / 1e3
    known = 1 - seen["uncertain"] / max(1, memif.total(seen, "came"))
    return [row(case, "frames whose delay is known", "%", known * 100),
            row(case, "delay, p50", "us", memif.worst(seen, 0), "no delay", memif.worst(plain, 0)),
            row(case, "error of p50", "us", abs(memif.worst(seen, 0) - wanted),
                target=f"weft <= {DELAY_US}"),
            row(case, "delay, p99", "us", memif.worst(seen, 1), "no delay", memif.worst(plain, 1))]


def share(case, name, got, wanted):
    return [row(case, name[0], name[1], got, "asked for", wanted),
            row(case, f"error of {name[0]}", "%", abs(got / wanted - 1) * 100,
                target=f"weft <= {PART * 100:g}")]


def run(accel, wanted):
    found = []
    chosen = wanted(CASES)
    with memif.bed([VNET], "--buffers", BUFFERS) as bed:
        for case in chosen:
            what = CASES[case]
            impair(bed)
            plain = bed.send([OFFERED], WINDOWS)
            impair(bed, seed=1, **what)
            before = counts(bed)
            seen = bed.send([OFFERED], WINDOWS)
            sent, lost, arrived, full = (b - a for a, b in zip(before, counts(bed)))
            found.append(row(case, "offered", "Mpps", memif.rate(seen, "sent") / 1e6))
            if "delay_ns" in what:
                found += delay(case, what, seen, plain)
                found.append(row(case, "lost by the link", "frames", lost + full,
                                 target="weft <= 0"))
            if "loss" in what:
                found += share(case, ("lost", "%"), (1 - arrived / sent) * 100, what["loss"] * 100)
            if "rate" in what:
                found += share(case, ("rate", "Mbit/s"), memif.rate(seen) * LEN * 8 / 1e6,
                               what["rate"] / 1e6)
    return found
