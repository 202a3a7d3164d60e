# SPDX-License-Identifier: Apache-2.0
"""Static routes of a clone: its daemons are configured while its NICs are new and have no carrier yet."""
import json

from weft import await_true

TOPOLOGY = """name: static
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    r1: {image: frr, binds: [frr.conf:/etc/frr/frr.conf]}
    h1: {exec: [ip addr add 10.0.1.10/24 dev eth1, ip route add default via 10.0.1.1]}
    h2: {exec: [ip addr add 10.0.2.10/24 dev eth1]}
  links:
    - endpoints: ["r1:eth1", "h1:eth1"]
    - endpoints: ["r1:eth2", "h2:eth1"]
"""
FRR = """interface eth1
 ip address 10.0.1.1/24
interface eth2
 ip address 10.0.2.1/24
ip route 0.0.0.0/0 10.0.2.10
ip route 20.0.0.0/8 10.0.1.10
"""


def test_static_routes_are_installed(weft, tmp_path):
    """Each time: what zebra does first decides."""
    file = tmp_path / "static.clab.yml"
    file.write_text(TOPOLOGY)
    (tmp_path / "frr.conf").write_text(FRR)
    for _ in range(4):
        weft.deploy(file)
        r1 = weft.node("static", "r1")
        assert r1["boot"] == "clone", r1["boot_why"]

        def installed():
            routes = json.loads(weft.exec("static", "r1", "vtysh", "-c", "show ip route static json"))
            return {p: r[0].get("installed", False) for p, r in routes.items()}
        await_true("both are there", 20, lambda: len(installed()) == 2)
        assert installed() == {"0.0.0.0/0": True, "20.0.0.0/8": True}
        await_true("the FIB has both", 20, lambda: {"0.0.0.0/0", "20.0.0.0/8"} <= weft.routes("static", "r1").keys())
        weft.run("destroy", "static")
