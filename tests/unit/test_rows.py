# SPDX-License-Identifier: Apache-2.0
"""perf/rows.py: what is reported of figures, and whether a target holds."""
import os
import sys

import pytest

sys.path.insert(1, os.environ["WEFT_SRC"])

from perf.rows import all_hold, row, table  # noqa: E402


@pytest.mark.parametrize("target, holds", [
    (None, None), ("weft <= 2", True), ("weft >= 2.5", False), ("ratio <= 0.5", True),
    ("ratio >= 0.6", False)])
def test_single_figures(target, holds):
    r = row("case", "metric", "s", 2, "peer", 4, target)
    assert (r["weft"], r["peer_value"], r["ratio"], r["min"], r["max"]) == (2, 4, 0.5, None, None)
    assert r["holds"] is holds
    assert all_hold([r]) is (holds is not False)
    assert " min " not in table([r])


def test_a_ratio_is_of_rounds():
    """Of the machine's slow round, too: the ratio of the medians would be 4."""
    r = row("case", "metric", "s", [8, 2, 10], "peer", [2, 1, 5], "ratio <= 2")
    assert (r["weft"], r["peer_value"], r["ratio"]) == (8, 2, 2)
    assert (r["min"], r["max"], r["holds"]) == (2, 4, True)
    assert " min " in table([r])


def test_rounds_without_a_peer():
    r = row("case", "metric", "s", [3, 1, 2], target="weft >= 2")
    assert (r["weft"], r["ratio"], r["min"], r["max"], r["holds"]) == (2, None, 1, 3, True)


def test_rounds_come_in_pairs():
    with pytest.raises(ValueError):
        row("case", "metric", "s", [1, 2], "peer", [1])


def test_no_ratio_holds_no_target():
    assert row("case", "metric", "s", 2, target="ratio <= 9")["holds"] is False
