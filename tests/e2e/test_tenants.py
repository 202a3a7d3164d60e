# SPDX-License-Identifier: Apache-2.0
"""Two users with a vnet of hosts each, and the same addresses, on one machine with accounts of their own: what
each sees and may, and what their hosts may do to the machine."""
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

import pytest

from weft import ENV, PAIR, RUN, STATE, Weft, alive, await_true, kill

UIDS = {"alice": 54001, "bob": 54002}
NOT_THERE = "no vnet {}"
SLEEPERS = ["pgrep", "-u", "0", "-x", "sleep"]  # of the host's own root


class Tenant(Weft):
    """The CLI, as a person calls it who has an account and a token."""

    def __init__(self, name, token, folder):
        self.name, self.token, self.folder = name, token, folder
        self.uid = UIDS[name]

    def argv(self, *args):
        return ["setpriv", "--reuid", str(self.uid), "--regid", str(self.uid), "--clear-groups", *super().argv(*args)]

    def env(self):
        env = dict(ENV, HOME="/")
        return dict(env, WEFT_TOKEN=self.token) if self.token else env

    def refused(self, *args):
        """The sentence."""
        return self.run(*args, status=1).stderr.strip().split(": ", 2)[2]

    def get(self, path, method="GET"):
        """Over the socket, without the CLI: the status and the text."""
        done = subprocess.run(["setpriv", "--reuid", str(self.uid), "--regid", str(self.uid), "--clear-groups", "curl",
                               "-s", "-X", method, "-w", "\n%{http_code}", "--unix-socket", f"{RUN}/users.sock", "-H",
                               f"Authorization: Bearer {self.token}", f"http://weft{path}"], capture_output=True,
                              text=True, timeout=30, check=True)
        text, code = done.stdout.rsplit("\n", 1)
        return int(code), text


def pair(name):
    return PAIR.replace("name: pair", f"name: {name}")


@pytest.fixture(scope="module")
def folder():
    """That everybody may read; pytest's own are for its user alone."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="weft-tenants-"))
    path.chmod(0o755)
    for name in "red", "blue", "black":
        (path / f"{name}.clab.yml").write_text(pair(name))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def tenants(weft, folder):
    """Added while the operator's vnet runs, which is what starts weftd."""
    weft.deploy(folder / "black.clab.yml")
    for user in weft.json("user", "list")["users"]:  # of a run that was cut off
        weft.run("user", "remove", user["name"])
    made = {}
    for name, quotas in (("alice", ["--hosts", "3", "--guests", "0"]), ("bob", [])):
        made[name] = Tenant(name, weft.run("user", "add", name, *quotas).stdout.strip(), folder)
    made["alice"].run("deploy", "red.clab.yml")
    made["bob"].run("deploy", "blue.clab.yml")
    for name, vnet in ("alice", "red"), ("bob", "blue"):
        await_true(f"{vnet} forwards", 60, lambda t=made[name], v=vnet: t.run(
            "exec", v, "h1", "--", "ping", "-n", "-c", "1", "-W", "1", "10.0.0.2", status=None).returncode == 0)
    yield made
    for vnet, owner in vnets(weft):
        if owner:
            weft.run("destroy", vnet)
    for user in weft.json("user", "list")["users"]:
        weft.run("user", "remove", user["name"])


def vnets(who):
    return [(v["name"], v["owner"]) for v in who.json("inspect")["vnets"]]


def test_each_sees_their_own(weft, tenants):
    assert vnets(tenants["alice"]) == [("red", "alice")]
    assert vnets(tenants["bob"]) == [("blue", "bob")]
    assert sorted(vnets(weft)) == [("black", None), ("blue", "bob"), ("red", "alice")]
    assert "alice" in weft.run("inspect").stdout
    assert [u["name"] for u in tenants["alice"].json("user", "list")["users"]] == ["alice"]
    assert [r["name"] for r in json.loads(tenants["alice"].run(
        "top", "--count", "1", "--interval", "0.2", "--format", "json").stdout)["vnets"]] == ["red"]
    assert "h1" in tenants["alice"].run("top", "red", "--count", "1", "--interval", "0.2").stdout


@pytest.mark.parametrize("vnet", ["blue", "black", "nowhere"])
def test_what_is_anothers_is_not_there(tenants, vnet):
    """And no sentence tells it from what is really not there."""
    alice = tenants["alice"]
    for args in (["inspect", vnet], ["exec", vnet, "h1", "--", "true"], ["link", "down", vnet, "h1:eth1"],
                 ["link", "set", vnet, "h1:eth1", "delay", "1s"], ["restart", vnet, "h1"], ["routes", vnet, "h1"],
                 ["trace", vnet, "h1", "10.0.0.1", "10.0.0.2"], ["pause", vnet],
                 ["capture", vnet, "--all", "-w", "/dev/null"], ["capture", vnet, "h1:eth1", "-w", "/dev/null"]):
        assert alice.refused(*args) == NOT_THERE.format(vnet), args
    assert "no vnet" in alice.run("destroy", vnet, status=1).stderr
    assert alice.get(f"/v1/vnets/{vnet}") == (404, '{"error":"no vnet %s"}\n' % vnet)


def test_a_name_that_is_taken(tenants):
    for name in "blue", "black":
        assert tenants["alice"].refused("deploy", f"{name}.clab.yml") == \
            f"the name {name} is taken: call the vnet something else"
        tenants["alice"].refused("deploy", "--dry-run", f"{name}.clab.yml")


def test_events_and_metrics(weft, tenants):
    alice, bob = tenants["alice"], tenants["bob"]
    bob.run("link", "down", "blue", "h1:eth1")
    bob.run("link", "up", "blue", "h1:eth1")
    alice.run("link", "down", "red", "h1:eth1")
    alice.run("link", "up", "red", "h1:eth1")
    seen = [json.loads(line) for line in
            alice.run("events", "--no-follow", "--format", "json").stdout.splitlines()]
    assert {e.get("vnet") for e in seen} == {"red", None}
    assert {e["owner"] for e in seen if e.get("vnet")} == {"alice"}
    assert "bob" not in json.dumps(seen)
    assert {e.get("vnet") for e in map(json.loads, weft.run(
        "events", "--no-follow", "--format", "json").stdout.splitlines())} >= {"red", "blue", "black"}
    code, text = alice.get("/metrics")
    assert code == 200 and 'weft_vnet_weight{vnet="red"} 100\n' in text
    assert 'vnet="blue"' not in text and 'vnet="black"' not in text and "\nweft_engine_up" not in text


def test_capture_of_ones_own(tenants):
    alice = tenants["alice"]
    file = "/tmp/weft-tenants-alice.pcapng"
    capture = subprocess.Popen(alice.argv("capture", "red", "h1:eth1", "-w", file, "icmp"), env=alice.env(),
                               stderr=subprocess.PIPE, text=True)
    try:
        assert "Ctrl-C" in capture.stderr.readline()
        alice.exec("red", "h1", "ping", "-n", "-c", "3", "-i", "0.01", "10.0.0.2")
        capture.terminate()
        said = capture.communicate(timeout=20)[1]
        assert capture.returncode == 0 and "6 packets" in said, said
        assert os.stat(file).st_uid == alice.uid
    finally:
        capture.kill()
        capture.communicate()
        pathlib.Path(file).unlink(missing_ok=True)


def test_no_token_and_wrong_ones(weft, tenants, folder):
    stranger = Tenant("bob", None, folder)
    assert "may not use" in stranger.run("inspect", status=4).stderr
    assert "run as root, or give a token" in stranger.run("capture", "blue", "--all", "-w", "/dev/null",
                                                          status=4).stderr
    wrong = Tenant("bob", tenants["bob"].token[:-1] + ("0" if tenants["bob"].token[-1] != "0" else "1"), folder)
    for args in (["inspect"], ["deploy", "blue.clab.yml"], ["capture", "blue", "--all", "-w", "/dev/null"]):
        assert "ask the operator for one" in wrong.refused(*args)
    assert wrong.get("/v1/vnets")[0] == 401
    token = folder / "alice.token"
    token.write_text(tenants["alice"].token + "\n")
    assert "red" in stranger.run("--token-file", token, "inspect").stdout
    token.unlink()


def test_what_is_the_operators(tenants):
    alice = tenants["alice"]
    for args in (["user", "add", "eve"], ["user", "set", "alice", "--hosts", "none"], ["user", "token", "bob"],
                 ["user", "remove", "bob"], ["debug", "red", "h1"]):
        assert alice.refused(*args) == "this is for the operator alone", args
    assert alice.get("/v1/vnets/red/nodes/h1/console")[0] == 403
    assert alice.get("/v1/shutdown", "POST")[0] == 403
    assert alice.get("/v1/engine")[0] == 403


def test_quota(weft, tenants, folder):
    alice = tenants["alice"]
    (folder / "red2.clab.yml").write_text(pair("red2"))
    assert "quota hosts: red2 asks for 2 hosts; alice may have 3, other vnets have 2 of them, 1 left" in \
        alice.refused("deploy", "red2.clab.yml")
    assert "quota hosts" in alice.refused("deploy", "--dry-run", "red2.clab.yml")
    (folder / "red2.clab.yml").write_text(pair("red2").replace("image: alpine", "image: frr, memory: 128MiB", 1))
    assert "quota guests: red2 asks for 1 guests" in alice.refused("deploy", "red2.clab.yml")
    shown = next(u for u in weft.json("user", "list")["users"] if u["name"] == "alice")
    assert shown["vnets"] == ["red"] and shown["used"]["hosts"] == 2 and shown["quota"]["hosts"] == 3
    weft.run("user", "set", "alice", "--hosts", "4")
    (folder / "red2.clab.yml").write_text(pair("red2"))
    alice.run("deploy", "red2.clab.yml")
    alice.run("destroy", "red2")


def test_files_of_the_machine():
    """What others may not read: topologies and their files, logs, who runs what."""
    def mode(path):
        return stat.S_IMODE(os.stat(path).st_mode)

    assert mode(STATE / "weft.db") == 0o600 and mode(STATE / "log") == 0o750
    for path in STATE.glob("weft.db-*"):
        assert mode(path) == 0o600
    assert mode(f"{RUN}/weftd.sock") == 0o660 and mode(f"{RUN}/capture.sock") == 0o660
    assert mode(f"{RUN}/users.sock") == 0o666 and mode(f"{RUN}/users-capture.sock") == 0o666
    assert mode(f"{RUN}/inner.sock") == 0o600
    for name in "ghptv":
        assert mode(f"{RUN}/{name}") & 0o077 == 0o011


def test_a_host_is_root_at_home_and_nobody_outside(weft, tenants):
    alice = tenants["alice"]
    assert alice.exec("red", "h1", "id", "-u") == "0\n"
    alice.exec("red", "h1", "ip", "link", "set", "lo", "mtu", "1000")
    for command in (["cat", "/etc/shadow"], ["touch", "/etc/weft-was-here"], ["cat", STATE / "weft.db"],
                    ["kill", "-0", weft.daemon_pid()], ["ls", f"{RUN}/h"], ["mount", "-o", "remount,rw", "/"],
                    ["ls", f"/proc/{weft.daemon_pid()}/fd"], ["nsenter", "--net=/proc/1/ns/net", "true"],
                    ["nsenter", "--net=/run/netns/weft-blue-h1", "true"],
                    ["nsenter", "--net=/run/netns/weft-black-h1", "true"]):
        assert alice.exec("red", "h1", *command, status=None) == "" or command[0] == "mount", command
        assert alice.run("exec", "red", "h1", "--", *command, status=None).returncode != 0, command
    environ = alice.exec("red", "h1", "env")
    assert "WEFT_" not in environ and "PATH=" in environ
    # The token's socket is there for it as for everybody, and it is nobody without one.
    assert "401" in alice.exec("red", "h1", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket",
                               f"{RUN}/users.sock", "http://weft/v1/vnets")
    assert alice.exec("red", "h1", "curl", "-s", "--unix-socket", f"{RUN}/weftd.sock", "http://weft/v1/vnets",
                      status=None) == ""
    # Another tenant's host is another uid; the operator's is root, as ever.
    uids = {alice.exec("red", "h1", "cat", "/proc/self/uid_map").split()[1],
            tenants["bob"].exec("blue", "h1", "cat", "/proc/self/uid_map").split()[1],
            weft.exec("black", "h1", "cat", "/proc/self/uid_map").split()[1]}
    assert len(uids) == 3 and "0" in uids


def test_nothing_outlives_its_host(tenants, folder):
    """Not even what has left the host's network for another."""
    bob = tenants["bob"]
    (folder / "blue2.clab.yml").write_text(pair("blue2"))
    bob.run("deploy", "blue2.clab.yml")
    outside = int(bob.exec("blue2", "h1", "cat", "/proc/self/uid_map").split()[1])
    bob.exec("blue2", "h1", "sh", "-c", "unshare -n setsid sleep 1000 >/dev/null 2>&1 </dev/null &")

    def sleeper():
        for proc in pathlib.Path("/proc").iterdir():
            if proc.name.isdigit() and alive(proc.name):
                try:
                    if os.stat(proc).st_uid == outside and b"sleep" in (proc / "cmdline").read_bytes():
                        return int(proc.name)
                except FileNotFoundError:
                    pass
        return None

    pid = await_true("it sleeps", 10, sleeper)
    bob.run("destroy", "blue2")
    await_true("it is dead", 10, lambda: not alive(pid))


def test_weftd_killed(weft, tenants, folder):
    """Users, owners and what hosts may not do are there again."""
    kill(weft.daemon_pid())
    weft.deploy(folder / "black.clab.yml")  # starts weftd
    assert vnets(tenants["alice"]) == [("red", "alice")]
    assert tenants["alice"].refused("inspect", "blue") == NOT_THERE.format("blue")
    assert tenants["alice"].exec("red", "h1", "cat", "/proc/self/uid_map").split()[1] != "0"
    assert tenants["alice"].exec("red", "h1", "cat", "/etc/shadow", status=None) == ""


def test_deployed_for_somebody(weft, tenants, folder):
    (folder / "gift.clab.yml").write_text(pair("gift"))
    assert "there is no user eve" in weft.run("deploy", folder / "gift.clab.yml", "--owner", "eve", status=3).stderr
    weft.deploy(folder / "gift.clab.yml", "--owner", "bob")
    assert vnets(tenants["bob"]) == [("blue", "bob"), ("gift", "bob")]
    assert "keeps its owner" in weft.run("deploy", folder / "gift.clab.yml", "--owner", "alice", status=1).stderr
    tenants["bob"].run("destroy", "gift")


def test_destroy_all_is_of_ones_own(weft, tenants):
    tenants["alice"].run("destroy", "--all")
    assert sorted(vnets(weft)) == [("black", None), ("blue", "bob")]


def test_a_token_that_is_none_any_more(weft, tenants):
    """Also for what is under way."""
    bob = tenants["bob"]
    running = subprocess.Popen(bob.argv("exec", "blue", "h1", "--", "sleep", "1000"), env=bob.env(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    following = subprocess.Popen(bob.argv("events", "--since", "now", "--format", "json"), env=bob.env(),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert b'"now"' in following.stdout.readline()
        await_true("it sleeps", 10, lambda: bob.exec("blue", "h1", *SLEEPERS, status=None))
        fresh = weft.run("user", "token", "bob").stdout.strip()
        assert running.wait(timeout=10) != 0 and following.wait(timeout=10) != 0
    finally:
        for process in running, following:
            process.kill()
            process.communicate()
    assert "ask the operator for one" in bob.refused("inspect")
    assert bob.get("/v1/vnets")[0] == 401
    bob.token = fresh
    assert bob.exec("blue", "h1", *SLEEPERS, status=1) == ""
    assert "bob has vnets" in weft.run("user", "remove", "bob", status=1).stderr
    bob.run("destroy", "blue")
    weft.run("user", "remove", "bob")
    assert bob.get("/v1/vnets")[0] == 401
    weft.run("user", "add", "bob")
    assert bob.get("/v1/vnets")[0] == 401
