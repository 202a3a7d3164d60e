# SPDX-License-Identifier: Apache-2.0
"""Routers start in turn, links rise together, and what has risen stays up whatever is killed."""
import time

import pytest

from weft import await_true, kill


def write(tmp_path, routers, pairs):
    """Routers joined by pairs, and h1 at the first of them. They boot: that takes long enough to see
    what is true meanwhile."""
    (tmp_path / "frr.conf").write_text("".join(
        f"interface eth{i}\n ip ospf area 0\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n"
        for i in range(1, 5)) + "router ospf\n")
    nodes = "".join(f"    r{i}: {{kind: linux, image: frr, startup-config: frr.conf, weft: {{boot: cold}}}}\n"
                    for i in routers)
    used = {}

    def end(i):
        used[i] = used.get(i, 0) + 1
        return f"r{i}:eth{used[i]}"

    links = "".join(f"    - endpoints: ['{end(a)}', '{end(b)}']\n" for a, b in pairs)
    links += f"    - endpoints: ['{end(routers[0])}', 'h1:eth1']\n"
    path = tmp_path / "bring.clab.yml"
    path.write_text("name: bring\ntopology:\n  nodes:\n" + nodes +
                    "    h1: {kind: linux, image: alpine, exec: [ip addr add 10.0.0.2/24 dev eth1, "
                    "ip -6 addr add fd00::2/64 dev eth1 nodad, ip route add default via 10.0.0.1, "
                    "ip -6 route add default via fd00::1]}\n"
                    f"  links:\n{links}")
    return path


def states(weft):
    return {n["name"]: n["state"] for n in weft.json("inspect", "bring")["nodes"]}


def risen(weft):
    return {link["a"] + "," + link["b"]: link["risen"]
            for link in weft.json("inspect", "bring")["links"]}


def carrier(weft, node, port):
    return weft.exec("bring", node, "cat", f"/sys/class/net/{port}/carrier").strip() == "1"


@pytest.fixture(autouse=True)
def clean(weft):
    yield
    weft.run("destroy", "bring", status=None)


def test_links_rise_together_and_over_a_killed_weftd(weft, tmp_path):
    path = write(tmp_path, [1, 2], [(1, 2)])
    weft.deploy(path, "--no-wait")
    assert weft.json("inspect", "bring")["state"] == "deploying"
    assert states(weft)["r1"] in ("waiting", "booting")
    await_true("the host's lines have run", 20, lambda: states(weft)["h1"] == "ready")
    assert not carrier(weft, "h1", "eth1")
    assert not any(risen(weft).values())
    await_true("a guest boots", 20, lambda: "booting" in states(weft).values())
    kill(weft.daemon_pid())
    weft.deploy(path, "--no-wait")  # starts a weftd, which goes on with the guests
    seen = set()

    def all_risen():
        vnet = weft.json("inspect", "bring")
        up = [link["risen"] for link in vnet["links"]]
        seen.add(tuple(up))
        assert vnet["state"] != "running" or all(up)
        assert not any(up) or all(n["state"] in ("ready", "agent") for n in vnet["nodes"])
        return all(up)

    await_true("links rise", 240, all_risen)
    assert seen == {(False, False), (True, True)}
    weft.deploy(path)
    vnet = weft.json("inspect", "bring")
    assert vnet["state"] == "running" and [n.get("restarts", 0) for n in vnet["nodes"]] == [0, 0, 0]
    assert carrier(weft, "h1", "eth1") and carrier(weft, "r1", "eth1") and carrier(weft, "r2", "eth1")
    routes = weft.exec("bring", "h1", "sh", "-c", "ip route; ip -6 route")
    assert "default via 10.0.0.1" in routes and "default via fd00::1" in routes
    assert "linkdown" not in routes

    # A guest that ends, and a weftd after it, take nobody's carrier away.
    changes = weft.exec("bring", "r1", "cat", "/sys/class/net/eth1/carrier_changes")
    pid = weft.node("bring", "r2")["pid"]
    kill(pid)
    await_true("another guest", 20, lambda: weft.node("bring", "r2")["pid"] not in (pid, None))
    assert all(risen(weft).values()) and carrier(weft, "r1", "eth1")
    kill(weft.daemon_pid())
    weft.deploy(path, "--no-wait")
    assert all(risen(weft).values())
    weft.deploy(path)
    assert weft.exec("bring", "r1", "cat", "/sys/class/net/eth1/carrier_changes") == changes

    # A router that comes: its link waits for it, and those of the router that it comes to stay.
    path = write(tmp_path, [1, 2, 3], [(1, 2), (2, 3)])
    weft.deploy(path, "--no-wait")
    assert risen(weft) == {"r1:eth1,r2:eth1": True, "r2:eth2,r3:eth1": False, "r1:eth2,h1:eth1": True}
    weft.deploy(path)
    assert all(risen(weft).values())
    assert weft.exec("bring", "r1", "cat", "/sys/class/net/eth1/carrier_changes") == changes


def test_who_fails_holds_up_its_own_links_alone(weft, tmp_path):
    path = write(tmp_path, [1, 2], [(1, 2)])
    weft.deploy(path, "--no-wait")
    await_true("both boot", 20, lambda: all(states(weft)[r] == "booting" for r in ("r1", "r2")))
    kill(weft.node("bring", "r2")["pid"])
    end = time.monotonic() + 60
    while not all(s == "ready" for n, s in states(weft).items() if n != "r2"):
        assert time.monotonic() < end + 120
        if weft.node("bring", "r2")["pid"] and states(weft)["r2"] != "ready" and \
                states(weft)["r1"] != "ready":
            kill(weft.node("bring", "r2")["pid"])
        time.sleep(0.3)
    await_true("h1's link rises", 10, lambda: risen(weft)["r1:eth2,h1:eth1"])
    if states(weft)["r2"] != "ready":
        assert not risen(weft)["r1:eth1,r2:eth1"]
    await_true("and then the other", 240, lambda: all(risen(weft).values()))
