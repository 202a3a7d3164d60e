# SPDX-License-Identifier: Apache-2.0
"""weft-vmm beside QEMU's q35, both with this machine's own /dev/kvm, with guests of a few instructions
(tests/beds/payload): how soon they run, what an exit costs, how soon a device answers."""
import fcntl
import os
import pathlib
import select
import subprocess
import tempfile
import time

from perf.lab import BIN, LabError, say
from perf.rows import row
from perf.sides import Cleanup, Program

PAYLOADS = BIN.parent / "payloads"
STARTS, BOOTS, ROUNDS = 15, 3, 9
LIMIT = 60  # seconds for an answer
PEER = "qemu q35"
# KVM-PVM has no such MSR, and QEMU ends when it cannot set it.
QEMU = ["qemu-system-x86_64", "-machine", "q35", "-accel", "kvm", "-cpu", "host,-arch-capabilities",
        "-m", "16", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"]
WEFT = [str(BIN / "weft-vmm"), "--memory", "16", "--console", "-"]
START, EXITS = "kvm: start", "kvm: exits and kicks"


def rom(directory):
    """Firmware that says a letter on the serial line, in 16-bit code where the processor begins: what
    QEMU's guest can do first."""
    code = b"\xba\xf8\x03\xb0!\xee\xf4\xeb\xfd"  # mov dx, 0x3f8; mov al, '!'; out dx, al; hlt; jmp -3
    path = pathlib.Path(directory) / "first.rom"
    path.write_bytes(code.rjust(65536 - 16 + len(code), b"\x90").ljust(65536, b"\x90"))
    return path


def first_word(argv):
    """Milliseconds from the start of the process until the guest has said something."""
    began = time.monotonic()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          close_fds=False) as child:
        try:
            said = select.select([child.stdout], [], [], LIMIT)[0] and os.read(child.stdout.fileno(), 1)
            took = time.monotonic() - began
        finally:
            child.kill()
        if not said:
            raise LabError(f"{argv[0]}: the guest says nothing: {child.stderr.read().decode()[-500:]}")
    return took * 1e3


def in_turns(rounds, weft, qemu):
    """[figures of weft, figures of qemu]"""
    found = [(first_word([*WEFT, *weft]), first_word([*QEMU, *qemu])) for _ in range(rounds)]
    return [list(side) for side in zip(*found)]


def start(accel):
    accel.add("kvm")
    say(START)
    with tempfile.TemporaryDirectory(prefix="weft-perf-") as directory:
        first = in_turns(STARTS, ["--kernel", PAYLOADS / "hello"], ["-bios", rom(directory)])
        boot = in_turns(BOOTS, ["--kernel", PAYLOADS / "speed"], ["-kernel", PAYLOADS / "speed"])
    return [row(START, "from exec to the first instruction", "ms", first[0], f"{PEER}, no firmware",
                first[1], "ratio <= 0.5"),
            row(START, "from exec to a PVH guest's first word", "ms", boot[0], PEER, boot[1])]


class Guest(Program):
    """The payload `speed`, stopped while it is not asked. It polls, and would take a core."""

    def __init__(self, name, directory, argv):
        super().__init__(name, directory, *argv, pipes=True)
        self.rx = ""
        self.line()  # its greeting
        if "ok" not in self.line():
            self.fail("the guest does not find its device")
        self.stop()

    def line(self):
        while "\n" not in self.rx:
            if not select.select([self.child.stdout], [], [], LIMIT)[0]:
                self.fail(f"no answer within {LIMIT} s")
            got = os.read(self.child.stdout.fileno(), 65536).decode()
            if not got:
                self.fail("ended")
            self.rx += got
        text, self.rx = self.rx.split("\n", 1)
        return text

    def ask(self, what):
        """What it counted, sorted."""
        self.go_on()
        self.child.stdin.write(what)
        self.child.stdin.flush()
        found = sorted(int(n, 16) for n in self.line().split())
        self.stop()
        return found


def tsc_mhz():
    """Ticks in a microsecond, as KVM says of a new CPU."""
    fds = [os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)]
    try:
        for request in (0xae01, 0xae41):  # KVM_CREATE_VM, KVM_CREATE_VCPU
            fds.append(fcntl.ioctl(fds[-1], request, 0))
        return fcntl.ioctl(fds[-1], 0xaea3, 0) / 1e3  # KVM_GET_TSC_KHZ
    finally:
        for fd in fds:
            os.close(fd)


def part(sorted_figures, percent):
    return sorted_figures[len(sorted_figures) * percent // 100]


def exits(accel):
    accel.add("kvm")
    say(EXITS)
    found = {name: {"p": [], "m": [], "k": []} for name in ("weft", "qemu")}
    with tempfile.TemporaryDirectory(prefix="weft-perf-") as directory, Cleanup() as stack:
        kernel = PAYLOADS / "speed"
        sides = {"weft": [*WEFT, "--kernel", kernel],
                 "qemu": [*QEMU, "-kernel", kernel, "-device", "virtio-rng-pci,disable-legacy=on"]}
        guests = {}
        for name, argv in sides.items():
            guests[name] = Guest(name, directory, argv)
            stack.callback(guests[name].end)
        for _ in range(ROUNDS):
            for name, guest in guests.items():
                for what, figures in found[name].items():
                    figures.append(guest.ask(what))
    mhz = tsc_mhz()

    def us(name, what, percent):
        return [part(figures, percent) / mhz for figures in found[name][what]]

    return [row(EXITS, metric, "us", us("weft", what, percent), PEER, us("qemu", what, percent), target)
            for metric, what, percent, target in (
                ("a port's access, there and back", "p", 50, "ratio <= 1.1"),
                ("a device register's, there and back", "m", 50, "ratio <= 1.1"),
                ("kick until the used ring says so, p50", "k", 50, "ratio <= 1.1"),
                ("kick until the used ring says so, p90", "k", 90, None))]


CASES = {START: start, EXITS: exits}
