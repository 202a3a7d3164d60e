# SPDX-License-Identifier: Apache-2.0
"""A running lab (OSPF) is edited: routers and links come, move and go, and who stays notices nothing."""
import os
import shutil

import pytest

from weft import SRC, Ping, await_true, kill

ROUTER = """
    {name}:
      image: quay.io/frrouting/frr:8.4.1
      binds: ["red/{name}/frr.conf:/etc/frr/frr.conf", "red/r1/daemons:/etc/frr/daemons",
              "red/r1/vtysh.conf:/etc/frr/vtysh.conf"]"""
HOST = """
    {name}:
      image: alpine
      exec: [{exec}]"""
INTERFACE = """interface {name}
 ip address {address}
 ip ospf area 0
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
exit
"""
R4 = """hostname r4
interface lo
 ip address 10.255.0.4/32
 ip ospf area 0
exit
""" + INTERFACE.format(name="eth1", address="10.0.24.2/30") + """router ospf
 ospf router-id 10.255.0.4
 timers throttle spf 0 50 500
 timers lsa min-arrival 0
exit
"""


class Lab:
    """A topology file, of which parts come and go."""

    def __init__(self, weft, path):
        self.weft, self.path, self.file = weft, path, path / "red.clab.yml"
        self.routers = ["r1", "r2", "r3"]
        self.hosts = {"h1": "ip addr add 10.0.1.10/24 dev eth1, ip route add default via 10.0.1.1",
                      "h2": "ip addr add 10.0.3.10/24 dev eth1, ip route add default via 10.0.3.1"}
        self.links = ["r1:eth1 r2:eth1", "r1:eth2 r3:eth1", "r2:eth2 r3:eth2", "r1:eth3 h1:eth1",
                      "r3:eth3 h2:eth1"]
        self.top = ""

    def write(self):
        nodes = "".join(ROUTER.format(name=r) for r in self.routers)
        nodes += "".join(HOST.format(name=h, exec=e) for h, e in self.hosts.items())
        links = "".join('\n    - endpoints: ["{}", "{}"]'.format(*link.split()) for link in self.links)
        self.file.write_text(f"name: red\n{self.top}topology:\n  defaults: {{kind: linux}}\n  nodes:{nodes}\n"
                             f"  links:{links}\n")
        return self.file

    def plan(self):
        return self.weft.json("deploy", self.write(), "--dry-run")

    def deploy(self, *args, **kw):
        return self.weft.deploy(self.write(), *args, **kw)

    def lives(self):
        """What a node that is begun anew would have others of."""
        vnet = self.weft.json("inspect", "red")
        lives = {n["name"]: (n["pid"], n["restarts"]) for n in vnet["nodes"] if n["kind"] == "router"}
        return lives | {h: (os.stat(f"/run/netns/weft-red-{h}").st_ino, 0) for h in self.hosts
                        if h in {n["name"] for n in vnet["nodes"]}}


@pytest.fixture(scope="module")
def lab(weft, tmp_path_factory):
    path = tmp_path_factory.mktemp("lab")
    shutil.copytree(SRC / "configs/twins", path, dirs_exist_ok=True)
    # Interfaces that there are no links for yet: the same subnet at two routers, one of which has it.
    for router, name in (("r2", "eth3"), ("r3", "eth4")):
        conf = path / f"red/{router}/frr.conf"
        conf.write_text(conf.read_text() + INTERFACE.format(name=name, address="10.0.24.1/30"))
    (path / "red/r4").mkdir()
    (path / "red/r4/frr.conf").write_text(R4)
    red = Lab(weft, path)
    red.deploy()
    weft.deploy(path / "blue.clab.yml")
    weft.await_ping("red", "h1", "10.0.3.10")
    weft.await_ping("blue", "h1", "10.0.3.10")
    weft.await_costs("red", "r1", "r2", "r3")
    return red


def carriers(weft, node):
    """How often the carrier of each interface has come or gone, as the guest saw it."""
    lines = weft.exec("red", node, "sh", "-c", "grep -H . /sys/class/net/eth*/carrier_changes").split()
    return {line.split("/")[4]: int(line.split(":")[1]) for line in lines}


@pytest.fixture
def untouched(weft, lab):
    """Numbered echoes between hosts that stay, here and in another vnet, lose nothing meanwhile, and a
    router whose links stay sees no other carrier."""
    pings = [Ping(weft, vnet, "h1", "10.0.3.10") for vnet in ("red", "blue")]
    before, carrier = lab.lives(), carriers(weft, "r1")
    yield
    for ping in pings:
        sent, received = ping.stop()
        print(f"{received} of {sent} echoes")
        assert sent == received
    assert carriers(weft, "r1") == carrier
    after = lab.lives()
    assert {n: after[n] for n in before if n in after} == {n: before[n] for n in before if n in after}


def via(weft, node, prefix):
    """The ports that a route leaves by."""
    route = weft.routes("red", node).get(prefix)
    return {hop["port"] for hop in route["via"]} if route else set()


def test_a_plan_changes_nothing(weft, lab, untouched):
    nothing = lab.plan()
    assert not nothing["nodes"] and not nothing["links"] and nothing["kept"] == {"nodes": 5, "links": 5}
    assert nothing["weight"] is None and not nothing["new"]
    links, lab.links = lab.links, lab.links + ["r2:eth3 r4:eth1"]
    lab.routers.append("r4")
    plan = lab.plan()
    assert {n["name"]: (n["change"], n["why"]) for n in plan["nodes"]} == {
        "r2": ("change", None), "r4": ("add", None)}
    r2 = next(n for n in plan["nodes"] if n["name"] == "r2")
    assert r2["ports"] == [{"name": "eth3", "change": "add"}] and r2["spare_nics"] == 3
    assert plan["links"] == [{"a": "r2:eth3", "b": "r4:eth1", "change": "add", "from": None}]
    text = weft.run("deploy", lab.file, "--dry-run").stdout
    assert text == ("red: 4 nodes and 5 links stay as they are\n  ~ router r2 +eth3 (3 spare NICs are left)\n"
                    "  + router r4\n  + link r2:eth3 - r4:eth1\n")
    assert {n["name"] for n in weft.json("inspect", "red")["nodes"]} == {"r1", "r2", "r3", "h1", "h2"}
    lab.links = links
    lab.routers.remove("r4")


def test_a_router_comes(weft, lab, untouched):
    lab.routers.append("r4")
    lab.links.insert(1, "r2:eth3 r4:eth1")  # where in the file it stands makes no difference
    lab.deploy()
    await_true("r1 learns of r4", 60, lambda: via(weft, "r1", "10.255.0.4/32") == {"eth1"})
    weft.await_ping("red", "h1", "10.255.0.4")
    await_true("r2 forwards to it", 30, lambda: via(weft, "r2", "10.255.0.4/32") == {"eth3"})
    assert weft.node("red", "r2")["spare_nics"] == 3
    assert "eth3" in weft.exec("red", "r2", "ip", "-br", "link", "show", "up")


def test_a_link_moves(weft, lab, untouched):
    lab.links[1] = "r3:eth4 r4:eth1"
    plan = lab.plan()
    assert plan["links"] == [{"a": "r3:eth4", "b": "r4:eth1", "change": "move",
                              "from": {"a": "r2:eth3", "b": "r4:eth1"}}]
    assert {n["name"]: n["change"] for n in plan["nodes"]} == {"r2": "change", "r3": "change"}
    before = carriers(weft, "r4")["eth1"]
    lab.deploy()
    assert carriers(weft, "r4")["eth1"] == before + 2  # its guest has seen that the link is another one
    await_true("r1 finds r4 behind r3", 60, lambda: via(weft, "r1", "10.255.0.4/32") == {"eth2"})
    weft.await_ping("red", "h1", "10.255.0.4")
    links = weft.exec("red", "r2", "ip", "-br", "link")
    assert "eth3" not in links and links.count("spare+") == 4
    assert "10.0.24.1" not in weft.exec("red", "r2", "ip", "addr")
    assert weft.node("red", "r2")["spare_nics"] == 4


def test_a_port_that_comes_back(weft, lab, untouched):
    """FRR still knows what it was configured as."""
    lab.links[1] = "r2:eth3 r4:eth1"
    lab.deploy()
    await_true("r1 finds r4 behind r2 again", 60, lambda: via(weft, "r1", "10.255.0.4/32") == {"eth1"})


def test_a_restart_keeps_links(weft, lab):
    """r2 has a NIC that was a spare one, and the engine goes on with it."""
    before = lab.lives()
    ping = Ping(weft, "red", "h1", "10.0.3.10")
    weft.run("restart", "red", "r2")
    await_true("r2 begins anew", 60, lambda: lab.lives()["r2"][0] not in (None, before["r2"][0]))
    risen = weft.json("inspect", "red")["links"]
    assert all(link["risen"] and link["up"] for link in risen)
    await_true("r2 is ready", 60, lambda: weft.node("red", "r2")["state"] == "ready")
    await_true("r1 finds r4 behind r2", 60, lambda: via(weft, "r1", "10.255.0.4/32") == {"eth1"})
    weft.await_ping("red", "h1", "10.255.0.4")
    assert weft.node("red", "r2")["spare_nics"] == 4
    sent, received = ping.stop()
    assert sent == received
    assert {n: life for n, life in lab.lives().items() if n != "r2"} == {
        n: life for n, life in before.items() if n != "r2"}


def test_hosts_get_and_lose_ports(weft, lab, untouched):
    lab.hosts["h3"] = "ip addr add 10.9.0.3/24 dev eth1"
    lab.links.append("h1:eth2 h3:eth1")
    lab.deploy()
    weft.exec("red", "h1", "ip", "addr", "add", "10.9.0.1/24", "dev", "eth2")
    weft.await_ping("red", "h1", "10.9.0.3")
    lab.links.remove("h1:eth2 h3:eth1")
    del lab.hosts["h3"]
    lab.deploy()
    assert "eth2" not in weft.exec("red", "h1", "ip", "-br", "link")


def test_weights(weft, lab, untouched):
    lab.top = "weft: {weight: 300, guarantee: 0.05 cores}\n"
    assert lab.plan()["weight"] == {"from": 100, "to": 300}
    assert weft.json("inspect", "red")["weight"] == 100
    lab.deploy()
    vnet = weft.json("inspect", "red")
    assert vnet["weight"] == 300 and vnet["guarantee_cores"] == 0.05


def test_what_is_refused_changes_nothing(weft, lab, untouched):
    good = lab.write().read_text()
    bad = good.replace("    r4:\n", "".join(f"    x{n}: {{image: frr, memory: 16GiB}}\n" for n in range(900)) +
                       "    r4:\n").replace('"r2:eth3"', '"r3:eth4"')
    for args in (["--dry-run"], []):
        lab.file.write_text(bad)
        assert "free" in weft.run("deploy", lab.file, *args, status=1).stderr
    assert not lab.plan()["nodes"] and not lab.plan()["links"]
    await_true("r1 still has the route", 30, lambda: via(weft, "r1", "10.255.0.4/32") == {"eth1"})


def test_killed_in_the_middle(weft, lab, untouched):
    """The next weftd finishes what this one has accepted."""
    lab.links[1] = "r3:eth4 r4:eth1"
    lab.deploy("--no-wait")
    kill(weft.daemon_pid())
    lab.deploy()
    await_true("r1 finds r4 behind r3", 60, lambda: via(weft, "r1", "10.255.0.4/32") == {"eth2"})
    weft.await_ping("red", "h1", "10.255.0.4")
    assert "eth3" not in weft.exec("red", "r2", "ip", "-br", "link")


def test_a_router_goes(weft, lab, untouched):
    lab.links.remove("r3:eth4 r4:eth1")
    lab.routers.remove("r4")
    lab.deploy()
    await_true("r1 forgets r4", 60, lambda: not via(weft, "r1", "10.255.0.4/32"))
    assert "r4" not in lab.lives() and weft.node("red", "r3")["spare_nics"] == 4


def test_more_than_there_are_spare_nics_for(weft, lab):
    """Only the router that has to begins anew, and the plan says so."""
    before = lab.lives()
    spare = weft.node("red", "r2")["spare_nics"]
    for i in range(spare + 1):
        lab.hosts[f"x{i}"] = "'true'"
        lab.links.append(f"r2:x{i} x{i}:eth1")
    plan = {n["name"]: n for n in lab.plan()["nodes"]}
    assert plan["r2"]["change"] == "restart" and plan["r2"]["why"] == f"no spare NIC is left for x{spare}"
    assert "! router r2 begins anew: no spare NIC is left for" in weft.run("deploy", lab.file, "--dry-run").stdout
    lab.deploy()
    after = lab.lives()
    assert after["r2"] != before["r2"]
    assert {n: after[n] for n in before if n != "r2"} == {n: before[n] for n in before if n != "r2"}
