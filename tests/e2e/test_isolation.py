# SPDX-License-Identifier: Apache-2.0
"""No frame of red is ever seen in blue, whatever red sends, from a host or from inside a guest."""
import concurrent.futures
import re

import pytest

from weft import BIN, SRC, await_true

BLAST = str(BIN / "blast")
KINDS = ["random", "spoof-mac", "spoof-source", "vlan", "broadcast"]
EARS = ["h1", "h2", "r1", "r2", "r3"]
COUNT = 100_000


@pytest.fixture(scope="module", autouse=True)
def twins(weft):
    for vnet in ("red", "blue"):
        weft.deploy(SRC / f"configs/twins/{vnet}.clab.yml", "--no-wait")
    for vnet in ("red", "blue"):
        weft.deploy(SRC / f"configs/twins/{vnet}.clab.yml")
        weft.await_ping(vnet, "h1", "10.0.3.10")
    for vnet, node in (("red", "r1"), ("red", "r2"), *(("blue", n) for n in EARS)):
        if node[0] == "r":
            weft.put(vnet, node, BLAST, "/tmp/blast")


def blast(node):
    return "/tmp/blast" if node[0] == "r" else BLAST


class Ears:
    """Listens to every interface of every node of a vnet."""

    def __init__(self, weft, vnet, nodes):
        self.weft, self.vnet = weft, vnet
        self.processes = {n: weft.popen(vnet, n, blast(n), "listen", "200") for n in nodes}
        self.pids = {n: p.stderr.readline().split()[1] for n, p in self.processes.items()}

    def heard(self):
        """node -> (marked frames, all frames)"""
        for node, pid in self.pids.items():
            self.weft.exec(self.vnet, node, "sh", "-c", f"kill {pid}")
        result = {}
        for node, process in self.processes.items():
            out, err = process.communicate(timeout=30)
            found = re.search(r"(\d+) of (\d+)", out)
            assert found, (node, out, err)
            result[node] = tuple(map(int, found.groups()))
        return result


@pytest.mark.parametrize("source", ["h1", "r1"])
def test_nothing_crosses(weft, source):
    """The same frames are heard in red (so the ears work), and never in blue."""
    blue = Ears(weft, "blue", EARS)
    red = Ears(weft, "red", ["r1"] if source == "h1" else ["r2"])
    before = weft.counters("blue")
    port = "eth1"  # of red's h1, to r1; of red's r1, to r2
    # To the next hop's own MAC, so that routers take the packets for theirs and forward them.
    target = weft.port("red", "r1", "eth3")["mac"] if source == "h1" else weft.port("red", "r2", "eth1")["mac"]
    share = COUNT // (2 * len(KINDS))
    sent = 0
    for seed, kind in enumerate(KINDS):
        for to in ([], [target]):
            out = weft.exec("red", source, blast(source), "send", port, kind, str(share), str(seed), *to)
            sent += int(out)
    assert sent == share * 2 * len(KINDS)
    counters = weft.counters("red")
    heard_red, heard_blue = red.heard(), blue.heard()
    print(f"{sent} sent; red heard {heard_red}, blue heard {heard_blue}")
    assert sum(marked for marked, _ in heard_red.values()) > 0
    for node, (marked, frames) in heard_blue.items():
        assert marked == 0, node
        assert frames > 0 or node[0] == "h"  # hellos and keepalives: the ear was open
    # Nor is it in blue's counters: what blue did in the meantime is its own control traffic.
    after = weft.counters("blue")
    assert after["forwarded"] - before["forwarded"] < 1000
    assert after["punted"] - before["punted"] < sent / 20 + 2000
    assert "isolation" not in after["drops"] and "isolation" not in counters["drops"]


def test_a_guest_cannot_borrow_a_mac(weft):
    """What a guest sends with another source MAC is dropped, and the drop has a name."""
    def dropped():
        return weft.port("red", "r1", "eth1")["drops"].get("source_mac", 0)
    before = dropped()
    weft.exec("red", "r1", "/tmp/blast", "send", "eth1", "spoof-mac", "500", "1")
    await_true("the drops are counted", 10, lambda: dropped() - before >= 500)


def test_red_still_works(weft):
    """After all that."""
    for vnet in ("red", "blue"):
        for address in ("10.0.3.10", "fd00:3::10"):
            weft.await_ping(vnet, "h1", address, seconds=30)


def test_many_at_once(weft):
    """Both hosts of red send while blue pings: blue loses nothing to red's flood of names."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        flood = [pool.submit(weft.exec, "red", h, BLAST, "send", "eth1", "broadcast", "20000", "7")
                 for h in ("h1", "h2")]
        assert weft.pings("blue", "h1", "10.0.3.10")
        for f in flood:
            f.result()
    weft.await_ping("blue", "h1", "fd00:3::10", seconds=10)
