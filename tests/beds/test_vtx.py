# SPDX-License-Identifier: Apache-2.0
"""The vtx bed: Debian's Bochs, which interprets a processor with VT-x and EPT, as the outer machine; in it
an unmodified Debian kernel with kvm_intel, and in that weft-vmm with an unmodified FRR guest."""
import os
import re
import shutil

import pytest

import bed

NEEDS = ["/usr/share/bochs/BIOS-bochs-latest", "/usr/lib/ISOLINUX/isolinux.bin",
         "/usr/lib/syslinux/modules/bios/ldlinux.c32"]
MAC = "02:00:00:00:00:01"
ESCAPE = 0x1d  # ends gdb's connection; it is in none of its packets

# The one channel goes to the agent, then to gdb, once the guest's console asks for it, then to the agent.
SCRIPT = f"""RUN &
guest=$!
until [ -S /run/r1.sock ]; do usleep 20000; done
agent() {{ socat /dev/ttyS1,rawer UNIX-CONNECT:/run/r1.sock & line=$!; }}
agent
echo bed: bridged
until grep -aqs "^bed: gdb" /run/r1.log; do usleep 500000; done
kill $line
wait $line
echo bed: gdb
socat /dev/ttyS1,rawer,escape={ESCAPE} UNIX-CONNECT:/run/r1.gdb
agent
echo bed: gdb is over
wait $guest
echo "bed: r1 exits $?"
sleep 1  # Bochs loses what was said last"""


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A guest whose NIC is its own peer: what it sends comes back to it."""
    missing = [p for p in ("bochs", "xorriso") if not shutil.which(p)]
    missing += [p for p in NEEDS if not os.path.exists(p)]
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)}")
    tmp = str(tmp_path_factory.mktemp("vtx"))
    initrd = bed.guest_initrd(tmp, "r1", [(MAC, "eth1")], {
        "/etc/frr/frr.conf": "interface eth1\n ip address 10.0.0.1/24\n"})
    run = bed.machine("r1", "--net", f"mac={MAC},local=/run/eth1,peer=/run/eth1",
                      "--console-log", "/run/r1.log", "--gdb", "/run/r1.gdb")
    machine = bed.VtxBed(tmp, {"vmlinuz": f"{bed.STORE}/frr/vmlinuz", "r1.initrd": initrd},
                         SCRIPT.replace("RUN", run))
    machine.guest = bed.Nested(machine, machine.channels[0])
    yield machine
    machine.guest.close()
    machine.close()


def test_boot(one, proved):
    one.wait_for("bed: kvm kvm_intel", 200)
    outer = one.cpu_s()
    one.wait_for("bed: bridged", 60)
    assert one.guest.connect(240)[2] == "frr"
    hello = one.cpu_s()
    one.guest.ready(200)
    status, out, _ = one.guest.run("vtysh", "-c", "show version")
    assert status == 0 and "FRRouting 8.4" in out
    proved("kvm_intel with EPT runs weft-vmm with an unmodified FRR guest: its agent said hello after "
           f"{hello - outer:.0f} CPU s (the outer machine took {outer:.0f}), vtysh answered")


def test_traffic(one, proved):
    """Neighbour discovery alone sends some frames."""
    _, out, _ = one.guest.run("cat", "/proc/net/dev")
    fields = re.search(r"eth1:(.*)", out)[1].split()
    received, sent = int(fields[1]), int(fields[9])
    assert 0 < received <= sent, out
    proved(f"virtio-net sent {sent} frames and received {received} of them")


def test_gdb(one, tmp_path, proved):
    """Debian's gdb stops the guest's kernel at a breakpoint in its code, steps, comes there again; and
    at one of the processor's."""
    g, [channel] = one.guest, one.channels
    at = int(g.run("grep", "-m1", "-w", "version_proc_show", "/proc/kallsyms")[1].split()[0], 16)
    g.run("sh", "-c", "(while [ ! -e /run/over ]; do read -r line </proc/version; done) "
          ">/dev/null 2>&1 &")
    g.run("sh", "-c", "echo bed: gdb >/dev/console")
    one.wait_for("bed: gdb\n", 60)
    said = bed.gdb_over(channel, f"{tmp_path}/gdb.sock", f"break *{at}", "continue", "p/x $pc",
                        "x/2i $pc", "stepi", "p/x $pc", "continue", "p/x $pc",
                        "delete", f"hbreak *{at}", "continue", "p/x $pc", "detach")
    channel.sendall(bytes([ESCAPE]))
    one.wait_for("bed: gdb is over\n", 60)
    first, second = (int(a, 16) for a in re.findall(r"^(?:=>|  ) (0x[0-9a-f]+):\t", said, re.M))
    stood = [int(v, 16) for v in re.findall(r"^\$\d = (0x[0-9a-f]+)$", said, re.M)]
    assert first == at and stood == [at, second, at, at], said
    g.connect(60)
    assert "Linux version" in g.run("cat", "/proc/version")[1]
    g.run("touch", "/run/over")
    proved("gdb's breakpoint, an INT3 in the kernel's code, stops it twice; a step is one instruction; a "
           "breakpoint by debug registers stops it as well; the guest goes on")


def test_end(one, proved):
    one.guest.start("poweroff", "-f")
    said = one.wait_for("bed: r1 exits 0", 60)
    assert "the machine has ended: shutdown" in said, said
    cpu = one.cpu_s()
    one.wait_end(60)
    proved(f"power-off is clean; {one.seconds():.0f} s in all, {cpu:.0f} CPU s")
