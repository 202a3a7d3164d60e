# SPDX-License-Identifier: Apache-2.0
"""weft-vmm beside QEMU's q35 with KVM. With an unmodified guest, both in the svm bed's outer machine, an
interpreted one: what they cost there does not depend on this machine's processor having virtualisation.
With guests of a few instructions on this machine's own /dev/kvm: vmms.py and beside.py."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from perf.lab import BIN, SRC, STATE, LabError, command, say
from perf.rows import row

ROUNDS = 3
MEMORY = 192  # MiB of a guest
LIMIT = 600  # seconds of the outer machine's work, for one guest
MAC = "02:00:00:00:00:01"
QEMU = "qemu-system-x86_64"
FIRMWARE = ["/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/linuxboot_dma.bin",
            "/usr/share/qemu/kvmvapic.bin"]
MARKS = {"init": "until init", "hello": "until the agent's hello", "ready": "until configured"}
CASE = "frr in svm"

# Runs first in the guest, and says so.
INIT = "#!/bin/busybox sh\necho perf: init\nexec /init\n"

# What the outer machine's shell knows. `count` says a mark's figures: uptime, exits, system calls, and
# KiB resident beyond the guest's memory.
FUNCTIONS = f"""
mount -t debugfs none /sys/kernel/debug; T=/sys/kernel/tracing; mount -t tracefs none $T
echo 1 >$T/options/event-fork; echo 1 >$T/events/raw_syscalls/sys_enter/enable
cat >/run/count <<'EOT'
up=$(cut -d' ' -f1 /proc/uptime)
calls=$(awk '/^(entries|overrun):/ {{ n += $2 }} END {{ print n }}' /sys/kernel/tracing/per_cpu/cpu*/stats)
pid=$(cat /run/pid)
echo "$1 $up $(cat /sys/kernel/debug/kvm/$pid-*/exits) $calls $(awk '/^Size:/ {{ guest = $2 >= {MEMORY << 10} }}
/^Rss:/ {{ if (!guest) n += $2 }} END {{ print n }}' /proc/$pid/smaps)" >>/run/marks
EOT
cat >/run/listen <<'EOT'
while read -r line; do case $line in
*perf:\\ init*) sh /run/count init ;;
*weft:*ready*) sh /run/count ready ;;
esac; done </run/console
EOT
cat >/run/start <<'EOT'
echo $$ >/run/pid
echo $$ >/sys/kernel/tracing/set_event_pid
echo "start $(cut -d' ' -f1 /proc/uptime) 0 0 0" >/run/marks
exec "$@" >/run/vmm.log 2>&1
EOT
mkfifo /run/console
"""


def qemu_files():
    """{name: path} of QEMU and all it needs."""
    path = shutil.which(QEMU)
    if not path:
        raise LabError(f"there is no {QEMU}")
    libraries = re.findall(r"(/\S+) \(0x", command("ldd", path))
    return {pathlib.Path(p).name: p for p in (path, *libraries, *FIRMWARE)}


def arguments(bed, cmdline):
    """{machine: its command in the outer machine}: the same kernel, initrd, and devices."""
    weft = ["/bed/weft-vmm", "--name", "perf", "--kernel", "/bed/vmlinuz", "--initrd", "/bed/perf.initrd",
            "--cmdline", cmdline, "--memory", str(MEMORY), "--agent", "/run/agent", "--console-log",
            "/run/console", "--net", f"mac={MAC},local=/run/eth1,peer=/run/eth1"]
    qemu = ["/bed/ld-linux-x86-64.so.2", "--library-path", "/bed", f"/bed/{QEMU}", "-L", "/bed",
            "-accel", "kvm", "-machine", "q35", "-cpu", "host", "-m", str(MEMORY), "-nodefaults",
            "-display", "none", "-no-reboot", "-kernel", "/bed/vmlinuz", "-initrd", "/bed/perf.initrd",
            "-append", cmdline, "-serial", "file:/run/console", "-device", "virtio-serial-pci",
            "-chardev", "socket,id=agent,path=/run/agent,server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=org.weft.agent",
            "-netdev", "dgram,id=n,local.type=unix,local.path=/run/eth1,remote.type=unix,"
            "remote.path=/run/eth1", "-device", f"virtio-net-pci,mac={MAC},netdev=n,romfile=",
            "-device", "virtio-rng-pci"]
    return {"weft": shlex.join(weft), "qemu": shlex.join(qemu)}


def start_one(bed, machine, run):
    """{mark: (seconds, exits, system calls, KiB)} of one guest's start."""
    import guest
    outer, agent = machine.outer, machine.guests[0]
    outer.run("rm -f /run/agent /run/eth1; sh /run/listen & cd /sys/kernel/tracing; echo >trace; "
              f"sh /run/start {run} & until [ -S /run/agent ]; do usleep 10000; done; "
              f"socat /dev/$({bed.port(0)}) UNIX-CONNECT:/run/agent >/dev/null 2>&1 &")
    # One word, which waits until the agent can hear it: to ask again would be counted as well.
    agent.rx, agent.queue, agent.nonce = b"", [], agent.nonce + 1
    agent.send(guest.HELLO)
    agent.expect(guest.WELCOME, timeout=LIMIT)
    outer.run("sh /run/count hello")
    end = machine.now() + LIMIT
    while "ready" not in outer.run("cat /run/marks")[1]:
        if machine.now() > end:
            raise LabError(f"the guest did not get ready: {outer.run('cat /run/vmm.log')[1]}")
    outer.run("kill $(cat /run/pid); while [ -d /proc/$(cat /run/pid) ]; do usleep 10000; done")
    marks = {}
    for line in outer.run("cat /run/marks")[1].splitlines():
        name, up, *figures = line.split()
        marks[name] = (float(up) - marks["start"][0] if marks else float(up), *map(int, figures))
    return marks


def initrd(bed, tmp):
    """The guest's, with INIT before."""
    path = bed.guest_initrd(tmp, "perf", [(MAC, "eth1")], {
        "/etc/frr/frr.conf": "interface eth1\n ip address 10.0.0.1/24\n"})
    (pathlib.Path(tmp) / "perf-init").write_text(INIT)
    (pathlib.Path(tmp) / "perf-init").chmod(0o755)
    cpio = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tmp, input=b"perf-init",
                          stdout=subprocess.PIPE, check=True).stdout
    whole = pathlib.Path(path)
    whole.write_bytes(cpio + b"\0" * (-len(cpio) % 512) + whole.read_bytes())
    return path


def rows(starts):
    def column(machine, mark, i):
        return [s[mark][i] for s in starts[machine]]

    found = []
    for mark, name in MARKS.items():
        for i, what, unit in ((1, "VM exits", "exits"), (2, "system calls", "calls"), (0, "time", "s")):
            target = "ratio <= 0.6" if (what, mark) == ("time", "hello") else None
            found.append(row(CASE, f"{what} {name}", unit, column("weft", mark, i), "qemu q35",
                             column("qemu", mark, i), target))
    memory = {m: [kib / 1024 for kib in column(m, "hello", 3)] for m in starts}
    return [*found, row(CASE, "resident beyond the guest's memory", "MiB", memory["weft"], "qemu q35",
                        memory["qemu"], "weft <= 5")]


def in_bed(accel):
    import bed
    accel.add("kvm_amd in TCG")
    command(BIN / "weft", "image", "build", "frr", env=dict(os.environ, WEFT_RUN="/run/weft-perf"))
    with tempfile.TemporaryDirectory(prefix="weft-perf-") as tmp:
        cmdline = bed.guest.tool("cmdline", bed.STORE, "frr")[0] + " rdinit=/perf-init"
        files = {"vmlinuz": f"{bed.STORE}/frr/vmlinuz", "perf.initrd": initrd(bed, tmp), **qemu_files()}
        machine = bed.SvmBed(tmp, files, f"{bed.shell(1)}\nwait", channels=2, memory=2048)
        machine.guests = [bed.Nested(machine, machine.channels[0])]
        machine.outer = bed.Shell(machine, machine.channels[1])
        try:
            status, out = machine.outer.run(FUNCTIONS, timeout=200)
            if status:
                raise LabError(out)
            starts = {name: [] for name in ("weft", "qemu")}
            for number in range(1, ROUNDS + 1):
                for name, run in arguments(bed, cmdline).items():
                    say(f"round {number} of {ROUNDS}: {name}")
                    starts[name].append(start_one(bed, machine, run))
            return rows(starts)
        finally:
            machine.close()


def run(accel, wanted):
    os.environ.update(WEFT_SRC=str(SRC), WEFT_BIN=str(BIN), WEFT_STATE=str(STATE))
    sys.path.insert(0, str(SRC / "tests/beds"))
    from perf import beside, vmms
    cases = {CASE: in_bed, **vmms.CASES, **beside.CASES}
    return [r for case in wanted(cases) for r in cases[case](accel)]
