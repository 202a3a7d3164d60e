# SPDX-License-Identifier: Apache-2.0
"""The svm bed: QEMU's interpreter as the outer machine, in it an unmodified Debian kernel with kvm_amd,
and in that weft-vmm with unmodified FRR guests. It needs no /dev/kvm here."""
import shutil
import time

import pytest

import bed

FRR = ["frr defaults traditional", "hostname {name}", "interface eth1", " ip address 10.0.0.{n}/24",
       " ip ospf area 0", " ip ospf hello-interval 1", " ip ospf dead-interval 20",
       "interface lo", " ip address 10.9.9.{n}/32", " ip ospf area 0", "router ospf"]
DAEMONS = "ospfd=yes\nvtysh_enable=yes\n"


# What differs between the guests.
OPTIONS = {"r1": ["--cpus", "2"], "r2": ["--rings", "split"]}


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
        run = bed.vmm(name, *OPTIONS[name], "--console-log", f"/run/{name}.log",
                      "--net", f"mac={mac},local=/run/{name}.eth1,peer=/run/{peer}.eth1")
        lines += [f"({run}; echo \"bed: {name} exits $?\"; grep -a weft: /run/{name}.log) &"]
    for n, name in enumerate(("r1", "r2")):
        lines += [bed.bridge(name, n)]
    lines += ["wait %1 %2", "/bed/weft-vmm --name r3 --kernel /bed/vmlinux --console-log /run/r3.log "
              "--cmdline 'console=ttyS0 panic=-1'; echo \"bed: r3 exits $?\"; tail -n 30 /run/r3.log"]
    machine = bed.SvmBed(tmp, files, "\n".join(lines), channels=2)
    machine.guests = [bed.Nested(machine, c) for c in machine.channels]
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
    end = time.monotonic() + 60
    while "10.9.9.2" not in g.run("ip", "route", "show", "proto", "ospf")[1]:
        assert time.monotonic() < end, g.run("vtysh", "-c", "show ip ospf neighbor")[1]
    status, out, _ = g.run("/bin/ping", "-c", "20", "-i", "0.05", "-s", "1400", "10.9.9.2")
    assert status == 0 and " 0% packet loss" in out, out
    proved("virtio-net carries OSPF to a full adjacency, and 20 of 20 pings of 1400 bytes over its route")


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
