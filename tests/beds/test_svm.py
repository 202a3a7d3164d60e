# SPDX-License-Identifier: Apache-2.0
"""The svm bed: QEMU's interpreter as the outer machine, in it an unmodified Debian kernel with kvm_amd,
and in that weft-vmm with unmodified FRR guests. It needs no /dev/kvm here."""
import re
import shutil
import time

import pytest

import bed

FRR = ["frr defaults traditional", "hostname {name}", "interface eth1", " ip address 10.0.0.{n}/24",
       " ip ospf area 0", " ip ospf hello-interval 1", " ip ospf dead-interval 20",
       "interface lo", " ip address 10.9.9.{n}/32", " ip ospf area 0", "router ospf"]
DAEMONS = "ospfd=yes\nvtysh_enable=yes\n"


# What differs between the guests.
OPTIONS = {"r1": ["--cpus", "2", "--gdb", "/run/r1.gdb"], "r2": ["--rings", "split"]}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two guests, their NICs joined by the datagram sockets that the engine's relay uses."""
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("there is no qemu-system-x86_64")
    tmp = str(tmp_path_factory.mktemp("svm"))
    files, lines = {"vmlinuz": f"{bed.STORE}/frr/vmlinuz", "vmlinux": bed.vmlinux(tmp)}, []
    for n, name in enumerate(("r1", "r2"), 1):
        mac, peer = f"02:00:00:00:00:0{n}", f"r{3 - n}"
        conf = "\n".join(FRR).format(name=name, n=n) + "\n"
        files[f"{name}.initrd"] = bed.guest_initrd(
            tmp, name, [(mac, "eth1")], {"/etc/frr/frr.conf": conf, "/etc/frr/daemons": DAEMONS})
        run = bed.machine(name, *OPTIONS[name], "--console-log", f"/run/{name}.log",
                      "--net", f"mac={mac},local=/run/{name}.eth1,peer=/run/{peer}.eth1")
        lines += [f"({run}; echo \"bed: {name} exits $?\"; grep -a weft: /run/{name}.log) &"]
    for n, name in enumerate(("r1", "r2")):
        lines += [bed.bridge(name, n)]
    lines += [bed.shell(2)]
    lines += ["wait %1 %2", "/bed/weft-vmm --name r3 --kernel /bed/vmlinux --console-log /run/r3.log "
              "--cmdline 'console=ttyS0 panic=-1'; echo \"bed: r3 exits $?\"; tail -n 30 /run/r3.log"]
    machine = bed.SvmBed(tmp, files, "\n".join(lines), channels=4)
    machine.guests = [bed.Nested(machine, c) for c in machine.channels[:2]]
    machine.outer = bed.Shell(machine, machine.channels[2])
    yield machine
    for g in machine.guests:
        g.close()
    machine.close()


def test_boot(two, proved):
    """Unmodified guests get as far as their agents, and their routers are configured."""
    two.wait_for("bed: kvm kvm_amd", 60)
    outer = two.cpu_s()
    for g in two.guests:
        _, uptime, image = g.connect(120)
        assert image == "frr"
    hello = two.cpu_s()
    for g in two.guests:
        g.ready(150)
    status, out, _ = two.guests[0].run("vtysh", "-c", "show version")
    assert status == 0 and "FRRouting 8.4" in out
    proved("kvm_amd runs weft-vmm with two unmodified FRR guests of Debian's kernel: agents said hello "
           f"over virtio-console after {hello - outer:.1f} CPU s (the outer kernel took {outer:.1f}), "
           "vtysh answered")


def test_devices(two, proved):
    """What the guest's kernel found."""
    g = two.guests[0]
    _, out, _ = g.run("sh", "-c", "cat /sys/class/misc/hw_random/rng_current; cat /proc/interrupts; "
                      "cat /sys/devices/system/clocksource/clocksource0/current_clocksource; date +%s")
    assert "virtio_rng" in out and "PCI-MSI" in out and "virtio0-" in out, out
    assert "kvm-clock" in out, out
    assert abs(int(out.split()[-1]) - time.time()) < 5, out
    for guest, packed in zip(two.guests, "10"):
        _, out, _ = guest.run("sh", "-c", "nproc; cat /sys/bus/virtio/devices/*/features")
        cpus, *features = out.split()
        assert int(cpus) == (2 if packed == "1" else 1), out
        assert len(features) == 3 and all(f[34] == packed and f[29] == "1" for f in features), out
    proved("virtio-rng, console and net with MSI-X, packed rings in one guest, split in the other; 2 CPUs "
           "and 1; kvm-clock, the right time after start")


def test_traffic(two, proved):
    """Frames between the guests; and OSPF finds its neighbour and a route."""
    g = two.guests[0]
    end = two.now() + 60
    while "10.9.9.2" not in g.run("ip", "route", "show", "proto", "ospf")[1]:
        assert two.now() < end, g.run("vtysh", "-c", "show ip ospf neighbor")[1]
    ping(g, "10.9.9.2")
    proved("virtio-net carries OSPF to a full adjacency, and 20 of 20 pings of 1400 bytes over its route")


def ping(g, to):
    status, out, _ = g.run("/bin/ping", "-c", "20", "-i", "0.05", "-s", "1400", "-W", "20", to)
    assert status == 0 and " 0% packet loss" in out, out


def test_link(two, proved):
    """The guest sees its MAC, and the link as the control socket sets it."""
    for n, g in enumerate(two.guests, 1):
        assert g.run("cat", "/sys/class/net/eth1/address")[1] == f"02:00:00:00:00:0{n}\n"
        for up in False, True:
            assert "result" in two.outer.ask(f"r{n}", "carrier", nic=0, up=up)
            end = two.now() + 60
            while g.run("cat", "/sys/class/net/eth1/carrier")[1] != f"{up:d}\n":
                assert two.now() < end, f"r{n}: the carrier is not {up}"
        ping(g, f"10.0.0.{3 - n}")
    proved("MAC and carrier are seen by Linux's driver, on packed and on split rings")


# The driver leaves the device and finds it again while frames flow; the interface is a new one then.
REBIND = """cd /sys/bus/virtio/drivers/virtio_net; for i in 1 2 3 4 5; do d=$(ls -d virtio*)
echo $d >unbind; echo $d >bind; set -- $d/net/*; n=${1##*/}
[ $n = eth1 ] || ip link set $n name eth1
ip link set eth1 up; ip addr replace ADDRESS dev eth1; sleep 0.2; done; ip addr show eth1"""


def test_surprise_reset(two, proved):
    """Five times the driver is taken from a NIC and given back while both guests send all they can."""
    for n, g in enumerate(two.guests, 1):
        floods = [two.guests[i].start("/bin/ping", "-q", "-f", "-s", "1000", "-w", "4",
                                      f"10.0.0.{2 - i}") for i in range(2)]
        status, out, errors = g.run("sh", "-c", REBIND.replace("ADDRESS", f"10.0.0.{n}/24"))
        assert status == 0 and not errors and "eth1" in out, out + errors
        for i, flood in enumerate(floods):
            two.guests[i].finish(flood)
        ping(g, f"10.0.0.{3 - n}")
        [nic] = two.outer.ask(f"r{n}", "status")["result"]["nics"]
        assert nic["tx_malformed"] == nic["rx_too_long"] == 0, nic
    proved("the driver was unbound and bound five times beside floods, on packed and on split rings; then "
           "20 of 20 pings pass each way")


def test_gdb(two, tmp_path, proved):
    """Debian's gdb at the kernel of the guest with two CPUs. No breakpoints: none has been seen to work
    within the interpreter."""
    g = two.guests[0]
    banner = g.run("grep", "-w", "linux_banner", "/proc/kallsyms")[1].split()[0]
    said = bed.gdb(two.outer, "r1", two.channels[3], f"{tmp_path}/gdb.sock", "info threads",
                   f"x/s 0x{banner}", "set $at = $pc", "stepi", "p $pc != $at", "detach")
    assert len(re.findall(r"^. +\d+ +Thread", said, re.M)) == 2, said
    assert "Linux version 6.1" in said and "$1 = 1" in said, said
    ping(g, "10.0.0.2")
    proved("gdb stops a guest of two CPUs, reads its kernel's memory, steps; the guest goes on")


def test_ends(two, proved):
    """One guest switches itself off by ACPI, the other one's kernel crashes; a third kernel, entered by
    PVH, finds no root, and resets."""
    two.guests[0].start("poweroff", "-f")
    two.wait_for("bed: r1 exits 0", 60)
    two.guests[1].start("sh", "-c", "echo c >/proc/sysrq-trigger")
    two.wait_for("bed: r2 exits 3", 60)
    two.wait_for("bed: r3 exits 0", 60)
    two.wait_end(60)
    said = two.said()
    for how in "shutdown", "crashed", "reset":
        assert f"the machine has ended: {how}" in said, said
    assert "Unable to mount root fs" in said, said
    proved("power-off is clean, a kernel's crash is seen (pvpanic), Debian's kernel boots by PVH and "
           f"resets; {two.seconds():.0f} s in all")
