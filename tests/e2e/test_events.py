# SPDX-License-Identifier: Apache-2.0
"""What `weft events` says of a lab that is deployed, disturbed and destroyed, to those who stay and
to those who come again."""
import json
import os
import signal
import subprocess
import threading

import pytest

from weft import BIN, ENV, SRC, await_true, kill

RED = SRC / "configs/twins/red.clab.yml"
ROUTERS, LINKS = {"r1", "r2", "r3"}, 5


class Follower:
    """`weft events` in the background."""

    def __init__(self, *args):
        self.p = subprocess.Popen([BIN / "weft", "events", *args, "--format", "json"], env=ENV,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.events = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.p.stdout:
            self.events.append(json.loads(line))

    def await_event(self, seconds=60, **fields):
        return await_true(f"an event {fields}", seconds, lambda: find(self.events, **fields))

    def stop(self):
        self.p.send_signal(signal.SIGINT)
        self.p.wait(timeout=10)
        self.reader.join(timeout=10)
        self.p.stdout.close()
        self.p.stderr.close()


def find(events, **fields):
    return [e for e in events if fields.items() <= e.items()]


def history(weft, *args):
    lines = weft.run("events", *args, "--no-follow", "--format", "json").stdout.splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module", autouse=True)
def red(weft):
    weft.deploy(RED)
    await_true("all of it is told", 10, lambda: find(history(weft), vnet="red", type="vnet", state="running"))


@pytest.fixture
def follower(weft):
    f = Follower("red", "--since", "now")
    f.await_event(type="now")
    yield f
    f.stop()


def test_a_deployment(weft):
    """Everything that became so, in an order that makes sense."""
    events = history(weft, "red")
    assert [e["type"] for e in events][0] == "weftd"
    assert len(find(events, type="engine", state="up")) == len(find(events, vnet="red", state="deployed")) == 1
    for router in ROUTERS:
        states = [e["state"] for e in find(events, type="node", name=router)]
        assert states[-1] == "ready" and len(states) > 1
        assert set(states[:-1]) <= {"waiting", "booting", "agent"}
    assert len(find(events, type="link", state="up")) == LINKS
    last = events[-1]
    assert (last["type"], last["state"], last["vnet"]) == ("vnet", "running", "red")
    assert [e["time"] for e in events] == sorted(e["time"] for e in events)
    numbers = [int(e["cursor"].split(".")[1]) for e in events]
    assert numbers == list(range(1, len(events) + 1))
    text = weft.run("events", "red", "--no-follow").stdout.splitlines()
    assert len(text) == len(events) and text[-1].endswith("  red vnet running")


def test_a_cursor(weft):
    """Who comes again hears what he has not heard, once."""
    before = history(weft)
    weft.run("link", "down", "red", "r1:eth2")
    weft.run("link", "up", "red", "r1:eth2")
    after = history(weft, "--since", before[-1]["cursor"])
    assert [(e["state"], e["why"]) for e in find(after, type="link", name="r1:eth2,r3:eth1")][:2] == [
        ("down", "an operator has cut it"), ("up", None)]
    assert history(weft)[:len(before)] == before
    for bad in "soon", "1.2.3x", "":
        weft.run("events", "--since", bad, status=2)
    assert weft.run("events", "--since", before[-1]["cursor"].split(".")[0] + ".999999", "--no-follow",
                    status=1).stderr.startswith("weft: events: since is")


def test_a_guest_that_ends(weft, follower):
    os.kill(weft.node("red", "r2")["pid"], signal.SIGKILL)
    assert follower.await_event(type="guest", name="r2", state="ended")[0]["why"]
    follower.await_event(type="node", name="r2", state="ready", seconds=120)
    follower.await_event(type="vnet", state="running", seconds=60)
    assert not find(follower.events, name="r1") and not find(follower.events, name="r3")


def test_the_engine(weft, follower):
    pid = weft.engine_pid()
    kill(pid)
    assert len(follower.await_event(type="engine", state="died")) == 1
    up = follower.await_event(type="engine", state="up")
    assert up[0]["why"].endswith(", empty") and str(pid) not in up[0]["why"]


def test_pause(weft, follower):
    weft.run("pause", "red")
    follower.await_event(type="vnet", state="paused")
    weft.run("resume", "red")
    follower.await_event(type="vnet", state="running")  # or from before, as the engine came back

    def told(router):
        states = [e["state"] for e in find(follower.events, type="node", name=router)]
        return states[-1] == "ready" and "paused" in states

    for router in ROUTERS:
        await_true(f"{router} is ready again", 30, lambda: told(router))


def test_weftd_is_killed(weft, follower):
    """The client stays, is told that something may be missing, and hears how things are now."""
    begun = follower.await_event(type="now")[0]["cursor"]
    kill(weft.daemon_pid())
    weft.deploy(RED)
    assert follower.await_event(type="missed")[0]["count"] is None
    follower.await_event(type="weftd", state="started")
    assert follower.await_event(type="engine", state="up")[0]["why"].endswith(", forwarding")
    follower.await_event(type="vnet", state="running", vnet="red")
    assert {e["name"] for e in find(follower.events, type="node", state="ready")} >= ROUTERS
    again = history(weft, "--since", begun)
    assert again[0]["type"] == "missed" and again[0]["count"] is None and again[1]["type"] == "weftd"


def test_its_end(weft):
    f = Follower()
    f.await_event(type="weftd", state="started")
    weft.run("destroy", "--all")
    f.await_event(type="vnet", vnet="red", state="destroying")
    f.await_event(type="vnet", vnet="red", state="destroyed")
    assert f.p.wait(timeout=30) == 4  # nobody is there any more
    f.stop()
