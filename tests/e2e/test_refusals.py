# SPDX-License-Identifier: Apache-2.0
"""Wrong topologies: one line that says file, line and what to do; nothing is left behind."""
import pathlib
import re

import pytest

from weft import SRC, assert_nothing_left

BAD = sorted((SRC / "tests/topologies/bad").glob("*.yml"))


def test_there_are_enough():
    assert len(BAD) >= 30


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.name)
def test_refused(weft, path):
    done = weft.deploy(path, status=None)
    assert done.returncode == 3
    errors = [line for line in done.stderr.splitlines() if "warning:" not in line]
    assert len(errors) == 1 and not done.stdout
    assert re.search(rf"{re.escape(str(path))}:\d+: .", errors[0]), errors[0]
    assert_nothing_left()


def test_impossible_here(weft, tmp_path):
    """Right as a topology, but its image was never built: known before anything is started."""
    path = pathlib.Path(tmp_path / "x.clab.yml")
    path.write_text("name: x\ntopology:\n  nodes:\n    r1: {kind: linux, image: frr}\n")
    import subprocess
    from weft import BIN, ENV
    env = dict(ENV, WEFT_STATE=str(tmp_path / "state"))
    done = subprocess.run([BIN / "weft", "deploy", path], env=env, capture_output=True, text=True)
    try:
        assert done.returncode in (1, 3)
        assert "weft image build" in done.stderr
    finally:
        subprocess.run([BIN / "weft", "destroy", "--all"], env=env, check=True, capture_output=True)
    assert_nothing_left()
