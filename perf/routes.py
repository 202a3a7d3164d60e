# SPDX-License-Identifier: Apache-2.0
"""Routing tables: lists of (packed address, length, next hop), small and real; addresses inside
them, and what a lookup must find."""
import contextlib
import lzma
import os
import pathlib
import socket

from perf.lab import SRC, LabError, say

DATA = pathlib.Path(os.environ.get("WEFT_DATA", SRC.parent / "shared/data"))
TABLES = {family: f"bgp{family}-full.txt.xz" for family in (4, 6)}
AF = {4: socket.AF_INET, 6: socket.AF_INET6}


@contextlib.contextmanager
def opened(family, mode="rb"):
    """A real table, unpacked: `prefix originAS nextHop x` a line."""
    path = DATA / TABLES[family]
    say(f"unpacking {path.name}")
    try:
        with lzma.open(path, mode) as unpacked:
            yield unpacked
    except (OSError, lzma.LZMAError) as e:
        raise LabError(f"{path}: {e}; WEFT_DATA names the directory of the tables") from e


def full(family):
    table = []
    with opened(family, "rt") as lines:
        for line in lines:
            prefix, _, nh, _ = line.split()
            addr, length = prefix.split("/")
            table.append((socket.inet_pton(AF[family], addr), int(length), int(nh)))
    return table


def small(family):
    """16 routes, those that l3fwd has by default (RFC 2544, RFC 5180), a next hop each."""
    prefix = "198.18.{}.0/24" if family == 4 else "2001:200:0:{:x}::/64"
    addrs = [prefix.format(i).split("/") for i in range(16)]
    return [(socket.inet_pton(AF[family], addr), int(length), i + 1)
            for i, (addr, length) in enumerate(addrs)]


def text(route):
    addr, length, _ = route
    return f"{socket.inet_ntop(AF[4 if len(addr) == 4 else 6], addr)}/{length}"


def inside(route, rng):
    """A random address, packed."""
    addr, length, _ = route
    free = 8 * len(addr) - length
    low = rng.getrandbits(free) if free else 0
    return (int.from_bytes(addr, "big") | low).to_bytes(len(addr), "big")


class Lookup:
    """By a dictionary a length."""

    def __init__(self, table):
        self.lengths = {}
        for addr, length, nh in table:
            shift = 8 * len(addr) - length
            self.lengths.setdefault(shift, {})[int.from_bytes(addr, "big") >> shift] = nh
        self.shifts = sorted(self.lengths)

    def find(self, addr):
        """None: no route."""
        number = int.from_bytes(addr, "big")
        for shift in self.shifts:
            nh = self.lengths[shift].get(number >> shift)
            if nh is not None:
                return nh
        return None
