# SPDX-License-Identifier: Apache-2.0
"""A reader of pcapng files (draft-ietf-opsawg-pcapng), as strict as the draft lets it be."""
import collections
import struct

SECTION, INTERFACE, STATISTICS, PACKET = 0x0a0d0d0a, 1, 5, 6
MAGIC, ETHERNET, NANOSECONDS = 0x1a2b3c4d, 1, b"\x09"
DIRECTIONS = {0: None, 1: "in", 2: "out"}

Packet = collections.namedtuple("Packet", "interface ns direction length data comment")
File = collections.namedtuple("File", "application interfaces packets statistics")


def blocks(data):
    """(type, body) of each; what ends within one is cut off, as by a writer that was killed."""
    at = 0
    while at + 12 <= len(data):
        kind, size = struct.unpack_from("=II", data, at)
        assert size >= 12 and size % 4 == 0, (at, size)
        if at + size > len(data):
            return
        assert struct.unpack_from("=I", data, at + size - 4)[0] == size, at
        yield kind, data[at + 8:at + size - 4]
        at += size


def options(data):
    found, at = {}, 0
    while at + 4 <= len(data):
        code, size = struct.unpack_from("=HH", data, at)
        at += 4
        if not code:
            break
        found[code] = bytes(data[at:at + size])
        at += size + (-size & 3)
    assert at == len(data), "options end where the block does"
    return found


def _time(data):
    high, low = struct.unpack("=II", data)
    return high << 32 | low


def _packet(body, interfaces):
    number, high, low, size, length = struct.unpack_from("=IIIII", body)
    assert number < len(interfaces) and size <= length
    end = 20 + size
    assert not any(body[end:end + (-size & 3)])
    found = options(body[end + (-size & 3):])
    return Packet(interfaces[number]["name"], high << 32 | low,
                  DIRECTIONS[struct.unpack("=I", found[2])[0]], length, bytes(body[20:end]),
                  found.get(1, b"").decode() or None)


def _interface(body):
    link, _, snap = struct.unpack_from("=HHI", body)
    found = options(body[8:])
    assert link == ETHERNET and found[9] == NANOSECONDS
    return {"name": found[2].decode(), "description": found[3].decode(), "snap": snap,
            "filter": found[11][1:].decode() if 11 in found else None}


def _statistics(body):
    found = options(body[12:])
    return {"start": _time(found[2]), "end": _time(found[3])} | {
        what: struct.unpack("=Q", found[code])[0]
        for what, code in (("received", 4), ("missed", 5), ("accepted", 6))}


def parse(data):
    found = blocks(data)
    kind, body = next(found)
    assert kind == SECTION and struct.unpack_from("=IHHq", body) == (MAGIC, 1, 0, -1)
    one = File(options(body[16:])[4].decode(), [], [], {})
    for kind, body in found:
        if kind == INTERFACE:
            one.interfaces.append(_interface(body))
        elif kind == PACKET:
            one.packets.append(_packet(body, one.interfaces))
        elif kind == STATISTICS:
            name = one.interfaces[struct.unpack_from("=I", body)[0]]["name"]
            one.statistics[name] = _statistics(body)
        else:
            raise AssertionError(f"block {kind}")
    return one
