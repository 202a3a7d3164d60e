# SPDX-License-Identifier: Apache-2.0
"""Links of the real weft-dp that delay, lose, copy: its two hosts are socket pairs, nobody else
wakes its worker."""
import time

import dp_client as dp
import pytest

A, B = "02:aa:00:00:00:01", "02:aa:00:00:00:02"
FRAMES = 200


class Pair:
    """Two hosts and a link, ids 1 and 2."""

    def __init__(self, engine):
        self.c, self.a, self.b = engine.client, dp.Wire(), dp.Wire()
        self.c.do(dp.vnet(1), dp.node(1, 1, dp.HOST), dp.node(2, 1, dp.HOST),
                  dp.port(1, 1, dp.DGRAM, dp.HAS_FD, mac_=A),
                  dp.port(2, 2, dp.DGRAM, dp.HAS_FD, mac_=B), dp.link(1, 1, 2),
                  fds=[self.a.fd(), self.b.fd()])

    def send(self, number):
        self.a.send(dp.eth(B, A, 0x88b5, number.to_bytes(4, "big") + bytes(50)))

    def recv(self):
        return int.from_bytes(self.b.recv()[14:18], "big")

    def stats(self, port=1):
        return self.c.ports(port)[port]


@pytest.fixture
def pair(engine):
    return Pair(engine)


def test_a_delayed_frame_wakes_the_worker(engine, pair):
    pair.c.do(dp.impair(1, 1, delay_ns=1_000_000_000), dp.impair(1, 2, delay_ns=200_000_000))
    cpu, start = engine.cpu(), time.monotonic()
    pair.send(7)
    assert pair.recv() == 7
    assert time.monotonic() - start >= 1
    assert engine.cpu() - cpu < 0.5, "it did not sleep meanwhile"
    start = time.monotonic()
    pair.b.send(dp.eth(A, B, 0x88b5, bytes(50)))
    pair.a.recv()
    assert time.monotonic() - start >= 0.2


def test_the_next_one_may_be_due_sooner(pair):
    """A worker that sleeps until the first frame's time hears of one that is due before it."""
    pair.c.do(dp.impair(1, 1, delay_ns=4_000_000_000))
    start = time.monotonic()
    pair.send(1)
    while not pair.stats()["on_wire"]:
        assert time.monotonic() - start < 4
    pair.c.do(dp.impair(1, 1, delay_ns=10_000_000))
    pair.send(2)
    assert pair.recv() == 2
    assert time.monotonic() - start < 4
    assert pair.recv() == 1
    assert time.monotonic() - start >= 4


def test_the_same_seed_loses_the_same(pair):
    def came(seed):
        before = pair.stats()
        pair.c.do(dp.impair(1, 1))
        pair.c.do(dp.impair(1, 1, seed=seed, loss=0.2, delay_ns=1_000_000))
        for i in range(FRAMES):
            pair.send(i)
        deadline = time.monotonic() + 5
        while True:
            now = pair.stats()
            lost = now["drops"]["loss"] - before["drops"]["loss"]
            if now["tx"] - before["tx"] == FRAMES and not now["on_wire"]:
                break
            assert time.monotonic() < deadline, now
            time.sleep(0.01)
        numbers = [pair.recv() for _ in range(FRAMES - lost)]
        assert numbers == sorted(numbers) and pair.b.silent()
        return numbers

    first = came(1)
    assert 0.7 * FRAMES < len(first) < 0.9 * FRAMES
    assert came(1) == first
    assert came(2) != first


def test_refused(pair):
    for wrong in (dp.impair(1, 3, loss=0.1), dp.impair(2, 1, loss=0.1), dp.impair(1, 1, loss=1.1),
                  dp.impair(1, 1, jitter_ns=1)):
        with pytest.raises(dp.Refused, match="link"):
            pair.c.do(wrong)
