# SPDX-License-Identifier: Apache-2.0
"""A full routing table on its way into a running engine: from the socket to what packets are
forwarded by, while a worker forwards all the time."""
import lzma
import os
import random
import select
import socket
import struct
import sys
import tempfile
import time

from perf.fib import DATA, TABLES
from perf.huge import HugePages
from perf.lab import BIN, SRC, LabError, command, say
from perf.rows import row

sys.path.insert(0, str(SRC / "tests/e2e"))
os.environ.setdefault("WEFT_BIN", str(BIN))
import dp_client as dp  # noqa: E402

HUGE_MIB = 256
ROUNDS = 7
HOPS = 50
FRAMES = 1024
SOCKET_BUFFER = 4 << 20  # weftd's
SO_SNDBUFFORCE = 32  # asm-generic/socket.h
DATAGRAM_MAX = 65536
TARGET = "weft >= 500000"
REPLY = struct.Struct("=IiIII252s")
VNET, FIB, ROUTER, IN, OUT = 1, 1, 1, 2, 3  # ids; a node's ports: its id, the router's: + 10
MAC_IN, MAC_OUT = "02:00:00:00:00:01", "02:00:00:00:00:02"
WINDOWS = {"pipelined": None, "a request at a time": 1}


def prefixes():
    say("unpacking the table")
    try:
        with lzma.open(DATA / TABLES[4], "rt") as f:
            return [(line.split()[0], int(line.split()[2])) for line in f]
    except (OSError, lzma.LZMAError) as e:
        raise LabError(f"{DATA / TABLES[4]}: {e}; WEFT_DATA names the directory of the "
                       "tables") from e


def requests(table, turn=0):
    """The table's routes in as few datagrams as hold them, each with its number. Another turn
    gives all of them other next hops."""
    say("making requests")
    found, records = [], [dp.route(FIB, 1 + (hop + turn) % HOPS, prefix) for prefix, hop in table]
    most = (DATAGRAM_MAX - 8) // len(records[0])
    for at in range(0, len(records), most):
        part = records[at:at + most]
        found.append(struct.pack("=II", len(found), len(part)) + b"".join(part))
    return found


def frames(path, table):
    """A capture for net_pcap: UDP, 64 bytes with the CRC, to addresses inside routes."""
    rnd = random.Random(1)
    with open(path, "wb") as f:
        f.write(struct.pack("=IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for _ in range(FRAMES):
            addr, length = rnd.choice(table)[0].split("/")
            inside = int.from_bytes(socket.inet_aton(addr)) | rnd.getrandbits(32 - int(length))
            packet = dp.ip4(socket.inet_ntoa(inside.to_bytes(4)), size=46)
            frame = dp.eth(MAC_IN, "02:00:00:00:00:09", 0x0800, packet)
            f.write(struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame)
    os.chmod(path, 0o644)


def build(client, capture):
    """A physical port that brings the frames, a router, a physical port that swallows them."""
    client.do(dp.vnet(VNET), dp.node(ROUTER, VNET, dp.ROUTER), dp.node(IN, VNET, dp.PHYSICAL),
              dp.node(OUT, VNET, dp.PHYSICAL), dp.fib(FIB, ROUTER),
              dp.port(IN + 10, ROUTER, fib=FIB, mac_=MAC_IN),
              dp.port(OUT + 10, ROUTER, fib=FIB, mac_=MAC_OUT),
              dp.port(IN, IN, dp.DEV, dev=f"net_pcap0,rx_pcap={capture},infinite_rx=1"),
              dp.port(OUT, OUT, dp.DEV, dev="net_null0,no-rx=1"),
              dp.link(IN, IN, IN + 10), dp.link(OUT, OUT, OUT + 10),
              *(dp.nh(ROUTER, i, dp.ADJ, OUT + 10, f"02:00:00:00:01:{i:02x}")
                for i in range(1, HOPS + 1)))


def forwarded(client):
    return client.ports(IN + 10)[IN + 10]["forwarded"]


def push(client, datagrams, window):
    """Seconds from the first byte sent until the last reply, which says that the routes are what
    packets are forwarded by."""
    sock, sent, answered, full = client.s, 0, 0, False
    sock.setblocking(False)
    began = time.monotonic()
    while answered < len(datagrams):
        more = sent < len(datagrams) and (window is None or sent - answered < window)
        try:
            while more and not full:
                sock.send(datagrams[sent])
                sent += 1
                more = sent < len(datagrams) and (window is None or sent - answered < window)
        except BlockingIOError:
            full = True
        wanted = [sock] if more else []
        readable, writable, _ = select.select([sock], wanted, [], 10)
        if not readable and not writable:
            raise LabError("the engine does not answer")
        full = not writable
        if readable:
            seq, status, index, _, _, text = REPLY.unpack(sock.recv(DATAGRAM_MAX))
            if status or seq != answered:
                raise LabError(f"request {seq}, record {index}: {text.rstrip(bytes(1)).decode()}")
            answered += 1
    took = time.monotonic() - began
    sock.settimeout(10)
    return took


def rest(client, seconds=0.3):
    """Packets a second that are forwarded while nothing is asked for."""
    before, began = forwarded(client), time.monotonic()
    time.sleep(seconds)
    return (forwarded(client) - before) / (time.monotonic() - began)


def clear(client, table):
    """The FIB is a new one, empty."""
    client.do(dp.by_id(dp.FIB_DEL, FIB), dp.fib(FIB, ROUTER, len(table)),
              dp.port(IN + 10, ROUTER, fib=FIB, mac_=MAC_IN))


def complete(client, table):
    if client.fibs()[FIB][0] != len(table):
        raise LabError("routes were lost")


class Figures:
    def __init__(self):
        self.loads, self.changes, self.beside, self.at_rest = [], [], [], []


def measure(client, table, datagrams, others, window):
    figures = Figures()
    for turn in range(ROUNDS):
        say(f"intake: round {turn + 1}")
        clear(client, table)
        figures.loads.append(len(table) / push(client, datagrams, window))
        complete(client, table)
        figures.at_rest.append(rest(client) / 1e6)
        before = forwarded(client)
        took = push(client, others, window)
        figures.changes.append(len(table) / took)
        figures.beside.append((forwarded(client) - before) / took / 1e6)
    return figures


def weftd(engine, table, path):
    """The same routes, handed to weftd's own end of the API one by one: routes/s of each round. It
    takes our client's place at the engine."""
    rates = []
    for turn in range(ROUNDS):
        say(f"intake: weftd's sender, round {turn + 1}")
        client = engine.connect()
        clear(client, table)
        rates.append(len(table) / float(command(BIN / "weft-bench-intake", engine.path, path)))
        client = engine.connect()
        complete(client, table)
        client.close()
    return rates


def figures(engine, table, directory):
    """(rows, whether on huge pages)"""
    found, client = [], engine.client
    datagrams, others = requests(table), requests(table, 1)
    client.s.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER)
    huge = client.hello()["hugepages"]
    frames(f"{directory}/frames.pcap", table)
    build(client, f"{directory}/frames.pcap")
    for name, window in WINDOWS.items():
        f = measure(client, table, datagrams, others, window)
        case, target = f"IPv4 full table, {name}", TARGET if window is None else None
        found += [row(case, "routes into an empty FIB", "routes/s", f.loads, target=target),
                  row(case, "other next hops for all", "routes/s", f.changes, target=target),
                  row(case, "forwarded meanwhile", "M packets/s", f.beside, "at rest", f.at_rest)]
    client.close()
    with open(f"{directory}/records", "wb") as f:
        f.writelines(datagram[8:] for datagram in datagrams)
    rates = weftd(engine, table, f"{directory}/records")
    return found + [row("IPv4 full table, from weftd", "routes into an empty FIB", "routes/s", rates,
                        target=TARGET)], huge


def run(accel):
    table = prefixes()
    with tempfile.TemporaryDirectory(prefix="weft-perf-") as directory, HugePages(HUGE_MIB):
        os.chmod(directory, 0o755)
        engine = dp.Engine(directory, huge=True)
        try:
            found, huge = figures(engine, table, directory)
        except (AssertionError, OSError, dp.Refused) as e:
            raise LabError(f"{e}\n{engine.text()}") from e
        finally:
            engine.stop()
    accel.add("huge pages" if huge else "no huge pages")
    say("")
    return found
