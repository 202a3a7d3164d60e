# SPDX-License-Identifier: Apache-2.0
"""Templates and clones made by hand: QEMU without weftd, the guest's side with the real scripts."""
import json
import os
import socket
import struct
import subprocess
import time

import guest as g

RENEW, CLOCK = 7, 8
STEP = 60000


class Machine(g.Guest):
    """A guest whose memory is the file `ram`: a template's (share) or a clone's (copy on write)."""

    def __init__(self, tmp, store, image, memory, ram, nics=(), state=None):
        self.tmp, self.nonce, self.ids, self.queue, self.rx, self.sock = tmp, 0, 0, [], b"", None
        self.store, self.image, self.nics = store, image, nics
        self.console, self.agent, self.qmp = f"{tmp}/console.log", f"{tmp}/agent.sock", f"{tmp}/qmp.sock"
        kernel, base = f"{store}/{image}/vmlinuz", os.path.dirname(ram)
        if state:
            kernel = f"{base}/stub"
            with open(f"{store}/{image}/vmlinuz", "rb") as f, open(kernel, "wb") as to:
                to.write(f.read(65536))
        else:
            self.file("template", "\n")
            g.tool("initrd", store, image, f"{base}/initrd", "template",
                   f"/etc/weft/template={tmp}/template")
        cmd = ["qemu-system-x86_64", "-accel", "tcg,thread=single,tb-size=32",
               "-machine", "pc-q35-7.2,memory-backend=ram", "-m", str(memory), "-display", "none",
               "-no-reboot", "-nodefaults", "-kernel", kernel,
               "-append", g.tool("cmdline", store, image)[0],
               "-object", f"memory-backend-file,id=ram,size={memory}M,mem-path={ram},"
               f"share={'off' if state else 'on'}",
               "-serial", f"file:{self.console}", "-device", "virtio-serial-pci,addr=4",
               "-object", "rng-random,id=rng,filename=/dev/urandom",
               "-device", "virtio-rng-pci,addr=5,rng=rng",
               "-chardev", f"socket,id=agent,path={self.agent},server=on,wait=off",
               "-device", "virtserialport,chardev=agent,name=org.weft.agent",
               "-qmp", f"unix:{self.qmp},server=on,wait=off"]
        cmd += ["-S", "-incoming", "defer"] if state else ["-initrd", f"{base}/initrd"]
        for i, (mac, _) in enumerate(nics):
            cmd += ["-netdev", f"dgram,id=n{i},local.type=unix,local.path={tmp}/a{i},"
                    f"remote.type=unix,remote.path={tmp}/b{i}",
                    "-device", f"virtio-net-pci,mac={mac},netdev=n{i},addr={i + 6:#x}"]
        self.process = subprocess.Popen(cmd, stdin=subprocess.DEVNULL)
        self.monitor = self._monitor()
        if state:
            self.command("migrate-set-capabilities", capabilities=[
                {"capability": "x-ignore-shared", "state": True}])
            self.command("migrate-incoming", uri=f"exec:cat {state}")
            self.migrated()
            self.command("cont")

    def file(self, name, text):
        with open(f"{self.tmp}/{name}", "w") as f:
            f.write(text)
        return f"{self.tmp}/{name}"

    def _monitor(self):
        end = time.monotonic() + 20
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(self.qmp)
                break
            except OSError:
                assert time.monotonic() < end and self.process.poll() is None
                time.sleep(0.005)
        f = s.makefile("rw")
        f.readline()
        self.monitor = f
        self.command("qmp_capabilities")
        return f

    def command(self, name, **arguments):
        self.monitor.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            answer = json.loads(self.monitor.readline())
            if "event" not in answer:
                assert "return" in answer, answer
                return answer["return"]

    def migrated(self):
        while self.command("query-migrate").get("status") != "completed":
            time.sleep(0.002)

    def save(self, state):
        self.command("stop")
        self.command("migrate-set-capabilities", capabilities=[
            {"capability": "x-ignore-shared", "state": True}])
        self.command("migrate", uri=f"exec:cat >{state}")
        self.migrated()

    def request(self, kind, payload):
        self.ids += 1
        self.send(kind, payload, self.ids)
        return struct.unpack("<i", self.expect(g.EXIT, ident=self.ids)[2])[0]

    def renew(self, hostname):
        self.machine_id = os.urandom(16)
        return self.request(RENEW, os.urandom(64) + self.machine_id +
                            struct.pack("<Q", time.time_ns()) + hostname.encode() + b"\0")

    def put(self, path, data, mode=0o600):
        for at in range(0, max(len(data), 1), STEP):
            head = struct.pack("<II", mode, 1 if at else 0) + path.encode() + b"\0"
            assert self.request(g.FILE, head + data[at:at + STEP]) == 0

    def become(self, hostname, files):
        """What the host does with a clone: (status, stdout, stderr) of the clone's script."""
        archive = f"{self.tmp}/guest.cpio"
        args = [f"{path}={self.file(path.replace('/', '_'), text)}" for path, text in files.items()]
        g.tool("archive", self.store, self.image, archive, hostname,
               *(f"{m}={n}" for m, n in self.nics), *args)
        assert self.renew(hostname) == 0
        with open(archive, "rb") as f:
            self.put("/run/weft/guest.cpio", f.read())
        return self.run("/usr/lib/weft/clone")

    def pss_mb(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:")) / 1024
