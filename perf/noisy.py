# SPDX-License-Identifier: Apache-2.0
"""What a vnet notices of another that asks for far more than the engine can do."""
import dataclasses

from perf import memif, routes
from perf.engine import Vnet
from perf.lab import LabError, say
from perf.memif import lost, rate, total, worst
from perf.rows import row

VICTIMS, VICTIM_HOPS, HOPS = 16, 8, 100
TIMES = 10  # what the hog offers, of what a core can do
TURNS = 12
CASE = f"a hog and {VICTIMS} vnets at half their share"
HOG, OTHERS = range(1), range(1, VICTIMS + 1)  # senders
WITHOUT = "without the hog"


@dataclasses.dataclass
class Turn:
    """What the core can do, in frames a second, and what came of half their share just before, with,
    and just after the hog."""
    hog_alone: float
    others_alone: float
    before: dict
    loud: dict
    after: dict

    def counts(self):
        """The core has been fast enough for half their share."""
        return not any(lost(quiet, _slice(OTHERS))[0] for quiet in (self.before, self.after))

    def quiet(self, what):
        return (what(self.before) + what(self.after)) / 2

    def work(self):
        """Parts of a core."""
        return (rate(self.loud, senders=_slice(HOG)) / self.hog_alone +
                rate(self.loud, senders=_slice(OTHERS)) / self.others_alone)


def _slice(senders):
    return slice(senders.start, senders.stop)


def turns(one):
    say("noisy: what the core can do")
    hog, others = (memif.alone(one, senders) for senders in (HOG, OTHERS))
    for i in range(TURNS):
        say(f"noisy: {i + 1} of {TURNS}")
        hog, others = memif.again(one, HOG, hog), memif.again(one, OTHERS, others)
        half = [others / (VICTIMS + 1) / 2] * VICTIMS
        yield Turn(hog, others, *(one.send([offered, *half], 1) for offered in (0, TIMES * hog, 0)))


def noisy(one):
    found = list(turns(one))
    good = [t for t in found if t.counts()]
    if not good:
        raise LabError(f"noisy: in none of {TURNS} turns was the core fast enough without the hog")
    others = _slice(OTHERS)

    def losses(some):
        """By memif.WHERE: of all of these turns, with the hog and without it."""
        return [(sum(lost(t.loud, others)[i] for t in some),
                 sum(t.quiet(lambda quiet: lost(quiet, others)[i]) for t in some))
                for i in range(len(memif.WHERE))]

    def delays(name, part, target=None):
        return row(CASE, f"their {name} delay", "us", [worst(t.loud, part, others) for t in good],
                   WITHOUT, [t.quiet(lambda quiet: worst(quiet, part, others)) for t in good],
                   target)

    judged, rest = losses(good), losses([t for t in found if not t.counts()])
    return [
        row(CASE, "the hog alone", "packets/s", [t.hog_alone for t in found]),
        row(CASE, "the others alone", "packets/s", [t.others_alone for t in found]),
        row(CASE, "offered by the hog", "of a core",
            [rate(t.loud, "sent", _slice(HOG)) / t.hog_alone for t in found]),
        row(CASE, "turns that count", f"of {TURNS}", len(good)),
        row(CASE, "sent by the others", "packets", sum(total(t.loud, "sent", others) for t in good)),
        row(CASE, "lost by the others", "packets", judged[0][0] - judged[1][0], target="weft <= 0"),
        *(row(CASE, f"of theirs{where}", "packets", n)
          for where, (n, _) in list(zip(memif.WHERE, judged))[1:]),
        row(CASE, "lost in turns that do not count", "packets", rest[0][0], WITHOUT, rest[0][1]),
        delays("p50", 0),
        delays("p99", 1, "ratio <= 3"),
        delays("p99.9", 2),
        row(CASE, "forwarded in all", "of a core", [t.work() for t in good], target="weft >= 0.9")]


def run(accel, wanted):
    wanted([CASE])
    table = routes.small(4)
    with memif.bed([Vnet(1, table, HOPS, vlan=1, lans=True),
                    *(Vnet(i, table, VICTIM_HOPS, vlan=i) for i in range(2, VICTIMS + 2))]) as one:
        return noisy(one)
