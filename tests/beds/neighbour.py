# SPDX-License-Identifier: Apache-2.0
"""A good guest, which sends back each frame, and a bad one beside it. Each process is a session of its
own, as weftd's machines are: where the kernel shares its time between sessions (sched(7), autogroup),
each machine has the same. Nothing is bound to a CPU."""
import os
import re
import socket
import struct
import time

import vmm

BAD = {"loop": "loops", "flood": "floods its console", "kick": "kicks at full rate",
       "reset": "resets its devices in a loop", "corrupt": "corrupts its rings"}
KIND = b"\x88\xb5"


def own_kib(pid, guest_mib=16):
    """Memory of a machine's process that is no file's and not its guest's: that is one mapping of at least
    the guest's size."""
    sizes, own = re.compile(r"^(Size|Anonymous): +(\d+)", re.M), 0
    with open(f"/proc/{pid}/smaps") as f:
        found = [int(kib) for _, kib in sizes.findall(f.read())]
    for size, anonymous in zip(found[::2], found[1::2]):
        own += anonymous if size < guest_mib << 10 else 0
    return own


class Good(vmm.Vmm):
    def __init__(self, tmp):
        os.mkdir(tmp)
        nic, here = f"{tmp}/nic", f"{tmp}/here"
        super().__init__(tmp, "net", "--net", f"mac=02:00:00:00:00:01,local={nic},peer={here}")
        self.pings, self.line = 0, self.control()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(here)
        self.sock.settimeout(30)
        self.status()  # its NIC is there when it answers
        self.sock.connect(nic)
        self.until(lambda: "link up" in self.said(), "link")

    def status(self):
        return self.line.ask("status")["result"]

    def ping(self):
        """Seconds until a frame has come back."""
        self.pings += 1
        body = KIND + b"E" + struct.pack(">I", self.pings)
        began = time.perf_counter()
        self.sock.send(b"\1" * 6 + b"\2" * 6 + body)
        got = self.sock.recv(2048)
        took = time.perf_counter() - began
        assert got == b"\2" * 6 + b"\1" * 6 + body, got
        return took

    def close(self):
        self.sock.close()
        super().close()


class Bad(vmm.Vmm):
    """Stands still until it is told "start", or "resume" after "pause"."""

    def __init__(self, tmp, kind):
        os.mkdir(tmp)
        super().__init__(tmp, "bad", "--cmdline", kind, "--paused", "--agent", f"{tmp}/agent.sock", "--net",
                         f"mac=02:00:00:00:00:02,local={tmp}/nic,peer={tmp}/nic")
        self.line = self.control()

    def tell(self, command):
        answer = self.line.ask(command)
        assert answer.keys() == {"result"}, answer
        return answer["result"]

    def cpu_s(self):
        """Of all its threads."""
        return time.clock_gettime(~self.process.pid << 3 | 2)  # clock_getcpuclockid(3)
