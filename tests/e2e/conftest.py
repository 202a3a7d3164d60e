# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(1, str(pathlib.Path(__file__).parents[2]))  # perf.grid and the like


def pytest_collection_modifyitems(items):
    """Those that deploy say so by using the fixture; they need root."""
    for item in items:
        if "weft" in getattr(item, "fixturenames", ()) and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture(scope="module")
def weft():
    """An instance with nothing deployed; everything is removed afterwards, and that is checked."""
    import weft as tools
    with tools.instance() as w:
        yield w


@pytest.fixture(params=[1, 3], ids="{}w".format)
def engine(tmp_path, request):
    """An engine without weftd, of so many workers, spoken to by dp_client."""
    import dp_client
    e = dp_client.Engine(tmp_path, args=["--workers", str(request.param)])
    e.workers = request.param
    yield e
    code, log = e.stop()
    assert code == 0, log
    assert "ERROR: " not in log and "runtime error" not in log, log
