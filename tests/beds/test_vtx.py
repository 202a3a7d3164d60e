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
    run = bed.machine("r1", "--net", f"mac={MAC},local=/run/eth1,peer=/run/eth1")
    script = [f"{run} &", "guest=$!", "until [ -S /run/r1.sock ]; do usleep 20000; done",
              "echo bed: bridged", "socat /dev/ttyS1,rawer UNIX-CONNECT:/run/r1.sock &",
              "wait $guest; echo \"bed: r1 exits $?\"", "sleep 1  # Bochs loses what was said last"]
    machine = bed.VtxBed(tmp, {"vmlinuz": f"{bed.STORE}/frr/vmlinuz", "r1.initrd": initrd},
                         "\n".join(script))
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


def test_end(one, proved):
    one.guest.start("poweroff", "-f")
    said = one.wait_for("bed: r1 exits 0", 60)
    assert "the machine has ended: shutdown" in said, said
    one.wait_end(60)
    proved(f"power-off is clean; {one.seconds():.0f} s in all")
