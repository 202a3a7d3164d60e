# SPDX-License-Identifier: Apache-2.0
"""DPDK's own programs as sides: l3fwd and testpmd. Their counters are read by telemetry."""
import json
import os
import pathlib
import re
import shutil
import socket

from perf import debian, routes
from perf.sides import Program, Side

RUNTIME = pathlib.Path("/var/run/dpdk")
SOURCE, SINK = 0, 1  # ports
NOWHERE = "net_null0,no-rx=1"
BUFFERS = 98304
MIB = {"fib": 900, "lpm": 450, "testpmd": 260}  # of huge pages
# What it is not made for: devices without offloads, a pool for a file of 64 k frames, and more
# routes than 64 k.
L3FWD_PATCHES = {
    "main.c": [(".offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM", ".offloads = 0"),
               ("(unsigned)8192", f"(unsigned){BUFFERS}")],
    "l3fwd_fib.c": [("config_ipv4.max_routes = (1 << 16)", "config_ipv4.max_routes = (1 << 20)")],
}
TESTPMD = ["--no-flush-rx", "--port-topology=paired", f"--total-num-mbufs={BUFFERS}",
           "--stats-period=9999"]  # or it ends with standard input
L3FWD_FLAGS = ["-O3", "-march=native", "-DALLOW_EXPERIMENTAL_API"]


def eal(prefix):
    """The arguments that all have: huge pages without files, vector code, the TSC's rate."""
    return ["--in-memory", "--no-pci", "--iova-mode=va", "--file-prefix", prefix,
            "--force-max-simd-bitwidth=512", "--log-level=lib.eal:debug"]


class Telemetry:
    """DPDK's socket: a question, an answer."""

    def __init__(self, prefix):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.settimeout(10)
        try:
            self.s.connect(str(RUNTIME / prefix / "dpdk_telemetry.v2"))
            self.s.recv(1024)
        except OSError:
            self.s.close()
            raise

    def ask(self, question):
        self.s.send(question.encode())
        return next(iter(json.loads(self.s.recv(16384)).values()))

    def close(self):
        self.s.close()


class Dpdk(Side):
    """A program of DPDK, SOURCE and SINK its ports. Once it runs it is stopped."""

    def __init__(self, name):
        self.name = name
        self.prefix = f"weft-perf-{os.getpid()}-{re.sub('[^a-z0-9]+', '-', name.lower())}"
        self.telemetry = None

    def start(self, directory, binary, lcores, source, args):
        self.program = Program(self.name, directory, binary, *eal(self.prefix), "-l", lcores,
                               "--vdev", source, "--vdev", NOWHERE, "--", *args)
        return self

    def __enter__(self):
        try:
            self.telemetry = self.program.until(lambda: Telemetry(self.prefix), "no telemetry")
            self.program.until(self.sent, "nothing was sent on")
            self.stop()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        super().__exit__()
        if self.telemetry:
            self.telemetry.close()
        shutil.rmtree(RUNTIME / self.prefix, ignore_errors=True)

    def stats(self, port):
        return self.telemetry.ask(f"/ethdev/stats,{port}")

    def sent(self):
        return self.stats(SINK)["opackets"]

    def check(self):
        """What has no route goes back to where it came from."""
        back = self.stats(SOURCE)["opackets"]
        if back:
            self.program.fail(f"{back} packets found no route")

    def tsc_hz(self):
        return int(re.search(r"TSC frequency is ~(\d+) KHz", self.program.text())[1]) * 1000


def rules(directory, tables):
    """--rule_ipv4 and --rule_ipv6 of l3fwd: it wants both, and all routes lead to SINK."""
    args = []
    for family in (4, 6):
        path = directory / f"rules{family}"
        path.write_text("".join(f"R{routes.text(r)} {SINK}\n"
                                for r in tables.get(family) or routes.small(family)))
        args.append(f"--rule_ipv{family}={path}")
    return args


def l3fwd_path():
    return debian.l3fwd(L3FWD_PATCHES, L3FWD_FLAGS)


def testpmd_path():
    return debian.packages("dpdk", "dpdk-dev") / "usr/bin/dpdk-testpmd"


def l3fwd(mode, directory, cpu, source, rule_args):
    return Dpdk(f"l3fwd {mode.upper()}").start(
        directory, l3fwd_path(), cpu, source,
        ["-p", "0x3", "-P", f"--lookup={mode}", f"--config=(0,0,{cpu})", "--parse-ptype",
         *rule_args])


def testpmd(mode, directory, cpus, source):
    """cpus: of the thread that forwards, and of the other one."""
    return Dpdk(f"testpmd {mode}").start(
        directory, testpmd_path(), f"{cpus[0]},{cpus[1]}", source,
        [f"--forward-mode={mode}", *TESTPMD])
