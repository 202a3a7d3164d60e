# SPDX-License-Identifier: Apache-2.0
"""Deploying an edited file changes only what differs."""
import shutil

import pytest

from weft import SRC, Ping, await_true


@pytest.fixture(scope="module")
def lab(weft, tmp_path_factory):
    path = tmp_path_factory.mktemp("lab")
    shutil.copytree(SRC / "configs/twins", path, dirs_exist_ok=True)
    weft.deploy(path / "red.clab.yml")
    weft.await_ping("red", "h1", "10.0.3.10")
    return path


def edit(path, *changes):
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)


def test_another_host(weft, lab):
    """A host and a link come; the routers' guests stay, also the one that got a port."""
    pids = {r: weft.node("red", r)["pid"] for r in ("r1", "r2", "r3")}
    edit(lab / "red.clab.yml",
         ("  links:\n", "    h3:\n      image: alpine\n      exec: [ip addr add 10.0.9.9/24 dev eth1]\n  links:\n"),
         ('["r3:eth3", "h2:eth1"]\n', '["r3:eth3", "h2:eth1"]\n    - endpoints: ["r2:eth3", "h3:eth1"]\n'))
    ping = Ping(weft, "red", "h1", "10.0.3.10")
    weft.deploy(lab / "red.clab.yml")
    sent, received = ping.stop()
    assert sent == received  # by r1 and r3, which are not touched
    now = {r: weft.node("red", r)["pid"] for r in ("r1", "r2", "r3")}
    assert now == pids
    assert "10.0.9.9/24" in weft.exec("red", "h3", "ip", "-4", "addr", "show", "dev", "eth1")


def test_a_changed_configuration(weft, lab):
    """Only the router whose file changed begins anew."""
    pids = {r: weft.node("red", r)["pid"] for r in ("r1", "r2", "r3")}
    edit(lab / "red/r2/frr.conf", ("10.255.0.2/32", "10.255.0.22/32"))
    weft.deploy(lab / "red.clab.yml")
    now = {r: weft.node("red", r)["pid"] for r in ("r1", "r2", "r3")}
    assert now["r1"] == pids["r1"] and now["r3"] == pids["r3"] and now["r2"] != pids["r2"]
    await_true("r1 learns it", 60, lambda: "10.255.0.22/32" in weft.routes("red", "r1"))


def test_a_wrong_edit_changes_nothing(weft, lab):
    pids = {r: weft.node("red", r)["pid"] for r in ("r1", "r2", "r3")}
    good = (lab / "red.clab.yml").read_text()
    edit(lab / "red.clab.yml", ('["r1:eth1", "r2:eth1"]', '["r1:eth1", "r9:eth1"]'))
    assert weft.deploy(lab / "red.clab.yml", status=3).stderr.count("\n") == 1
    (lab / "red.clab.yml").write_text(good)
    assert pids == {r: weft.node("red", r)["pid"] for r in ("r1", "r2", "r3")}


def test_a_node_goes(weft, lab):
    edit(lab / "red.clab.yml", ("    h3:\n      image: alpine\n      exec: [ip addr add 10.0.9.9/24 dev eth1]\n", ""),
         ('    - endpoints: ["r2:eth3", "h3:eth1"]\n', ""))
    weft.deploy(lab / "red.clab.yml")
    assert "h3" not in {n["name"] for n in weft.json("inspect", "red")["nodes"]}
    import os
    assert not os.path.exists("/run/netns/weft-red-h3")
    weft.await_ping("red", "h1", "10.0.3.10")
