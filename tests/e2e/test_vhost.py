# SPDX-License-Identifier: Apache-2.0
"""A router that asks for vhost-user: its NICs are the engine's own virtqueues."""
import pathlib
import re

import pytest

from perf import huge
from weft import await_true


ENGINE_PAGES, ROUTER_PAGES = 160, 80
HUGE = huge.free() >= ENGINE_PAGES + ROUTER_PAGES
TOPOLOGY = """
name: vhost
topology:
  nodes:
    r1:
      kind: linux
      image: frr
      cpu: 2
      weft: {attachment: vhost-user, hugepages: HUGE}
      exec:
        - ip addr add 10.1.0.1/24 dev eth1
        - ip addr add 10.2.0.1/24 dev eth2
    h1:
      kind: linux
      image: alpine
      exec: [ip addr add 10.1.0.2/24 dev eth1, ip route add default via 10.1.0.1]
    h2:
      kind: linux
      image: alpine
      exec: [ip addr add 10.2.0.2/24 dev eth1, ip route add default via 10.2.0.1]
  links:
    - endpoints: ["r1:eth1", "h1:eth1"]
    - endpoints: ["r1:eth2", "h2:eth1"]
"""


@pytest.fixture(scope="module", autouse=True)
def vhost(weft, tmp_path_factory):
    path = tmp_path_factory.mktemp("vhost") / "vhost.clab.yml"
    path.write_text(TOPOLOGY.replace("HUGE", str(HUGE).lower()))
    weft.deploy(path)


def test_ping_to_and_through_the_guest(weft):
    weft.await_ping("vhost", "h1", "10.1.0.1")
    weft.await_ping("vhost", "h1", "10.2.0.2")
    before = weft.port("vhost", "r1", "eth1")["forwarded"]
    weft.exec("vhost", "h1", "ping", "-n", "-c", "20", "-i", "0.05", "10.2.0.2")
    assert weft.port("vhost", "r1", "eth1")["forwarded"] - before >= 20


def test_a_pair_of_queues_for_each_cpu(weft):
    assert weft.exec("vhost", "r1", "ls", "/sys/class/net/eth1/queues").split() == [
        "rx-0", "rx-1", "tx-0", "tx-1"]


@pytest.mark.skipif(not HUGE, reason="of huge pages 240 have to be free (vm.nr_hugepages)")
def test_memory_of_huge_pages(weft):
    smaps = pathlib.Path(f"/proc/{weft.node('vhost', 'r1')['pid']}/smaps").read_text()
    assert re.search(r"Size: +163840 kB\nKernelPageSize: +2048 kB", smaps)


def test_too_few_huge_pages_are_refused(weft, tmp_path):
    path = tmp_path / "greedy.clab.yml"
    path.write_text("""
name: greedy
topology:
  nodes:
    r1: {kind: linux, image: frr, memory: 16GiB, weft: {attachment: vhost-user, hugepages: true}}
    h1: {kind: linux, image: alpine}
  links:
    - endpoints: ["r1:eth1", "h1:eth1"]
""")
    assert "needs 8192 huge pages of 2 MiB" in weft.deploy(path, status=None).stderr


def test_link_down_is_carrier_loss(weft):
    def carrier():
        return weft.exec("vhost", "r1", "cat", "/sys/class/net/eth2/carrier").strip()
    weft.run("link", "down", "vhost", "r1:eth2")
    await_true("no carrier", 10, lambda: carrier() == "0")
    weft.run("link", "up", "vhost", "r1:eth2")
    await_true("carrier", 10, lambda: carrier() == "1")
    weft.await_ping("vhost", "h1", "10.2.0.2")
