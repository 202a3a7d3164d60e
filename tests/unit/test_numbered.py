# SPDX-License-Identifier: Apache-2.0
"""perf/numbered.py: what is lost, what is late, and how long nothing came."""
import os
import sys

import pytest

sys.path.insert(1, os.environ["WEFT_SRC"])

from perf.numbered import Numbered  # noqa: E402

STEP = 0.002


@pytest.fixture
def flow():
    """A hundred, which take nothing; none has come."""
    n = Numbered.__new__(Numbered)
    n.interval = STEP
    n.sent = [i * STEP for i in range(100)]
    n.received = {}
    return n


def test_all_come(flow):
    flow.received = dict(enumerate(flow.sent))
    assert flow.between(0, 100 * STEP) == (100, 0, pytest.approx(0))
    assert flow.between(10 * STEP, 20 * STEP)[0] == 10


def test_some_are_lost(flow):
    flow.received = {i: t for i, t in enumerate(flow.sent) if not 40 <= i < 50}
    sent, lost, silent = flow.between(0, 100 * STEP)
    assert (sent, lost) == (100, 10) and silent == pytest.approx(10 * STEP)


def test_some_are_late(flow):
    """They waited where nobody read them, and came at once: none is lost."""
    flow.received = {i: max(t, 50 * STEP) if i >= 40 else t for i, t in enumerate(flow.sent)}
    sent, lost, silent = flow.between(0, 100 * STEP)
    assert (sent, lost) == (100, 0) and silent == pytest.approx(10 * STEP)


def test_none_comes(flow):
    assert flow.between(0, 100 * STEP) == (100, 100, pytest.approx(99 * STEP))
