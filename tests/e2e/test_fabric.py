# SPDX-License-Identifier: Apache-2.0
"""A containerlab fabric: BGP unnumbered, which the engine forwards for, and EVPN, which the guests do."""
import pytest

from weft import SRC, await_true


@pytest.fixture(scope="module", autouse=True)
def fabric(weft):
    weft.deploy(SRC / "configs/fabric/fabric.clab.yml")


def forwarded(weft, node, *ports):
    return sum(weft.port("fabric", node, port)["forwarded"] for port in ports)


@pytest.mark.parametrize("address", ["10.0.2.10", "fd00:2::10"])
def test_unnumbered(weft, address):
    """IPv4 by next hops that are IPv6 link-local addresses (RFC 8950) is the engine's, as IPv6 is."""
    weft.await_ping("fabric", "h1", address)
    routes = weft.routes("fabric", "spine")
    for prefix, port in (("10.0.1.0/24", "eth1"), ("10.0.2.0/24", "eth2"), ("fd00:2::/64", "eth2")):
        assert [via["port"] for via in routes[prefix]["via"]] == [port], routes[prefix]
    before = forwarded(weft, "spine", "eth1", "eth2")
    weft.exec("fabric", "h1", "ping", "-n", "-c", "50", "-i", "0.01", address)
    assert forwarded(weft, "spine", "eth1", "eth2") - before >= 100  # both ways


def test_evpn(weft):
    """Hosts on one segment behind two leaves, learnt by BGP. The spine forwards what carries it."""
    weft.await_ping("fabric", "s1", "192.168.10.2")
    mac = weft.port("fabric", "s2", "eth1")["mac"]
    await_true("leaf1 has s2's address from leaf2", 30, lambda: any(
        mac in line and "remote" in line and "10.255.0.2" in line for line in weft.exec(
            "fabric", "leaf1", "vtysh", "-c", "show evpn mac vni 10").splitlines()))
    port = weft.port("fabric", "leaf1", "eth3")
    assert not port["forwarded"] and port["punted"]
    before = forwarded(weft, "spine", "eth1", "eth2")
    weft.exec("fabric", "s1", "ping", "-n", "-c", "20", "-i", "0.05", "-s", "1472", "-M", "do", "192.168.10.2")
    assert forwarded(weft, "spine", "eth1", "eth2") - before >= 40
