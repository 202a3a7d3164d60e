# SPDX-License-Identifier: Apache-2.0
"""What perf/run fwd is made of, where no program needs to run: frames, tables, vnets, mirrors."""
import os
import random
import signal
import socket
import struct
import sys

import pytest

sys.path.insert(1, os.environ["WEFT_SRC"])

from perf import debian, dp, engine, frames, routes  # noqa: E402
from perf.lab import LabError  # noqa: E402
from perf.sides import Cleanup  # noqa: E402

TO, FROM = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
IP4, IP6 = (socket.inet_pton(f, a) for f, a in ((socket.AF_INET, "10.1.2.3"),
                                                (socket.AF_INET6, "fd00::1")))


@pytest.mark.parametrize("vlan", [0, 7])
def test_an_ip4_frame(vlan):
    f = frames.frame(TO, FROM, IP4, vlan, ttl=9)
    tag = f[12:16].hex() if vlan else ""
    ip = f[18 if vlan else 14:]
    assert f[:12] == TO + FROM and tag == ("81000007" if vlan else "")
    assert len(f) == 64 + len(tag) // 2 and f[len(f) - len(ip) - 2:][:2] == b"\x08\x00"
    assert struct.unpack(">H", ip[2:4])[0] == len(ip) and ip[8] == 9 and ip[16:20] == IP4
    assert frames.checksum(ip[:20]) == 0  # RFC 1071: over itself


def test_an_ip6_frame():
    ip = frames.frame(TO, FROM, IP6, ttl=9)[14:]
    assert len(ip) == 50 and struct.unpack(">H", ip[4:6])[0] == len(ip) - 40
    assert ip[0] == 0x60 and ip[7] == 9 and ip[24:40] == IP6


def test_a_file_of_frames(tmp_path):
    some = [frames.frame(TO, FROM, IP4, vlan) for vlan in (0, 1, 2)]
    frames.write(tmp_path / "f", some)
    assert frames.read(tmp_path / "f") == some


def test_a_lookup_finds_the_longest():
    rng = random.Random(1)
    for size in (4, 16):
        table = []
        for nh in range(200):
            length = rng.randint(0, 12)
            addr = rng.getrandbits(length) << 8 * size - length if length else 0
            table.append((addr.to_bytes(size, "big"), length, nh))
        table = list({(addr, length): (addr, length, nh) for addr, length, nh in table}.values())
        lookup = routes.Lookup(table)
        for _ in range(1000):
            dst = (rng.getrandbits(16) << 8 * size - 16).to_bytes(size, "big")
            bits = int.from_bytes(dst, "big")
            hits = [(length, nh) for addr, length, nh in table
                    if (bits ^ int.from_bytes(addr, "big")) >> 8 * size - length == 0]
            assert lookup.find(dst) == (max(hits)[1] if hits else None)


@pytest.mark.parametrize("family", [4, 6])
def test_addresses_inside_routes(family):
    rng, table = random.Random(1), routes.small(family)
    assert len({route[:2] for route in table}) == 16
    lookup = routes.Lookup(table)
    for route in table * 10:
        assert lookup.find(routes.inside(route, rng)) == route[2]


def test_many_routes_are_as_one():
    table = [*routes.small(4)[:2], *routes.small(6)[:1]]
    assert dp.routes(5, table) == [dp.route(5, nh, routes.text((addr, length, nh)))
                                   for addr, length, nh in table]


def ids(records, op):
    return [struct.unpack_from("=I", r, 8)[0] for r in records
            if struct.unpack_from("=H", r)[0] == op]


def test_vnets_have_ids_of_their_own():
    table = routes.small(4)
    vnets = [engine.Vnet(1, table, routers=8), engine.Vnet(2, table),
             engine.Vnet(256, table, vlan=9)]
    records = [r for vnet in vnets for r in vnet.records()]
    for op, count in ((dp.VNET_SET, 3), (dp.NODE_SET, 16), (dp.PORT_SET, 26), (dp.LINK_SET, 13),
                      (dp.FIB_SET, 10)):
        found = ids(records, op)
        assert len(found) == len(set(found)) == count and 0 not in found
    ends = [struct.unpack_from("=II", r, 12) for r in records
            if struct.unpack_from("=H", r)[0] == dp.LINK_SET]
    assert sorted(end for link in ends for end in link) == sorted(ids(records, dp.PORT_SET))


def test_what_is_expected_of_a_router(tmp_path):
    vnet = engine.Vnet(3, routes.small(4), routers=8, vlan=5)
    dst = socket.inet_pton(socket.AF_INET, "198.18.2.9")  # of the third route
    traffic = engine.Traffic(tmp_path / "f", [vnet], [(vnet, dst)])
    assert frames.read(tmp_path / "f") == [
        frames.frame(dp.mac(vnet.entry_mac()), engine.SENDER, dst, 5)]
    assert traffic.expected == {
        frames.frame(dp.mac(vnet.hop_mac(3)), dp.mac(vnet.exit_mac()), dst, 5, frames.TTL - 8)}


LISTS = {
    "sources.list": "deb cdrom:[Debian]/ bookworm main\n# deb http://no/ bookworm main\n"
                    "deb http://m/debian bookworm main contrib\n"
                    "deb http://apt.pgdg/ bookworm-pgdg contrib\n",
    "sources.list.d/x.sources": "Types: deb\n# old\nURIs: http://m/security\n"
                                "Suites:\n bookworm-security\nComponents: main\n"
                                "Signed-By: /k.gpg\n\nTypes: deb\nURIs: http://other\n"
                                "Suites: nodistro\nComponents: main\n",
    "sources.list.d/off.sources": "Enabled: no\nTypes: deb\nURIs: http://off\nSuites: bookworm\n"
                                  "Components: main\n",
}


def test_the_machines_mirrors(tmp_path, monkeypatch):
    (tmp_path / "sources.list.d").mkdir()
    monkeypatch.setattr(debian, "ETC", tmp_path)
    monkeypatch.setattr(debian, "_codename", lambda: "bookworm")
    with pytest.raises(LabError, match="no mirror"):
        debian._sources()
    for name, text in LISTS.items():
        (tmp_path / name).write_text(text)
    assert debian._sources() == [
        f"{kind} {rest}" for rest in ("http://m/debian bookworm main contrib",
                                      "[signed-by=/k.gpg] http://m/security bookworm-security main")
        for kind in ("deb", "deb-src")]


def test_nothing_disturbs_cleaning_up():
    cleaned = []
    with pytest.raises(KeyboardInterrupt):
        with Cleanup() as stack:
            stack.callback(cleaned.append, 1)
            stack.callback(os.kill, os.getpid(), signal.SIGINT)
            raise KeyboardInterrupt
    assert cleaned and signal.getsignal(signal.SIGINT) is signal.default_int_handler
