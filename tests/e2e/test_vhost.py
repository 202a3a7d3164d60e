# SPDX-License-Identifier: Apache-2.0
"""A router that asks for vhost-user: its NICs are the engine's own virtqueues."""
import pytest

from weft import SRC, await_true

TOPOLOGY = """
name: vhost
topology:
  nodes:
    r1:
      kind: linux
      image: frr
      weft: {attachment: vhost-user}
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
    path.write_text(TOPOLOGY)
    weft.deploy(path)


def test_ping_to_and_through_the_guest(weft):
    weft.await_ping("vhost", "h1", "10.1.0.1")
    weft.await_ping("vhost", "h1", "10.2.0.2")
    before = weft.port("vhost", "r1", "eth1")["forwarded"]
    weft.exec("vhost", "h1", "ping", "-n", "-c", "20", "-i", "0.05", "10.2.0.2")
    assert weft.port("vhost", "r1", "eth1")["forwarded"] - before >= 20


def test_link_down_is_carrier_loss(weft):
    def carrier():
        return weft.exec("vhost", "r1", "cat", "/sys/class/net/eth2/carrier").strip()
    weft.run("link", "down", "vhost", "r1:eth2")
    await_true("no carrier", 10, lambda: carrier() == "0")
    weft.run("link", "up", "vhost", "r1:eth2")
    await_true("carrier", 10, lambda: carrier() == "1")
    weft.await_ping("vhost", "h1", "10.2.0.2")
