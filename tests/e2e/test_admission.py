# SPDX-License-Identifier: Apache-2.0
"""What this machine cannot carry is refused at once, with the sum, and nothing is left of it."""
import os
import pathlib
import re
import time

import pytest

from weft import RUN


def write(tmp_path, name, count, more=""):
    path = tmp_path / f"{name}.clab.yml"
    nodes = "".join(f"    r{i}: {{kind: linux, image: frr{more}}}\n" for i in range(count))
    links = "".join(f"    - endpoints: ['r{i}:eth1', 'r{i + 1}:eth2']\n" for i in range(count - 1))
    path.write_text(f"name: {name}\ntopology:\n  nodes:\n{nodes}  links:\n{links}")
    return path


def refused(weft, path):
    start = time.monotonic()
    done = weft.deploy(path, status=1)
    assert time.monotonic() - start < 10
    assert len(done.stderr.splitlines()) == 1
    assert weft.json("inspect")["vnets"] == []
    assert weft.json("version")["weftd"]["engine"] is None
    assert not [p for d in "ghpv" for p in pathlib.Path(RUN, d).iterdir()]
    return done.stderr


def test_memory(weft, tmp_path):
    said = refused(weft, write(tmp_path, "much", 900, ", memory: 16GiB"))
    assert re.search(r"much needs 14\d{3}\.\d GiB for 900 routers \(900 x 16459 MiB\); [\d.]+ GiB of "
                     r"[\d.]+ GiB are free, .*: take routers away, or give the machine memory", said), said


def test_cpu(weft, tmp_path):
    """Small ones, as many as a topology may have."""
    if os.cpu_count() > 3:
        pytest.skip("this machine may carry them")
    said = refused(weft, write(tmp_path, "many", 1024))
    assert "for 1024 routers (1024 x 70 MiB)" in said or re.search(
        r"many brings 1024 routers, beside 0 that run: each keeps [\d.]+ % of a core busy", said), said


def test_one_more_is_refused_and_the_rest_stays(weft, tmp_path):
    weft.deploy(write(tmp_path, "few", 1))
    pid = weft.node("few", "r0")["pid"]
    done = weft.deploy(write(tmp_path, "few", 900, ", memory: 16GiB"), status=1)
    assert "few needs" in done.stderr
    vnet = weft.json("inspect", "few")
    assert [n["name"] for n in vnet["nodes"]] == ["r0"] and vnet["nodes"][0]["pid"] == pid
    weft.deploy(write(tmp_path, "few", 1))
    assert weft.node("few", "r0")["pid"] == pid


def shares(tmp_path, name, guarantee, weight=100):
    """Hosts alone: no guest has to start."""
    path = tmp_path / f"{name}.clab.yml"
    path.write_text(f"""name: {name}
weft: {{guarantee: {guarantee} cores, weight: {weight}}}
topology:
  defaults: {{kind: linux, image: alpine}}
  nodes: {{h1: , h2: }}
  links: [endpoints: ['h1:eth1', 'h2:eth1']]
""")
    return path


def test_guarantees_fit_the_cores(weft, tmp_path):
    """This test's engine has one worker, of which 0.9 may be guaranteed."""
    weft.deploy(shares(tmp_path, "ga", 0.6, 250))
    said = weft.deploy(shares(tmp_path, "gb", 0.4), status=1).stderr
    assert "gb asks for a guarantee of 0.400 cores; 0.300 cores are left of the 0.900 cores" in said
    assert [v["name"] for v in weft.json("inspect")["vnets"] if v["name"] in ("ga", "gb")] == ["ga"]
    said = weft.deploy(shares(tmp_path, "ga", 0.901), status=1).stderr
    assert "ga asks for a guarantee of 0.901 cores; 0.900 cores are left" in said
    vnet = weft.json("inspect", "ga")
    assert (vnet["weight"], vnet["guarantee_cores"]) == (250, 0.6)
    weft.deploy(shares(tmp_path, "ga", 0.5, 300))
    vnet = weft.json("inspect", "ga")
    assert (vnet["weight"], vnet["guarantee_cores"]) == (300, 0.5)
    weft.deploy(shares(tmp_path, "gb", 0.4))
    assert weft.exec("gb", "h1", "ip", "link", "show", "eth1")
