# SPDX-License-Identifier: Apache-2.0
"""configs/topology.schema.json: agrees with the reader about what a topology may hold."""
import copy
import json
import os
import pathlib
import re

import jsonschema
import pytest
import yaml

SRC = pathlib.Path(os.environ["WEFT_SRC"])
SCHEMA = json.loads((SRC / "configs/topology.schema.json").read_text())
FILES = sorted(str(p.relative_to(SRC)) for top in ("configs", "tests/topologies/good")
               for p in (SRC / top).glob("**/*.clab.yml"))

ROUTER = {"kind": "linux", "image": "frr"}
NET = {"name": "n", "topology": {
    "defaults": {}, "kinds": {"linux": {}}, "groups": {"core": {}},
    "nodes": {"r1": ROUTER, "r2": ROUTER},
    "links": [{"type": "veth", "endpoints": [{"node": "r1", "interface": "eth1"}, "r2:eth1"]}]}}
NODE = ("topology", "nodes", "r1")
LINK = ("topology", "links", 0)
END = LINK + ("endpoints", 0)

# Where, and what is there instead.
BAD = [
    (("name",), None), (("name",), ["n"]), (("name",), "../n"), (("name",), "n" * 32),
    (("colour",), "red"), (("topology",), []),
    (("weft",), {"wieght": 3}), (("weft",), {"weight": 0}), (("weft",), {"weight": 1001}),
    (("weft",), {"weight": "heavy"}), (("weft",), {"guarantee": 0.05}),
    (("weft",), {"guarantee": "5%"}), (("weft",), {"guarantee": "0.0005 cores"}),
    (("topology", "nodes"), {}), (("topology", "nodes"), ["r1"]), (("topology", "link"), []),
    (("topology", "nodes", "r 1"), ROUTER), (("topology", "nodes", ""), ROUTER),
    (("topology", "links"), {"a": "b"}),
    (("topology", "defaults", "imgae"), "frr"),
    (("topology", "kinds", "linux", "kind"), "linux"),
    (("topology", "kinds", "linux", "group"), "core"),
    (("topology", "groups", "core", "group"), "core"),
    (NODE, "frr"), (NODE + ("kind",), "nokia_srlinux"), (NODE + ("image",), ["frr"]),
    (NODE + ("group",), "a b"),
    (NODE + ("exec",), "ls"), (NODE + ("exec",), [None]), (NODE + ("exec",), [""]),
    (NODE + ("exec",), [{"ip": "link"}]), (NODE + ("exec",), ["ls"] * 257),
    (NODE + ("env",), ["A=1"]), (NODE + ("env",), {"A-B": 1}), (NODE + ("env",), {"A": {}}),
    (NODE + ("env",), {"__IMPORT_ENVS": True}), (NODE + ("labels",), {"a=b": 1}),
    (NODE + ("binds",), "a:/b"), (NODE + ("binds",), ["a"]), (NODE + ("binds",), ["a:b"]),
    (NODE + ("binds",), [":/b"]), (NODE + ("binds",), ["a:/b:shared"]),
    (NODE + ("binds",), ["~/a:/b"]), (NODE + ("startup-config",), ["a"]),
    (NODE + ("memory",), "plenty"), (NODE + ("memory",), "1TB"), (NODE + ("memory",), 1),
    (NODE + ("memory",), -1), (NODE + ("cpu",), 0), (NODE + ("cpu",), 9), (NODE + ("cpu",), "two"),
    (NODE + ("network-mode",), "host"), (NODE + ("weft",), "relay"),
    (NODE + ("weft",), {"attachment": "virtio"}), (NODE + ("weft",), {"atachment": "relay"}),
    (NODE + ("weft",), {"fib-routes": 0}), (NODE + ("weft",), {"fib-routes": 4000001}),
    (NODE + ("weft",), {"boot": "warm"}), (NODE + ("weft",), {"boot": True}),
    (NODE + ("weft",), {"hugepages": "2M"}), (NODE + ("weft",), {"intake": "ospf"}),
    (NODE + ("weft",), {"intake": None}),
    (LINK, "r1:eth1"), (LINK, None), (LINK, {"mtu": 1500}), (LINK + ("type",), "vxlan"),
    (LINK + ("mtu",), 67), (LINK + ("mtu",), 9001), (LINK + ("mtu",), "jumbo"),
    (LINK + ("weft",), "10ms"), (LINK + ("weft",), {"dealy": "10ms"}),
    (LINK + ("weft",), {"delay": 10}), (LINK + ("weft",), {"delay": "10"}),
    (LINK + ("weft",), {"loss": 1}), (LINK + ("weft",), {"rate": "10Mbps"}),
    (LINK + ("weft",), {"burst": 0}), (LINK + ("weft",), {"gemodel": "1% 2% 3% 4% 5%"}),
    (LINK + ("weft",), {"from": {"r1": {"delay": "1ms"}}}),
    (LINK + ("weft",), {"from": {"r1:eth1": {"from": {}}}}), (("weft",), {"seed": "odd"}),
    (LINK + ("remote",), "192.0.2.1"),
    (LINK + ("endpoints",), "r1:eth1"), (LINK + ("endpoints",), ["r1:eth1"]),
    (LINK + ("endpoints",), ["r1:eth1", "r1:eth1"]),
    (LINK + ("endpoints",), ["r1:eth1", "r2:eth1", "r2:eth2"]),
    (LINK, {"endpoints": [{"node": "r1", "interface": "eth1"}, "r2:eth1"]}),
    (END, "r1"), (END, "r1:eth0"), (END, "r1:lo"), (END, "r1:e1/1"), (END, "r1:ethernet-number1"),
    (END, {"node": "r1"}), (END + ("interface",), "eth0"), (END + ("interface",), ""),
    (END + ("ipv4",), "192.0.2.1/24"), (END + ("mac",), "01:00:5e:00:00:01"),
    (END + ("mac",), "00:00:00:00:00:00"), (END + ("mac",), "02:00:00:00:00"),
]
# Keys that the reader refuses.
BAD += [(NODE + (key,), "x") for key in (
    "cmd", "entrypoint", "sysctls", "user", "env-files", "startup-delay", "stages", "wait-for",
    "kernel", "license", "type", "config", "dns", "devices", "colour")]


def is_valid(value):
    return jsonschema.Draft7Validator(SCHEMA).is_valid(value)


def test_schema_is_a_schema():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", FILES)
def test_good_file(file):
    jsonschema.Draft7Validator(SCHEMA).validate(yaml.safe_load((SRC / file).read_text()))


def test_the_good_one_of_the_bad_ones():
    assert is_valid(NET)


@pytest.mark.parametrize("where, value", BAD, ids=str)
def test_bad_shape(where, value):
    net = copy.deepcopy(NET)
    at = net
    for step in where[:-1]:
        at = at[step]
    at[where[-1]] = value
    assert not is_valid(net)


@pytest.mark.parametrize("key", ["name", "topology"])
def test_missing(key):
    assert not is_valid({k: v for k, v in NET.items() if k != key})


def test_schema_and_docs_know_the_keys_of_the_reader():
    """Each key of a node is in the schema and in the table of docs/topologies.md, as what it is."""
    text = (SRC / "control/topology_keys.c").read_text()
    rules = re.search(r"node_rules\[\] = \{(.*?)\n\};", text, re.S).group(1)
    uses = dict(re.findall(r'\{"([^"]+)",\s*KEY_(\w+)', rules))
    table = (SRC / "docs/topologies.md").read_text().split("## Keys of a node")[1].split("\n## ")[0]
    documented = {}
    for keys, use in re.findall(r"^\| (`.*?`) \| (\w+) \|", table, re.M):
        documented.update((key, use) for key in re.findall(r"`([^`]+)`", keys))
    words = {"SERVED": "served", "WARN": "warns", "REFUSED": "refused"}
    assert documented == {key: words[use] for key, use in uses.items()}
    assert set(SCHEMA["definitions"]["node"]["properties"]) == set(uses)


def test_impairments_are_the_readers():
    """Keys of "weft" of a link: in the reader, the schema and docs/topologies.md."""
    text = (SRC / "control/topology_keys.c").read_text()
    rules = re.search(r"weft_link_rules\[\] = \{(.*?)\n\};", text, re.S).group(1)
    keys = set(re.findall(r'\{"([^"]+)"', rules))
    table = (SRC / "docs/topologies.md").read_text().split("## What a link does")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.M)) == keys
    assert set(SCHEMA["definitions"]["link"]["properties"]["weft"]["properties"]) == keys
    assert set(SCHEMA["definitions"]["impairment"]["properties"]) == keys - {"from"}
