# SPDX-License-Identifier: Apache-2.0
"""An outer machine without hardware virtualisation of the host's: it has KVM of its own, and in it
weft-vmm runs real guests, whose agents the test speaks to."""
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


class Nested(guest.Guest):
    """A guest within the bed: what tests/e2e/guest.py does with one, through the bed's channel."""

    def __init__(self, bed, channel):
        self.nonce, self.ids, self.queue, self.rx = 0, 0, [], b""
        self.agent, self.console, self.process = channel, bed.serial, bed.process
        # At once: without a host, whoever reads the channel in the bed finds its end.
        self.sock = socket.socket(socket.AF_UNIX)
        while self.sock.connect_ex(channel):
            assert bed.process.poll() is None
            time.sleep(0.01)

    def run(self, *argv, timeout=90):
        return self.finish(self.start(*argv), timeout)

    def close(self):
        if self.sock:
            self.disconnect()


def guest_initrd(tmp, name, nics, files):
    """The initrd of an FRR guest: nics (MAC, name), files {path: text}."""
    args = []
    for path, text in files.items():
        source = f"{tmp}/{name}{path.replace('/', '_')}"
        pathlib.Path(source).write_text(text)
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


class SvmBed:
    """QEMU's interpreter emulates a processor with SVM; the outer kernel is Debian's, with kvm_amd."""

    def __init__(self, tmp, files, script, channels=1, memory=1024):
        kernel, base = outer_system()
        initrd = outer_initrd(tmp, base, files, script)
        self.serial, self.channels = f"{tmp}/serial.log", []
        cmd = ["qemu-system-x86_64", "-accel", "tcg,tb-size=256", "-machine", "q35", "-cpu", "max",
               "-smp", "1", "-m", str(memory), "-display", "none", "-no-reboot", "-nodefaults",
               "-kernel", kernel, "-initrd", initrd, "-append",
               "console=ttyS0 quiet mitigations=off audit=0 apparmor=0 panic=-1 random.trust_cpu=on",
               "-serial", f"file:{self.serial}", "-device", "virtio-rng-pci",
               "-device", "virtio-serial-pci"]
        for i in range(channels):
            self.channels.append(f"{tmp}/channel{i}.sock")
            cmd += ["-chardev", f"socket,id=c{i},path={self.channels[i]},server=on,wait=off",
                    "-device", f"virtserialport,chardev=c{i},name=bed{i}"]
        self.began = time.monotonic()
        self.process = subprocess.Popen(cmd, stdin=subprocess.DEVNULL)

    def said(self):
        try:
            return pathlib.Path(self.serial).read_text(errors="replace").replace("\r", "")
        except FileNotFoundError:
            return ""

    def wait_for(self, text, timeout):
        """Until the outer machine has said text; returns all it said."""
        end = time.monotonic() + timeout
        while text not in self.said():
            assert self.process.poll() is None, f"the bed ended:\n{self.said()}"
            assert time.monotonic() < end, f"no \"{text}\":\n{self.said()}"
            time.sleep(0.05)
        return self.said()

    def wait_end(self, timeout):
        self.process.wait(timeout)
        return self.said()

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


def vmm(name, *args):
    """The line that runs a guest of /bed/vmlinuz in the bed."""
    cmdline = guest.tool("cmdline", STORE, "frr")[0]
    return " ".join(map(shlex.quote, [
        "/bed/weft-vmm", "--name", name, "--kernel", "/bed/vmlinuz", "--initrd", f"/bed/{name}.initrd",
        "--cmdline", cmdline, "--memory", "192", "--agent", f"/run/{name}.sock",
        "--control", f"/run/{name}.control", *args]))


def bridge(name, channel):
    """The lines that join a guest's agent to a channel of the bed, once both are there."""
    return (f"(port=; until [ -n \"$port\" ] && [ -S /run/{name}.sock ]; do usleep 20000\n"
            f"port=$(grep -lx bed{channel} /sys/class/virtio-ports/*/name | cut -d/ -f5); done\n"
            f"exec socat /dev/$port UNIX-CONNECT:/run/{name}.sock) &")
