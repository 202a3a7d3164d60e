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


def tasks_of(pid):
    return os.listdir(f"/proc/{pid}/task")


def status_of(pid, task):
    """{field: value} of a thread."""
    lines = pathlib.Path(f"/proc/{pid}/task/{task}/status").read_text().splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


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

    def ask(self, command, fds=(), **args):
        line = json.dumps({"id": 7, "command": command, **args}).encode() + b"\n"
        socket.send_fds(self.sock, [line], list(fds))
        answer = self.read()
        assert answer.pop("id") == 7
        return answer


def sealed(path):
    """A descriptor of a saved machine's memory as clones share it."""
    fd = os.memfd_create("ram", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(path, "rb") as f:
        size = os.fstat(f.fileno()).st_size
        os.truncate(fd, size)
        at = 0
        while at < size:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:  # no more data
                break
            end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
            os.pwrite(fd, os.pread(f.fileno(), end - at, at), at)
            at = end
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return fd


def first_words(saved, runs):
    """Seconds from before the process is made until each of so many clones of a machine that says
    something all the time has said its first byte; saved: its directory."""
    with open(f"{saved}/state", "rb") as state, os.fdopen(sealed(f"{saved}/ram"), "rb") as ram:
        fds, took = (state.fileno(), ram.fileno()), []
        for _ in range(runs):
            began = time.monotonic()
            with subprocess.Popen([f"{BIN}/weft-vmm", "--from-fds", "%d,%d" % fds,
                                   "--console", "-"], pass_fds=fds, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  bufsize=0) as clone:
                assert clone.stdout.read(1)
                took.append(time.monotonic() - began)
                clone.kill()
        return took


class Vmm:
    def __init__(self, tmp, payload, *args, memory=16, cpus=1, saved=None, fds=()):
        """saved: the arguments that name a saved machine to go on from, instead of a payload."""
        self.log, self.path = f"{tmp}/console.log", f"{tmp}/control.sock"
        begin = ["--kernel", PAYLOADS / payload, "--memory", str(memory), "--cpus", str(cpus)]
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", f"{BIN}/weft-vmm", "--name", payload, *(saved or begin),
             "--console-log", self.log, "--control", self.path, "--console", f"{tmp}/console.sock",
             *args],
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
