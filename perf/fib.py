# SPDX-License-Identifier: Apache-2.0
"""The FIB beside DPDK's tables, with real routing tables: weft-bench-fib measures, here are the
cases and what is asked of them."""
import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from perf.huge import HugePages
from perf.lab import BIN, LabError, say
from perf.routes import TABLES, opened
from perf.rows import row

HUGE_MIB = 1024
PROGRESS_LINES = 20  # shown when the program fails

LINES_ALONE = "its lines alone"  # no peer but a bound: what lookups touch is loaded, no more
PATTERNS = {"random": "random addresses", "prefix": "addresses inside routes", "zipf": "Zipf flows"}
LOOKUPS = {  # case -> what it is called, the ratios asked for beside the first peer
    "ip4": ("IPv4 full, 50 next hops", {"random": 3.0, "prefix": 1.6, "zipf": 0.95}),
    "ip4-500-hops": ("IPv4 full, 500 next hops", {"random": 2.5, "prefix": 1.4, "zipf": 0.9}),
    "ip4-grown": ("IPv4 of 1.2 M routes", {"random": 2.5, "prefix": 1.4, "zipf": 0.9}),
    "ip6": ("IPv6 full, 50 next hops", {"random": 1.7, "prefix": 1.4, "zipf": 1.2}),
}
MEGABYTES = {"ip4": "weft <= 2.1", "ip6": "weft <= 1.6"}  # that lookups touch
UPDATES = {"ip4-updates": ("IPv4 updates", "weft >= 1.0"),
           "ip6-updates": ("IPv6 updates", "weft >= 0.5")}
LOAD = {"ip4-load": ("IPv4 load", "weft <= 0.2"), "ip6-load": ("IPv6 load", None)}
CASES = [*LOOKUPS, "many-full", "many-small", *UPDATES, *LOAD]


class Figures:
    """What a case gave: metric -> side -> the figures of its rounds."""

    def __init__(self, answer):
        self.isa, self.peer_isa = answer["isa"], answer["peer_isa"]
        self.sides = collections.defaultdict(dict)
        for f in answer["figures"]:
            self.sides[f["metric"]][f["side"]] = f["values"]

    def weft(self, metric):
        return self.sides[metric]["weft"]

    def one(self, metric, scale=1):
        """A figure that was taken once."""
        return self.weft(metric)[0] / scale

    def peers(self, metric):
        """(name, figures), the one to be judged by first."""
        return [(self._named(side), values) for side, values in self.sides[metric].items()
                if side != "weft"]

    def _named(self, side):
        scalar = side.startswith("rte_fib") and self.peer_isa != "avx512"
        return f"{side}, {self.peer_isa}" if scalar else side


def bound_rows(name, what, metric, figures):
    """What no lookup with these tables can exceed, and why."""
    return [row(name, f"{what}: cache lines", "a lookup", figures.one(f"lines of {metric}")),
            row(name, f"{what}: lines touched", "MB", figures.one(f"bytes of {metric}", 1e6))]


def lookup_rows(case, figures):
    name, ratios = LOOKUPS[case]
    found = []
    for pattern, least in ratios.items():
        for number, (peer, rates) in enumerate(figures.peers(pattern)):
            found.append(row(name, PATTERNS[pattern], "M lookups/s", figures.weft(pattern), peer,
                             rates, None if number else f"ratio >= {least}"))
        found += bound_rows(name, PATTERNS[pattern], pattern, figures)
    for number, (peer, size) in enumerate(figures.peers("bytes")):
        found.append(row(name, "memory of lookups", "MB", figures.one("bytes", 1e6), peer,
                         size[0] / 1e6, None if number else MEGABYTES.get(case)))
    return found


def mixed_rows(name, figures, target):
    what, rates = "a random table a packet", figures.weft("mixed")
    alone = figures.sides["mixed"][LINES_ALONE]
    return [row(name, what, "M lookups/s", rates, target=target),
            row(name, what, "M lookups/s", rates, LINES_ALONE, alone),
            *bound_rows(name, what, "mixed", figures)]


def many_full_rows(figures):
    name, (peer, size) = "256 full IPv4 tables", figures.peers("bytes")[0]
    return [row(name, "memory of lookups", "MB", figures.one("bytes", 1e6), peer, size[0] / 1e6,
                "weft <= 210"),
            row(name, "memory of the first", "MB", figures.one("bytes of the first", 1e6)),
            row(name, "memory a different route", "bytes", figures.one("bytes a different route"),
                target="weft <= 90"),
            row(name, "the writer's memory a route", "bytes", figures.one("rib bytes a route")),
            *mixed_rows(name, figures, "weft >= 44")]


def many_small_rows(figures):
    name, (peer, size) = "256 small IPv4 tables", figures.peers("bytes a route")[0]
    return [row(name, "memory a route", "bytes", figures.one("bytes a route"), peer, size[0],
                "weft <= 16"),
            *mixed_rows(name, figures, "weft >= 110")]


def update_rows(case, figures):
    name, least = UPDATES[case]
    peer, rates = figures.peers("updates")[0]
    updates = figures.weft("updates")
    return [row(name, "changes", "M/s of CPU time", updates, target=least),
            row(name, "changes", "M/s of CPU time", updates, peer, rates, "ratio >= 2.0"),
            row(name, "a reader meanwhile", "M lookups/s", figures.weft("lookups beside updates"),
                "without updates", figures.weft("lookups at rest"), "ratio >= 0.6")]


def load_rows(case, figures):
    name, most = LOAD[case]
    found = []
    for metric, target in (("in order", most), ("shuffled", None)):
        peer, seconds = figures.peers(metric)[0]
        found.append(row(name, metric, "s", figures.weft(metric), peer, seconds, target))
    return found


def rows_of(case, figures):
    if case in LOOKUPS:
        return lookup_rows(case, figures)
    if case in UPDATES:
        return update_rows(case, figures)
    if case in LOAD:
        return load_rows(case, figures)
    return {"many-full": many_full_rows, "many-small": many_small_rows}[case](figures)


def unpack(directory):
    """family -> the table as text."""
    paths = {}
    for family, name in TABLES.items():
        paths[family] = directory / name.removesuffix(".xz")
        with opened(family) as packed, open(paths[family], "wb") as f:
            shutil.copyfileobj(packed, f)
    return paths


@contextlib.contextmanager
def started(*argv, out):
    """The program, before others of its machine; killed if we end before it."""
    # A session of its own is a scheduling group of its own (sched(7), autogroup).
    child = subprocess.Popen([*map(str, argv)], stdin=subprocess.DEVNULL, stdout=out,
                             stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, -20)
            pathlib.Path(f"/proc/{child.pid}/autogroup").write_text("-20\n")
        yield child
    finally:
        child.kill()
        child.wait()
        child.stderr.close()


def measure(case, path):
    said = collections.deque(maxlen=PROGRESS_LINES)
    with tempfile.TemporaryFile("w+") as out:
        with started(BIN / "weft-bench-fib", case, path, out=out) as child:
            for line in child.stderr:
                said.append(line.rstrip())
                say(f"fib: {case}: {said[-1]}")
            code = child.wait()
        if code:
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise LabError("\n".join([f"weft-bench-fib {case}: {how}:", *said]))
        out.seek(0)
        return Figures(json.load(out))


def run(accel, wanted):
    found = []
    with tempfile.TemporaryDirectory(prefix="weft-perf-") as directory, HugePages(HUGE_MIB):
        tables = unpack(pathlib.Path(directory))
        for case in wanted(CASES):
            figures = measure(case, tables[6 if case.startswith("ip6") else 4])
            accel.add(figures.isa)
            found += rows_of(case, figures)
    say("")
    return found
