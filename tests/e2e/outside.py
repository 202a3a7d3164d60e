# SPDX-License-Identifier: Apache-2.0
"""What is on the other side of an interface: namespaces, each in a VLAN. This kernel may have no VLAN
interfaces: a thread puts the tags on and takes them off, on a veth's far end."""
import os
import select
import socket
import struct
import subprocess
import threading

from perf import netns

OUTGOING = 4  # PACKET_OUTGOING
VLAN_VALID = 0x10  # TP_STATUS_VLAN_VALID


def sh(*argv, status=0):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=30)
    assert status is None or done.returncode == status, f"{argv}: {done.stdout}{done.stderr}"
    return done


def open_raw(interface):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA
    raw.bind((interface, 3))  # all protocols
    return raw


def read_frame(raw):
    """(frame without its tag, VLAN), 0 for none; None for one that this side has sent."""
    frame, aux, _, address = raw.recvmsg(4096, 256)
    vlan = 0
    for _, _, data in aux:
        status, _, _, _, _, tci, _ = struct.unpack_from("=IIIHHHH", data)
        vlan = tci & 0xfff if status & VLAN_VALID else 0
    return None if address[2] == OUTGOING else (frame, vlan)


class Outside:
    """`inside` is this machine's interface, which Weft gets; ns(0) has the wire itself, without tags."""

    def __init__(self, inside, vlans):
        self.inside, self.vlans = inside, vlans
        self.taps = {}
        for vlan in (0, *vlans):
            sh("ip", "netns", "add", self.ns(vlan))
            sh("ip", "-n", self.ns(vlan), "link", "set", "lo", "up")
        for vlan in vlans:
            self.taps[vlan] = netns.tap(self.ns(vlan), "eth0")
            sh("ip", "-n", self.ns(vlan), "link", "set", "eth0", "up")
        self.thread = self.stop = None

    def ns(self, vlan):
        return f"{self.inside}-{vlan}"

    def plug(self, queues=1):
        """The interface comes."""
        sh("ip", "link", "add", self.inside, "numrxqueues", queues, "type", "veth", "peer", "name", "wire",
           "netns", self.ns(0))
        sh("ip", "link", "set", self.inside, "up")
        sh("ip", "-n", self.ns(0), "link", "set", "wire", "up")
        self.raw = netns.inside(self.ns(0), lambda: open_raw("wire"))
        self.stop = os.eventfd(0)
        self.thread = threading.Thread(target=self._switch, daemon=True)
        self.thread.start()

    def unplug(self):
        """And goes."""
        os.eventfd_write(self.stop, 1)
        self.thread.join(timeout=10)
        os.close(self.stop)
        self.raw.close()
        self.thread = None
        sh("ip", "link", "del", self.inside, status=None)

    def _switch(self):
        by_fd = {fd: vlan for vlan, fd in self.taps.items()}
        while True:
            ready = select.select([self.raw, self.stop, *by_fd], [], [])[0]
            if self.stop in ready:
                return
            try:
                if self.raw in ready and (got := read_frame(self.raw)) and got[1] in self.taps:
                    os.write(self.taps[got[1]], got[0])
                for fd in set(ready) & set(by_fd):
                    frame = os.read(fd, 4096)
                    self.raw.send(frame[:12] + struct.pack(">HH", 0x8100, by_fd[fd]) + frame[12:])
            except OSError:  # an end is down for the moment
                continue

    def address(self, vlan, address):
        sh("ip", "-n", self.ns(vlan), "addr", "add", address, "dev", "eth0" if vlan else "wire")

    def pings(self, vlan, address):
        return sh("ip", "netns", "exec", self.ns(vlan), "ping", "-n", "-c", "1", "-W", "1", address,
                  status=None).returncode == 0

    def close(self):
        if self.thread:
            self.unplug()
        for vlan in (0, *self.vlans):
            if vlan in self.taps:
                os.close(self.taps[vlan])
            sh("ip", "netns", "del", self.ns(vlan), status=None)


class Sniffer:
    """What this machine's kernel is shown of an interface: VLANs of frames that have come."""

    def __init__(self, interface):
        self.raw = open_raw(interface)
        self.raw.settimeout(0.2)

    def vlans(self):
        """Of all frames since the last time."""
        seen = set()
        try:
            while True:
                if got := read_frame(self.raw):
                    seen.add(got[1])
        except TimeoutError:
            return seen

    def close(self):
        self.raw.close()
