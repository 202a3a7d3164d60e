# SPDX-License-Identifier: Apache-2.0
"""weft-dp as a side: vnets of routers in a row, between a device that frames come from and one
that they end in."""
import collections
import socket

from perf import dp
from perf.frames import TTL, frame, read, write
from perf.lab import BIN, LabError
from perf.routes import Lookup
from perf.sides import Program, Side

BUFFERS, MEMORY_MIB = 98304, 512
CHECK_LIMIT = 10  # seconds for the frames that are looked at
SENDER = dp.mac("02:00:00:00:00:01")
IDS = 1024  # of nodes and of ports, a vnet
OUTSIDE, SINK = IDS - 2, IDS - 1  # nodes: what source and sink are devices of


def mac(kind, vnet, number):
    return f"02:{kind:02x}:{vnet >> 8:02x}:{vnet & 255:02x}:{number >> 8:02x}:{number & 255:02x}"


class Vnet:
    """Routers in a row, all with the same table. Frames come in and go out with its VLAN (0: none).
    Each next hop of the table has a MAC of its own behind the last router. With `lans` a bridge is
    between each two of them."""

    def __init__(self, number, table, routers=1, vlan=0, lans=False):
        self.number, self.table, self.routers, self.vlan = number, table, routers, vlan
        self.base, self.lans = number * IDS, lans
        self.first, self.last = self.base, self.base + 2 * routers + 1  # ports of the devices

    def entry_mac(self, router=0):
        return mac(0x10, self.number, router)

    def exit_mac(self, router=None):
        return mac(0x20, self.number, self.routers - 1 if router is None else router)

    def hop_mac(self, nh, router=None):
        """Of a next hop of the table. In a router that is not the last it is the next router."""
        if router is None or router == self.routers - 1:
            return mac(0x30, self.number, nh)
        return self.entry_mac(router + 1)

    def _router(self, i):
        node = fib = self.base + i
        entry, way_out = self.base + 2 * i + 1, self.base + 2 * i + 2  # ports
        return [dp.node(node, self.number, dp.ROUTER), dp.fib(fib, node),
                dp.port(entry, node, fib=fib, mac_=self.entry_mac(i)),
                dp.port(way_out, node, fib=fib, mac_=self.exit_mac(i)),
                *(self._lan(i) if i and self.lans else [dp.link(entry, entry - 1, entry)]),
                *(dp.nh(node, nh, dp.ADJ, way_out, self.hop_mac(nh, i))
                  for nh in sorted({nh for _, _, nh in self.table})),
                *dp.routes(fib, self.table)]

    def _lan(self, i):
        """Before router i."""
        entry = self.base + 2 * i + 1
        bridge, left, right = self.base + IDS // 2 + i, entry + IDS // 2, entry + IDS // 2 + 1
        return [dp.node(bridge, self.number, dp.BRIDGE), dp.port(left, bridge),
                dp.port(right, bridge), dp.link(left, entry - 1, left),
                dp.link(right, right, entry)]

    def records(self):
        """All but the devices."""
        outside, inside = self.base + OUTSIDE, self.base + SINK
        return [dp.vnet(self.number), dp.node(outside, self.number, dp.PHYSICAL),
                dp.node(inside, self.number, dp.PHYSICAL), dp.port(self.first, outside),
                *(r for i in range(self.routers) for r in self._router(i)),
                dp.port(self.last, inside),
                dp.link(self.last, self.last - 1, self.last)]

    def sink(self, dev):
        return dp.port(self.last, self.base + SINK, dp.DEV, vlan=self.vlan, dev=dev)

    def source(self, dev):
        return dp.port(self.first, self.base + OUTSIDE, dp.DEV, vlan=self.vlan, dev=dev)


class Traffic:
    """A file of frames that are repeated for ever, for these vnets: pairs of a vnet and a packed
    address. What must come of them is made from the tables."""

    def __init__(self, path, vnets, flows):
        self.path, self.vnets = path, vnets
        lookups = {id(table): Lookup(table) for table in {id(v.table): v.table for v in vnets}
                   .values()}
        self.expected = set()
        for vnet, dst in flows:
            hop = vnet.hop_mac(lookups[id(vnet.table)].find(dst))
            self.expected.add(frame(dp.mac(hop), dp.mac(vnet.exit_mac()), dst, vnet.vlan,
                                    TTL - vnet.routers))
        self.frames = [frame(dp.mac(vnet.entry_mac()), SENDER, dst, vnet.vlan)
                       for vnet, dst in flows]
        write(path, self.frames)

    def device(self):
        return f"net_pcap0,rx_pcap={self.path},infinite_rx=1"


class Weft(Side):
    """An engine with the vnets of this traffic. What it does with it is looked at, then it is
    stopped until its turn."""

    def __init__(self, name, directory, cpu, traffic):
        self.name, self.cpu, self.traffic = name, cpu, traffic
        self.vnets = traffic.vnets
        label = name.replace(" ", "-")
        self.path, self.seen = directory / f"{label}.sock", directory / f"{label}-seen.pcap"
        self.client = None
        self.drops = {}
        self.program = Program(name, directory, BIN / "weft-dp", "--socket", self.path, "--memory",
                               MEMORY_MIB, "--buffers", BUFFERS)

    def __enter__(self):
        try:
            self._start()
        except (dp.Refused, socket.timeout) as e:
            self.__exit__()
            raise LabError(f"{self.name}: {e}") from e
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        super().__exit__()
        if self.client:
            self.client.close()

    def _start(self):
        self.client = self.program.until(lambda: dp.Client(str(self.path)), "no answer")
        if not self.client.hello()["hugepages"]:
            self.program.fail("runs without huge pages")
        self.program.pin(self.cpu, "worker")
        for vnet in self.vnets:
            self.client.program(vnet.records())
        self.client.program([vnet.sink(f"net_pcap1,tx_pcap={self.seen}") for vnet in self.vnets])
        self.client.program([vnet.source(self.traffic.device()) for vnet in self.vnets])
        # From here on all are there, and this many are at least a whole turn of the file.
        enough = self.sent() + 2 * len(self.traffic.frames)
        self.program.until(lambda: self.sent() >= enough, "too few frames", CHECK_LIMIT)
        self.client.program([vnet.sink("net_null0,no-rx=1") for vnet in self.vnets])
        self.stop()
        self._look()
        self.go_on()
        self.drops = self._dropped()
        self.stop()

    def _look(self):
        """All frames were sent on, each as it should be, and nothing else was."""
        seen = set(read(self.seen))
        self.seen.unlink()
        missing, wrong = self.traffic.expected - seen, seen - self.traffic.expected
        if missing or wrong:
            self.program.fail("\n".join([
                f"{len(missing)} frames are missing, {len(wrong)} are wrong",
                *(f"{what}: {one.hex()}" for what, found in (("missing", missing), ("wrong", wrong))
                  for one in sorted(found)[:2])]))

    def sent(self):
        """Packets that the sink's device took."""
        if len(self.vnets) == 1:
            return self.client.ports(self.vnets[0].last)[self.vnets[0].last]["punted"]
        ports = self.client.ports()
        return sum(ports[vnet.last]["punted"] for vnet in self.vnets)

    def _dropped(self):
        total = collections.Counter()
        for port in self.client.ports().values():
            total.update(port["drops"])
        return +total

    def check(self):
        """Nothing is dropped."""
        dropped = self._dropped() - self.drops
        if dropped:
            self.program.fail(f"drops {dict(dropped)}")
