# SPDX-License-Identifier: Apache-2.0
"""Links that delay and lose, between real hosts: from the topology and live, over the deaths of engine
and weftd, and the same each time."""
import json
import re

import pytest

from weft import PAIR, await_true, kill

TOPOLOGY = PAIR.replace("name: pair", "name: impair") + "      weft: {delay: 20ms}\n"
PINGS = 100


@pytest.fixture(scope="module")
def lab(weft, tmp_path_factory):
    path = tmp_path_factory.mktemp("lab") / "impair.clab.yml"
    path.write_text(TOPOLOGY)
    weft.deploy(path)
    weft.await_ping("impair", "h1", "10.0.0.2")
    return path


def rtts(weft, count=5):
    out = weft.exec("impair", "h1", "ping", "-n", "-i", "0.01", "-c", str(count), "-W", "1", "10.0.0.2",
                    status=None)
    return {int(n): float(ms) for n, ms in re.findall(r"icmp_seq=(\d+) ttl=\d+ time=([\d.]+) ms", out)}


def ways(weft):
    return {w["from"]: w for w in weft.json("link", "show", "impair")[0]["ways"]}


def test_the_file_delays(weft, lab):
    seen = rtts(weft).values()
    assert 40 <= min(seen) < 60, seen
    assert ways(weft)["h1:eth1"]["impair"] == {"delay": "20ms"}
    assert not ways(weft)["h1:eth1"]["live"]


def test_one_way(weft, lab):
    weft.run("link", "set", "impair", "h2:eth1", "--one-way", "delay", "100ms")
    seen = rtts(weft).values()
    assert 120 <= min(seen) < 140, seen
    assert ways(weft)["h2:eth1"]["live"] and not ways(weft)["h1:eth1"]["live"]
    out = weft.run("link", "show", "impair", "h1:eth1").stdout
    assert "delay 20ms" in out and "delay 100ms" in out


def test_survives_engine_weftd_and_deploy(weft, lab):
    def same():
        weft.await_ping("impair", "h1", "10.0.0.2")
        seen = rtts(weft).values()
        assert 120 <= min(seen) < 140, seen
        assert ways(weft)["h2:eth1"]["live"]

    engine = weft.engine_pid()
    kill(engine)
    await_true("another engine", 30, lambda: weft.engine_pid() not in (None, engine))
    same()
    kill(weft.daemon_pid())
    weft.deploy(lab)  # starts weftd
    same()


def test_turned_round(weft, lab):
    """Which end comes first in the file makes no difference, neither to what it says nor to what was set."""
    lab.write_text(TOPOLOGY.replace('["h1:eth1", "h2:eth1"]', '["h2:eth1", "h1:eth1"]'))
    assert not weft.json("deploy", "--dry-run", lab)["links"]
    weft.deploy(lab)
    assert ways(weft)["h2:eth1"]["live"] and not ways(weft)["h1:eth1"]["live"]
    assert 120 <= min(rtts(weft).values()) < 140
    lab.write_text(TOPOLOGY)
    weft.deploy(lab)


def test_clear_and_none(weft, lab):
    weft.run("link", "clear", "impair", "h1:eth1")
    seen = rtts(weft).values()
    assert 40 <= min(seen) < 60, seen
    weft.run("link", "set", "impair", "h1:eth1", "none")
    assert min(rtts(weft).values()) < 20
    assert ways(weft)["h1:eth1"]["impair"] == {} and ways(weft)["h1:eth1"]["live"]


def test_loss_is_counted_and_the_same_again(weft, lab):
    def lost():
        weft.run("link", "set", "impair", "h1:eth1", "none")
        before = ways(weft)["h1:eth1"]
        weft.run("link", "set", "impair", "h1:eth1", "--one-way", "loss", "20%", "seed", "3")
        seen = rtts(weft, PINGS)
        now = ways(weft)["h1:eth1"]
        assert now["sent"] - before["sent"] == PINGS
        assert now["lost"] - before["lost"] == PINGS - len(seen)
        return set(range(1, PINGS + 1)) - set(seen)

    # Nobody asks for neighbours: pings are all that is sent.
    for host, other, address in ("h1", "h2", "10.0.0.2"), ("h2", "h1", "10.0.0.1"):
        weft.exec("impair", host, "sysctl", "-w", "net.ipv6.conf.eth1.disable_ipv6=1")
        weft.exec("impair", host, "ip", "neigh", "replace", address, "lladdr",
                  weft.port("impair", other, "eth1")["mac"], "dev", "eth1")
    first = lost()
    assert 8 <= len(first) <= 35
    assert lost() == first


def test_scenario(weft, lab, tmp_path):
    """What it says happens, and its log says when: pings go on meanwhile."""
    (tmp_path / "s.yml").write_text("""
vnet: impair
steps:
  - 0s: link set h1:eth1 none
  - 1s: link down h1:eth1
  - 2s: link up h1:eth1
  - 2s: link set h1:eth1 delay 30ms
""")
    ping = weft.popen("impair", "h1", "ping", "-n", "-D", "-O", "-i", "0.05", "-c", "70", "-W", "1", "10.0.0.2")
    log = [json.loads(line) for line in weft.run("run", tmp_path / "s.yml").stdout.splitlines()]
    seen = [(float(t), float(ms)) for t, ms in
            re.findall(r"\[([\d.]+)\] 64 bytes .* time=([\d.]+) ms", ping.communicate(timeout=30)[0])]
    steps = log[1:]
    assert [s["at"] for s in steps] == [0, 1, 2, 2] and all(s["ok"] for s in steps)
    assert all(a["began"] <= b["began"] for a, b in zip(steps, steps[1:]))
    down, up, slow = (s["time"] + s["took"] for s in steps[1:])
    assert any(t < steps[1]["time"] for t, _ in seen)
    assert not [t for t, _ in seen if down + 0.05 < t < steps[2]["time"]]
    late = [ms for t, ms in seen if t > slow + 0.1]
    assert late and min(late) >= 60


def test_an_edited_file(weft, lab):
    weft.run("link", "clear", "impair", "h1:eth1")
    lab.write_text(TOPOLOGY.replace("weft: {delay: 20ms}", "weft: {}"))
    weft.deploy(lab)
    assert min(rtts(weft).values()) < 20
    assert ways(weft)["h1:eth1"]["impair"] == {}


def test_refusals(weft, lab):
    assert "is not a time" in weft.run("link", "set", "impair", "h1:eth1", "delay", "10", status=2).stderr
    assert "no link" in weft.run("link", "show", "impair", "h1:eth9", status=1).stderr
    await_true("the engine refuses nothing", 5, lambda: weft.json("inspect", "impair")["state"] == "running")
