# SPDX-License-Identifier: Apache-2.0
"""Changes of other vnets, at full load, cost a vnet no packet; and time and again, no memory.

WEFT_SOAK: for so many seconds, with a look at the memory."""
import contextlib
import os
import pathlib
import struct
import threading
import time

import dp_client as dp
import pytest
from perf.frames import write

HOST, IN, OUT, FAR = ("02:aa:00:00:00:0%d" % i for i in range(1, 5))
# Both swallow what they get. The second is opened and closed time and again, which with DPDK's
# net_null costs 768 bytes each time.
SINK, SHARED = "net_null0,no-rx=1", "net_pcap1,tx_pcap=/dev/null"
IDS = 1000  # of a vnet's objects
WINDOW = 30  # frames under way; every queue on their way has room for more, and a read of the relay's
ROUTE_CHANGES, PORT_CHANGES, VNETS = 10000, 100, 50
MBIT = 10 ** 6


def router(v, first, last, **far):
    """Host or wire - router - host or wire; 10/8 goes through."""
    n = v * IDS
    return [dp.vnet(v), dp.node(n + 1, v, dp.ROUTER), dp.node(n + 2, v, dp.PHYSICAL),
            dp.fib(n + 1, n + 1), first(n + 1, n + 2), last(n + 4, n + 2, **far),
            dp.port(n + 2, n + 1, fib=n + 1, mac_=IN), dp.port(n + 3, n + 1, fib=n + 1, mac_=OUT),
            dp.link(n + 1, n + 1, n + 2), dp.link(n + 2, n + 3, n + 4),
            dp.nh(n + 1, 1, dp.ADJ, n + 3, FAR), dp.route(n + 1, 1, "10.0.0.0/8")]


def dgram(id, node):
    return dp.port(id, node, dp.DGRAM, dp.HAS_FD)


def device(dev, vlan=0, **more):
    return lambda id, node: dp.port(id, node, dp.DEV, dev=dev, vlan=vlan, **more)


class Steps:
    """Numbered frames from one host to the other, WINDOW at a time, until told to stop."""

    def __init__(self, client, v):
        self.ends = [dp.Wire(), dp.Wire()]
        client.do(*router(v, dgram, dgram), fds=[w.fd() for w in self.ends])
        self.done, self.sent, self.failed = threading.Event(), 0, None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def frames(self, ttl, dst, src):
        return [dp.eth(dst, src, 0x800, dp.ip4("10.1.2.3", ttl=ttl,
                                               payload=bytes(8) + struct.pack(">Q", n)))
                for n in range(self.sent, self.sent + WINDOW)]

    def run(self):
        try:
            while not self.done.is_set():
                for frame in self.frames(64, IN, HOST):
                    self.ends[0].send(frame)
                for frame in self.frames(63, FAR, OUT):
                    assert self.ends[1].recv() == frame
                self.sent += WINDOW
        except Exception as e:
            self.failed = e

    def stop(self):
        self.done.set()
        self.thread.join()
        assert not self.failed, f"after {self.sent} frames: {self.failed!r}"
        assert self.sent and self.ends[1].silent()


class Flood:
    """As many frames as the worker can take, from memory to nowhere, by a shared device."""

    def __init__(self, client, v, directory):
        self.client, self.v = client, v
        path = pathlib.Path(directory, "frames.pcap")
        write(path, [dp.eth(IN, HOST, 0x800, dp.ip4(f"10.0.0.{i}", size=50)) for i in range(64)])
        self.source = f"net_pcap0,rx_pcap={path},infinite_rx=1"
        client.do(*router(v, dp.port, device(SINK, 1)))
        client.do(device(self.source)(v * IDS + 1, v * IDS + 2))  # when all is there

    def port(self, i):
        return self.client.ports(self.v * IDS + i)[self.v * IDS + i]

    def forwarded(self):
        return self.port(2)["forwarded"]

    def stop(self):
        """Takes the source away: what was received before has been sent when the reply is here."""
        n = self.v * IDS
        self.client.do(dp.port(n + 1, n + 2))
        vnet = self.client.vnets()[self.v]
        received = self.port(1)["injected"]
        assert received and not any(vnet["drops"].values()), vnet
        assert self.port(2)["rx"] == self.port(2)["forwarded"] == received
        assert self.port(3)["tx"] == self.port(4)["rx"] == self.port(4)["punted"] == received


@contextlib.contextmanager
def untouched(client, directory):
    """Vnets 1 and 2: with traffic, from here to the end."""
    flood, steps = Flood(client, 2, directory), Steps(client, 1)
    until(lambda: flood.forwarded() and steps.sent)
    try:
        yield flood
    finally:
        steps.done.set()
    steps.stop()
    vnet = client.vnets()[1]
    assert vnet["forwarded"] == vnet["injected"] == steps.sent and not any(vnet["drops"].values())
    flood.stop()


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen"


def change_routes(client):
    """Of a router that has traffic of its own."""
    n = 3 * IDS
    for i in range(ROUTE_CHANGES // 20):
        op = dp.ROUTE_DEL if i % 2 else dp.ROUTE_SET
        client.do(*(dp.route(n + 1, 1, f"10.{i // 2 % 256}.{k}.0/24", op) for k in range(20)))


def change_ports(client):
    """Of a bridge, by turns slices of the untouched one's device, of one with a scheduler, and
    hosts."""
    n = 3 * IDS + 100
    for i in range(PORT_CHANGES):
        wire = dp.Wire()
        makes = [device(SINK, 100 + i), dgram, device(SHARED, 100 + i, rate=(1 + i) * MBIT,
                                                      guarantee=MBIT // 2)]
        client.do(dp.port(n + i, 3 * IDS + 50), makes[i % 3](n + 200 + i, 3 * IDS + 2),
                  dp.link(n + i, n + i, n + 200 + i), fds=[wire.fd()] if i % 3 == 1 else [])
        wire.close()
    for i in range(PORT_CHANGES):
        client.do(dp.by_id(dp.PORT_DEL, n + i), dp.by_id(dp.PORT_DEL, n + 200 + i))


def change_vnets(client):
    """Each sends, by a slice of either device, and goes with what waits there."""
    for i in range(VNETS):
        v, wire = 10 + i, dp.Wire()
        dev = (SHARED, SINK)[i % 2]
        more = {} if i % 2 else {"rate": (50 - i % 40) * MBIT, "ceiling": MBIT}
        client.do(*router(v, dgram, device(dev, 10 + i, **more)), fds=[wire.fd()])
        for k in range(WINDOW):
            wire.send(dp.eth(IN, HOST, 0x800, dp.ip4("10.0.0.1", size=500, sport=k)))
        client.do(dp.vnet(v, weight=1 + i, guarantee=i))
        until(lambda: client.ports(v * IDS + 2)[v * IDS + 2]["forwarded"] == WINDOW)
        client.do(dp.by_id(dp.VNET_DEL, v))
        wire.close()


def change(client, flood):
    """Vnet 3, whatever is in it; and vnets that come and go."""
    before = flood.forwarded()
    client.do(*router(3, device(SINK, 3), device(SHARED, 3, rate=100 * MBIT)),
              dp.node(3 * IDS + 50, 3, dp.BRIDGE))
    change_routes(client)
    change_ports(client)
    change_vnets(client)
    client.do(dp.by_id(dp.VNET_DEL, 3))
    until(lambda: flood.forwarded() > before)


def test_untouched(engine, tmp_path):
    with untouched(engine.client, tmp_path) as flood:
        change(engine.client, flood)
    assert set(engine.client.vnets()) == {1, 2}
    engine.client.do(dp.by_id(dp.VNET_DEL, 1), dp.by_id(dp.VNET_DEL, 2))
    until(lambda: buffers(engine.client) == 0)


def memory(engine):
    """What is in use of all kinds of memory, in bytes or buffers, and what is resident of it."""
    with open(f"/proc/{engine.p.pid}/status") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    found = engine.client.memory()
    return {"heap": found["heap"], "packet_memory": found["packet_memory"], "fibs": found["fibs"],
            "resident": rss * 1024}


def buffers(client):
    found = client.memory()
    return found["buffers_used"] + found["jumbos_used"]


# What may come and go: the C library's heap has no two equal rounds, and what is resident grows by
# what is touched for the first time: packet memory, of which ever other parts are used.
SLACK = {"heap": 64 << 10, "packet_memory": 0, "fibs": 0, "resident": 256 << 10}


@pytest.mark.skipif("WEFT_SOAK" not in os.environ, reason="takes its time")
@pytest.mark.parametrize("engine", [3], indirect=True)
def test_soak(engine, tmp_path):
    """No round leaves anything behind, of whatever kind of memory; and no packet buffer at all."""
    end, seen = time.monotonic() + float(os.environ["WEFT_SOAK"]), []
    empty = engine.client.memory()
    with untouched(engine.client, tmp_path) as flood:
        while time.monotonic() < end or len(seen) < 4:
            change(engine.client, flood)
            seen.append(memory(engine))
    engine.client.do(dp.by_id(dp.VNET_DEL, 1), dp.by_id(dp.VNET_DEL, 2))
    until(lambda: buffers(engine.client) == 0)
    after = engine.client.memory()
    print(f"{len(seen)} rounds; at first, half-way, in the end: "
          f"{seen[0]} {seen[len(seen) // 2]} {seen[-1]}; empty before: {empty}, after: {after}")
    assert after["fibs"] <= seen[0]["fibs"]
    for kind, slack in SLACK.items():
        sizes = [s[kind] for s in seen]
        assert sizes[-1] <= max(sizes[:len(sizes) // 2]) + slack, (kind, sizes)
