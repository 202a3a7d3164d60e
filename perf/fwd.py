# SPDX-License-Identifier: Apache-2.0
"""Forwarding beside DPDK's l3fwd: frames of 64 bytes from memory, one core, then nowhere."""
import contextlib
import functools
import os
import pathlib
import random
import sys
import tempfile

from perf import dpdk, kernel, ovs, routes
from perf.engine import MEMORY_MIB, Traffic, Vnet, Weft
from perf.huge import HugePages
from perf.lab import LabError, say
from perf.rows import row
from perf.sides import Cleanup, rate

ROUNDS, WINDOW = 7, 1.0  # seconds
FEW, MANY = 4096, 65536  # flows
HOPS = 8
VNETS, VNET_ROUTES = 256, 10000
SEED = 1
STRETCH = "forwarded (stretch: 0.95)"


class Bench:
    """What the cases have in common: a directory, a core, the real table."""

    def __init__(self, directory, cpus):
        self.dir, self.cpus, self.cpu = directory, cpus, cpus[1]
        self.rng = random.Random(SEED)

    @functools.cached_property
    def full(self):
        return routes.full(4)

    def inside(self, table, count):
        """Addresses inside random routes."""
        return [routes.inside(self.rng.choice(table), self.rng) for _ in range(count)]

    def traffic(self, name, vnets, flows):
        return Traffic(self.dir / f"{name}.pcap", vnets, flows)

    # What makes a side, with the MiB of huge pages that it takes.

    def weft(self, traffic, name="weft"):
        return MEMORY_MIB, lambda: Weft(name, self.dir, self.cpu, traffic)

    def l3fwd(self, mode, traffic, tables):
        rules = dpdk.rules(self.dir, tables)
        return dpdk.MIB[mode], lambda: dpdk.l3fwd(mode, self.dir, self.cpu, traffic.device(), rules)

    def testpmd(self, mode, traffic):
        return (dpdk.MIB["testpmd"],
                lambda: dpdk.testpmd(mode, self.dir, self.cpus, traffic.device()))

    def others(self, vnet, traffic):
        return [(ovs.MIB, lambda: ovs.Ovs(self.dir, self.cpus, vnet, traffic.device())),
                (dpdk.MIB["testpmd"],
                 lambda: kernel.Kernel(self.dir, self.cpus, vnet, traffic.device()))]


class Turns:
    """The sides' packets a second, round after round."""

    def __init__(self, case, sides, others=()):
        """sides, others: (MiB of huge pages, what makes the side) each. Of the others may miss
        what does not start here."""
        self.case, self.rates = case, {}
        with Cleanup() as stack:
            say(f"fwd: {case}: starting")
            stack.enter_context(HugePages(sum(mib for mib, _ in [*sides, *others])))
            taking_part = [stack.enter_context(make()) for _, make in sides]
            for _, make in others:
                try:
                    taking_part.append(stack.enter_context(make()))
                except LabError as e:
                    print(f"perf/run: fwd: goes on without: {e}", file=sys.stderr)
            for number in range(1, ROUNDS + 1):
                for side in taking_part:
                    say(f"fwd: {case}: round {number} of {ROUNDS}, {side.name}")
                    self.rates.setdefault(side.name, []).append(rate(side, WINDOW))
            self.tsc_hz = next(s.tsc_hz() for s in taking_part if isinstance(s, dpdk.Dpdk))

    def mpps(self, name):
        return [r / 1e6 for r in self.rates[name]]

    def clk(self, name):
        return [self.tsc_hz / r for r in self.rates[name]]

    def others(self, *judged):
        return [name for name in self.rates if name not in ("weft", *judged)]

    def rate_row(self, peer, target=None, metric="forwarded"):
        return row(self.case, metric, "Mpps", self.mpps("weft"), peer, self.mpps(peer), target)

    def clk_row(self, peer):
        return row(self.case, "a packet", "clk", self.clk("weft"), peer, self.clk(peer))


def few_flows(bench, case, family):
    table = routes.small(family)
    vnet = Vnet(1, table)
    traffic = bench.traffic("few", [vnet], [(vnet, dst) for dst in bench.inside(table, FEW)])
    sides = [bench.weft(traffic), *(bench.l3fwd(mode, traffic, {family: table})
                                    for mode in ("fib", "lpm"))]
    if family == 6:
        turns = Turns(case, sides)
    else:
        turns = Turns(case, [*sides, *(bench.testpmd(mode, traffic) for mode in ("mac", "io"))],
                      bench.others(vnet, traffic))
    return [turns.rate_row("l3fwd FIB", "ratio >= 1.0"), turns.clk_row("l3fwd FIB"),
            turns.rate_row("l3fwd LPM", metric=STRETCH),
            *(turns.rate_row(name) for name in turns.others("l3fwd FIB", "l3fwd LPM"))]


def full_table(bench, case):
    vnet = Vnet(1, bench.full)
    traffic = bench.traffic("full", [vnet], [(vnet, dst) for dst in bench.inside(bench.full, MANY)])
    turns = Turns(case, [bench.weft(traffic), bench.l3fwd("fib", traffic, {4: bench.full}),
                         bench.testpmd("io", traffic)])
    return [turns.rate_row("l3fwd FIB", "ratio >= 1.4"), turns.clk_row("l3fwd FIB"),
            turns.clk_row("testpmd io")]


def many_vnets(bench, case):
    tables = [bench.rng.sample(bench.full, VNET_ROUTES) for _ in range(VNETS)]
    vnets = [Vnet(i, table, vlan=i) for i, table in enumerate(tables, 1)]
    flows = [(vnet, dst) for vnet in vnets for dst in bench.inside(vnet.table, MANY // VNETS)]
    bench.rng.shuffle(flows)
    alone = Vnet(1, tables[0])
    plain = bench.traffic("plain", [alone], [(alone, dst) for dst in bench.inside(tables[0], MANY)])
    turns = Turns(case, [bench.weft(bench.traffic("vnets", vnets, flows)),
                         bench.l3fwd("fib", plain, {4: tables[0]}), bench.testpmd("io", plain)])
    return [turns.rate_row("l3fwd FIB", "ratio >= 0.9"), turns.clk_row("l3fwd FIB"),
            turns.clk_row("testpmd io")]


def chain(bench, case):
    table = routes.small(4)
    dsts = bench.inside(table, FEW)
    vnets = {name: Vnet(1, table, routers) for name, routers in (("weft", HOPS), ("one router", 1))}
    traffic = {name: bench.traffic(name, [vnet], [(vnet, dst) for dst in dsts])
               for name, vnet in vnets.items()}
    turns = Turns(case, [*(bench.weft(traffic[name], name) for name in vnets),
                         bench.l3fwd("fib", traffic["one router"], {4: table})])
    hop = [(many - one) / (HOPS - 1)
           for many, one in zip(turns.clk("weft"), turns.clk("one router"), strict=True)]
    return [row(case, "a further router", "clk", hop, "l3fwd FIB, a whole forward",
                turns.clk("l3fwd FIB"), "ratio <= 0.8"),
            turns.rate_row("one router"), turns.clk_row("one router")]


CASES = {
    "4096 flows, 16 routes, IPv4": lambda bench, case: few_flows(bench, case, 4),
    "4096 flows, 16 routes, IPv6": lambda bench, case: few_flows(bench, case, 6),
    "full table, 64 k destinations": full_table,
    "256 vnets of 10 k routes, VLANs": many_vnets,
    "chain of 8 virtual routers": chain,
}


@contextlib.contextmanager
def cores():
    """(ours and that of all others, one that is left alone)."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        raise LabError("two cores are needed: one forwards and has nothing else to do")
    rest, alone = sorted(before)[0], sorted(before)[-1]
    os.sched_setaffinity(0, {rest})
    try:
        yield rest, alone
    finally:
        os.sched_setaffinity(0, before)


def run(accel, wanted):
    dpdk.l3fwd_path()  # before we are on one core
    with tempfile.TemporaryDirectory(prefix="weft-perf-") as directory, cores() as cpus:
        bench = Bench(pathlib.Path(directory), cpus)
        found = [r for case in wanted(CASES) for r in CASES[case](bench, case)]
    say("")
    return found
