# SPDX-License-Identifier: Apache-2.0
"""weft-dp between two shared-memory devices of a source and sink, and what comes through it."""
import contextlib
import json
import os
import pathlib
import socket
import statistics
import tempfile

from perf import dp
from perf.engine import MEMORY_MIB, SENDER
from perf.frames import frame
from perf.fwd import cores
from perf.huge import HugePages
from perf.lab import BIN, LabError, say
from perf.sides import Cleanup, Program

TRAFFIC_MIB = 256
RING = 14  # a logarithm: full after 7 ms, which is more than what takes cores away for a while
TTL = 255
WARM, WINDOW = 0.1, 0.8  # seconds, less than the kernel lets real-time threads run
SHORT = 0.2  # to find out what the core can do just now
WINDOWS, STEPS_MAX = 12, 16
FEW, MOST = 50e3, 10e6  # packets a second; more than the source can make of all senders together
ENOUGH, NARROW, TRIES = 0.98, 1.08, 2
MORE, AGAIN = 1.1, 5  # than what the core could do a moment ago; times


def first(program, name):
    """Before all others of the machine, which may be busy."""
    for task in pathlib.Path(f"/proc/{program.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(1))


class Bed:
    """weft-dp on one core, between the two devices of weft-bench-traffic on another, which has a
    sender for each of these frames."""

    def __init__(self, directory, cpus, frames, args=()):
        """args: more of the engine's."""
        self.client = None
        where = directory / "memif"
        self.traffic = Program("weft-bench-traffic", directory, BIN / "weft-bench-traffic", cpus[0],
                               where, *(f.hex() for f in frames), pipes=True)
        self.engine = Program("weft-dp", directory, BIN / "weft-dp", "--socket",
                              directory / "dp.sock", "--memory", MEMORY_MIB, *args)
        self.path, self.cpu, self.where = directory / "dp.sock", cpus[1], where

    def __enter__(self):
        try:
            self._start()
        except (dp.Refused, socket.timeout) as e:
            self.__exit__()
            raise LabError(f"weft-dp: {e}") from e
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for program in (self.engine, self.traffic):
            program.end()
        if self.client:
            self.client.close()

    def device(self, number):
        return (f"net_memif{number},role=client,id={number},socket={self.where},"
                f"socket-abstract=no,rsize={RING}")

    def _start(self):
        self.traffic.until(self.where.exists, "no socket")
        self.client = self.engine.until(lambda: dp.Client(str(self.path)), "no answer")
        if not self.client.hello()["hugepages"]:
            self.engine.fail("runs without huge pages")
        self.engine.pin(self.cpu, "worker")
        first(self.traffic, "weft-bench-traf")
        self.prepare()
        self.program()

    def prepare(self):
        """The threads of the engine."""
        first(self.engine, "worker")

    def program(self):
        """What the engine is told; the devices last."""
        raise NotImplementedError

    def send(self, rates, windows=WINDOWS, window=WINDOW):
        """Frames a second of each sender; what came of it."""
        with contextlib.suppress(BrokenPipeError):
            print(windows, WARM, window, *rates, file=self.traffic.child.stdin, flush=True)
        line = self.traffic.child.stdout.readline()
        if not line:
            self.traffic.fail("ended")
        found = json.loads(line)
        found["seconds"] = windows * window
        return found


class Vnets(Bed):
    """A sender for each of these vnets."""

    def __init__(self, directory, cpus, vnets, args=()):
        super().__init__(directory, cpus,
                         [frame(dp.mac(v.entry_mac()), SENDER, v.table[0][0][:3] + b"\1", v.vlan, TTL)
                          for v in vnets], args)
        self.vnets = vnets

    def program(self):
        for vnet in self.vnets:
            self.client.program([*vnet.records(), vnet.sink(self.device(1)),
                                 vnet.source(self.device(0))])


def total(found, what, senders=slice(None)):
    return sum(s[what] for s in found["senders"][senders])


def rate(found, what="came", senders=slice(None)):
    return total(found, what, senders) / found["seconds"]


def worst(found, part, senders=slice(None)):
    """Of the delays at 50 %, 99 %, 99.9 %, in us."""
    return max(s["delay_us"][part] for s in found["senders"][senders])


def offer(one, senders, offered, window=WINDOW):
    """Frames a second of these in all; what came of them."""
    share = offered / len(senders)
    return rate(one.send([share if i in senders else 0 for i in range(len(one.vnets))], 1, window))


def alone(one, senders):
    """What these can have of the core, when nobody takes it away."""
    return max(narrow(one, senders) for _ in range(TRIES))


def narrow(one, senders):
    """More and more is offered until some of it is lost, then the rate is narrowed down at which
    that begins. The most that came."""
    offered, found = FEW, 0
    low = high = None
    for _ in range(STEPS_MAX):
        came = offer(one, senders, offered)
        found = max(found, came)
        if came < ENOUGH * offered:
            high = offered
        else:
            low = offered
        if not high and offered >= MOST or high and low and high < NARROW * low:
            break
        offered = (low + high) / 2 if high and low else offered / 2 if high else offered * 2
    return found


def again(one, senders, before):
    """The same a moment later, the most times."""
    return statistics.median(offer(one, senders, MORE * before, SHORT) for _ in range(AGAIN))


WHERE = "", ", refused, the worker being away", ", refused else", ", dropped"


def lost(found, senders):
    """What did not come, in all and by WHERE."""
    refused, stalled = total(found, "refused", senders), total(found, "stalled", senders)
    all_ = total(found, "sent", senders) - total(found, "came", senders)
    return all_, stalled, refused - stalled, all_ - refused


@contextlib.contextmanager
def room():
    """A directory, two cores, memory for both programs."""
    with (tempfile.TemporaryDirectory(prefix="weft-perf-") as directory, cores() as cpus,
          Cleanup() as stack):
        stack.enter_context(HugePages(MEMORY_MIB + TRAFFIC_MIB))
        yield pathlib.Path(directory), cpus
    say("")


@contextlib.contextmanager
def bed(vnets, *args):
    with room() as (directory, cpus), Vnets(directory, cpus, vnets, args) as one:
        yield one
