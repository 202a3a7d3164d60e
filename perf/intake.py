# SPDX-License-Identifier: Apache-2.0
"""A full routing table on its way into a running engine: from the socket to what packets are
forwarded by, while a worker forwards all the time."""
import pathlib
import random
import select
import socket
import struct
import tempfile
import time

from perf import dp, routes
from perf.engine import MEMORY_MIB, Traffic, Vnet, Weft
from perf.fwd import cores
from perf.huge import HugePages
from perf.lab import BIN, LabError, command, say
from perf.rows import row
from perf.sides import Cleanup

ROUNDS = 7
FLOWS = 1024
REST = 0.3  # seconds
PATIENCE = 10
SOCKET_BUFFER = 4 << 20  # weftd's
SO_SNDBUFFORCE = 32  # asm-generic/socket.h
REPLY = struct.Struct("=IiIII252s")
TARGET = "weft >= 500000"
TABLE = "IPv4 full table"
WINDOWS = {"pipelined": None, "a request at a time": 1}  # requests that wait for a reply
WEFTD = "from weftd"


class Bench:
    """An engine with one router, and the requests that give it the table's routes; `others` give
    all of them another next hop."""

    def __init__(self, directory, stack):
        rng = random.Random(1)
        self.dir, self.table = directory, routes.full(4)
        self.vnet = Vnet(1, self.table)
        flows = [(self.vnet, routes.inside(rng.choice(self.table), rng)) for _ in range(FLOWS)]
        traffic = Traffic(directory / "frames.pcap", [self.vnet], flows)
        hops = sorted({nh for _, _, nh in self.table})
        turned = dict(zip(hops, hops[1:] + hops[:1]))
        self.records = dp.routes(self.vnet.base, self.table)
        self.requests = requests(self.records)
        self.others = requests(dp.routes(self.vnet.base, [
            (addr, length, turned[nh]) for addr, length, nh in self.table]))
        stack.enter_context(HugePages(MEMORY_MIB))
        self.weft = stack.enter_context(Weft("weft", directory, stack.enter_context(cores())[1],
                                             traffic))
        self.weft.go_on()

    def connect(self):
        self.weft.client.close()
        self.weft.client = dp.Client(str(self.weft.path))
        self.weft.client.s.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER)

    def clear(self):
        """The FIB is a new one, empty."""
        fib = self.vnet.base
        self.weft.client.do(dp.by_id(dp.FIB_DEL, fib), dp.fib(fib, fib, len(self.table)),
                            dp.port(fib + 1, fib, fib=fib, mac_=self.vnet.entry_mac()))

    def complete(self):
        if self.weft.client.fibs()[self.vnet.base][0] != len(self.table):
            raise LabError("routes were lost")

    def rest(self):
        """Packets a second that are sent on while nothing is asked for."""
        before, began = self.weft.sent(), time.monotonic()
        time.sleep(REST)
        return (self.weft.sent() - before) / (time.monotonic() - began)


def requests(records):
    """As few datagrams as hold them, each with its number."""
    most = (dp.DATAGRAM_MAX - 8) // len(records[0])
    parts = [records[at:at + most] for at in range(0, len(records), most)]
    return [struct.pack("=II", seq, len(part)) + b"".join(part) for seq, part in enumerate(parts)]


def take_reply(sock, seq):
    got, status, index, _, _, text = REPLY.unpack(sock.recv(dp.DATAGRAM_MAX))
    if status or got != seq:
        raise LabError(f"request {got}, record {index}: {text.rstrip(bytes(1)).decode()}")


def push(sock, datagrams, window):
    """Seconds from the first byte written until the last reply, which says that lookups find the
    routes. At most `window` requests wait for their reply, None: as many as the socket takes."""
    sent = answered = 0
    sock.setblocking(False)
    began = time.monotonic()
    while answered < len(datagrams):
        more = sent < len(datagrams) and (window is None or sent - answered < window)
        readable, writable, _ = select.select([sock], [sock] if more else [], [], PATIENCE)
        if readable:
            take_reply(sock, answered)
            answered += 1
        elif writable:
            sock.send(datagrams[sent])
            sent += 1
        else:
            raise LabError(f"no reply within {PATIENCE} s")
    took = time.monotonic() - began
    sock.settimeout(PATIENCE)
    return took


def measure(bench, case, window):
    loads, changes, beside, at_rest = [], [], [], []
    count = len(bench.table)
    for turn in range(ROUNDS):
        say(f"intake: {case}: round {turn + 1}")
        bench.clear()
        loads.append(count / push(bench.weft.client.s, bench.requests, window))
        bench.complete()
        at_rest.append(bench.rest() / 1e6)
        before = bench.weft.sent()
        took = push(bench.weft.client.s, bench.others, window)
        changes.append(count / took)
        beside.append((bench.weft.sent() - before) / took / 1e6)
    target = TARGET if window is None else None
    return [row(f"{TABLE}, {case}", "routes into an empty FIB", "routes/s", loads, target=target),
            row(f"{TABLE}, {case}", "other next hops for all", "routes/s", changes, target=target),
            row(f"{TABLE}, {case}", "forwarded meanwhile", "M packets/s", beside, "at rest",
                at_rest)]


def measure_weftd(bench):
    """The same records, handed to weftd's own end of the API one by one. It takes our client's
    place at the engine."""
    loads, path = [], bench.dir / "records"
    path.write_bytes(b"".join(bench.records))
    for turn in range(ROUNDS):
        say(f"intake: {WEFTD}: round {turn + 1}")
        bench.clear()
        took = float(command(BIN / "weft-bench-intake", bench.weft.path, path))
        loads.append(len(bench.table) / took)
        bench.connect()
        bench.complete()
    return [row(f"{TABLE}, {WEFTD}", "routes into an empty FIB", "routes/s", loads,
                target=TARGET)]


def run(accel, wanted):
    found = []
    with Cleanup() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="weft-perf-"))
        say("intake: starting")
        bench = Bench(pathlib.Path(directory), stack)
        bench.connect()
        for case in wanted([*WINDOWS, WEFTD]):
            found += (measure_weftd(bench) if case == WEFTD else
                      measure(bench, case, WINDOWS[case]))
    say("")
    return found
