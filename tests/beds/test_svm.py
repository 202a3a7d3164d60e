# SPDX-License-Identifier: Apache-2.0
"""The svm bed: QEMU's interpreter as the outer machine, in it an unmodified Debian kernel with kvm_amd,
and in that weft-vmm with unmodified FRR guests. It needs no /dev/kvm here."""
import os
import pathlib
import re
import shutil
import signal
import time

import pytest

import bed

FRR = ["frr defaults traditional", "hostname {name}", "interface eth1", " ip address 10.0.0.{n}/24",
       " ip ospf area 0", " ip ospf hello-interval 1", " ip ospf dead-interval 20",
       "interface lo", " ip address 10.9.9.{n}/32", " ip ospf area 0", "router ospf"]
DAEMONS = "ospfd=yes\nvtysh_enable=yes\n"


ETHTOOL = "/usr/sbin/ethtool"
MTU = 4000
PAIRS = 4

# What differs between the guests.
OPTIONS = {"r1": ["--cpus", "2", "--gdb", "/run/r1.gdb"], "r2": ["--rings", "split"]}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two guests, their NICs joined by the datagram sockets that the engine's relay uses."""
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("there is no qemu-system-x86_64")
    if not os.path.exists(ETHTOOL):
        pytest.skip("there is no ethtool")
    tmp = str(tmp_path_factory.mktemp("svm"))
    files, lines = {"vmlinuz": f"{bed.STORE}/frr/vmlinuz", "vmlinux": bed.vmlinux(tmp)}, []
    for n, name in enumerate(("r1", "r2"), 1):
        mac, peer = f"02:00:00:00:00:0{n}", f"r{3 - n}"
        conf = "\n".join(FRR).format(name=name, n=n) + "\n"
        files[f"{name}.initrd"] = bed.guest_initrd(
            tmp, name, [(mac, "eth1")], {"/etc/frr/frr.conf": conf, "/etc/frr/daemons": DAEMONS,
                                         ETHTOOL: pathlib.Path(ETHTOOL).read_bytes()})
        run = bed.machine(name, *OPTIONS[name], "--console-log", f"/run/{name}.log",
                      "--net", f"mac={mac},local=/run/{name}.eth1,peer=/run/{peer}.eth1,"
                      f"mtu={MTU},queues={PAIRS}")
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


def ping(g, to, size=1400):
    status, out, _ = g.run("/bin/ping", "-c", "20", "-i", "0.05", "-M", "do", "-s", str(size), "-W", "20",
                           to)
    assert status == 0 and " 0% packet loss" in out, out


# A flow each, there and back: connections that are refused. Any CPU may send by any queue.
FLOWS = """for f in /sys/class/net/eth1/queues/tx-*/xps_cpus; do echo 0 >$f; done
for i in {1..64}; do { :; } 3<>/dev/tcp/ADDRESS/$((9000 + i)); done 2>&1 |
grep -c 'connect: .*refused'"""


def frames(g):
    """{queue: frames}, as the driver counts them: "rx0" to "tx3"."""
    said = g.run(ETHTOOL, "-S", "eth1")[1]
    return {kind + n: int(count)
            for kind, n, count in re.findall(r"\b([rt]x)_queue_(\d)_packets: (\d+)", said)}


def test_queues(two, proved):
    """The driver uses as many pairs of queues as it has CPUs; all that there are, if it is told to."""
    for n, (g, cpus) in enumerate(zip(two.guests, (2, 1)), 1):
        def used():
            queues = g.run("ls", "/sys/class/net/eth1/queues")[1].split()
            [nic] = two.outer.ask(f"r{n}", "status")["result"]["nics"]
            assert len(queues) == 2 * nic["queues"], (queues, nic)
            return nic["queues"]
        assert used() == cpus
        g.run("chmod", "755", ETHTOOL)
        status, out, errors = g.run(ETHTOOL, "-L", "eth1", "combined", str(PAIRS))
        assert status == 0 and used() == PAIRS, out + errors
    for n, g in enumerate(two.guests, 1):
        before = frames(g)
        assert len(before) == 2 * PAIRS, before
        assert g.run("bash", "-c", FLOWS.replace("ADDRESS", f"10.0.0.{3 - n}"))[1] == "64\n"
        after = frames(g)
        assert all(after[q] > before[q] for q in before), (before, after)
    proved("Linux's driver uses 2 pairs of queues with 2 CPUs, 1 with 1, and 4 by ethtool -L; each of the "
           "4 sends and receives some of 64 flows, on packed and on split rings")


def test_mtu(two, proved):
    """The largest MTU that the guest may choose is the one its NIC offers, and frames of it pass."""
    for g in two.guests:
        said = g.run("ip", "-d", "link", "show", "eth1")[1]
        assert " mtu 1500 " in said and f" maxmtu {MTU} " in said, said
        assert g.run("ip", "link", "set", "eth1", "mtu", str(MTU + 1))[0] != 0
        assert g.run("ip", "link", "set", "eth1", "mtu", str(MTU))[0] == 0
    for n, g in enumerate(two.guests, 1):
        ping(g, f"10.0.0.{3 - n}", MTU - 28)
    proved(f"the guest sees the MTU of {MTU} that its NIC offers, and no larger one; 20 of 20 pings of "
           "that size pass each way")


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


# The driver leaves the device and finds it again while frames flow, every other time after the device was
# reset without its knowledge, by the window to its registers that PCI's configuration space has. The
# interface is a new one then.
REBIND = r"""cd /sys/bus/virtio/drivers/virtio_net
poke() { printf "$3" | dd of=$c bs=$1 seek=$(($2 / $1)) conv=notrunc 2>/dev/null; }
status() { dd if=$c bs=1 skip=$((w + 16)) count=1 2>/dev/null | od -An -tx1; }
for i in 1 2 3 4 5 6; do d=$(ls -d virtio*); c=$(readlink -f $d)/../config w=WINDOW
[ $((i % 2)) = 0 ] || {
poke 1 $((w + 4)) '\0'; poke 4 $((w + 8)) '\24\0\0\0'; poke 4 $((w + 12)) '\1\0\0\0'
status; poke 1 $((w + 16)) '\0'; status; sleep 0.2; }
echo $d >unbind; echo $d >bind; set -- $d/net/*; n=${1##*/}
[ $n = eth1 ] || ip link set $n name eth1
cat $d/net/*/mtu; ETHTOOL -L eth1 combined PAIRS
ip link set eth1 up; ip addr replace ADDRESS dev eth1; sleep 0.2; done"""


def window(g):
    """Where the window is in the configuration space of the guest's NIC (virtio 1.2, 4.1.4.9)."""
    said = g.run("sh", "-c", "od -An -v -tx1 /sys/class/net/eth1/device/../config")[1]
    config = bytes.fromhex("".join(said.split()))
    at = config[0x34]
    while config[at] != 9 or config[at + 3] != 5:  # of the vendor, VIRTIO_PCI_CAP_PCI_CFG
        at = config[at + 1]
    return at


def test_surprise_reset(two, proved):
    """While both guests send all they can, the driver is taken from a NIC and given back six times, three
    of them after the NIC has forgotten all that the driver had told it."""
    for n, g in enumerate(two.guests, 1):
        script = REBIND.replace("ADDRESS", f"10.0.0.{n}/24").replace("WINDOW", str(window(g)))
        script = script.replace("ETHTOOL", ETHTOOL).replace("PAIRS", str(PAIRS))
        floods = [(other, other.start("/bin/ping", "-q", "-f", "-s", "1000", f"10.0.0.{2 - i}"))
                  for i, other in enumerate(two.guests)]
        status, out, errors = g.run("sh", "-c", script)
        assert status == 0 and not errors, out + errors
        assert out.split() == ["0f", "00", str(MTU), str(MTU)] * 3, out
        for other, flood in floods:
            other.kill(flood, signal.SIGINT)
            _, out, _ = other.finish(flood, 60)
            assert int(re.search(r"(\d+) packets transmitted, \d+ received", out)[1]) > 100, out
        ping(g, f"10.0.0.{3 - n}")
        [nic] = two.outer.ask(f"r{n}", "status")["result"]["nics"]
        assert nic["tx_malformed"] == nic["rx_too_long"] == 0 and nic["queues"] == PAIRS, nic
    proved("beside floods the driver with 4 pairs was unbound and bound six times, three of them after its "
           "device had been reset behind its back, on packed and on split rings; then 20 of 20 pings pass "
           "each way")


def test_gdb(two, tmp_path, proved):
    """Debian's gdb at the kernel of the guest with two CPUs. No breakpoints: the interpreter lets none stop
    a guest."""
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
    cpu = two.cpu_s()
    two.wait_end(60)
    said = two.said()
    for how in "shutdown", "crashed", "reset":
        assert f"the machine has ended: {how}" in said, said
    assert "Unable to mount root fs" in said, said
    proved("power-off is clean, a kernel's crash is seen (pvpanic), Debian's kernel boots by PVH and "
           f"resets; {two.seconds():.0f} s in all, {cpu:.0f} CPU s")
