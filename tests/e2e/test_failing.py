# SPDX-License-Identifier: Apache-2.0
"""What ends again and again is started later and later, says why, and costs nothing in a loop."""
import contextlib
import json
import os
import pathlib
import subprocess
import time

import pytest

from weft import BIN, ENV, alive, await_true, kill

TOPOLOGY = """
name: failing
topology:
  nodes:
    r1: {kind: linux, image: frr, exec: [ip addr add 10.0.0.1/24 dev eth1]}
    h1: {kind: linux, image: alpine, exec: [ip addr add 10.0.0.2/24 dev eth1]}
  links:
    - endpoints: ["r1:eth1", "h1:eth1"]
"""
HUGE = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")


@pytest.fixture(scope="module")
def lab(weft, tmp_path_factory):
    path = tmp_path_factory.mktemp("lab") / "failing.clab.yml"
    path.write_text(TOPOLOGY)
    return path


@pytest.fixture(autouse=True)
def running(weft, lab):
    weft.deploy(lab)
    await_running(weft)


def await_running(weft):
    await_true("the vnet runs, and nothing is said against it", 90, lambda: (
        v := weft.json("inspect", "failing"))["state"] == "running" and not any(
            n["error"] for n in v["nodes"]))
    weft.await_ping("failing", "h1", "10.0.0.1")


def events(weft, **fields):
    lines = weft.run("events", "--no-follow", "--format", "json").stdout.splitlines()
    return [e for e in map(json.loads, lines) if fields.items() <= e.items()]


def another(weft, pid):
    return await_true("another guest", 60, lambda: (p := weft.node("failing", "r1")["pid"]) != pid and p,
                      pause=0.01)


def another_engine(weft, pid):
    return await_true("another engine", 30, lambda: (p := weft.engine_pid()) not in (None, pid) and p, pause=0.01)


def failed(weft, *words):
    """The node as it waits for its next start, with these words in its error."""
    return await_true(f"r1 has failed: {words}", 90, lambda: (
        n := weft.node("failing", "r1"))["state"] == "failed" and all(w in n["error"] for w in words) and n)


def test_a_guest_that_ends_again_and_again(weft):
    first = pid = weft.node("failing", "r1")["pid"]
    for _ in range(2):
        kill(pid)
        pid = another(weft, pid)
    began = time.monotonic()
    kill(pid)
    node = failed(weft, "killed by signal 9", "3 times in a row", "weft restart")
    assert node["pid"] is None
    assert weft.json("inspect", "failing")["state"] == "degraded"
    assert "3 times in a row" in weft.run("inspect", "failing").stdout
    pid = another(weft, pid)
    assert time.monotonic() - began >= 4
    # It runs, and what it did is still said, until it has been ready for a while.
    assert "has ended 3 times in a row" in weft.node("failing", "r1")["error"]
    kill(pid)
    failed(weft, "4 times in a row")
    weft.run("restart", "failing", "r1")
    another(weft, None)
    await_running(weft)
    assert [e["why"] for e in events(weft, type="guest", state="ended")] == 4 * ["killed by signal 9"]
    assert weft.node("failing", "r1")["pid"] != first


@contextlib.contextmanager
def memory_cgroup():
    """(directory, file of its limit in bytes, what stands for none, file of its use)."""
    top = pathlib.Path("/sys/fs/cgroup")
    v1 = (top / "memory").is_dir()
    here = (top / "memory" if v1 else top) / f"weft-test-{os.getpid()}"
    try:
        here.mkdir()
    except OSError as e:
        pytest.skip(f"no cgroup can be made: {e}")
    limit = here / ("memory.limit_in_bytes" if v1 else "memory.max")
    try:
        if not limit.exists():
            pytest.skip("cgroups here do not limit memory")
        yield here, limit, "-1" if v1 else "max", here / ("memory.usage_in_bytes" if v1 else "memory.current")
    finally:
        limit.write_text("-1" if v1 else "max")
        for pid in (here / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):  # it ends just now
                (here.parent / "cgroup.procs").write_text(pid)
        await_true("the cgroup is empty", 10, lambda: not (here / "cgroup.procs").read_text())
        here.rmdir()


def oom_score(pid):
    return int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text())


def test_a_guest_that_is_out_of_memory(weft, lab):
    """weftd's cgroup, in which its guests are, has no room for one: that one is what the kernel kills."""
    cold = lab.with_name("cold.clab.yml")  # its memory is its own, and not its template's
    cold.write_text(TOPOLOGY.replace("image: frr,", "image: frr, weft: {boot: cold},"))
    weft.deploy(cold)
    assert oom_score(weft.node("failing", "r1")["pid"]) == 300
    assert weft.exec("failing", "h1", "cat", "/proc/self/oom_score_adj").strip() == "0"
    with memory_cgroup() as (group, limit, none, use):
        daemon, told = weft.daemon_pid(), len(events(weft, type="guest", state="ended"))
        (group / "cgroup.procs").write_text(str(daemon))
        limit.write_text(str(int(use.read_text()) + (40 << 20)))
        kill(weft.node("failing", "r1")["pid"])
        began = time.monotonic()
        node = failed(weft, "killed by signal 9", "for want of memory", "times in a row")
        assert node["pid"] is None and alive(daemon)
        took, ends = time.monotonic() - began, len(events(weft, type="guest", state="ended")) - told
        print(f"{ends} ends in {took:.0f} s")
        assert ends <= 3 + took / 4
        limit.write_text(none)
        weft.run("restart", "failing", "r1")
        await_running(weft)
        assert weft.daemon_pid() == daemon


def test_an_engine_that_ends_again_and_again(weft):
    told, pid = len(events(weft, type="engine", state="died")), None
    for _ in range(5):
        pid = another_engine(weft, pid)
        kill(pid)
    await_true("it says so", 30, lambda: events(weft, vnet="failing", type="vnet", state="degraded"))
    await_running(weft)
    died = events(weft, type="engine", state="died")[told:]
    assert len(died) == 5 and all("killed by signal 9" in e["why"] for e in died)


@contextlib.contextmanager
def hidden(pid, tmp_path):
    """To the process, which has a mount namespace of its own, no huge page is free, nor can be had."""
    inside = ["nsenter", "-t", str(pid), "-m"]
    for name in ("nr_hugepages", "free_hugepages"):
        (tmp_path / name).write_text("0\n")
        subprocess.run([*inside, "mount", "--bind", tmp_path / name, HUGE / name], check=True)
        subprocess.run([*inside, "mount", "-o", "remount,bind,ro", HUGE / name], check=True)
    yield
    for name in ("nr_hugepages", "free_hugepages"):
        subprocess.run([*inside, "umount", HUGE / name], check=True)


def test_huge_pages_are_gone(weft, lab, tmp_path):
    """When the engine is started again there are none: it forwards without, and that is said."""
    had = weft.json("version")["weftd"]["engine"]["hugepages"]
    kill(weft.daemon_pid())
    subprocess.run(["unshare", "-m", BIN / "weft", "deploy", lab], env=ENV, check=True, timeout=120,
                   stdin=subprocess.DEVNULL, capture_output=True)
    with hidden(weft.daemon_pid(), tmp_path):
        pid = weft.engine_pid()
        kill(pid)
        another_engine(weft, pid)
        assert not weft.json("version")["weftd"]["engine"]["hugepages"]
        await_running(weft)
        assert any("huge pages" in note for note in weft.json("inspect", "failing")["notes"])
        assert "huge pages" in weft.run("inspect", "failing").stdout
        assert events(weft, type="engine", state="up")[-1]["why"].endswith("without huge pages")
    kill(weft.daemon_pid())
    weft.deploy(lab)  # in the namespace of all
    pid = another_engine(weft, None)
    kill(pid)
    another_engine(weft, pid)
    assert weft.json("version")["weftd"]["engine"]["hugepages"] == had
    await_running(weft)
