# SPDX-License-Identifier: Apache-2.0
"""Physical ports: VLANs of an interface that several vnets and this machine's kernel share."""
import json
import os
import re
import subprocess

import pytest

import weft as tools
from outside import Outside, Sniffer, sh
from weft import await_true

INSIDE = f"wp{os.getpid() % 100000}"
OTHER = f"wq{os.getpid() % 100000}"
VLANS = (100, 200, 300)
KERNEL = "10.9.0.1"  # the interface's own address

PORTS = """
ports:
  p0: {interface: INSIDE, rate: 1Gbit}
"""
VNET = """
name: NAME
topology:
  nodes:
    h1: {kind: linux, image: alpine, exec: [ip addr add 10.0.0.1/24 dev eth1]}
  links:
    - endpoints: ["h1:eth1", "port:SLICE"]
"""


class Lab:
    def __init__(self, weft, path):
        self.weft, self.path = weft, path
        self.outside = Outside(INSIDE, VLANS)

    def ports(self, text):
        (self.path / "ports.yml").write_text(text.replace("INSIDE", INSIDE).replace("OTHER", OTHER))

    def file(self, name, piece, link=""):
        path = self.path / f"{name}.clab.yml"
        text = VNET.replace("NAME", name).replace("SLICE", piece)
        path.write_text(text.replace(f'"port:{piece}"]', f'"port:{piece}"]{link}'))
        return path

    def deploy(self, name, piece, link="", **kw):
        return self.weft.deploy(self.file(name, piece, link), **kw)

    def port(self, name="p0"):
        return next(p for p in self.weft.json("port", "list")["ports"] if p["name"] == name)

    def state(self, name="p0"):
        return self.port(name)["state"]

    def await_state(self, state, name="p0"):
        await_true(f"port {name} is {state}", 10, lambda: self.state(name) == state)

    def await_pings(self, vnet, address="10.0.0.2", seconds=15):
        await_true(f"{vnet} pings {address} outside", seconds, lambda: self.weft.pings(vnet, "h1", address))

    def plug(self):
        self.outside.plug()
        sh("ip", "addr", "add", f"{KERNEL}/24", "dev", INSIDE)
        self.outside.address(0, "10.9.0.2/24")


@pytest.fixture(scope="module")
def lab(weft, tmp_path_factory):
    """red has VLAN 100, blue VLAN 200; both have the same addresses, here and outside."""
    made = Lab(weft, tmp_path_factory.mktemp("lab"))
    tools.ENV["WEFT_PORTS"] = str(made.path / "ports.yml")
    try:
        made.plug()
        for vlan in VLANS:
            made.outside.address(vlan, "10.0.0.2/24")
            made.outside.address(vlan, f"10.0.0.{vlan % 97 + 10}/24")
        made.ports(PORTS)
        made.deploy("red", "p0.100")
        made.deploy("blue", "p0.200")
        yield made
        weft.run("destroy", "red", "blue")
        await_true("the interface is as it was", 10, lambda: not re.search(
            "xdp|PROMISC", sh("ip", "link", "show", INSIDE).stdout))
    finally:
        made.outside.close()
        del tools.ENV["WEFT_PORTS"]


def own(vlan):
    """An address that only the outside of this VLAN has."""
    return f"10.0.0.{vlan % 97 + 10}"


def test_two_vnets_share_an_interface(lab):
    assert lab.port()["driver"] == "af_xdp" and lab.port()["why"] is None
    for vnet, mine, others in (("red", 100, 200), ("blue", 200, 100)):
        lab.await_pings(vnet)
        assert lab.weft.pings(vnet, "h1", own(mine))
        assert not lab.weft.pings(vnet, "h1", own(others))
    assert lab.outside.pings(100, "10.0.0.1") and lab.outside.pings(200, "10.0.0.1")
    assert not lab.outside.pings(300, "10.0.0.1")


def test_the_kernel_keeps_the_rest(lab):
    """What has no tag, or another, is the kernel's; of the slices it is shown nothing."""
    sniffer = Sniffer(INSIDE)
    assert lab.outside.pings(0, KERNEL)
    assert lab.outside.pings(100, "10.0.0.1")
    assert not lab.outside.pings(300, "10.0.0.1")
    assert sniffer.vlans() == {0, 300}
    sniffer.close()


def test_bulk(lab):
    """TCP both ways, through the VLAN; the host leaves segmentation to the engine."""
    server = subprocess.Popen(["ip", "netns", "exec", lab.outside.ns(100), "iperf3", "-s"],
                              stdout=subprocess.PIPE, text=True)
    try:
        await_true("iperf3 listens", 10, lambda: ":5201" in sh(
            "ip", "netns", "exec", lab.outside.ns(100), "ss", "-lnt").stdout)
        for way in ((), ("-R",)):
            done = json.loads(lab.weft.exec("red", "h1", "iperf3", "-c", "10.0.0.2", "-n", "16M", "-J", *way))
            assert done["end"]["sum_received"]["bytes"] > 8 << 20
    finally:
        server.kill()
        server.wait()


def test_lists_and_counts(lab):
    port = lab.port()
    assert (port["state"], port["interface"], port["rate"]) == ("up", INSIDE, 10**9)
    slices = {s["vnet"]: s for s in port["slices"]}
    assert {v: (s["name"], s["vlan"], s["peer"], s["carrier"]) for v, s in slices.items()} == {
        "red": ("p0.100", 100, "h1:eth1", True), "blue": ("p0.200", 200, "h1:eth1", True)}
    assert all(s["received"] > 0 and s["sent"] > 0 for s in slices.values())
    shown = lab.weft.run("port", "list").stdout
    assert re.search(rf"^p0 +af_xdp +up +1Gbit +{INSIDE} +2 +-$", shown, re.M), shown
    assert re.search(r"^p0.100 +red +h1:eth1 +up ", shown, re.M), shown
    node = lab.weft.node("red", "port")
    assert node["kind"] == "physical" and node["state"] == "ready"
    assert node["ports"][0]["name"] == "p0.100" and node["ports"][0]["carrier"]
    metrics = subprocess.run(["curl", "-s", "--unix-socket", f"{tools.RUN}/weftd.sock", "http://weft/metrics"],
                             capture_output=True, text=True, timeout=30, check=True).stdout
    for vnet, piece in (("red", "p0.100"), ("blue", "p0.200")):
        line = re.search(rf'^weft_port_injected_packets_total{{vnet="{vnet}",node="port",port="{piece}"}} (\d+)',
                         metrics, re.M)
        assert int(line.group(1)) > 0
        assert f'weft_queue_packets{{vnet="{vnet}",node="port",port="{piece}"}}' in metrics  # the rate is shared


def test_refusals(lab):
    for piece, link, status, words in (
            ("p9.100", "", 3, rf"green.clab.yml:7: port:p9.100: \S+/ports.yml names no such port; it names p0$"),
            ("p0.100", "", 1, r"green.clab.yml:7: port:p0.100: it is in use by another vnet$"),
            ("p0.x", "", 3, r"green.clab.yml:7: \"port:p0.x\" is no part of a physical port"),
            ("p0.300", "\n      mtu: 9000", 3, r"the mtu of a link at an interface of the kernel's is 1500 at most$"),
            ("p0.300", "\n      weft: {guarantee: 2Gbit}", 1, r"the guarantees .* are more than the port's rate$")):
        done = lab.deploy("green", piece, link, status=None)
        assert done.returncode == status and re.search(words, done.stderr.strip()), (piece, done)
    assert {v["name"] for v in lab.weft.json("inspect")["vnets"]} == {"red", "blue"}


def test_a_user_at_a_port(lab):
    """Who is named in the file, and no faster than her quota."""
    token, weft = lab.path / "carol.token", lab.weft
    weft.run("user", "remove", "carol", status=None)  # of a run that was cut off
    token.write_text(weft.run("user", "add", "carol", "--rate", "100").stdout)
    slow = "\n      weft: {ceiling: 60Mbit}"

    def refused(link=""):
        return weft.run("--token-file", token, "deploy", lab.file("green", "p0.300", link), status=None).stderr

    try:
        assert "green.clab.yml:7: port:p0.300: the port is not for this vnet's owner" in refused(slow)
        lab.ports(PORTS.replace("1Gbit}", "1Gbit, users: [carol]}"))
        weft.run("port", "reload")
        assert "quota rate: green asks for 1000 Mbit/s at physical ports; carol may have 100" in refused()
        weft.run("--token-file", token, "deploy", lab.file("green", "p0.300", slow))
        lab.await_pings("green", own(300))
        assert "quota rate: green asks for 200 Mbit/s" in refused("\n      weft: {ceiling: 200Mbit}")
        assert weft.pings("green", "h1", own(300))
        assert "for the operator alone" in weft.run("--token-file", token, "port", "list", status=1).stderr
        weft.run("--token-file", token, "destroy", "green")
    finally:
        weft.run("destroy", "green", status=None)
        weft.run("user", "remove", "carol")
        lab.ports(PORTS)
        weft.run("port", "reload")
    assert weft.pings("red", "h1", own(100))


def test_a_wrong_file_changes_nothing(lab):
    lab.ports(PORTS + "  p1: {interfce: x}\n")
    done = lab.weft.run("port", "reload", status=1)
    assert done.stderr.strip().endswith('ports.yml:4: key "interfce" is not one of a port: device, interface, '
                                        'driver, rate, users')
    assert lab.weft.pings("red", "h1", "10.0.0.2")
    # A port that goes takes its slices along; it comes back with them.
    lab.ports("ports: {}\n")
    lab.weft.run("port", "reload")
    node = lab.weft.node("red", "port")
    assert node["state"] == "failed" and node["error"] == "p0.100: there is no such port any more"
    assert not lab.weft.pings("red", "h1", "10.0.0.2")
    lab.ports(PORTS)
    lab.weft.run("port", "reload")
    lab.await_pings("red")
    lab.await_pings("blue")


def test_a_link_moves_to_another_vlan(lab):
    lab.deploy("red", "p0.300")
    lab.await_pings("red", own(300))
    sniffer = Sniffer(INSIDE)
    await_true("VLAN 100 is the kernel's again", 10,
               lambda: not lab.outside.pings(100, "10.0.0.1") and 100 in sniffer.vlans())
    await_true("VLAN 300 reaches red", 10, lambda: lab.outside.pings(300, "10.0.0.1"))
    assert 300 not in sniffer.vlans()
    sniffer.close()
    lab.deploy("red", "p0.100")
    lab.await_pings("red", own(100))


def test_what_has_no_tag(lab):
    """As a slice of its own, which the kernel does not have then."""
    lab.deploy("green", "p0")
    try:
        assert not lab.outside.pings(0, KERNEL)
        lab.outside.address(0, "10.0.0.2/24")
        lab.await_pings("green")
        lab.await_pings("red")
    finally:
        lab.weft.run("destroy", "green")
        sh("ip", "-n", lab.outside.ns(0), "addr", "del", "10.0.0.2/24", "dev", "wire")
    await_true("it is the kernel's again", 10, lambda: lab.outside.pings(0, KERNEL))


def test_the_engine_is_killed(lab):
    pid = lab.weft.engine_pid()
    tools.kill(pid)
    await_true("another engine", 20, lambda: lab.weft.engine_pid() not in (None, pid))
    lab.await_pings("red")
    lab.await_pings("blue")
    assert lab.port()["driver"] == "af_xdp"
    assert not lab.weft.pings("red", "h1", own(200))


def test_weftd_is_killed(lab):
    """Its successor goes on with the engine's ports as they are."""
    engine, ping = lab.weft.engine_pid(), tools.Ping(lab.weft, "red", "h1", "10.0.0.2")
    tools.kill(lab.weft.daemon_pid())
    lab.deploy("blue", "p0.200")  # starts it
    sent, received = ping.stop()
    assert sent == received
    assert lab.weft.engine_pid() == engine and lab.state() == "up"


def test_the_link_flaps(lab):
    """No carrier outside is none in the host; it is back at once."""
    engine = lab.weft.engine_pid()
    for _ in range(3):
        sh("ip", "-n", lab.outside.ns(0), "link", "set", "wire", "down")
        lab.await_state("down")
        await_true("h1 has no carrier", 10, lambda: "NO-CARRIER" in lab.weft.exec(
            "red", "h1", "ip", "link", "show", "eth1"))
        sh("ip", "-n", lab.outside.ns(0), "link", "set", "wire", "up")
        lab.await_state("up")
        lab.await_pings("red")
    assert lab.weft.engine_pid() == engine


def test_the_interface_goes_and_comes(lab):
    engine = lab.weft.engine_pid()
    fds = len(os.listdir(f"/proc/{engine}/fd"))
    for _ in range(2):
        lab.outside.unplug()
        lab.await_state("absent")
        node = lab.weft.node("red", "port")
        assert node["state"] == "failed" and node["error"] == f"p0.100: there is no interface {INSIDE}"
        lab.plug()
        lab.await_state("up")
        lab.await_pings("red")
        lab.await_pings("blue")
    assert lab.weft.engine_pid() == engine
    assert len(os.listdir(f"/proc/{engine}/fd")) == fds
    events = [json.loads(line) for line in lab.weft.run("events", "--no-follow", "--format", "json").stdout.splitlines()]
    states = [e["state"] for e in events if e["type"] == "port" and e["state"] != "down"]  # at first without carrier
    assert states[-4:] == ["absent", "up"] * 2


def test_af_packet_where_af_xdp_cannot_be(lab, tmp_path):
    """Another's XDP program stays; the port is served all the same, and says how and why."""
    (tmp_path / "other.c").write_text('__attribute__((section("xdp"))) int other(void *c) { return 2; }\n'
                                      'char _license[] __attribute__((section("license"))) = "GPL";\n')
    sh("clang", "-target", "bpf", "-O2", "-c", tmp_path / "other.c", "-o", tmp_path / "other.o")
    outside = Outside(OTHER, (100,))
    try:
        outside.plug()
        outside.address(100, "10.0.0.2/24")
        # ip(8) would leave a mount behind.
        sh("unshare", "-m", "ip", "link", "set", OTHER, "xdp", "obj", tmp_path / "other.o", "sec", "xdp")
        lab.ports(PORTS + "  p1: {interface: OTHER}\n")
        lab.weft.run("port", "reload")
        lab.deploy("green", "p1.100")
        lab.await_pings("green")
        port = lab.port("p1")
        assert (port["driver"], port["wanted"], port["state"]) == ("af_packet", "af_xdp", "up")
        assert port["why"].startswith(f"AF_PACKET in place of AF_XDP: {OTHER} has another XDP program")
        assert lab.weft.node("green", "port")["error"] is None
        events = lab.weft.run("events", "--no-follow").stdout
        assert "AF_PACKET in place of AF_XDP" in events
        assert not lab.weft.pings("red", "h1", own(200)) and lab.weft.pings("red", "h1", own(100))
        lab.weft.run("destroy", "green")
        assert "xdp" in sh("ip", "link", "show", OTHER).stdout
        # It goes: the next time the port is taken by AF_XDP.
        sh("ip", "link", "set", OTHER, "xdp", "off")
        lab.weft.run("port", "reload")
        lab.deploy("green", "p1.100")
        lab.await_pings("green")
        assert lab.port("p1")["driver"] == "af_xdp"
        lab.weft.run("destroy", "green")
    finally:
        lab.ports(PORTS)
        lab.weft.run("port", "reload")
        outside.close()


def test_af_packet_where_there_are_queues(lab):
    """AF_XDP would get what comes by one of them."""
    outside = Outside(OTHER, (100,))
    try:
        outside.plug(queues=2)
        outside.address(100, "10.0.0.2/24")
        lab.ports(PORTS + "  p1: {interface: OTHER}\n")
        lab.weft.run("port", "reload")
        lab.deploy("green", "p1.100")
        lab.await_pings("green")
        assert lab.port("p1")["driver"] == "af_packet"
        assert f"{OTHER} has 2 queues, one is served: ethtool -L {OTHER} rx 1" in lab.port("p1")["why"]
        lab.weft.run("destroy", "green")
    finally:
        lab.ports(PORTS)
        lab.weft.run("port", "reload")
        outside.close()


ROUTED = """
name: green
topology:
  defaults: {kind: linux}
  nodes:
    r1:
      image: frr
      startup-config: |
        interface eth1
         ip address 10.0.8.1/24
        exit
        interface eth2
         ip address 10.0.0.1/24
        exit
    h1: {image: alpine, exec: [ip addr add 10.0.8.2/24 dev eth1, ip route add default via 10.0.8.1]}
  links:
    - endpoints: ["h1:eth1", "r1:eth1"]
    - {endpoints: ["r1:eth2", "port:p0.300"], weft: {guarantee: 100Mbit}}
"""


def test_af_packet_where_the_engine_is_refused(lab):
    """What was served goes on; a later port is AF_PACKET until there is news."""
    program = tools.pathlib.Path(tools.RUN) / "slices.bpf.o"
    whole = program.read_bytes()
    outside = Outside(OTHER, (100,))
    try:
        program.write_bytes(b"no program")
        outside.plug()
        outside.address(100, "10.0.0.2/24")
        lab.ports(PORTS + "  p1: {interface: OTHER}\n")
        lab.weft.run("port", "reload")
        lab.deploy("green", "p1.100", status=None)
        lab.await_pings("green")
        port = lab.port("p1")
        assert (port["driver"], port["state"]) == ("af_packet", "up")
        assert "the device does not start" in port["why"]
        assert lab.weft.pings("red", "h1", own(100))
        program.write_bytes(whole)
        lab.weft.run("port", "reload")
        lab.await_pings("green")
        assert lab.port("p1")["driver"] == "af_xdp" and lab.port("p1")["why"] is None
        lab.weft.run("destroy", "green")
    finally:
        program.write_bytes(whole)
        lab.ports(PORTS)
        lab.weft.run("port", "reload")
        outside.close()


def test_a_router_at_a_port(lab):
    """Transit from outside and back is the engine's; the guest answers for itself."""
    path = lab.path / "green.clab.yml"
    path.write_text(ROUTED)
    sh("ip", "-n", lab.outside.ns(300), "route", "add", "10.0.8.0/24", "via", "10.0.0.1")
    lab.weft.deploy(path)
    try:
        lab.await_pings("green", seconds=60)
        before = lab.weft.port("green", "r1", "eth2")["forwarded"]
        for _ in range(5):
            assert lab.outside.pings(300, "10.0.8.2") and lab.outside.pings(300, "10.0.0.1")
        assert lab.weft.port("green", "r1", "eth2")["forwarded"] >= before + 5
        hops = lab.weft.json("trace", "green", "h1", "10.0.8.2", "10.0.0.2")["hops"]
        assert [h["node"] for h in hops] == ["h1", "r1", "port"]
        assert lab.weft.pings("red", "h1", own(100)) and not lab.weft.pings("red", "h1", own(300))
    finally:
        lab.weft.run("destroy", "green")


def test_a_device_of_dpdk(lab):
    """By its device string; net_null has link, and takes everything."""
    lab.ports(PORTS + "  p2: {device: 'net_null0,no-rx=1', rate: 10Gbit}\n")
    lab.weft.run("port", "reload")
    assert lab.state("p2") == "unused"
    lab.deploy("green", "p2.7", "\n      weft: {guarantee: 1Gbit, ceiling: 2Gbit}")
    port = lab.port("p2")
    assert (port["driver"], port["state"], port["device"]) == ("dpdk", "up", "net_null0,no-rx=1")
    assert [(s["guarantee"], s["ceiling"]) for s in port["slices"]] == [(10**9, 2 * 10**9)]
    lab.weft.pings("green", "h1", "10.0.0.2")
    await_true("frames are sent", 10, lambda: lab.port("p2")["slices"][0]["sent"] > 0)
    lab.weft.run("destroy", "green")
    lab.ports(PORTS + "  p2: {device: 'net_none0', rate: 10Gbit}\n")
    lab.weft.run("port", "reload")
    done = lab.deploy("green", "p2.7", status=1)
    assert "green/port failed: p2.7: " in done.stderr and "no such device" in done.stderr
    assert lab.state("p2") == "failed"
    lab.weft.run("destroy", "green")
    lab.ports(PORTS)
    lab.weft.run("port", "reload")
