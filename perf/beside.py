# SPDX-License-Identifier: Apache-2.0
"""What a guest of weft-vmm notices of a bad one beside it, on this machine's own /dev/kvm: how long a
frame takes to it and back, in turns with the bad one standing still. Beside a process that only computes,
and is no machine at all, it says what the kernel's scheduler makes of a busy neighbour."""
import contextlib
import functools
import gc
import os
import pathlib
import sys
import tempfile
import time

import neighbour  # of tests/beds, which perf/hv.py has made known

from perf.lab import say
from perf.rows import row
from perf.sides import Program

# A round is so many windows of each, in turns: of one alone a percentile is that of a few frames. Seconds.
ROUNDS, WINDOWS, WINDOW, GAP = 3, 4, 1.0, 0.001
PREFIX = "kvm: beside a "


def window(good):
    """us of each frame. A real-time process, so that it is not ourselves that we measure."""
    took, end = [], time.monotonic() + WINDOW
    while time.monotonic() < end:
        time.sleep(GAP)
        took.append(good.ping() * 1e6)
    return took


def figures(good, resume, pause):
    """(with the other one standing still, with it busy): sorted delays of each round. Both processes were
    started before: they do not go before others as we do here."""
    idle, loud = [], []
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    gc.disable()
    try:
        for _ in range(ROUNDS):
            still, busy = [], []
            for _ in range(WINDOWS):
                still += window(good)
                resume()
                busy += window(good)
                pause()
            idle.append(sorted(still))
            loud.append(sorted(busy))
    finally:
        gc.enable()
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return idle, loud


@contextlib.contextmanager
def bad_guest(kind, directory):
    """(resume, pause) of one that is paused."""
    bad = neighbour.Bad(directory / "bad", kind)
    try:
        bad.tell("start")
        bad.until(lambda: "rng found" in bad.said(), "word of the bad guest's")
        bad.tell("pause")
        yield functools.partial(bad.tell, "resume"), functools.partial(bad.tell, "pause")
    finally:
        bad.close()


@contextlib.contextmanager
def computing(directory):
    process = Program("a process that computes", directory, sys.executable, "-c", "while True: pass", first=False)
    try:
        process.stop()
        yield process.go_on, process.stop
    finally:
        process.end()


def case(name, other, target):
    def run(accel):
        accel.add("kvm")
        say(name)
        with tempfile.TemporaryDirectory(prefix="weft-perf-") as tmp:
            directory = pathlib.Path(tmp)
            good = neighbour.Good(directory / "good")
            try:
                with other(directory) as (resume, pause):
                    idle, loud = figures(good, resume, pause)
            finally:
                good.close()

        def column(rounds, percent):
            return [took[len(took) * percent // 100] for took in rounds]

        return [row(name, f"round trip of a frame, p{percent}", "us", column(loud, percent),
                    "the other idle", column(idle, percent), target if percent == 99 else None)
                for percent in (50, 99)]
    return run


CASES = {PREFIX + "process that computes": (computing, None),
         **{f"{PREFIX}guest that {what}": (functools.partial(bad_guest, kind), "ratio <= 2")
            for kind, what in neighbour.BAD.items()}}
CASES = {name: case(name, *what) for name, what in CASES.items()}
