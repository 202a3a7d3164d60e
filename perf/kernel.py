# SPDX-License-Identifier: Apache-2.0
"""Linux's own forwarding as a side, between two veths, in a namespace of its own. The frames come
from testpmd, through a packet socket, on our core; the kernel forwards them on the other one."""
import contextlib
import os
import subprocess

from perf import dpdk
from perf.lab import command
from perf.netns import inside
from perf.routes import text
from perf.sides import Program

SENDER, ROUTER, SINK = (f"weft-perf-{os.getpid()}-{name}" for name in ("from", "via", "to"))
TX_PACKETS = 9  # of the words after an interface's name in /proc/net/dev


class Kernel(dpdk.Dpdk):
    def __init__(self, directory, cpus, vnet, source):
        super().__init__("Linux")
        self.dir, self.cpus, self.vnet, self.source = directory, cpus, vnet, source
        self.counters = None

    def __enter__(self):
        try:
            self._network()
            ours = self.cpus[0]
            self.program = Program(
                self.name, self.dir, "ip", "netns", "exec", SENDER, dpdk.testpmd_path(),
                *dpdk.eal(self.prefix), f"--lcores=0@{ours},1@{ours}", "--vdev", self.source,
                "--vdev", "net_af_packet0,iface=out", "--", "--forward-mode=io", *dpdk.TESTPMD,
                first=False)
        except BaseException:
            self.__exit__()
            raise
        return super().__enter__()

    def _network(self):
        for name in (SENDER, ROUTER, SINK):
            command("ip", "netns", "add", name)
            command("ip", "netns", "exec", name, "sysctl", "-q",  # only our frames count
                    "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        command("ip", "link", "add", "in", "netns", ROUTER, "address", self.vnet.entry_mac(),
                "type", "veth", "peer", "out", "netns", SENDER)
        command("ip", "link", "add", "out", "netns", ROUTER, "address", self.vnet.exit_mac(),
                "type", "veth", "peer", "in", "netns", SINK)
        command("ip", "-n", SENDER, "link", "set", "out", "up")
        command("ip", "-n", SINK, "link", "set", "in", "up")
        batch = self.dir / "kernel.batch"
        batch.write_text("".join([
            "link set in up\nlink set out up\naddr add 10.255.0.1/24 dev in\n"
            "addr add 10.255.1.1/24 dev out\n",
            *(f"neigh add 10.255.1.{nh + 1} lladdr {self.vnet.hop_mac(nh)} dev out nud permanent\n"
              f"route add {text((addr, length, nh))} via 10.255.1.{nh + 1}\n"
              for addr, length, nh in self.vnet.table)]))
        command("ip", "-n", ROUTER, "-batch", batch)
        # The receiving CPU would be the sender's: RPS hands the frames to the other one.
        command("ip", "netns", "exec", ROUTER, "sh", "-c", "sysctl -q net.ipv4.ip_forward=1 && "
                f"echo {1 << self.cpus[1]:x} >/sys/class/net/in/queues/rx-0/rps_cpus")
        self.counters = inside(ROUTER, lambda: open("/proc/thread-self/net/dev", encoding="ascii"))

    def __exit__(self, *details):
        super().__exit__(*details)
        if self.counters:
            self.counters.close()
        for name in (SENDER, ROUTER, SINK):
            with contextlib.suppress(subprocess.SubprocessError):
                subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def sent(self):
        self.counters.seek(0)
        for line in self.counters:
            name, _, words = line.partition(":")
            if name.strip() == "out":
                return int(words.split()[TX_PACKETS])
        return 0

    def check(self):
        """What does not fit its queue is lost: the rest is what it can."""
