# SPDX-License-Identifier: Apache-2.0
"""A flood of what a router's guest would have to answer, and what still gets through beside it."""
import os
import select
import socket
import struct
import threading

from perf import dp, memif
from perf.engine import SENDER, mac
from perf.frames import checksum, frame
from perf.lab import LabError
from perf.rows import row

CASE = "TTL-1 and ARP at one router"
FLOOD, TRANSIT, HELLOS = 1.02e6, 50e3, 500  # frames a second: all; by each port
VNET, HERE, OUTSIDE = 1, 1, 2  # ids: of the vnet, and of its nodes
FLOODED, OTHER, OUT = 1, 2, 3  # the router's ports, and the VLANs behind them
FAR = socket.inet_aton("10.1.0.1")
ALL_OSPF = bytes.fromhex("01005e000005"), socket.inet_aton("224.0.0.5")  # RFC 2328, A.1
OSPF = 89
STAMP = struct.Struct("=QIHH")  # struct stamp of perf/traffic/traffic.h
STAMP_AT = 14 + 20 + 8  # behind a port the tag is gone


def own_mac(port):
    return mac(0x10, VNET, port)


def expired(vlan):
    return frame(dp.mac(own_mac(vlan)), SENDER, FAR, vlan, ttl=1)


def request(vlan):
    """ARP (RFC 826): who has the router's address?"""
    body = struct.pack(">HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, SENDER, socket.inet_aton("10.0.0.2"),
                       bytes(6), socket.inet_aton("10.0.0.1"))
    return (b"\xff" * 6 + SENDER + struct.pack(">HHH", 0x8100, vlan, 0x806) + body).ljust(68, b"\0")


def hello(vlan):
    to, group = ALL_OSPF
    f = bytearray(frame(to, SENDER, group, vlan, ttl=1))
    ip = 18
    f[ip + 9] = OSPF
    f[ip + 10:ip + 12] = bytes(2)
    f[ip + 10:ip + 12] = struct.pack(">H", checksum(f[ip:ip + 20]))
    return bytes(f)


def transit(vlan):
    return frame(dp.mac(own_mac(vlan)), SENDER, FAR, vlan)


# What is sent, in this order: (frame, frames a second).
SENDERS = [(expired(FLOODED), FLOOD / 2), (request(FLOODED), FLOOD / 2),
           (transit(FLOODED), TRANSIT), (transit(OTHER), TRANSIT),
           (hello(FLOODED), HELLOS), (hello(OTHER), HELLOS)]
FLOODS, TRANSITS, OTHERS = slice(0, 2), slice(2, 4), slice(2, 6)


class Guest(threading.Thread):
    """Takes what the engine punts, on the worker's core, as guests do."""

    def __init__(self, cpu):
        super().__init__(daemon=True)
        self.cpu, self.done, self.frames = cpu, False, 0
        self.hellos = [0] * len(SENDERS)  # that count, by sender
        self.pairs = {port: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
                      for port in (FLOODED, OTHER)}

    def fd(self, port):
        return self.pairs[port][1].fileno()

    def run(self):
        os.sched_setaffinity(threading.get_native_id(), {self.cpu})
        ends = [ours for ours, _ in self.pairs.values()]
        while not self.done:
            for s in select.select(ends, [], [], 0.1)[0]:
                self.take(s.recv(2048))

    def take(self, data):
        self.frames += 1
        if data[12:14] == b"\x08\0" and data[23] == OSPF:
            *_, sender = STAMP.unpack_from(data, STAMP_AT)
            self.hellos[sender & 0x7fff] += sender >> 15

    def end(self):
        self.done = True
        self.join()
        for pair in self.pairs.values():
            for s in pair:
                s.close()


class Bed(memif.Bed):
    """A router with two ports that frames come in by, and one they leave by."""

    def __init__(self, directory, cpus, guest):
        super().__init__(directory, cpus, [f for f, _ in SENDERS])
        self.guest = guest

    def prepare(self):
        """The worker's core is the guests' and the relay's too."""
        self.engine.pin(self.cpu, "relay")
        self.engine.nice("worker", -20)
        self.guest.start()

    def program(self):
        def wire(port, device):
            return [dp.port(10 + port, OUTSIDE, dp.DEV, vlan=port, dev=self.device(device)),
                    dp.link(port, port, 10 + port)]

        self.client.do(dp.vnet(VNET), dp.node(HERE, VNET, dp.ROUTER),
                       dp.node(OUTSIDE, VNET, dp.PHYSICAL), dp.fib(1, HERE),
                       *(dp.port(p, HERE, dp.DGRAM, dp.HAS_FD, fib=1, mac_=own_mac(p))
                         for p in (FLOODED, OTHER)),
                       dp.port(OUT, HERE, fib=1, mac_=own_mac(OUT)),
                       dp.nh(HERE, 1, dp.ADJ, OUT, mac(0x30, VNET, 1)),
                       dp.route(1, 1, "10.1.0.0/16"), *wire(OUT, 1),
                       fds=[self.guest.fd(p) for p in (FLOODED, OTHER)])
        self.client.do(*wire(FLOODED, 0), *wire(OTHER, 0))

    def drops(self):
        return self.client.vnets()[VNET]["drops"]


def offered(found, sender):
    """Frames sent, but for those that the device had no room for while nobody looked at it."""
    return found["senders"][sender]["sent"] - found["senders"][sender]["stalled"]


def measure(directory, cpus):
    guest = Guest(cpus[1])
    try:
        with Bed(directory, cpus, guest) as bed:
            before = bed.drops()
            found = bed.send([rate for _, rate in SENDERS])
            after = bed.drops()
    finally:
        if guest.is_alive():
            guest.end()
    policed = after["policed"] - before["policed"]
    if not policed:
        raise LabError("weft-dp: it was no flood, nothing was policed")
    return found, guest


def rows(found, guest):
    taken = memif.rate(found, "sent", FLOODS) - memif.rate(found, "refused", FLOODS)
    ports = "the flooded port", "another port"
    return [row(CASE, "reached the engine", "Mpps", taken / 1e6, target="weft >= 1"),
            *(row(CASE, f"transit lost, {port}", "packets",
                  offered(found, i) - found["senders"][i]["came"], target="weft <= 0")
              for i, port in zip((2, 3), ports)),
            *(row(CASE, f"hellos lost, {port}", "packets", offered(found, i) - guest.hellos[i],
                  target="weft <= 0") for i, port in zip((4, 5), ports)),
            row(CASE, "refused, the worker being away", "packets",
                memif.total(found, "stalled", OTHERS)),
            row(CASE, "p99 delay of transit", "us", memif.worst(found, 1, TRANSITS))]


def run(accel, wanted):
    wanted([CASE])
    with memif.room() as (directory, cpus):
        return rows(*measure(directory, cpus))
