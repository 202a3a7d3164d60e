# SPDX-License-Identifier: Apache-2.0
"""`weft-agent nics`, as a guest runs it, on interfaces of a namespace."""
import fcntl
import json
import os
import struct
import subprocess

import pytest

from perf import netns
from weft import BIN, await_true

TUNSETCARRIER = 0x400454e2

NS = f"weft-nics-{os.getpid()}"


def ip(*args):
    return subprocess.run(["ip", "-n", NS, *args], check=True, capture_output=True, text=True).stdout


def link(name):
    """None: there is none of that name."""
    found = [x for x in json.loads(ip("-j", "addr", "show")) if x["ifname"] == name]
    if not found:
        return None
    return {"mac": found[0]["address"], "mtu": found[0]["mtu"], "up": "UP" in found[0]["flags"],
            "addresses": [a["local"] for a in found[0]["addr_info"] if a["scope"] == "global"]}


@pytest.fixture
def nics(tmp_path):
    if os.geteuid():
        pytest.skip("needs root")

    def run(*lines):
        (tmp_path / "nics").write_text("".join(line + "\n" for line in lines))
        done = subprocess.run(["ip", "netns", "exec", NS, BIN / "weft-agent", "nics", tmp_path / "nics"],
                              capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout.split()

    subprocess.run(["ip", "netns", "add", NS], check=True)
    try:
        for i in (1, 2):
            ip("link", "add", f"kernel{i}", "address", f"02:00:00:00:00:0{i}", "type", "veth", "peer", f"far{i}")
        yield run
    finally:
        subprocess.run(["ip", "netns", "del", NS], check=True)


def test_names_addresses_and_mtus(nics):
    assert nics("02:00:00:00:00:01 eth1 1400 02:00:00:00:00:11", "02:00:00:00:00:02 spare+1 0") == (0, [])
    assert link("eth1") == {"mac": "02:00:00:00:00:11", "mtu": 1400, "up": True, "addresses": []}
    assert not link("spare+1")["up"] and link("kernel2") is None


def test_names_that_change_places(nics):
    nics("02:00:00:00:00:01 eth1 1500", "02:00:00:00:00:02 eth2 1500")
    assert nics("02:00:00:00:00:01 eth2 1500", "02:00:00:00:00:02 eth1 1500") == (0, [])
    assert link("eth1")["mac"] == "02:00:00:00:00:02" and link("eth1")["up"]


def test_a_port_that_goes_leaves_nothing(nics):
    nics("02:00:00:00:00:01 eth1 1500", "02:00:00:00:00:02 eth2 1500")
    for name, n in (("eth1", 1), ("eth2", 2)):
        ip("addr", "add", f"10.0.{n}.1/24", "dev", name)
        ip("addr", "add", f"fd00:{n}::1/64", "dev", name)
    before = link("eth2")
    assert nics("02:00:00:00:00:01 spare+0 0") == (0, [])
    gone = link("spare+0")
    assert not gone["up"] and not gone["addresses"]
    assert link("eth2") == before


def test_what_is_as_it_should_be_is_left_alone(nics):
    nics("02:00:00:00:00:01 eth1 1500", "02:00:00:00:00:02 eth2 1500")
    ip("addr", "add", "10.0.1.1/24", "dev", "eth1")
    ip("route", "add", "10.9.0.0/16", "dev", "eth1")
    assert nics("02:00:00:00:00:01 eth1 1500") == (0, [])
    assert "10.9.0.0/16" in ip("route")  # it would have gone with the interface


def test_one_that_is_not_there(nics):
    assert nics("02:00:00:00:00:07 eth7 1500", "02:00:00:00:00:01 eth1 1500") == (1, ["eth7"])
    assert link("eth1")["up"]


def runs(name):
    """(whether, operational state)"""
    found = json.loads(ip("-j", "link", "show", "dev", name))[0]
    return "UP" in found["flags"] and "NO-CARRIER" not in found["flags"], found["operstate"]


@pytest.mark.parametrize("carrier", [False, True])
def test_a_new_one_runs_when_it_has_carrier(nics, carrier):
    """Taps: the kernel deals with news of carrier once a second, so that the second one's state is unknown for a while."""
    fds = [netns.tap(NS, f"tap{i}") for i in (1, 2)]
    try:
        for i, fd in enumerate(fds, 1):
            ip("link", "set", f"tap{i}", "address", f"02:00:00:00:00:2{i}")
            fcntl.ioctl(fd, TUNSETCARRIER, struct.pack("i", carrier))
        assert nics("02:00:00:00:00:21 eth1 1500", "02:00:00:00:00:22 eth2 1500") == (0, [])
        assert [runs(name)[0] for name in ("eth1", "eth2")] == [carrier, carrier]
        await_true("its state is known", 10, lambda: runs("eth2") == (carrier, "UP" if carrier else "DOWN"))
        for fd in fds:
            fcntl.ioctl(fd, TUNSETCARRIER, struct.pack("i", True))
        for name in ("eth1", "eth2"):
            await_true(f"{name} runs", 10, lambda n=name: runs(n) == (True, "UP"))
    finally:
        for fd in fds:
            os.close(fd)
