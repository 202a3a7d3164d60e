# SPDX-License-Identifier: Apache-2.0
"""Numbered datagrams at a steady rate between two hosts of a vnet: which were lost, and for how long
none came."""
import socket
import threading
import time

from perf import netns

PORT = 7007


def _socket():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


class Numbered:
    """with Numbered(vnet, from, to, address, interval_s) as n: ...; n.between(since, until)."""

    def __init__(self, vnet, sender, receiver, address, interval):
        self.interval, self.address = interval, (address, PORT)
        self.sent = []  # the time of each; its number is the place
        self.received = {}  # number -> time
        self.ending = threading.Event()
        self.source = netns.inside(netns.name(vnet, sender), _socket)
        self.sink = netns.inside(netns.name(vnet, receiver), _socket)
        self.sink.bind(("", PORT))
        self.sink.settimeout(0.2)
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self._send, self._receive)]

    def _send(self):
        due = time.monotonic()
        while not self.ending.is_set():
            self.sent.append(time.monotonic())
            try:
                self.source.sendto((len(self.sent) - 1).to_bytes(8, "big"), self.address)
            except OSError:  # no neighbour, no route: lost like any other
                pass
            due = max(due + self.interval, time.monotonic())
            time.sleep(max(0, due - time.monotonic()))

    def _receive(self):
        while not self.ending.is_set():
            try:
                number = int.from_bytes(self.sink.recv(64), "big")
                self.received[number] = time.monotonic()
            except TimeoutError:
                continue

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()
        self.source.close()
        self.sink.close()

    def comes_through(self, count=50):
        """Whether the newest that have had a tenth of a second all came."""
        end = time.monotonic() - 0.1
        newest = [n for n in range(len(self.sent) - 1, -1, -1) if self.sent[n] < end][:count]
        return len(newest) == count and self.received.keys() >= set(newest)

    def between(self, since, until):
        """Of those sent in that time: (how many were, how many of them never came, seconds of the
        longest time in which none came, beyond the interval). Some wait in a tap while nobody reads
        it: they are late and not lost, and the hosts heard nothing meanwhile all the same."""
        mine = [n for n in range(len(self.sent)) if since <= self.sent[n] < until]
        came = sorted(self.received[n] for n in mine if n in self.received)
        ends = [since, *came, until]
        silent = max(b - a for a, b in zip(ends, ends[1:]))
        return len(mine), len(mine) - len(came), max(0, silent - self.interval)
