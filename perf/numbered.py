# SPDX-License-Identifier: Apache-2.0
"""Numbered datagrams at a steady rate between two hosts of a vnet, and which of them were lost."""
import socket
import threading
import time

from perf import netns

PORT = 7007


def _socket():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


class Numbered:
    """with Numbered(vnet, from, to, address, interval_s) as n: ...; n.lost(since, until)."""

    def __init__(self, vnet, sender, receiver, address, interval):
        self.interval, self.address = interval, (address, PORT)
        self.sent = []  # the time of each; its number is the place
        self.received = set()
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
                self.received.add(int.from_bytes(self.sink.recv(64), "big"))
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
        return len(newest) == count and self.received.issuperset(newest)

    def lost(self, since, until):
        """Of those sent in that time: how many were, how many of them did not come, and seconds from
        the first to the last lost one of the longest run of lost ones."""
        mine = [n for n in range(len(self.sent)) if since <= self.sent[n] < until]
        longest, first = 0, None
        for n in mine:
            if n in self.received:
                first = None
                continue
            first = n if first is None else first
            longest = max(longest, self.sent[n] - self.sent[first] + self.interval)
        return len(mine), sum(n not in self.received for n in mine), longest
