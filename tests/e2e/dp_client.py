# SPDX-License-Identifier: Apache-2.0
"""An engine without weftd, spoken to by its API, its guests and hosts, and their frames."""
import os
import select
import socket
import struct
import subprocess
import time

from perf.dp import *  # noqa: F403  (records, answers)
from perf.dp import Client, mac


class Engine:
    """weft-dp in a process of its own."""

    def __init__(self, directory, prefix=(), args=()):
        self.path = os.path.join(directory, "dp.sock")
        binary = os.path.join(os.environ["WEFT_BIN"], "weft-dp")
        self.log = open(os.path.join(directory, "log"), "w+")
        # A confined process cannot be searched for leaks; the unit tests are.
        self.p = subprocess.Popen([*prefix, binary, "--socket", self.path, "--no-huge",
                                   "--memory", "192", *args], stderr=self.log,
                                  env=os.environ | {"ASAN_OPTIONS": "detect_leaks=0"})
        self.client = self.connect()

    def connect(self):
        deadline = time.monotonic() + 20
        while True:
            try:
                return Client(self.path)
            except OSError:
                if self.p.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError("no engine: " + self.text())
                time.sleep(0.02)

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def cpu(self):
        """Seconds of CPU used so far."""
        with open(f"/proc/{self.p.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.p.terminate()
        code = self.p.wait(20)
        text = self.text()
        self.log.close()
        return code, text


class Wire:
    """Our end of a datagram port: what its guest or host would be."""

    def __init__(self):
        self.s, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.s.settimeout(5)

    def fd(self):
        return self.theirs.fileno()

    def send(self, frame):
        self.s.send(frame)

    def recv(self):
        return self.s.recv(16384)

    def silent(self):
        """Nothing is waiting."""
        return not select.select([self.s], [], [], 0)[0]

    def close(self):
        self.s.close()
        self.theirs.close()


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def eth(dst, src, ethertype, payload):
    return mac(dst) + mac(src) + struct.pack(">H", ethertype) + payload


def ip4(dst, src="10.0.0.1", ttl=64, proto=17, payload=b"", sport=1000, dport=2000, size=0):
    if proto == 17 and not payload:
        payload = struct.pack(">HHHH", sport, dport, 8, 0)
    payload += bytes(max(0, size - 20 - len(payload)))
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, ttl, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ip6(dst, src="fd00::1", hops=64, size=0):
    payload = struct.pack(">HHHH", 1000, 2000, 8, 0)
    payload += bytes(max(0, size - 40 - len(payload)))
    return (struct.pack(">IHBB", 6 << 28, len(payload), 17, hops) +
            socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) +
            payload)
