# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch on DPDK as a side: a flow a route, with the rewrite of a router. Its processes,
files and taps are its own; the machine's Open vSwitch, if there is one, is left alone."""
import os

from perf import debian
from perf.dpdk import NOWHERE, Dpdk, eal
from perf.lab import command
from perf.routes import text
from perf.sides import Program

MIB = 800  # of huge pages
BRIDGE = "weft-perf"


def root():
    return debian.packages("openvswitch", "openvswitch-switch-dpdk")


class Ovs(Dpdk):
    def __init__(self, directory, cpus, vnet, source):
        super().__init__("OVS-DPDK")
        self.root, self.dir, self.cpus = root(), directory, cpus
        self.vnet, self.source = vnet, source
        self.server = None
        self.env = dict(os.environ, OVS_RUNDIR=str(directory), OVS_LOGDIR=str(directory),
                        OVS_DBDIR=str(directory))

    def _path(self, name):
        return self.dir / f"ovs.{name}"

    def _vsctl(self, *argv):
        return command("env", f"OVS_RUNDIR={self.dir}", self.root / "usr/bin/ovs-vsctl",
                       f"--db=unix:{self._path('db.sock')}", "--timeout=20", *argv)

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return super().__enter__()

    def _start(self):
        share = self.root / "usr/share/openvswitch"
        command(self.root / "usr/bin/ovsdb-tool", "create", self._path("db"),
                share / "vswitch.ovsschema")
        self.server = Program("ovsdb-server", self.dir, self.root / "usr/sbin/ovsdb-server",
                              self._path("db"), f"--remote=punix:{self._path('db.sock')}",
                              f"--unixctl={self._path('db.ctl')}", env=self.env)
        self.server.until(self._path("db.sock").exists, "no socket")
        ours, alone = self.cpus
        self._vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                    "other_config:dpdk-init=true", f"other_config:pmd-cpu-mask={1 << alone:#x}",
                    f"other_config:dpdk-lcore-mask={1 << ours:#x}",
                    f"other_config:dpdk-extra=\"{' '.join(eal(self.prefix))}\"")
        self.program = Program(
            self.name, self.dir, "unshare", "--net",  # taps that it makes are gone with it
            self.root / "usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk",
            f"unix:{self._path('db.sock')}", f"--unixctl={self._path('ctl')}", env=self.env)
        self.program.until(self._path("ctl").exists, "no socket")
        self._vsctl("add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev",
                    "fail_mode=secure")
        for number, device in enumerate((self.source, NOWHERE), 1):
            self._vsctl("add-port", BRIDGE, f"p{number}", "--", "set", "Interface", f"p{number}",
                        "type=dpdk", f"ofport_request={number}",
                        f"options:dpdk-devargs=\"{device}\"")
        flows = self._path("flows")
        flows.write_text("".join(
            f"in_port=1,ip,nw_dst={text(route)},actions=mod_dl_src:{self.vnet.exit_mac()},"
            f"mod_dl_dst:{self.vnet.hop_mac(route[2])},dec_ttl,output:2\n"
            for route in self.vnet.table))
        command(self.root / "usr/bin/ovs-ofctl", "add-flows",
                f"unix:{self.dir / BRIDGE}.mgmt", flows)

    def __exit__(self, *details):
        super().__exit__(*details)
        if self.server:
            self.server.end()
