# SPDX-License-Identifier: Apache-2.0
"""A guest of an image under QEMU, and the host's side of the agent protocol (proto.h)."""
import os
import socket
import struct
import subprocess
import time

MAGIC, HEADER = 0x54464557, struct.Struct("<IIQHHIII")
HELLO, WATCH, EXEC, STDIN, KILL, FILE = range(1, 7)
WELCOME, READY, DUMP_BEGIN, NETLINK, DUMP_END, FORWARD, STDOUT, STDERR, EXIT = range(64, 73)
BIN = os.environ["WEFT_BIN"]


def tool(*args):
    run = subprocess.run([f"{BIN}/image_tool", *map(str, args)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


class Guest:
    """Boots at once; close() kills it. Everything waits at most until `timeout` seconds."""

    def __init__(self, tmp, store, image, memory, files, nics=(("52:54:00:00:00:01", "eth1"),),
                 wire=("a", "b")):
        """nics: (MAC, name). Wires are datagram sockets: the last NIC's from wire[0] to wire[1]."""
        self.tmp, self.nonce, self.ids, self.queue, self.rx = tmp, 0, 0, [], b""
        args = []
        for path, text in files.items():
            source = f"{tmp}/{path.replace('/', '_')}"
            with open(source, "w") as f:
                f.write(text)
            args.append(f"{path}={source}")
        initrd, agent, console = f"{tmp}/initrd", f"{tmp}/agent.sock", f"{tmp}/console.log"
        tool("initrd", store, image, initrd, "r1", *(f"{m}={n}" for m, n in nics), *args)
        cmd = ["qemu-system-x86_64", "-accel", "tcg,tb-size=32", "-machine", "q35", "-m", str(memory),
               "-display", "none", "-no-reboot", "-nodefaults", "-kernel", f"{store}/{image}/vmlinuz",
               "-initrd", initrd, "-append", tool("cmdline", store, image)[0],
               "-serial", f"file:{console}", "-device", "virtio-serial-pci",
               "-chardev", f"socket,id=agent,path={agent},server=on,wait=off",
               "-device", "virtserialport,chardev=agent,name=org.weft.agent"]
        for i, (mac, _) in enumerate(nics):
            local, remote = (f"{os.path.dirname(tmp)}/{end}{len(nics) - 1 - i}" for end in wire)
            cmd += ["-netdev", f"dgram,id=n{i},local.type=unix,local.path={local},"
                    f"remote.type=unix,remote.path={remote}",
                    "-device", f"virtio-net-pci,mac={mac},netdev=n{i}"]
        self.console, self.agent, self.sock = console, agent, None
        self.process = subprocess.Popen(cmd, stdin=subprocess.DEVNULL)

    def now(self):
        """Seconds, in which all timeouts count."""
        return time.monotonic()

    def connect(self, timeout=60):
        """A new session; returns its welcome as (ready, uptime_ms, image)."""
        end = self.now() + timeout
        while True:
            if self.sock is None:
                try:
                    self.sock = socket.socket(socket.AF_UNIX)
                    self.sock.connect(self.agent)
                except OSError:
                    self.sock = None
                    assert self.now() < end and self.process.poll() is None
                    time.sleep(0.02)
                    continue
                self.rx, self.queue = b"", []
            self.nonce = struct.unpack("<Q", os.urandom(8))[0] | 1
            self.send(HELLO)
            try:
                _, _, payload = self.expect(WELCOME, timeout=1)
            except TimeoutError:
                assert self.now() < end, open(self.console).read()
                continue
            _, ready, uptime = struct.unpack_from("<IIQ", payload)
            return ready, uptime, payload[16:80].rstrip(b"\0").decode()

    def disconnect(self):
        self.sock.close()
        self.sock = None

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        if self.sock:
            self.disconnect()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def send(self, kind, payload=b"", ident=0):
        n = self.nonce
        check = MAGIC ^ len(payload) ^ kind ^ ident ^ (n & 0xffffffff) ^ (n >> 32)
        self.sock.settimeout(20)
        self.sock.sendall(HEADER.pack(MAGIC, len(payload), n, kind, 0, ident, check, 0) + payload)

    def _frame(self):
        while len(self.rx) >= HEADER.size:
            magic, size, nonce, kind, _, ident, check, _ = HEADER.unpack_from(self.rx)
            want = MAGIC ^ size ^ kind ^ ident ^ (nonce & 0xffffffff) ^ (nonce >> 32)
            if magic != MAGIC or check != want:
                self.rx = self.rx[1:]
                continue
            if len(self.rx) < HEADER.size + size:
                return None
            payload, self.rx = self.rx[HEADER.size:HEADER.size + size], self.rx[HEADER.size + size:]
            if nonce == self.nonce:
                return kind, ident, payload
        return None

    def recv(self, timeout):
        end = self.now() + timeout
        while True:
            frame = self._frame()
            if frame:
                return frame
            left = end - self.now()
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
            try:
                got = self.sock.recv(1 << 18)
            except socket.timeout:
                continue
            assert got, "the machine closed the port"
            self.rx += got

    def expect(self, *kinds, ident=None, timeout=30):
        """The next frame of one of the kinds; others wait for their turn."""
        end = self.now() + timeout
        for i, frame in enumerate(self.queue):
            if frame[0] in kinds and ident in (None, frame[1]):
                return self.queue.pop(i)
        while True:
            frame = self.recv(max(0.001, end - self.now()))
            if frame[0] in kinds and ident in (None, frame[1]):
                return frame
            self.queue.append(frame)

    def ready(self, timeout=60):
        if not self.connect(timeout)[0]:
            self.expect(READY, timeout=timeout)

    def start(self, *argv, env=(), stdin=False):
        self.ids += 1
        words = b"".join(w.encode() + b"\0" for w in (*argv, *env))
        self.send(EXEC, struct.pack("<HHI", len(argv), len(env), int(stdin)) + words, self.ids)
        return self.ids

    def kill(self, ident, sig):
        self.send(KILL, struct.pack("<I", sig), ident)

    def finish(self, ident, timeout=30):
        """(status, stdout, stderr)"""
        out = {STDOUT: b"", STDERR: b""}
        while True:
            kind, _, payload = self.expect(STDOUT, STDERR, EXIT, ident=ident, timeout=timeout)
            if kind == EXIT:
                return struct.unpack("<i", payload)[0], out[STDOUT].decode(), out[STDERR].decode()
            out[kind] += payload

    def run(self, *argv, **kw):
        return self.finish(self.start(*argv, **kw))

    def dump(self, timeout=30):
        """A new dump: ([(type, message)], flags of AGENT_FORWARD)."""
        self.queue = [f for f in self.queue if f[0] not in (NETLINK, DUMP_BEGIN, DUMP_END, FORWARD)]
        self.send(WATCH)
        self.expect(DUMP_BEGIN, timeout=timeout)
        messages, flags = [], None
        while True:
            kind, _, payload = self.expect(NETLINK, FORWARD, DUMP_END, timeout=timeout)
            if kind == DUMP_END:
                return messages, flags
            if kind == FORWARD:
                flags = struct.unpack_from("<I", payload)[0]
            else:
                messages += split(payload)


def split(payload):
    """Netlink messages as (type, bytes)."""
    found = []
    while payload:
        size, kind = struct.unpack_from("<IH", payload)
        assert 16 <= size <= len(payload)
        found.append((kind, payload[:size]))
        payload = payload[(size + 3) & ~3:]
    return found
