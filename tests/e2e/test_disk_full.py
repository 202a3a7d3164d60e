# SPDX-License-Identifier: Apache-2.0
"""The disk of weftd's state fills up: vnets go on, what does not fit is refused, and nothing is lost."""
import contextlib
import errno
import json
import subprocess

import pytest

from weft import ENV, PAIR, await_true, kill

SIZE = 8 << 20


@pytest.fixture
def disk(weft, tmp_path, monkeypatch):
    """A small one, for the state of an instance that is gone afterwards."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", tmp_path], check=True)
    monkeypatch.setitem(ENV, "WEFT_STATE", str(tmp_path))
    try:
        yield tmp_path
        weft.run("destroy", "--all")
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def fill(disk):
    with open(disk / "filler", "ab", 0) as f:
        with pytest.raises(OSError) as e:
            while True:
                f.write(bytes(4096))
    assert e.value.errno == errno.ENOSPC


def states(weft):
    return [(e["state"], e["why"]) for e in map(json.loads, weft.run(
        "events", "--no-follow", "--format", "json").stdout.splitlines()) if e["type"] == "store"]


def notes(weft):
    return [note for note in weft.json("inspect", "pair")["notes"] if "cannot be stored" in note]


def test_full(weft, disk, tmp_path_factory):
    lab = tmp_path_factory.mktemp("lab")
    (lab / "pair.clab.yml").write_text(PAIR)
    (lab / "large.clab.yml").write_text(PAIR.replace("name: pair", "name: large") +
                                        ("#" + 98 * "x" + "\n") * (SIZE // 400))
    weft.deploy(lab / "pair.clab.yml")
    fill(disk)

    # What is small has room: an operator can work, and a killed weftd's successor goes on.
    for _ in range(50):
        weft.run("link", "down", "pair", "h1:eth1")
        weft.run("link", "up", "pair", "h1:eth1")
    weft.run("link", "set", "pair", "h1:eth1", "delay", "1ms")
    kill(weft.daemon_pid())
    fill(disk)
    weft.deploy(lab / "pair.clab.yml")
    weft.await_ping("pair", "h1", "10.0.0.2")
    assert "1ms" in weft.run("link", "show", "pair").stdout
    assert not states(weft) and not notes(weft)

    # What is not is refused as a whole, and said.
    said = weft.deploy(lab / "large.clab.yml", status=1).stderr
    assert "database or disk is full" in said and said.count("\n") == 1
    vnets = weft.json("inspect")["vnets"]
    assert [(v["name"], v["state"]) for v in vnets] == [("pair", "running")]
    assert len(notes(weft)) == 1
    assert "disk is full" in weft.run("inspect", "pair").stdout
    await_true("the store tries again, and can", 30, lambda: states(weft) == [
        ("failing", "database or disk is full"), ("well", None)])  # what is small

    (disk / "filler").unlink()
    weft.deploy(lab / "large.clab.yml")
    weft.await_ping("large", "h1", "10.0.0.2")
    kill(weft.daemon_pid())
    weft.deploy(lab / "pair.clab.yml")
    assert {v["name"] for v in weft.json("inspect")["vnets"]} == {"pair", "large"}
    fill(disk)
    weft.run("destroy", "large")  # what fills it can go
    with contextlib.suppress(FileNotFoundError):
        (disk / "filler").unlink()
