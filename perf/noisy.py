# SPDX-License-Identifier: Apache-2.0
"""What a vnet notices of another that asks for far more than the engine can do."""
import contextlib
import json
import os
import pathlib
import socket
import tempfile

from perf import dp, routes
from perf.engine import MEMORY_MIB, SENDER, Vnet
from perf.frames import frame
from perf.fwd import cores
from perf.huge import HugePages
from perf.lab import BIN, LabError, say
from perf.rows import row
from perf.sides import Cleanup, Program

TRAFFIC_MIB = 256
RING = 14  # a logarithm: full after 7 ms, which is more than what takes cores away for a while
TTL = 255
WARM, WINDOW = 0.1, 0.8  # seconds, less than the kernel lets real-time threads run
WINDOWS, STEPS_MAX = 12, 16
VICTIMS, VICTIM_HOPS, HOPS = 16, 8, 100
TIMES = 10  # what the hog offers, of what a core can do
FEW, MOST = 50e3, 10e6  # packets a second; more than the source can make of all senders together
ENOUGH, NARROW, TRIES = 0.98, 1.08, 2
CASE = f"a hog and {VICTIMS} vnets at half their share"


def first(program, name):
    """Before all others of the machine, which may be busy."""
    for task in pathlib.Path(f"/proc/{program.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(1))


class Bed:
    """weft-dp on one core, between the two devices of weft-bench-traffic on another, which has a
    sender for each of these frames."""

    def __init__(self, directory, cpus, frames):
        self.client = None
        where = directory / "memif"
        self.traffic = Program("weft-bench-traffic", directory, BIN / "weft-bench-traffic", cpus[0],
                               where, *(f.hex() for f in frames), pipes=True)
        self.engine = Program("weft-dp", directory, BIN / "weft-dp", "--socket",
                              directory / "dp.sock", "--memory", MEMORY_MIB)
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

    def send(self, rates, windows=WINDOWS):
        """Frames a second of each sender; what came of it."""
        with contextlib.suppress(BrokenPipeError):
            print(windows, WARM, WINDOW, *rates, file=self.traffic.child.stdin, flush=True)
        line = self.traffic.child.stdout.readline()
        if not line:
            self.traffic.fail("ended")
        found = json.loads(line)
        found["seconds"] = windows * WINDOW
        return found


class Vnets(Bed):
    """A sender for each of these vnets."""

    def __init__(self, directory, cpus, vnets):
        super().__init__(directory, cpus,
                         [frame(dp.mac(v.entry_mac()), SENDER, v.table[0][0][:3] + b"\1", v.vlan, TTL)
                          for v in vnets])
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


def alone(one, senders):
    """What these can have of the core, when nobody takes it away."""
    return max(narrow(one, senders) for _ in range(TRIES))


def narrow(one, senders):
    """More and more is offered until some of it is lost, then the rate is narrowed down at which
    that begins. The most that came."""
    offered, found = FEW, 0
    low = high = None
    for _ in range(STEPS_MAX):
        share = offered / len(senders)
        came = rate(one.send([share if i in senders else 0 for i in range(len(one.vnets))], 1))
        found = max(found, came)
        if came < ENOUGH * offered:
            high = offered
        else:
            low = offered
        if not high and offered >= MOST or high and low and high < NARROW * low:
            break
        offered = (low + high) / 2 if high and low else offered / 2 if high else offered * 2
    return found


def measure(one):
    """Frames a second of the hog alone, of the others alone; what came without the hog, with it."""
    say("noisy: what the core can do")
    hog_alone, victims_alone = alone(one, range(1)), alone(one, range(1, VICTIMS + 1))
    victims = [victims_alone / (VICTIMS + 1) / 2] * VICTIMS
    say("noisy: without the hog")
    quiet = one.send([0, *victims])
    say("noisy: with the hog")
    noisy = one.send([TIMES * hog_alone, *victims])
    return hog_alone, victims_alone, quiet, noisy


WHERE = "", ", refused, the worker being away", ", refused else", ", dropped"


def lost(found, senders):
    """What did not come, in all and by WHERE."""
    refused, stalled = total(found, "refused", senders), total(found, "stalled", senders)
    all_ = total(found, "sent", senders) - total(found, "came", senders)
    return all_, stalled, refused - stalled, all_ - refused


def noisy(one):
    hog_alone, victims_alone, quiet, loud = measure(one)
    hog, others = slice(1), slice(1, None)
    now, before = lost(loud, others), lost(quiet, others)
    work = rate(loud, senders=hog) / hog_alone + rate(loud, senders=others) / victims_alone
    return [
        row(CASE, "the hog alone", "packets/s", hog_alone),
        row(CASE, "the others alone", "packets/s", victims_alone),
        row(CASE, "offered by the hog", "of a core", rate(loud, "sent", hog) / hog_alone),
        row(CASE, "lost by the others", "packets", now[0] - now[1], target="weft <= 0"),
        *(row(CASE, f"of theirs{where}", "packets", n, "without the hog", was)
          for where, n, was in list(zip(WHERE, now, before))[1:]),
        row(CASE, "their p50 delay", "us", worst(loud, 0, others), "without the hog",
            worst(quiet, 0, others)),
        row(CASE, "their p99 delay", "us", worst(loud, 1, others), "without the hog",
            worst(quiet, 1, others), "ratio <= 3"),
        row(CASE, "their p99.9 delay", "us", worst(loud, 2, others), "without the hog",
            worst(quiet, 2, others)),
        row(CASE, "forwarded in all", "of a core", work, target="weft >= 0.9")]


@contextlib.contextmanager
def room():
    """A directory, two cores, memory for both programs."""
    with (tempfile.TemporaryDirectory(prefix="weft-perf-") as directory, cores() as cpus,
          Cleanup() as stack):
        stack.enter_context(HugePages(MEMORY_MIB + TRAFFIC_MIB))
        yield pathlib.Path(directory), cpus
    say("")


@contextlib.contextmanager
def bed(vnets):
    with room() as (directory, cpus), Vnets(directory, cpus, vnets) as one:
        yield one


def run(accel, wanted):
    wanted([CASE])
    table = routes.small(4)
    with bed([Vnet(1, table, HOPS, vlan=1, lans=True),
              *(Vnet(i, table, VICTIM_HOPS, vlan=i) for i in range(2, VICTIMS + 2))]) as one:
        return noisy(one)
