# SPDX-License-Identifier: Apache-2.0
"""An outer machine without hardware virtualisation of the host's: it has KVM of its own, and in it
weft-vmm runs real guests, whose agents the test speaks to."""
import json
import os
import pathlib
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import time

SRC, BIN = pathlib.Path(os.environ["WEFT_SRC"]), os.environ["WEFT_BIN"]
STORE = f"{os.environ['WEFT_STATE']}/images"
sys.path.insert(0, str(SRC / "tests/e2e"))
import guest  # noqa: E402  (the agent's protocol)
import vmm  # noqa: E402


class Nested(guest.Guest):
    """A guest within the bed: what tests/e2e/guest.py does with one, through the bed's channel."""

    def __init__(self, bed, channel):
        self.nonce, self.ids, self.queue, self.rx = 0, 0, [], b""
        self.agent, self.console, self.process = None, bed.serial, bed.process
        self.sock, self.now = channel, bed.now

    def run(self, *argv, timeout=90):
        return self.finish(self.start(*argv), timeout)

    def close(self):
        if self.sock:
            self.disconnect()


class Shell:
    """A shell in the outer machine, at a channel of the bed (shell())."""

    def __init__(self, bed, channel):
        self.bed, self.sock, self.asked = bed, channel, 0

    def run(self, command, timeout=60):
        """(status, what it said). The command goes by a channel that loses nothing."""
        self.asked += 1
        mark, rx, end = f"end {self.asked} ", b"", self.bed.now() + timeout
        self.sock.sendall(f"({command}) </dev/null 2>&1; echo \"{mark}$?\"\n".encode())
        self.sock.settimeout(1)
        while not rx.endswith(b"\n") or mark.encode() not in rx:
            assert self.bed.now() < end, f"{command}: it goes on; so far:\n{rx.decode()}"
            try:
                got = self.sock.recv(65536)
            except socket.timeout:
                continue
            assert got, self.bed.said()
            rx += got
        out, _, status = rx.decode().replace("\r", "").rpartition(mark)
        return int(status), out

    def ask(self, name, command, **args):
        """What a machine's control socket answers."""
        line = json.dumps({"id": 7, "command": command, **args})
        status, out = self.run(f"echo '{line}' | socat -t 60 - UNIX-CONNECT:/run/{name}.control")
        assert status == 0, out
        return json.loads(out)


def gdb(outer, name, channel, path, *commands):
    """What Debian's gdb says, here, with these commands at the gdb socket of a machine in the bed: by a
    channel of its own, and a socket at path here."""
    device = outer.run(port(outer.bed.channels.index(channel)))[1].strip()
    outer.run(f"socat /dev/{device} UNIX-CONNECT:/run/{name}.gdb >/dev/null 2>&1 &")
    end = outer.bed.now() + 60
    while outer.ask(name, "status")["result"]["state"] != "paused":  # now nothing of gdb's is lost
        assert outer.bed.now() < end, f"{name} was not stopped"
    return gdb_over(channel, path, *commands)


def gdb_over(channel, path, *commands):
    """What gdb says that speaks by a channel, through a socket at path; the channel stays open."""
    with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "socat", f"UNIX-LISTEN:{path}",
                           f"FD:{channel.fileno()},shut-none"], pass_fds=[channel.fileno()]) as relay:
        try:
            while not os.path.exists(path):
                assert relay.poll() is None
                time.sleep(0.01)
            return vmm.gdb(path, *commands, timeout=300)
        finally:
            relay.kill()


def guest_initrd(tmp, name, nics, files):
    """The initrd of an FRR guest: nics (MAC, name), files {path: text or bytes}."""
    args = []
    for path, text in files.items():
        source = f"{tmp}/{name}{path.replace('/', '_')}"
        pathlib.Path(source).write_bytes(text if isinstance(text, bytes) else text.encode())
        args.append(f"{path}={source}")
    guest.tool("initrd", STORE, "frr", f"{tmp}/{name}.initrd", name,
               *(f"{mac}={nic}" for mac, nic in nics), *args)
    return f"{tmp}/{name}.initrd"


def vmlinux(tmp):
    """The ELF file within the guests' bzImage."""
    image = pathlib.Path(f"{STORE}/frr/vmlinuz").read_bytes()
    start, size = struct.unpack_from("<II", image, 0x248)  # payload_offset, payload_length
    start += 512 * (image[0x1f1] + 1)
    elf = subprocess.run(["lz4", "-dc"], input=image[start:start + size - 4], stdout=subprocess.PIPE,
                         check=True).stdout
    pathlib.Path(f"{tmp}/vmlinux").write_bytes(elf)
    return f"{tmp}/vmlinux"


def outer_system():
    """(kernel, initrd) of the outer machine, built if need be."""
    run = subprocess.run([SRC / "tests/beds/l1/build.sh", STORE], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return f"{STORE}/{run.stdout.strip()}/vmlinuz", f"{STORE}/{run.stdout.strip()}/initrd.zst"


def outer_initrd(tmp, base, files, script):
    """The outer initrd, with weft-vmm, files {name in /bed: path} and the script to run."""
    top = pathlib.Path(tmp) / "outer"
    (top / "bed").mkdir(parents=True)
    subprocess.run(["strip", "-o", top / "bed/weft-vmm", f"{BIN}/weft-vmm"], check=True)
    for name, path in files.items():
        shutil.copy(path, top / "bed" / name)
    (top / "bed/run").write_text(f"#!/bin/sh\n{script}\n")
    (top / "bed/run").chmod(0o755)
    names = "\n".join(str(p.relative_to(top)) for p in sorted(top.rglob("*")))
    out = f"{tmp}/outer.initrd"
    with open(out, "wb") as f:
        cpio = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=top, input=names.encode(),
                              stdout=subprocess.PIPE, check=True).stdout
        f.write(cpio + b"\0" * (-len(cpio) % 512))
        f.write(pathlib.Path(base).read_bytes())
    shutil.rmtree(top)
    return out


class Bed:
    """An outer machine: a process, what it said on its serial line, and channels to guests in it. It dies
    with the process that started it. All timeouts count its own time: how fast it gets on is no matter."""

    def now(self):
        """Seconds that the outer machine has worked; where it stands still, a fifth of the time."""
        return max(self.cpu_s(), self.seconds() / 5)

    def said(self):
        try:
            return pathlib.Path(self.serial).read_text(errors="replace").replace("\r", "")
        except FileNotFoundError:
            return ""

    def wait_for(self, text, timeout):
        """Until the outer machine has said text; returns all it said."""
        end = self.now() + timeout
        while text not in self.said():
            assert self.process.poll() is None, f"the bed ended:\n{self.said()}"
            assert self.now() < end, f"no \"{text}\":\n{self.said()}"
            time.sleep(0.05)
        return self.said()

    def wait_end(self, timeout):
        end = self.now() + timeout
        while self.process.poll() is None:
            assert self.now() < end, f"it goes on:\n{self.said()}"
            time.sleep(0.05)
        return self.said()

    def start(self, cmd, **kw):
        self.began = time.monotonic()
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *cmd],
                                        stdin=subprocess.DEVNULL, **kw)

    def seconds(self):
        return time.monotonic() - self.began

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


APPEND = "console=ttyS0 quiet mitigations=off audit=0 apparmor=0 panic=-1 random.trust_cpu=on"


class SvmBed(Bed):
    """QEMU's interpreter emulates a processor with SVM; the outer kernel is Debian's, with kvm_amd."""

    def __init__(self, tmp, files, script, channels=1, memory=1024):
        kernel, base = outer_system()
        initrd = outer_initrd(tmp, base, files, script)
        self.serial, paths = f"{tmp}/serial.log", [f"{tmp}/channel{i}.sock" for i in range(channels)]
        # On one CPU of the host, so that no interrupt gets lost (docs/testing.md).
        cmd = ["taskset", "-c", str(max(os.sched_getaffinity(0))),
               "qemu-system-x86_64", "-accel", "tcg,tb-size=256", "-machine", "q35", "-cpu", "max",
               "-smp", "1", "-m", str(memory), "-display", "none", "-no-reboot", "-nodefaults",
               "-kernel", kernel, "-initrd", initrd, "-append", APPEND,
               "-serial", f"file:{self.serial}", "-device", "virtio-rng-pci",
               "-device", "virtio-serial-pci"]
        for i, path in enumerate(paths):
            cmd += ["-chardev", f"socket,id=c{i},path={path},server=on,wait=off",
                    "-device", f"virtserialport,chardev=c{i},name=bed{i}"]
        self.start(cmd)
        # At once: without a host, whoever reads the channel in the bed finds its end.
        self.channels = []
        for path in paths:
            self.channels.append(socket.socket(socket.AF_UNIX))
            while self.channels[-1].connect_ex(path):
                assert self.process.poll() is None
                time.sleep(0.01)


BOCHSRC = """
display_library: rfb, options="timeout=0"
cpu: model=corei7_haswell_4770, count=1, ips=100000000
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
clock: sync=none
sound: driver=dummy
ata0-master: type=cdrom, path={tmp}/outer.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={tmp}/serial.log
com2: enabled=1, mode=socket-client, dev=127.0.0.1:{port}
log: {tmp}/bochs.log
panic: action=fatal
error: action=report
info: action=ignore
"""


class VtxBed(Bed):
    """Bochs interprets a processor with VT-x and EPT; the same outer kernel, with kvm_intel. Its one
    channel is the second serial line."""

    def __init__(self, tmp, files, script, memory=1024):
        kernel, base = outer_system()
        initrd = outer_initrd(tmp, base, files, script)
        self.serial = f"{tmp}/serial.log"
        iso = pathlib.Path(tmp) / "iso"
        iso.mkdir()
        for path in ("/usr/lib/ISOLINUX/isolinux.bin", "/usr/lib/syslinux/modules/bios/ldlinux.c32"):
            shutil.copy(path, iso)
        shutil.copy(kernel, iso / "vmlinuz")
        shutil.move(initrd, iso / "initrd")
        (iso / "isolinux.cfg").write_text(f"default bed\nprompt 0\nlabel bed\n kernel vmlinuz\n"
                                          f" append initrd=initrd {APPEND}\n")
        subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", f"{tmp}/outer.iso", "-b",
                        "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4",
                        "-boot-info-table", iso], check=True, capture_output=True)
        shutil.rmtree(iso)
        with socket.create_server(("127.0.0.1", 0)) as server:
            config = BOCHSRC.format(tmp=tmp, memory=memory, port=server.getsockname()[1])
            pathlib.Path(f"{tmp}/bochsrc").write_text(config)
            pathlib.Path(f"{tmp}/continue").write_text("c\n")
            self.start(["bochs", "-q", "-f", f"{tmp}/bochsrc", "-rc", f"{tmp}/continue"],
                       stdout=open(f"{tmp}/bochs.out", "wb"), stderr=subprocess.STDOUT)
            server.settimeout(30)
            self.channels = [server.accept()[0]]


def machine(name, *args):
    """The line that runs a guest of /bed/vmlinuz in the bed."""
    cmdline = guest.tool("cmdline", STORE, "frr")[0]
    return " ".join(map(shlex.quote, [
        "/bed/weft-vmm", "--name", name, "--kernel", "/bed/vmlinuz", "--initrd", f"/bed/{name}.initrd",
        "--cmdline", cmdline, "--memory", "192", "--agent", f"/run/{name}.sock",
        "--control", f"/run/{name}.control", *args]))


def port(channel):
    """The shell words that say which port of the outer machine a channel is."""
    return f"grep -lx bed{channel} /sys/class/virtio-ports/*/name | cut -d/ -f5"


def bridge(name, channel):
    """The lines that join a guest's agent to a channel of the bed, once both are there."""
    return (f"(port=; until [ -n \"$port\" ] && [ -S /run/{name}.sock ]; do usleep 20000\n"
            f"port=$({port(channel)}); done\n"
            f"exec socat /dev/$port UNIX-CONNECT:/run/{name}.sock) &")


def shell(channel):
    """The lines that start a shell at a channel of the bed."""
    return (f"(port=; until [ -n \"$port\" ]; do usleep 20000; port=$({port(channel)}); done\n"
            f"exec socat /dev/$port EXEC:/bin/sh) &")
