# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))  # weft.py


@pytest.fixture(scope="module")
def weft():
    import weft as tools
    with tools.instance() as w:
        yield w
