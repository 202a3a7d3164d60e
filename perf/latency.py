# SPDX-License-Identifier: Apache-2.0
"""How long a frame takes through one virtual router, by how busy its worker is."""
from perf import memif, routes
from perf.engine import Vnet
from perf.rows import row

SLOW = 1000  # frames a second: the worker sleeps between two
WINDOWS = 5
LOADS = {f"{SLOW} frames/s": None, "50 % of the capacity": 0.5, "90 % of the capacity": 0.9}


def run(accel, wanted):
    found = []
    chosen = wanted(LOADS)
    with memif.bed([Vnet(1, routes.small(4), vlan=1)]) as bed:
        capacity = memif.alone(bed, range(1))
        for case in chosen:
            rate = LOADS[case] * capacity if LOADS[case] else SLOW
            seen = bed.send([rate], WINDOWS)
            found += [row(case, "offered", "Mpps", memif.rate(seen, "sent") / 1e6),
                      *(row(case, f"lost{where}", "packets", n)
                        for where, n in zip(memif.WHERE, memif.lost(seen, slice(None)))),
                      *(row(case, f"delay, {name}", "us", memif.worst(seen, part))
                        for part, name in enumerate(("p50", "p99", "p99.9")))]
    return found
