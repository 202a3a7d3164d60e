# SPDX-License-Identifier: Apache-2.0
"""What a guest of weft-vmm notices of a bad one beside it, on this machine's own /dev/kvm: how long a
frame takes to it and back, in turns with the bad one standing still."""
import gc
import os
import pathlib
import tempfile
import time

import neighbour  # of tests/beds, which perf/hv.py has made known

from perf.lab import say
from perf.rows import row

ROUNDS, WINDOW, GAP = 5, 1.0, 0.001  # windows of seconds, and a gap before each frame
PREFIX = "kvm: beside a guest that "


def window(good):
    """us of each frame, sorted. A real-time process, so that it is not ourselves that we measure."""
    took, end = [], time.monotonic() + WINDOW
    while time.monotonic() < end:
        time.sleep(GAP)
        took.append(good.ping() * 1e6)
    return sorted(took)


def figures(good, bad):
    """(with the bad one standing still, with it bad): sorted delays of each round. Both processes were
    started before: they do not go before others as we do here."""
    idle, loud = [], []
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    gc.disable()
    try:
        for _ in range(ROUNDS):
            idle.append(window(good))
            bad.tell("resume")
            loud.append(window(good))
            bad.tell("pause")
    finally:
        gc.enable()
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return idle, loud


def case(kind):
    def run(accel):
        accel.add("kvm")
        name = PREFIX + neighbour.BAD[kind]
        say(name)
        with tempfile.TemporaryDirectory(prefix="weft-perf-") as directory:
            good = neighbour.Good(pathlib.Path(directory) / "good")
            bad = neighbour.Bad(pathlib.Path(directory) / "bad", kind)
            try:
                bad.tell("start")
                bad.until(lambda: "rng found" in bad.said(), "word of the bad guest's")
                bad.tell("pause")
                idle, loud = figures(good, bad)
            finally:
                good.close()
                bad.close()

        def column(rounds, percent):
            return [took[len(took) * percent // 100] for took in rounds]

        return [row(name, f"round trip of a frame, p{percent}", "us", column(loud, percent),
                    "the other idle", column(idle, percent), target)
                for percent, target in ((50, None), (99, "ratio <= 2"))]
    return run


CASES = {PREFIX + what: case(kind) for kind, what in neighbour.BAD.items()}
