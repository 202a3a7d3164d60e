# SPDX-License-Identifier: Apache-2.0
"""Machines that are saved, and their clones: hand-written guests on whatever /dev/kvm there is."""
import hashlib
import os
import pathlib
import socket
import statistics
import subprocess

import pytest
import vmm

pytestmark = pytest.mark.skipif(bool(vmm.why_not()), reason=vmm.why_not())


@pytest.fixture
def start(tmp_path):
    running = []

    def run(name, payload, *args, **kw):
        (tmp_path / name).mkdir()
        running.append(vmm.Vmm(tmp_path / name, payload, *args, **kw))
        return running[-1]
    yield run
    for machine in running:
        machine.close()


def save(machine, control, path):
    assert "result" in control.ask("pause")
    path.mkdir()
    with open(path / "state", "xb") as state, open(path / "ram", "xb") as ram:
        assert control.ask("save", fds=[state.fileno(), ram.fileno()]) == {"result": {}}


def numbers(text):
    return [int(line, 16) for line in text.split("\n")[:-1]]


def end_of(machine, control):
    control.ask("stop")
    assert machine.end() == (0, "stopped")
    return machine.said()


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def counts(machine, more=200):
    said = len(machine.said())
    machine.until(lambda: len(machine.said()) > said + 17 * more, "counting")


@pytest.mark.parametrize("how", ["dir", "descriptors"])
def test_clones_go_on(start, tmp_path, proved, how):
    """What a guest says before and after is one count without a gap, in each of its clones, though
    it is saved in the middle of a word; and none of them changes what they share."""
    template = start("template", "count")
    counts(template)
    control, saved = template.control(), tmp_path / "saved"
    save(template, control, saved)
    before = end_of(template, control)
    was = digest(saved / "ram")
    with open(saved / "state", "rb") as state, os.fdopen(vmm.sealed(saved / "ram"), "rb") as ram:
        fds = (state.fileno(), ram.fileno())
        args = ["--from", saved] if how == "dir" else ["--from-fds", "%d,%d" % fds]
        clones = [start(f"clone{i}", "count", saved=args, fds=fds) for i in range(2)]
        for clone in clones:
            counts(clone)
        for clone in clones:
            said = numbers(before + end_of(clone, clone.control()))
            assert said == list(range(len(said))), said[-5:]
        shared = hashlib.sha256(os.pread(ram.fileno(), 1 << 30, 0)).hexdigest()
        assert shared == was == digest(saved / "ram")
    proved(f"clones of one saved machine go on from where it stood ({how}), and share its memory "
           "unchanged")


def test_saved_machine_goes_on(start, tmp_path, proved):
    """Saving changes nothing for who is saved; and a clone can be saved as what differs."""
    machine = start("machine", "count")
    control, first = machine.control(), tmp_path / "first"
    counts(machine)
    save(machine, control, first)
    counted = len(machine.said())
    control.ask("resume")
    counts(machine)
    said = numbers(end_of(machine, control))
    assert len(said) > counted // 17 and said == list(range(len(said)))

    clone = start("clone", "count", saved=["--from", first])
    counts(clone)
    line, path = clone.control(), tmp_path / "pages"
    line.ask("pause")
    with open(path, "w+b") as f:
        assert line.ask("save", fds=[f.fileno()]) == {"result": {}}
    assert path.stat().st_size < 100_000  # of 16 MiB
    middle = end_of(clone, line)
    with open(path, "rb") as state, os.fdopen(vmm.sealed(first / "ram"), "rb") as ram:
        fds = (state.fileno(), ram.fileno())
        last = start("last", "count", saved=["--from-fds", "%d,%d" % fds], fds=fds)
        counts(last)
        after = end_of(last, last.control())
    said = numbers(pathlib.Path(machine.log).read_text()[:counted] + middle + after)
    assert said == list(range(len(said)))
    proved("a machine goes on after it was saved; a clone is saved as the pages that differ, and "
           "goes on")


def test_devices(start, tmp_path, proved):
    """A driver goes on with its device, interrupts included, and finds a NIC that was not there."""
    machine = start("machine", "saved")
    machine.until(lambda: machine.said().endswith("ready\n"), "first half")
    assert "no NIC" in machine.said()
    control = machine.control()
    save(machine, control, tmp_path / "saved")
    end_of(machine, control)
    wire = f"mac=02:00:00:00:00:01,local={tmp_path}/a,peer={tmp_path}/b"
    clone = start("clone", "saved", "--net", wire, saved=["--from", tmp_path / "saved"])
    clone.control().ask("status")
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(f"{tmp_path}/clone/console.sock")
        console.sendall(b"!")
        assert clone.end() == (0, "shutdown"), clone.said()
    assert clone.said() == "ok rng after\nok its driver as it was\nok random bytes\na NIC\n"
    proved("a clone's driver goes on with its device, MSI-X included, and a NIC was added to it")


def echoes(peer, nic, count=20):
    for i in range(count):
        frame = bytes.fromhex("020000000002020000000001" "88b5") + b"E" + bytes([i]) * 100
        peer.sendto(frame, nic)
        assert peer.recv(2000) == frame[6:12] + frame[:6] + frame[12:]


def test_nic(start, tmp_path, proved):
    """A driver goes on with its NIC, on as many pairs of queues, and sees another link."""
    nic, wire = f"{tmp_path}/nic", f"local={tmp_path}/nic,peer={tmp_path}/here,queues=4"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.bind(f"{tmp_path}/here")
        peer.settimeout(10)
        machine = start("machine", "net", "--net", f"mac=02:00:00:00:00:02,{wire}")
        machine.until(lambda: "link up" in machine.said(), "link")
        echoes(peer, nic)
        control = machine.control()
        save(machine, control, tmp_path / "saved")
        end_of(machine, control)
        clone = start("clone", "net", "--net", f"mac=02:00:00:00:00:02,{wire},carrier=off",
                      saved=["--from", tmp_path / "saved"])
        clone.until(lambda: clone.said() == "link down\n", "word of the link")
        control = clone.control()
        control.ask("carrier", nic=0, up=True)
        clone.until(lambda: clone.said() == "link down\nlink up\n", "link")
        echoes(peer, nic)
        status, = control.ask("status")["result"]["nics"]
        assert (status["queues"], status["rx_frames"], status["tx_frames"]) == (4, 40, 40)
        end_of(clone, control)
    proved("a clone's driver goes on with its NIC on 4 pairs of queues, and sees its link change")


def go_on(machine, control, tmp):
    """The guest hears a byte, and ends well."""
    control.ask("resume")
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(f"{tmp}/console.sock")
        console.sendall(b"!")
        assert machine.end() == (0, "shutdown"), machine.said()
    assert "FAILED" not in machine.said()


@pytest.mark.parametrize("how", ["write", "forget", "overlay"])
def test_disk(start, tmp_path, proved, how):
    """A disk is written, by a clone too; not the file below an overlay, or of one that forgets."""
    disk, first = tmp_path / "disk", b"".join(bytes([c]) * 512 for c in b"abcde")
    disk.write_bytes(bytes(65536))
    option = f"{disk},{how}" + (f"={tmp_path}/overlay" if how == "overlay" else "")
    machine = start("machine", "disk", "--disk", option)
    machine.until(lambda: machine.said().endswith("ready\n"), "first half")
    control = machine.control()
    if how == "forget":
        control.ask("pause")
        with open(tmp_path / "state", "xb") as f:
            assert "in memory alone" in control.ask("save", fds=[f.fileno()])["error"]
        go_on(machine, control, tmp_path / "machine")
    else:
        save(machine, control, tmp_path / "saved")
        end_of(machine, control)
        assert disk.read_bytes()[13 * 512:18 * 512] == (first if how == "write" else bytes(2560))
        clone = start("clone", "disk", "--disk", option, saved=["--from", tmp_path / "saved"])
        go_on(clone, clone.control(), tmp_path / "clone")
    wrote = first.upper() if how == "write" else bytes(2560)
    assert disk.read_bytes() == bytes(13 * 512) + wrote + bytes(65536 - 18 * 512)
    proved(f"a disk that is written ({how}) by a guest within its VMM's filters")


def test_core(start, tmp_path, proved):
    """gdb opens a core of a guest: registers, and variables by name; the guest goes on."""
    machine = start("machine", "loop")
    machine.until(lambda: machine.said() == "loop\n", "greeting")
    control, core = machine.control(), tmp_path / "core"
    before = control.ask("status")["result"]["exits"]
    control.ask("pause")
    regs, = control.ask("registers")["result"]["cpus"]
    assert "needs" in control.ask("dump")["error"]
    with open(core, "xb") as f:
        assert control.ask("dump", fds=[f.fileno()]) == {"result": {}}
    assert core.stat().st_blocks * 512 < 2 << 20  # of 16 MiB
    control.ask("resume")
    machine.until(lambda: control.ask("status")["result"]["exits"] > before, "more exits")
    elf = vmm.PAYLOADS / "loop.bzimage.elf"
    run = subprocess.run(["gdb", "-nx", "-q", "-batch", elf, core, "-ex", "p/x $rip",
                          "-ex", "p/x $rsp", "-ex", "p (long)turns > 0", "-ex", "info symbol $rip",
                          "-ex", "p/x $cs", "-ex", "x/s greeting"],
                         capture_output=True, text=True, timeout=60)
    for said in (f"$1 = {regs['rip']}", f"$2 = {regs['rsp']}", "$3 = 1", "in section .text",
                 "$4 = 0x10", '"loop\\n"'):
        assert said in run.stdout, run.stdout
    assert regs["cr3"] == "0x9000" and regs["rflags"] != "0x0"
    end_of(machine, control)
    proved("a core of a guest, which Debian's gdb opens: registers and memory by name")


def test_generation(start, tmp_path, proved):
    """Each clone has a generation ID of its own, and is told."""
    machine = start("machine", "generation")
    machine.until(lambda: machine.said().count("\n") == 2, "its ID")
    ids, told = [machine.said().split()[-2]], [machine.said().split()[-1]]
    control, saved = machine.control(), tmp_path / "saved"
    save(machine, control, saved)
    end_of(machine, control)
    for i in range(2):
        clone = start(f"clone{i}", "generation", saved=["--from", saved])
        control = clone.control()
        control.ask("status")
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(f"{tmp_path}/clone{i}/console.sock")
            console.sendall(b"?")
            clone.until(lambda: clone.said().endswith("\n"), "its ID")
        ids.append(clone.said().split()[0])
        told.append(clone.said().split()[1])
        end_of(clone, control)
    assert len(set(ids)) == 3 and "0" * 32 not in ids, ids
    assert [int(n, 16) for n in told] == [0, 1, 1], told
    proved("each clone has a generation ID of its own (vmgenid), and an interrupt says so")


def test_vhost_user(start, tmp_path):
    """A machine whose memory another process maps is not saved, and goes on from none."""
    wire = f"mac=02:00:00:00:00:01,vhost-user={tmp_path}/nobody"
    machine, saved = start("machine", "saved", "--net", wire), tmp_path / "saved"
    control = machine.control()
    control.ask("pause")
    with open(tmp_path / "state", "xb") as f:
        assert "by vhost-user" in control.ask("save", fds=[f.fileno()])["error"]
    end_of(machine, control)
    machine = start("template", "saved")
    machine.until(lambda: machine.said().endswith("ready\n"), "first half")
    control = machine.control()
    save(machine, control, saved)
    end_of(machine, control)
    clone = start("clone", "saved", "--net", wire, saved=["--from", saved])
    _, errors = clone.process.communicate(timeout=10)
    assert clone.process.returncode == 1 and "by vhost-user" in errors, errors


def test_refusals(start, tmp_path):
    """What was not paused, and files that are not what they should be."""
    machine = start("machine", "saved", "--agent", f"{tmp_path}/agent.sock")
    machine.until(lambda: machine.said().endswith("ready\n"), "first half")
    control, saved = machine.control(), tmp_path / "saved"
    with open(tmp_path / "state", "xb") as f:
        assert "paused" in control.ask("save", fds=[f.fileno()])["error"]
    assert "needs" in control.ask("save")["error"]
    save(machine, control, saved)
    end_of(machine, control)
    whole = (saved / "state").read_bytes()
    for i, (text, why) in enumerate([
            (whole, "slot 1.0 that is missing"), (whole[:-1], "ends early"),
            (b"x" + whole[1:], "not the state"), (whole[:8] + b"\2" + whole[9:], "format"),
            (b"", "not the state")]):
        (saved / "state").write_bytes(text)
        clone = start(f"clone{i}", "saved", saved=["--from", saved])
        _, errors = clone.process.communicate(timeout=10)
        assert clone.process.returncode == 1 and why in errors, errors


def test_first_instruction(start, tmp_path, proved):
    """How soon clones speak is printed, and judged by nobody here."""
    machine = start("machine", "count")
    counts(machine)
    control = machine.control()
    save(machine, control, tmp_path / "saved")
    end_of(machine, control)
    took = sorted(1000 * s for s in vmm.first_words(tmp_path / "saved", 20))
    proved("from starting a clone's process to its guest's first byte: median "
           f"{statistics.median(took):.1f} ms, {took[0]:.1f} to {took[-1]:.1f} in 20")
