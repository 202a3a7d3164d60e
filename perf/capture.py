# SPDX-License-Identifier: Apache-2.0
"""A minute of 1 Mpps over a link that is captured: each packet is in the file or counted as missed."""
import contextlib
import fcntl
import json
import os
import pathlib
import socket
import struct
import threading

from perf import dp, memif, pcapng, proc, routes
from perf.engine import Vnet
from perf.lab import BIN, LabError, say
from perf.rows import row
from perf.sides import Program

CASE = "a link, 1 Mpps of 64 bytes, a minute"
RATE, WINDOWS = 1.02e6, 65  # packets a second; windows of traffic, with what is before and behind
NUMBER, SNAP = 1, 65535  # of the vnet; bytes
TAPE = 40 << 20  # bytes: more than an engine of one worker wants
CHUNK = 1 << 20  # of the file, of which one packet is looked at
F_ADD_SEALS, SEALS, F_SETPIPE_SZ = 1033, 6, 1031  # fcntl(2): against shrinking and growing
NAME = "source,router"


class Weftd(threading.Thread):
    """In place of weftd's: the socket that `weft capture` asks, for a capture of one link."""

    def __init__(self, directory, client, ends):
        super().__init__(daemon=True)
        self.client, self.ends = client, ends
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.bind(str(directory / "capture.sock"))
        self.s.listen()

    def run(self):
        one = self.s.accept()[0]
        one.recv(4096)
        tape = os.memfd_create("weft-capture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.posix_fallocate(tape, 0, TAPE)
        fcntl.fcntl(tape, F_ADD_SEALS, SEALS)
        self.client.do(dp.capture(1, NUMBER, SNAP, len(self.ends)),
                       *(dp.capture_port(1, port, i, dp.CAPTURE_TX) for i, port in enumerate(self.ends)),
                       fds=[tape])
        socket.send_fds(one, [json.dumps({"interfaces": [NAME]}).encode()], [tape])
        os.close(tape)
        one.recv(1)
        self.client.do(dp.by_id(dp.CAPTURE_DEL, 1))
        one.close()


class Sink(threading.Thread):
    """Takes the file from a pipe. All packets are of one length, and so are their blocks: it counts
    bytes, and looks at a packet now and then."""

    def __init__(self, fd, cpu):
        super().__init__(daemon=True)
        self.fd, self.cpu = fd, cpu
        self.bytes, self.begin, self.end, self.wrong = 0, b"", b"", 0
        self.head = self.block = 0  # bytes before the packets; of one

    def run(self):
        os.sched_setaffinity(threading.get_native_id(), {self.cpu})
        fcntl.fcntl(self.fd, F_SETPIPE_SZ, CHUNK)
        while data := os.read(self.fd, CHUNK):
            if len(self.begin) < CHUNK // 4:
                self.begin += data
            self._look(data)
            self.bytes += len(data)
            self.end = (self.end + data)[-CHUNK // 4:]

    def _look(self, data):
        if not self.block:
            self._learn()
            return
        at = -(self.bytes - self.head) % self.block
        if at + self.block + 8 <= len(data):
            first, then = (struct.unpack_from("=II", data, at + i) for i in (0, self.block))
            self.wrong += first != (pcapng.PACKET, self.block) or then[0] not in (pcapng.PACKET,
                                                                                  pcapng.STATISTICS)

    def _learn(self):
        at = 0
        for kind, body in pcapng.blocks(self.begin):
            if kind == pcapng.PACKET:
                self.head, self.block = at, len(body) + 12
                return
            at += len(body) + 12

    def finish(self):
        """(packets, statistics) of the file."""
        self.join()
        begin = pcapng.parse(self.begin)
        tail = self.end.rfind(struct.pack("=II", pcapng.PACKET, self.block)) + self.block
        end = pcapng.parse(self.begin[:self.head] + self.end[tail:])
        if not begin.packets or NAME not in end.statistics or self.wrong:
            raise LabError(f"the file is not as it should be: {self.wrong} blocks are wrong")
        times = [p.ns for p in begin.packets]
        if times != sorted(times):
            raise LabError("the file is not in the order of time")
        count, rest = divmod(self.bytes - self.head - (len(self.end) - tail), self.block)
        if rest:
            raise LabError(f"{rest} bytes of the file are no packet")
        return count, end.statistics[NAME]


class Bed(memif.Vnets):
    """The worker shares its core with the reader, as on a machine that has other work."""

    def prepare(self):
        pass


@contextlib.contextmanager
def first():
    """We take the file: this session is not behind those of the programs (perf/sides.py)."""
    path = pathlib.Path("/proc/self/autogroup")
    with contextlib.suppress(OSError):
        path.write_text("-20\n")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.write_text("0\n")


def sent_over(client, ports):
    found = client.ports()
    return sum(found[port]["tx"] for port in ports)


def measure(directory, cpus):
    vnet = Vnet(NUMBER, routes.small(4), vlan=NUMBER)
    ends = vnet.first, vnet.base + 1
    with Bed(directory, cpus, [vnet]) as bed:
        weftd = Weftd(directory, dp.Client(str(bed.path)), ends)
        bed.client.close()
        bed.client = weftd.client
        weftd.start()
        with reader(directory, cpus[1]) as (program, sink):
            before, cpu = sent_over(bed.client, ends), proc.cpu_seconds(program.pid)
            say("capture: a minute of traffic")
            found = bed.send([RATE], WINDOWS)
            cpu = proc.cpu_seconds(program.pid) - cpu
            after = sent_over(bed.client, ends)
            program.child.terminate()
            count, statistics = sink.finish()
    return after - before, count, statistics, found, cpu


class reader:
    """`weft capture`, what it writes, and that it has begun."""

    def __init__(self, directory, cpu):
        self.program = Program("weft capture", directory, BIN / "weft", "capture", "v", "--all",
                               env=dict(os.environ, WEFT_RUN=str(directory)), pipes=True)
        self.sink = Sink(self.program.child.stdout.fileno(), cpu)
        os.sched_setaffinity(self.program.pid, {cpu})

    def __enter__(self):
        self.sink.start()
        self.program.until(lambda: "Ctrl-C" in self.program.text(), "not begun")
        return self.program, self.sink

    def __exit__(self, *_):
        self.program.end()


def rows(sent, count, statistics, found, cpu):
    taken = memif.total(found, "sent") - memif.total(found, "refused")
    missed = statistics["missed"]
    seconds = sent / (taken / found["seconds"])
    return [row(CASE, "reached the engine", "Mpps", taken / found["seconds"] / 1e6, target="weft >= 1"),
            row(CASE, "sent over the link", "M packets", sent / 1e6),
            row(CASE, "neither in the file nor counted as missed", "packets", sent - count - missed,
                target="weft <= 0"),
            row(CASE, "in the file or missed, but not sent", "packets", count + missed - sent,
                target="weft <= 0"),
            row(CASE, "counted as missed", "%", 100 * missed / sent, target="weft <= 1"),
            row(CASE, "weft capture", "% of a core", 100 * cpu / seconds)]


def run(accel, wanted):
    wanted([CASE])
    with first(), memif.room() as (directory, cpus):
        return rows(*measure(directory, cpus))
