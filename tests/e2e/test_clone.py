# SPDX-License-Identifier: Apache-2.0
"""A clone is what a cold boot with the same files is; what cannot be one boots, and says why."""
import json
import pathlib
import re
import shutil

import pytest

from weft import SRC, STATE, await_true

PAIRS = {  # image, files of configs/ and where they go, NICs
    "ospf": ("quay.io/frrouting/frr:8.4.1", "twins/red/r1", "/etc/frr", 3),
    "bgp": ("quay.io/frrouting/frr:8.4.1", "twins/blue/r1", "/etc/frr", 3),
    "bird": ("bird:2.0.12", "mixed/r2", "/etc/bird", 2),
}
WHY = {  # node: (what differs, what boot_why says of it)
    "memory": ("memory: 256MiB", "256 MiB of memory, the template has 128"),
    "cpus": ("cpu: 2", "2 CPUs, the template has 1"),
    "env": ("env: {COLOUR: red}", "environment"),
}


def topology():
    """Each pair's NICs end at a host of their own: the two must not meet."""
    lines = ["name: clone", "topology:", "  defaults: {kind: linux}", "  nodes:",
             "    hosts: {image: alpine}"]
    links, used = [], 0
    for name, (image, source, target, nics) in PAIRS.items():
        for boot in ("cold", "clone"):
            node = f"{name}-{boot}"
            lines += [f"    {node}:", f"      image: {image}", f"      weft: {{boot: {boot}}}", "      binds:"]
            lines += [f"        - {f}:{target}/{f.name}" for f in sorted((SRC / "configs" / source).iterdir())]
            for nic in range(1, nics + 1):
                used += 1
                links.append(f'    - endpoints: ["{node}:eth{nic}", "hosts:eth{used}"]')
    for name, (line, _) in WHY.items():
        lines += [f"    {name}:", "      image: bird:2.0.12", f"      {line}"]
    return "\n".join(lines + ["  links:"] + links) + "\n"


@pytest.fixture(scope="module", autouse=True)
def lab(weft, tmp_path_factory):
    path = tmp_path_factory.mktemp("clone") / "clone.clab.yml"
    path.write_text(topology())
    weft.deploy(path)


def said(weft, node, command):
    """Sorted lines, without what is each node's own."""
    out = weft.exec("clone", node, "sh", "-c", command).replace(node, "NODE")
    return sorted(line for line in out.splitlines() if "fe80::" not in line)


@pytest.mark.parametrize("pair", PAIRS)
def test_how_they_began(weft, pair):
    assert weft.node("clone", f"{pair}-cold")["boot"] == "cold"
    assert weft.node("clone", f"{pair}-cold")["boot_why"] == "the topology says boot: cold"
    clone = weft.node("clone", f"{pair}-clone")
    assert clone["boot"] == "clone", clone["boot_why"]
    assert clone["restarts"] == 0


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("what, command", {
    "hostname": "hostname; cat /etc/hostname",
    "files": "find /etc -type f ! -name machine-id ! -name nics ! -name hostname ! -name hosts -exec sha256sum {} +; "
             "cat /etc/hosts",
    "modes": "find /etc/frr /etc/bird /run/frr /run/bird -exec stat -c '%n %a %U %G' {} + 2>/dev/null | grep -v '[.]pid'",
    "addresses": "ip -o addr | sed 's/^[0-9]*: //'",
    "links": "ip -o link | sed -E 's/^[0-9]*: //; s/link.ether [^ ]*//'",
    "routes": "ip route show table all; ip -6 route show table all",
    "rules": "ip rule; ip -6 rule",
    "sysctls": "sysctl -a 2>/dev/null | grep -E '^net[.]ipv[46]' | grep -vE 'stable_secret|entropy|_mem |mem =|netfilter|"
               "tcp_max_orphans|tcp_fastopen_key|max_tw_buckets|max_syn_backlog|ehash|available'",
    "modules": "cut -d' ' -f1 /proc/modules",
    # Of routing and the agent. Where a daemon's vty listens makes no difference without a password.
    "programs": "ps -o user,args | grep -E '/(frr|bird|weft-agent)' | grep -v grep | "
                "sed -E 's/ -A (127.0.0.1|::1)//g'",
}.items())
def test_equal(weft, pair, what, command):
    cold = said(weft, f"{pair}-cold", command)
    assert cold and said(weft, f"{pair}-clone", command) == cold


@pytest.mark.parametrize("pair", ["ospf", "bgp"])
def test_running_config(weft, pair):
    configs = [weft.exec("clone", f"{pair}-{boot}", "vtysh", "-c", "show running-config").replace(
        f"{pair}-{boot}", "NODE") for boot in ("cold", "clone")]
    assert "router " in configs[0] and configs[0] == configs[1]


@pytest.mark.parametrize("pair, command", [
    ("ospf", "show interface brief"), ("ospf", "show ip ospf interface"), ("ospf", "show ipv6 ospf6 interface"),
    ("ospf", "show ip route"), ("bgp", "show ip route")])
def test_frr_says_the_same(weft, pair, command):
    """zebra asks for the speed of a NIC that came after it 15 s later; OSPF takes its cost from it."""
    varies = r"\b\d\d:\d\d:\d\d(\.\d+)?\b|\d+\.\d+ ?(m?secs?|s)\b|\(\d+\.\d+\)|fe80::\S+|using \S+ \S+ of memory|[>*]"

    def words(boot):
        said = weft.exec("clone", f"{pair}-{boot}", "vtysh", "-c", command)
        return sorted(re.sub(varies, "", line).split() for line in said.splitlines())
    assert words("cold")
    await_true("they say the same", 40, lambda: words("clone") == words("cold"), pause=1)


@pytest.mark.parametrize("command", ["show protocols", "show interfaces summary", "show symbols",
                                     "show status"])
def test_bird_says_the_same(weft, command):
    def words(node):
        lines = weft.exec("clone", node, "birdc", "-r", command).replace(node, "NODE").splitlines()
        return [[w for w in line.split() if not w[:2].isdigit()] for line in lines
                if " time " not in line and "reboot" not in line and "reconfig" not in line]
    cold = words("bird-cold")
    assert len(cold) > 2
    await_true("they say the same", 20, lambda: words("bird-clone") == words("bird-cold"))


@pytest.mark.parametrize("node", WHY)
def test_what_cannot_be_cloned_says_why(weft, node):
    found = weft.node("clone", node)
    assert found["boot"] == "cold" and WHY[node][1] in found["boot_why"]
    assert found["state"] == "ready" and found["restarts"] == 0


def template():
    return next(p for p in STATE.glob("images/frr/template"))


def test_a_deleted_template(weft):
    """Clones of it go on; the next one has a new one built."""
    before = (template() / "saved.json").read_text()
    pid = weft.node("clone", "ospf-clone")["pid"]
    shutil.rmtree(template())
    assert weft.node("clone", "bgp-clone")["state"] == "ready"
    assert weft.exec("clone", "bgp-clone", "sh", "-c", "cat /usr/lib/frr/bgpd | sha256sum")
    weft.run("restart", "clone", "ospf-clone")
    await_true("another guest is ready", 120, lambda: (
        lambda n: n["pid"] != pid and n["state"] == "ready")(weft.node("clone", "ospf-clone")))
    assert weft.node("clone", "ospf-clone")["boot"] == "clone"
    assert (template() / "saved.json").read_text() != before


def test_a_stale_template_is_not_used(weft):
    """One of another machine: its key says so."""
    path = pathlib.Path(template() / "template.json")
    path.write_text(json.dumps(dict(json.loads(path.read_text()), key="0123456789abcdef")))
    images = {i["name"]: i["template"]["state"] for i in weft.json("image", "list")["images"]}
    assert images == {"frr": "stale", "bird": "ready"}
    pid = weft.node("clone", "ospf-clone")["pid"]
    weft.run("restart", "clone", "ospf-clone")
    await_true("another guest is ready", 120, lambda: (
        lambda n: n["pid"] != pid and n["state"] == "ready")(weft.node("clone", "ospf-clone")))
    assert weft.node("clone", "ospf-clone")["boot"] == "clone"
    images = {i["name"]: i["template"]["state"] for i in weft.json("image", "list")["images"]}
    assert images["frr"] == "ready"
