# SPDX-License-Identifier: Apache-2.0
"""The README's first command does its job and says so."""
import re
import subprocess

from weft import ENV, SRC


def test_quickstart(weft):
    done = subprocess.run([SRC / "quickstart"], env=ENV, stdin=subprocess.DEVNULL, timeout=550,
                          capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    for vnet in ("red", "blue"):
        assert f"and it says: I am h2 of {vnet}" in done.stdout
        found = re.search(rf"{vnet}: the link r1-r3 goes down; traffic goes by r2 after (\d+) ms", done.stdout)
        assert found and int(found.group(1)) < 5000
        assert re.search(rf"{vnet}: TCP from h1 to h2 for 1 s: [\d.]+ \S*bits/sec", done.stdout)
    assert "blue's h2 saw 0" in done.stdout
    # Both are left running, as it says.
    assert {v["name"]: v["state"] for v in weft.json("inspect")["vnets"]} == {"red": "running", "blue": "running"}
