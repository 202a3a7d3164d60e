# SPDX-License-Identifier: Apache-2.0
"""The payload bed: hand-written guests on whatever /dev/kvm there is, one for each kind of exit and
path of a device. No processor with virtualisation is needed; KVM-PVM will do."""
import os
import socket
import time

import pytest
import vmm

pytestmark = pytest.mark.skipif(bool(vmm.why_not()), reason=vmm.why_not())


@pytest.fixture
def start(tmp_path):
    running = []

    def run(payload, *args, **kw):
        running.append(vmm.Vmm(tmp_path, payload, *args, **kw))
        return running[-1]
    yield run
    for machine in running:
        machine.close()
    assert not [f for f in os.listdir(tmp_path) if f.endswith(".sock")] or running[-1].process.returncode < 0


def completes(machine, how="shutdown", status=0):
    assert machine.end() == (status, how), machine.said()
    assert "FAILED" not in machine.said()
    return machine.said()


@pytest.mark.parametrize("image", ["hello", "hello.pvh"])
def test_ports(start, proved, image):
    said = completes(start(image))
    assert said.startswith("hello\n") and said.endswith("bye\n") and said.count("ok ") == 9
    entry = "PVH (ELF)" if "pvh" in image else "64-bit (bzImage)"
    proved(f"boot by the {entry} entry, port and memory exits, serial output, ACPI power-off")


@pytest.mark.parametrize("image, how, status",
                         [("reset", "reset", 0), ("triple", "reset", 0), ("panic", "crashed", 3)])
def test_ends(start, proved, image, how, status):
    assert completes(start(image), how, status) == ("triple\n" if image == "triple" else f"{image}\n")
    proved(f"{image} is seen as \"{how}\"")


def test_virtio(start, proved):
    assert completes(start("rng")).count("ok ") == 6
    proved("virtio-pci found by a guest's driver, its registers moved, kicks, MSI-X")


def test_balloon(start, proved):
    machine = start("balloon", "--balloon", "--paused")
    control = machine.control()
    assert control.ask("balloon", mib=4) == {"result": {}}
    assert "less memory" in control.ask("balloon", mib=17)["error"]
    assert control.ask("status")["result"]["balloon"] == {"wanted_mib": 4, "given_mib": 0,
                                                          "reported_bytes": 0}
    control.ask("start")
    assert completes(machine).count("ok ") == 4
    proved("pages that a guest reports free leave its memory, and come back when it touches them")


@pytest.mark.parametrize("wire", ["local=@/a,peer=@/b,queues=4", "vhost-user=@/nobody,queues=4"])
def test_hostile(start, tmp_path, proved, wire):
    wire = "mac=02:00:00:00:00:01," + wire.replace("@", str(tmp_path))
    completes(start("hostile", "--agent", f"{tmp_path}/agent.sock", "--net", wire, "--balloon",
                    "--disk", vmm.PAYLOADS / "hostile"))
    proved("7000 hostile accesses to ports, configuration spaces and registers of all devices")


def test_rings(start, proved):
    completes(start("rings"))
    proved("30 rounds of random rings and notifications, after each of which a reset revives the device")


def test_second_cpu(start, proved):
    completes(start("smp", cpus=2))
    proved("a second CPU starts by INIT and SIPI")


def test_control(start, proved):
    """Start, pause, resume and stop, seen by what the guest does; and what is no command."""
    machine = start("loop", "--paused")
    control, other = machine.control(), machine.control()
    assert control.ask("status")["result"]["state"] == "created"
    assert machine.said() == ""
    assert control.ask("start") == {"result": {}}
    assert "already" in control.ask("start")["error"]
    machine.until(lambda: machine.said() == "loop\n", "greeting")
    paused = control.ask("pause")["result"]["instant_us"]
    assert abs(paused / 1e6 - time.time()) < 5
    status = control.ask("status")["result"]
    assert (status["state"], status["memory_mib"], status["instant_us"]) == ("paused", 16, paused)
    time.sleep(0.05)  # in which a guest that runs makes thousands of exits
    assert control.ask("status")["result"]["exits"] == status["exits"]
    assert control.ask("resume")["result"]["instant_us"] > paused
    machine.until(lambda: control.ask("status")["result"]["exits"] > status["exits"], "more exits")
    assert "no such command" in control.ask("dance")["error"]
    assert "no NIC" in control.ask("carrier", nic=0, up=True)["error"]
    assert control.ask("stop") == {"result": {}}
    for line in control, other:
        assert line.read() == {"event": "ended", "reason": "stopped", "why": ""}
    assert machine.end() == (0, "stopped")
    proved("start, pause, resume, status and stop by the control socket")


def echoes(sock, text):
    sock.sendall(text)
    got = b""
    while len(got) < len(text):
        got += sock.recv(4096)
    assert got == text


def test_filters(start, tmp_path, proved):
    """Every thread has given up its system calls: before the guest's first instruction, and later."""
    machine = start("loop", "--paused", "--gdb", f"{tmp_path}/gdb.sock", cpus=2)
    control = machine.control()

    def filtered():
        tasks = [vmm.status_of(machine.process.pid, t) for t in vmm.tasks_of(machine.process.pid)]
        assert len(tasks) >= 3  # KVM may have one of its own
        return {(t["Seccomp"], t["NoNewPrivs"]) for t in tasks}
    assert control.ask("status")["result"]["state"] == "created"
    assert filtered() == {("2", "1")}
    control.ask("start")
    machine.until(lambda: machine.said() == "loop\n", "greeting")
    assert filtered() == {("2", "1")}
    control.ask("stop")
    assert machine.end() == (0, "stopped")
    proved("the loop's and both CPUs' threads have seccomp filters before the guest runs")


def test_console(start, tmp_path, proved):
    machine = start("loop")
    machine.until(lambda: machine.said() == "loop\n", "greeting")
    with socket.socket(socket.AF_UNIX) as first:
        first.settimeout(10)
        first.connect(f"{tmp_path}/console.sock")
        echoes(first, bytes(range(1, 200)))
    control = machine.control()  # the same through the control socket
    assert control.ask("console") == {"result": {}}
    assert control.rx == b""
    echoes(control.sock, b"through the control socket")
    machine.control().ask("stop")
    machine.end()
    proved("the console's both ways, by its own socket and by the control socket")


def test_refusals(tmp_path):
    for args, why in [(["--memory", "1"], "1 MiB of memory; 2 to"), (["--cpus", "0"], "0 CPUs"),
                      (["--net", "mac=1"], "mac=1 does not work"), (["--kernel", "/dev/null"], "/dev/null"),
                      (["--console", "/" + "x" * 200], "longer than")]:
        machine = vmm.Vmm(tmp_path, "hello", *args)
        _, errors = machine.process.communicate(timeout=10)
        assert machine.process.returncode in (1, 2) and why in errors, errors


def test_clock_stands_still(start, tmp_path, proved):
    """A paused guest's clock does not go on; how far it goes otherwise is the guest's affair."""
    machine = start("clock")
    machine.until(lambda: machine.said() == "clock\n", "greeting")
    control = machine.control()
    with socket.socket(socket.AF_UNIX) as console:
        console.settimeout(10)
        console.connect(f"{tmp_path}/console.sock")

        def clock():
            console.sendall(b"?")
            said = b""
            while not said.endswith(b"\n"):
                said += console.recv(100)
            return int(said, 16) / 1e9
        control.ask("pause")
        control.ask("resume")
        began, before = time.monotonic(), clock()
        control.ask("pause")
        time.sleep(2)  # long, against what a busy machine adds
        control.ask("resume")
        after, took = clock(), time.monotonic() - began
    assert before < after < before + took - 1.9, (before, after, took)
    control.ask("stop")
    machine.end()
    proved("KVM's clock stands still while the machine is paused")


def test_gdb(start, tmp_path, proved):
    """gdb stops a guest, looks, steps, waits at a point for it; what it leaves behind runs."""
    path = f"{tmp_path}/gdb.sock"
    machine = start("loop", "--gdb", path)
    machine.until(lambda: machine.said() == "loop\n", "greeting")
    said = vmm.gdb(path, "p (long)turns > 0", "set $t = (long)turns", "set $at = $pc",
                   "stepi", "p $pc != $at",
                   "hbreak *$pc", "continue", "p (long)turns > $t", "set var *(long *)&turns = 7",
                   "p (long)turns", "set $ds = 1", "detach", program=vmm.PAYLOADS / "loop.bzimage.elf")
    assert "Breakpoint 1, " in said and "Could not write register \"ds\"" in said, said
    for value in "$1 = 1", "$2 = 1", "$3 = 1", "$4 = 7":
        assert value in said, said
    control = machine.control()
    exits = control.ask("status")["result"]["exits"]
    machine.until(lambda: control.ask("status")["result"]["exits"] > exits, "more exits")
    control.ask("stop")
    assert machine.end() == (0, "stopped")
    proved("gdb: a stop, variables by name, a step, a breakpoint by debug registers; the guest goes on")
