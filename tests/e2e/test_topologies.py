# SPDX-License-Identifier: Apache-2.0
"""Topology files that must be refused, each in one line that says where and why; and files that
must be read, with what they come to."""
import json
import os
import pathlib
import re
import subprocess

import pytest

SRC = pathlib.Path(os.environ["WEFT_SRC"])
CHECK = os.path.join(os.environ["WEFT_BIN"], "topology-check")
IMAGES = str(SRC / "configs/images.yml")
DIR = SRC / "tests/topologies"
BAD = sorted(p.name for p in (DIR / "bad").glob("*.clab.yml"))
GOOD = sorted(p.name for p in (DIR / "good").glob("*.clab.yml"))
CONFIGS = sorted(str(p.relative_to(SRC)) for p in (SRC / "configs").glob("**/*.clab.yml"))
ROUTER = "{kind: linux, image: frr}"


def check(name, cwd):
    return subprocess.run([CHECK, IMAGES, name], cwd=cwd, capture_output=True, timeout=30)


def refuse(name, cwd, line, words):
    """The file is refused in one line that begins with FILE:LINE: and holds words."""
    p = check(name, cwd)
    err = p.stderr.decode()  # strict: a sentence is UTF-8
    assert (p.returncode, p.stdout) == (3, b""), err
    assert err.endswith("\n") and len(err.splitlines()) == 1, err
    assert err.startswith(f"{name}:{line}: "), err
    assert words in err, err


def refuse_text(tmp_path, text, line, words):
    (tmp_path / "t.clab.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
    refuse("t.clab.yml", tmp_path, line, words)


def read(name, cwd=DIR / "good"):
    p = check(name, cwd)
    assert (p.returncode, p.stderr) == (0, b""), p.stderr
    t = json.loads(p.stdout)
    t["nodes"] = {n["name"]: n for n in t["nodes"]}
    for n in t["nodes"].values():
        n["ports"] = {port["name"]: port for port in n["ports"]}
    return t


def read_text(tmp_path, text):
    (tmp_path / "t.clab.yml").write_text(text)
    return read("t.clab.yml", tmp_path)


@pytest.mark.parametrize("name", BAD)
def test_bad(name):
    with open(DIR / "bad" / name, "rb") as f:
        line, words = re.fullmatch(r"# expect: (\d+): (.+)\n", f.readline().decode()).groups()
    refuse(name, DIR / "bad", line, words)


def test_bad_files_are_all_there():
    assert len(BAD) >= 36


@pytest.mark.parametrize("name", CONFIGS)
def test_configs_have_no_warnings(name):
    assert read(name, SRC)["warnings"] == []


def test_empty_file(tmp_path):
    refuse_text(tmp_path, "", 1, "the file is empty")
    refuse_text(tmp_path, "\n\n---\n", 4, "there is no name")


def test_directory():
    p = check("good", DIR)
    assert p.returncode == 3
    assert p.stdout == b"" and p.stderr.count(b"\n") == 1 and p.stderr.startswith(b"good: ")


def test_utf16(tmp_path):
    refuse_text(tmp_path, "name: n\n".encode("utf-16"), 1, "not YAML: ")


def test_too_large(tmp_path):
    refuse_text(tmp_path, "# " + "x" * (4 << 20), 1, "the file is larger than 4 MiB")


def test_too_large_bind(tmp_path):
    (tmp_path / "big").write_bytes(bytes((4 << 20) + 1))
    refuse_text(tmp_path, "name: n\ntopology:\n  nodes:\n    r1:\n      kind: linux\n"
                "      image: frr\n      binds:\n        - big:/big\n", 8, "is larger than 4 MiB")


def test_too_many_bytes(tmp_path):
    (tmp_path / "big").write_bytes(bytes(4 << 20))
    nodes = "".join(f"    r{i}: {ROUTER}\n" for i in range(17))
    refuse_text(tmp_path, "name: n\ntopology:\n  defaults:\n    binds:\n      - big:/big\n"
                "  nodes:\n" + nodes, 5, "more than 64 MiB together")


def test_too_many_files(tmp_path):
    (tmp_path / "d").mkdir()
    text = f"name: n\ntopology:\n  nodes:\n    r1: {{kind: linux, image: frr, binds: ['d:/d']}}\n"
    for i in range(256):
        (tmp_path / "d" / f"f{i}").write_text("x")
    assert len(read_text(tmp_path, text)["nodes"]["r1"]["files"]) == 256
    (tmp_path / "d" / "more").write_text("x")
    refuse_text(tmp_path, text, 4, "holds more than 256 files")


def test_directory_in_itself(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "again").symlink_to(".")
    refuse_text(tmp_path, "name: n\ntopology:\n  nodes:\n"
                "    r1: {kind: linux, image: frr, binds: ['d:/d']}\n", 4, "directories deep")


def test_file_name_with_a_newline(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a\nb").write_text("x")
    refuse_text(tmp_path, "name: n\ntopology:\n  nodes:\n"
                "    r1: {kind: linux, image: frr, binds: ['d:/d']}\n", 4, "UTF-8 without control")


def test_file_name_that_is_not_utf8(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / os.fsdecode(b"a\xff")).write_text("x")
    refuse_text(tmp_path, "name: n\ntopology:\n  nodes:\n"
                "    r1: {kind: linux, image: frr, binds: ['d:/d']}\n", 4, "UTF-8 without control")


def test_a_cut_character_is_not_printed(tmp_path):
    """Words of the file are cut at some length, which may be in the middle of a character."""
    for shift in range(4):
        refuse_text(tmp_path, "name: n\n" + "x" * shift + "\U0001d11e" * 40 + ": 1\n", 2,
                    "is unknown")
        refuse_text(tmp_path, "name: n\ntopology: {nodes: {r1: {kind: linux, image: frr, memory: "
                    + "x" * shift + "\u00e9" * 40 + "}}}\n", 2, "is not a size")


def test_line_separators_are_not_printed(tmp_path):
    refuse_text(tmp_path, 'name: "a\\u2028b\\x85c\\nd"\n' + f"topology: {{nodes: {{r1: {ROUTER}}}}}\n",
                1, "network name")


def test_too_many_nodes(tmp_path):
    nodes = "".join(f"    r{i}:\n" for i in range(1024))
    text = "name: n\ntopology:\n  defaults: {kind: linux, image: frr}\n  nodes:\n" + nodes
    assert len(read_text(tmp_path, text)["nodes"]) == 1024
    refuse_text(tmp_path, text + "    last:\n", 1029, "1025 nodes, the limit is 1024")


def test_too_many_ports(tmp_path):
    text = (f"name: n\ntopology:\n  nodes:\n    r1: {ROUTER}\n    r2: {ROUTER}\n    r3: {ROUTER}\n"
            "  links:\n"
            + "".join(f"    - endpoints: ['r1:eth{i}', 'r2:eth{i}']\n" for i in range(1, 65)))
    assert len(read_text(tmp_path, text)["nodes"]["r1"]["ports"]) == 64
    refuse_text(tmp_path, text + "    - endpoints: ['r3:eth1', 'r1:eth65']\n", 72,
                "node r1 has more than 64 interfaces")


def test_too_many_keys(tmp_path):
    env = "".join(f"        V{i}: x\n" for i in range(2049))
    refuse_text(tmp_path, "name: n\ntopology:\n  nodes:\n    r1:\n      kind: linux\n"
                "      image: frr\n      env:\n" + env, 8, "2049 keys in one mapping")


def test_too_many_merged_keys(tmp_path):
    """Each mapping is small enough; merged they are not, and would take minutes."""
    parts = "".join(f"    g{i}: &g{i}\n" + "".join(f"      k{i}-{k}: 1\n" for k in range(1000))
                    for i in range(40))
    merged = ", ".join(f"*g{i}" for i in range(40))
    refuse_text(tmp_path, "name: n\ntopology:\n  groups:\n" + parts
                + f"  nodes:\n    r1: {{<<: [{merged}]}}\n", 40045, "40000 keys in one mapping")


@pytest.mark.parametrize("key, line, what", [
    ("exec", 8, "r1 has more than 256 exec lines"),
    ("env", 264, "more than 256 entries"),
    ("labels", 264, "more than 256 entries"),
])
def test_too_long_lists(tmp_path, key, line, what):
    items = "".join("        - ls\n" if key == "exec" else f"        K{i}: v\n" for i in range(257))
    refuse_text(tmp_path, "name: n\ntopology:\n  nodes:\n    r1:\n      kind: linux\n"
                f"      image: frr\n      {key}:\n" + items, line, what)


@pytest.mark.parametrize("name", GOOD)
def test_good(name):
    """Each good file is read, and has a test of its own below."""
    assert read(name)["name"]
    assert "test_good_" + name.split(".")[0].replace("-", "_") in globals()


def test_good_brief():
    t = read("brief.clab.yml")
    n = t["nodes"]
    assert (t["name"], t["links"], t["warnings"]) == ("brief", 2, [])
    assert [(n[x]["kind"], n[x]["guest_image"]) for x in ("r1", "r2", "h1")] == [
        ("router", "frr"), ("router", "bird"), ("host", "")]
    assert n["r1"]["ports"]["eth1"]["mtu"] == 1500
    assert (n["r1"]["ports"]["eth2"]["mtu"], n["h1"]["ports"]["eth1"]["mtu"]) == (9000, 9000)
    assert (n["r1"]["ports"]["eth2"]["link"], n["h1"]["ports"]["eth1"]["link"]) == (1, 1)
    assert (n["r1"]["cpus"], n["r1"]["memory_mib"], n["r1"]["vhost_user"]) == (0, 0, False)


def test_good_impair():
    t = read("impair.clab.yml")
    both = {"link": 0, "delay": "10ms", "jitter": "500us", "loss": "1%", "burst": "5",
            "corrupt": "0.001%", "duplicate": "2%", "reorder": "3%"}
    assert t["impairments"] == [
        both | {"end": 0}, both | {"end": 1},
        {"link": 1, "end": 0, "delay": "2ms", "gemodel": "1% 20% 100% 0.5%"},
        {"link": 1, "end": 1, "delay": "1s", "rate": "1.5Mbit", "limit": "50", "seed": "3"}]
    assert t["seed"] == 7


def test_good_hugepages():
    nodes = read("hugepages.clab.yml")["nodes"]
    assert nodes["r1"]["hugepages"] and not nodes["r2"]["hugepages"]


def test_good_alone():
    t = read("alone.clab.yml")
    assert (t["name"], t["links"], list(t["nodes"])) == ("1", 0, ["r1"])


def test_good_typed():
    t = read("typed.clab.yml")
    n = t["nodes"]
    assert n["r1"]["ports"]["eth1"] == {"name": "eth1", "link": 0, "mac": "02:00:00:00:00:0a",
                                        "mtu": 1400}
    assert n["r2"]["ports"]["to-r3.100"]["mac"] == "02:00:00:00:00:0b"
    assert n["r3"]["ports"]["eth1"]["link"] == 1
    assert [w.split(": ")[1] for w in t["warnings"]] == ['key "vars" has no effect',
                                                         'key "labels" has no effect on links']


def test_good_inheritance():
    n = read("inheritance.clab.yml")["nodes"]
    plain, core, edge = n["plain"], n["core1"], n["edge1"]
    assert (plain["guest_image"], plain["memory_mib"], plain["cpus"]) == ("frr", 128, 2)
    assert plain["env"] == ["FROM=kind", "DEFAULTS=1", "KIND=1"]
    assert plain["exec"] == ["echo defaults", "echo kind"]
    # the bind is the node's own, startup-config that of defaults
    assert [(f["source"], f["target"]) for f in plain["files"]] == [
        ("files/frr.conf", "/etc/frr/frr.conf")]
    assert (core["guest_image"], core["memory_mib"], core["group"]) == ("bird", 256, "core")
    assert core["env"] == ["FROM=node", "DEFAULTS=1", "KIND=1", "GROUP=1", "NODE=1", "EMPTY="]
    assert core["labels"] == ["tier=core", "rack=7"]
    assert core["exec"] == ["echo " + x for x in ("defaults", "kind", "group", "node")]
    assert [(f["source"], f["target"], f["len"]) for f in core["files"]] == [
        ("files/frr.conf", "/etc/bird/x.conf", 12), ("", "/etc/bird/bird.conf", 30)]
    assert [(f["source"], f["target"]) for f in edge["files"]] == [
        ("files/other.conf", "/etc/frr/frr.conf")]


def test_good_groups():
    t = read("groups.clab.yml")
    assert [(n["kind"], n["group"]) for n in t["nodes"].values()] == [
        ("router", "routers"), ("bridge", "switches")]
    assert t["warnings"] == ['groups.clab.yml:9: no node is of group "unused"']


def test_good_drawing_groups():
    assert read("drawing-groups.clab.yml")["nodes"]["r1"]["group"] == "spine"


def test_good_merge():
    n = read("merge.clab.yml")["nodes"]
    assert [(x["memory_mib"], x["cpus"]) for x in n.values()] == [(1024, 3), (128, 1), (62, 0)]
    assert n["r3"]["env"] == ["B=2", "A=1"]


def test_good_files():
    t = read("files.clab.yml")
    files = {f["target"]: f for f in t["nodes"]["r1"]["files"]}
    assert {k: (f["source"], f["mode"], f["len"]) for k, f in files.items()} == {
        "/etc/lab/a.conf": ("files/other.conf", 0o644, 15),
        "/etc/lab/deep/b.conf": ("files/conf.d/deep/b.conf", 0o644, 2),
        "/etc/lab/hello.sh": ("files/conf.d/hello.sh", 0o755, 21),
        "/etc/frr/daemons": ("./files/other.conf", 0o644, 15),
        "/etc/frr/frr.conf": ("files/frr.conf", 0o644, 12),
    }
    assert t["warnings"] == ["files.clab.yml:12: rw: what r1 writes stays in the guest"]


def test_files_are_relative_to_the_topology():
    t = read("good/files.clab.yml", DIR)
    assert "good/files/frr.conf" in [f["source"] for f in t["nodes"]["r1"]["files"]]


def test_good_sizes():
    n = read("sizes.clab.yml")["nodes"]
    assert {k: (x["memory_mib"], x["cpus"]) for k, x in n.items()} == {
        "unset": (0, 0), "bytes": (128, 0), "kilo": (128, 0), "mega": (245, 0), "mebi": (256, 0),
        "giga": (1431, 2), "most": (16384, 8), "least": (62, 1)}


def test_good_bridge():
    t = read("bridge.clab.yml")
    n = t["nodes"]
    assert [x["kind"] for x in n.values()] == ["bridge", "bridge", "router", "router", "host"]
    assert (n["sw1"]["exec"], n["sw1"]["env"], n["sw1"]["vhost_user"]) == ([], [], False)
    assert sorted(n["sw1"]["ports"]) == ["p1", "p2", "to-sw2"]
    assert n["h1"]["exec"] == ["echo hello", "ip link set eth1 up"]
    assert t["warnings"] == ["bridge.clab.yml:7: memory has no effect on h1: it is not a virtual "
                             "machine"]


def test_good_attachment():
    n = read("attachment.clab.yml")["nodes"]
    assert [x["vhost_user"] for x in n.values()] == [True, False, False]


def test_good_boot():
    n = read("boot.clab.yml")["nodes"]
    assert [x["cold"] for x in n.values()] == [True, False, False, True, False]
    assert [x["vhost_user"] for x in n.values()] == [False, False, True, True, False]


def test_good_intake():
    n = read("intake.clab.yml")["nodes"]
    assert [x["intake"] for x in n.values()] == ["fpm", "agent", "none", "agent", "fpm", "agent"]


def test_good_shares():
    t = read("shares.clab.yml")
    assert (t["weight"], t["guarantee"]) == (250, 1050)
    assert [n["fib_routes"] for n in t["nodes"].values()][:3] == [1000, 4000000, 1]


def test_shares_that_are_not_said():
    t = read("boot.clab.yml")
    assert (t["weight"], t["guarantee"], t["nodes"]["r1"]["fib_routes"]) == (100, 0, 2000000)


@pytest.mark.parametrize("text, milli", [("1 core", 1000), ("0.001 cores", 1), ("0.5 cores", 500),
                                         ("12.34 cores", 12340), ("1000 cores", 1000000)])
def test_guarantee(tmp_path, text, milli):
    t = read_text(tmp_path, f"name: n\nweft: {{guarantee: {text}}}\n"
                            f"topology: {{nodes: {{r1: {ROUTER}}}}}\n")
    assert t["guarantee"] == milli


def test_good_warnings():
    t = read("warnings.clab.yml")
    assert [tuple(w.split(": ")[:2]) for w in t["warnings"]] == [
        ("warnings.clab.yml:5", 'key "mgmt" has no effect'),
        ("warnings.clab.yml:13", 'key "mgmt-ipv4" has no effect'),
        ("warnings.clab.yml:14", 'key "ports" has no effect'),
        ("warnings.clab.yml:18", "memory has no effect on h1"),
        ("warnings.clab.yml:8", 'no node is of kind "srl"')]
    assert all(len(w.splitlines()) == 1 for w in t["warnings"])


def macs(t):
    return {(n, p): port["mac"] for n, node in t["nodes"].items()
            for p, port in node["ports"].items()}


def test_macs_come_from_names(tmp_path):
    head = "topology:\n  defaults: {kind: linux, image: frr}\n"
    one = macs(read_text(tmp_path, "name: one\n" + head + "  nodes: {r1: , r2: , r3: }\n  links:\n"
                         "    - endpoints: ['r1:eth1', 'r2:eth1']\n"
                         "    - endpoints: ['r2:eth2', 'r3:eth1']\n"))
    two = macs(read_text(tmp_path, "name: two\n" + head + "  nodes: {r0: , r3: , r2: }\n  links:\n"
                         "    - endpoints: ['r0:eth1', 'r2:eth9']\n"
                         "    - endpoints: ['r3:eth1', 'r2:eth2']\n"))
    assert len(set(one.values())) == 4 and len(set(two.values())) == 4
    assert all(m.startswith("02:") for m in one.values())
    both = set(one) & set(two)
    assert both == {("r2", "eth2"), ("r3", "eth1")}
    assert all(one[k] == two[k] for k in both)


def test_made_mac_gives_way_to_a_given_one(tmp_path):
    def text(link):
        return ("name: n\ntopology:\n  defaults: {kind: linux, image: frr}\n"
                "  nodes: {r1: , r2: , r3: }\n  links:\n    - endpoints: ['r1:eth1', 'r2:eth1']\n"
                + link)
    mac = macs(read_text(tmp_path, text("")))["r1", "eth1"]
    t = macs(read_text(tmp_path, text(
        "    - type: veth\n      endpoints: [{node: r3, interface: eth1, mac: '%s'}, 'r2:eth2']\n"
        % mac)))
    assert t["r3", "eth1"] == mac != t["r1", "eth1"]
    assert len(set(t.values())) == 4
