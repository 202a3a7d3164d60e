# SPDX-License-Identifier: Apache-2.0
"""weft-vmm on this machine's own /dev/kvm."""
import fcntl
import json
import os
import pathlib
import socket
import subprocess
import time

BIN = os.environ["WEFT_BIN"]
PAYLOADS = pathlib.Path(BIN).parent / "payloads"


def why_not():
    """Why no machine can be made here; "" if one can."""
    try:
        with open("/dev/kvm", "rb+", buffering=0) as f:
            fcntl.ioctl(f, 0xAE00)  # KVM_GET_API_VERSION
    except OSError as e:
        return f"/dev/kvm: {e.strerror}"
    return ""


def gdb(path, *commands, program=None, timeout=60):
    """What Debian's gdb says, with these commands at a machine's socket."""
    argv = ["gdb", "-nx", "-q", "-batch", *([program] if program else []), "-ex",
            f"set remotetimeout {timeout}", "-ex", f"target remote {path}"]
    try:
        run = subprocess.run([*map(str, argv), *(arg for c in commands for arg in ("-ex", c))],
                             capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired as e:
        raise AssertionError(f"gdb got no further than {e.stdout} {e.stderr}") from None
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


class Line:
    """A connection that speaks in lines of JSON."""

    def __init__(self, path):
        self.sock, self.rx = socket.socket(socket.AF_UNIX), b""
        self.sock.settimeout(10)
        self.sock.connect(path)

    def read(self):
        while b"\n" not in self.rx:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError
            self.rx += got
        line, self.rx = self.rx.split(b"\n", 1)
        return json.loads(line)

    def ask(self, command, **args):
        self.sock.sendall(json.dumps({"id": 7, "command": command, **args}).encode() + b"\n")
        answer = self.read()
        assert answer.pop("id") == 7
        return answer


class Vmm:
    def __init__(self, tmp, payload, *args, memory=16, cpus=1, fds=()):
        self.log, self.path = f"{tmp}/console.log", f"{tmp}/control.sock"
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", f"{BIN}/weft-vmm", "--name", payload, "--kernel",
             PAYLOADS / payload, "--memory", str(memory), "--cpus", str(cpus), "--console-log", self.log,
             "--control", self.path, "--console", f"{tmp}/console.sock", *args],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, pass_fds=fds,
            start_new_session=True)  # as weftd's machines

    def control(self):
        self.until(lambda: os.path.exists(self.path), "a control socket")
        while True:
            try:
                return Line(self.path)
            except ConnectionRefusedError:
                time.sleep(0.005)

    def until(self, true, what, timeout=10):
        end = time.monotonic() + timeout
        while not true():
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < end, f"no {what}; it said:\n{self.said()}"
            time.sleep(0.005)

    def said(self):
        return pathlib.Path(self.log).read_text() if os.path.exists(self.log) else ""

    def end(self, timeout=30):
        """(exit status, how it ended)"""
        _, errors = self.process.communicate(timeout=timeout)
        return self.process.returncode, errors.strip().rsplit("ended: ", 1)[-1]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
