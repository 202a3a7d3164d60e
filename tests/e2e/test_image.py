# SPDX-License-Identifier: Apache-2.0
"""Images from scratch, and guests of them under QEMU, spoken to as weftd does."""
import difflib
import hashlib
import os
import re
import shutil
import struct
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import clone as c  # noqa: E402
import guest as g  # noqa: E402

BIN = os.environ["WEFT_BIN"]
FRR = {
    "/etc/frr/daemons": 'ospfd=yes\nbgpd=yes\nbfdd=yes\nospfd_options="-A 127.0.0.1"\n',
    "/etc/frr/frr.conf": "hostname r1\ninterface eth1\n ip address 10.0.0.1/24\n ip ospf hello-interval 1\n ip ospf dead-interval 4\nexit\n"
                         "ip route 10.9.0.0/16 10.0.0.2\nrouter ospf\n network 10.0.0.0/24 area 0\n",
}
BIRD = {
    "/etc/bird/bird.conf": "router id 10.0.0.1;\nprotocol device {}\n"
                           "protocol static { ipv4; route 10.9.0.0/16 blackhole; }\n"
                           "protocol kernel { ipv4 { export all; }; }\n"
                           "protocol bgp b1 { local as 1; neighbor 10.0.0.2 as 2; ipv4 { import none; export none; }; }\n",
}
NEWLINK, NEWADDR, NEWROUTE, NEWRULE, NEWNETCONF = 16, 20, 24, 32, 80


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("weft-image") / "store"
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def frr(store):
    return g.tool("build", store, "frr", f"{BIN}/weft-agent")


@pytest.fixture(scope="module")
def bird(store):
    return g.tool("build", store, "bird", f"{BIN}/weft-agent")


@pytest.fixture
def boot(store, tmp_path):
    guests = []

    def one(*args):
        tmp = tmp_path / str(len(guests))
        tmp.mkdir()
        guests.append(g.Guest(str(tmp), store, *args))
        return guests[-1]
    yield one
    for guest in guests:
        guest.close()


def digest(*paths):
    return [hashlib.sha256(open(p, "rb").read()).hexdigest() for p in paths]


@pytest.mark.parametrize("name", ["frr", "bird"])
def test_reproducible(store, name, request):
    kernel, initrd, _, _ = request.getfixturevalue(name)
    first = digest(kernel, initrd)
    os.rename(os.path.dirname(initrd), store / "old")
    start = time.monotonic()
    again = g.tool("build", store, name, f"{BIN}/weft-agent")
    took = time.monotonic() - start
    assert again[:2] == [kernel, initrd], "the key changed"
    assert digest(kernel, initrd) == first
    shutil.rmtree(store / "old")
    print(f"{name}: built again in {took:.1f} s, {os.path.getsize(initrd)} bytes")


def test_refused(store):
    with pytest.raises(AssertionError, match="weft image build nosuch"):
        g.tool("cmdline", store, "nosuch")
    with pytest.raises(AssertionError, match="no recipe"):
        g.tool("build", store, "nosuch", f"{BIN}/weft-agent")


def test_frr(frr, boot):
    nics = ("52:54:00:00:00:01", "eth2"), ("52:54:00:00:00:02", "eth1")
    guest = boot("frr", int(frr[3]), FRR, nics, ("a", "b"))
    other = boot("frr", int(frr[3]), {k: v.replace("10.0.0.1/24", "10.0.0.3/24") for k, v in FRR.items()},
                 (("52:54:00:00:00:03", "eth1"),), ("b", "a"))
    start = time.monotonic()
    guest.ready()
    print(f"frr: ready after {time.monotonic() - start:.1f} s, {guest.cpu_s():.1f} CPU s")
    assert guest.connect()[2] == "frr"
    status, out, _ = guest.run("vtysh", "-c", "show version")
    assert status == 0 and "FRRouting 8.4.4" in out
    status, out, _ = guest.run("vtysh", "-c", "show running-config")
    assert "ip route 10.9.0.0/16 10.0.0.2" in out and "network 10.0.0.0/24 area 0" in out
    other.ready()
    until(60, lambda: "ospf 1 1" in guest.run("/usr/lib/weft/protocols")[1].splitlines())
    other.close()
    assert guest.run("cat", "/sys/class/net/eth1/address")[1] == "52:54:00:00:00:02\n"
    assert guest.run("hostname")[1] == "r1\n"
    check_exec(guest)
    check_dump(guest)
    check_forward(guest)
    # A dead daemon comes back.
    assert guest.run("sh", "-c", "kill -9 $(cat /run/frr/ospfd.pid)")[0] == 0
    until(60, lambda: "10.0.0.1" in guest.run("vtysh", "-d", "ospfd", "-c", "show ip ospf")[1])


def until(seconds, true):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.5)


def check_exec(guest):
    ident = guest.start("sh", "-c", "cat; echo $X >&2; exit 3", env=["X=why"], stdin=True)
    for part in (b"a" * 60000, b"b" * 60000, b""):
        guest.send(g.STDIN, part, ident)
    assert guest.finish(ident) == (3, "a" * 60000 + "b" * 60000, "why\n")
    assert guest.run("/no/such/program")[0] == -2
    # Much more than buffers hold, two at once.
    ids = [guest.start("sh", "-c", f"yes {c} | head -c 3000000") for c in "xy"]
    for ident, c in zip(ids, "xy"):
        status, out, _ = guest.finish(ident)
        assert status == 0 and out == f"{c}\n" * 1500000
    ident = guest.start("sleep", "1000")
    guest.kill(ident, 15)
    assert guest.finish(ident)[0] == 128 + 15
    # A child that keeps the pipes does not keep the command.
    assert guest.run("sh", "-c", "echo out; sleep 1000 &")[:2] == (0, "out\n")
    guest.send(g.FILE, struct.pack("<II", 0o600, 0) + b"/run/a/b/c\0one", 1 << 20)
    assert guest.expect(g.EXIT, ident=1 << 20)[2] == b"\0\0\0\0"
    guest.send(g.FILE, struct.pack("<II", 0o600, 1) + b"/run/a/b/c\0two", 1 << 20)
    assert guest.expect(g.EXIT, ident=1 << 20)[2] == b"\0\0\0\0"
    assert guest.run("cat", "/run/a/b/c")[1] == "onetwo"
    # A new session hears nothing of the old one's commands.
    guest.start("sh", "-c", "while :; do echo old; done")
    guest.disconnect()
    guest.connect()
    assert guest.run("echo", "new") == (0, "new\n", "")
    assert guest.run("sh", "-c", "killall sh; true")[0] in (0, 143)


def check_dump(guest):
    messages, flags = guest.dump()
    kinds = [kind for kind, _ in messages]
    for kind in (NEWLINK, NEWNETCONF, NEWRULE, NEWADDR, NEWROUTE):
        assert kind in kinds, f"no message of type {kind} in the dump"
    assert flags == 0
    assert kinds.index(NEWLINK) < kinds.index(NEWADDR) < kinds.index(NEWROUTE)
    assert any(b"eth1\0" in m for k, m in messages if k == NEWLINK)
    assert guest.run("vtysh", "-c", "conf t", "-c", "ip route 10.77.0.0/16 blackhole")[0] == 0
    wanted = bytes([10, 77, 0, 0])
    while not any(k == NEWROUTE and wanted in m for k, m in g.split(guest.expect(g.NETLINK)[2])):
        pass


def check_forward(guest):
    def next_flags():
        return struct.unpack_from("<I", guest.expect(g.FORWARD)[2])[0]

    for rule in ("add table inet t", "add chain inet t c { type filter hook forward priority 0; }",
                 "add rule inet t c drop"):
        assert guest.run("nft", rule)[0] == 0
    assert next_flags() == 3
    assert guest.run("nft", "flush chain inet t c")[0] == 0
    assert next_flags() == 0
    assert guest.run("ip", "xfrm", "policy", "add", "src", "10.1.0.0/16", "dst", "10.2.0.0/16",
                     "dir", "fwd", "action", "block")[0] == 0
    assert next_flags() == 4
    assert guest.run("ip", "xfrm", "policy", "flush")[0] == 0
    assert next_flags() == 0
    assert guest.run("tc", "qdisc", "add", "dev", "eth1", "root", "tbf", "rate", "1mbit", "burst",
                     "32k", "latency", "50ms")[0] == 0
    assert next_flags() == 8


def test_bird(bird, boot):
    guest = boot("bird", int(bird[3]), BIRD)
    start = time.monotonic()
    guest.ready()
    print(f"bird: ready after {time.monotonic() - start:.1f} s, {guest.cpu_s():.1f} CPU s")
    assert guest.connect()[2] == "bird"
    status, out, _ = guest.run("birdc", "show", "status")
    assert status == 0 and "BIRD 2.0.12" in out
    assert "bgp 0 1" in guest.run("/usr/lib/weft/protocols")[1].splitlines()
    assert any(k == NEWROUTE and bytes([10, 9, 0, 0]) in m for k, m in guest.dump()[0])


@pytest.fixture(scope="module")
def templates(store, tmp_path_factory):
    """Makes a template of an image, once: the directory of its ram and state."""
    made = {}

    def of(name, memory):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(f"template-{name}")
            (made[name] / "t").mkdir()
            guest = c.Machine(f"{made[name]}/t", store, name, memory, f"{made[name]}/ram")
            try:
                assert guest.connect()[0] == 0
                assert guest.finish(guest.start("/usr/lib/weft/template"), timeout=120) == (0, "", "")
                assert guest.connect()[0] == 0, "a template is never ready"
                guest.save(f"{made[name]}/state")
            finally:
                guest.close()
        return made[name]
    yield of
    for path in made.values():
        shutil.rmtree(path)


@pytest.fixture
def clone(store, templates, tmp_path):
    guests = []

    def one(name, memory, nics=()):
        tmp, base = tmp_path / f"clone{len(guests)}", templates(name, memory)
        tmp.mkdir()
        guests.append(c.Machine(str(tmp), store, name, memory, f"{base}/ram", nics, f"{base}/state"))
        assert guests[-1].connect()[0] == 0
        return guests[-1]
    yield one
    for guest in guests:
        guest.close()


NICS = tuple((f"52:54:00:00:01:0{i}", f"eth{i}") for i in (1, 2, 3))
FRR_SHOWS = ["show running-config", "show interface brief", "show ip route", "show ipv6 route",
             "show ip ospf interface", "show bgp summary"]
# What differs between two cold starts as well.
VARIES = (r"\b\d\d:\d\d:\d\d(\.\d+)?\b|\d+\.\d+ ?(m?secs?|s)\b|0x[0-9a-f]+|using \S+ \S+ of memory|valid_lft \S+|"
          r"preferred_lft \S+|(tentative|stable-privacy|proto kernel_ll) ?|parentdev \S+")
# lo was up before the clone's sysctls came.
SYSCTLS = ("cd /proc/sys/net && grep -r . ipv4/conf ipv6/conf ipv4/ip_forward ipv4/fib* 2>/dev/null | "
           "grep -v -e stable_secret -e /lo/ | sort")

FILES = ("cat /etc/hostname /etc/hosts /etc/weft/*; hostname; "
         "ls -lR /etc/frr /etc/bird /run/frr /run/bird | grep -v ^total | "
         "awk '{print $1,$3,$4,$9 ~ /pid$/ ? 0 : $5,$9}'")


def in_order(lines):
    return "\n".join(sorted(lines.splitlines()))


def traits(guest, shows):
    """Everything by which a clone may be told from a guest that was booted."""
    found = {}
    for show in shows:
        found[show] = guest.run(*show)[1]
        if "route" in show[-1]:  # which of equal ones came first is chance
            found[show] = in_order(found[show].replace(">", " "))
    found["ip"] = guest.run("sh", "-c", "ip -d link; ip addr; ip rule")[1]
    # Those of equal prefix and metric, like fe80::/64, stand as their interfaces came up.
    found["routes"] = in_order(guest.run("sh", "-c", "ip route; ip -6 route")[1])
    found["sysctl"] = guest.run("sh", "-c", SYSCTLS)[1]
    found["files"] = guest.run("sh", "-c", FILES)[1]
    # Without the kernel's own, whose parent is 2; what init or clone has left to go on is its shell.
    found["ps"] = "\n".join(sorted(
        " ".join(line.split()[2:]).replace("clone", "init")
        for line in guest.run("ps", "-o", "pid,ppid,user,comm")[1].splitlines()
        if line.split()[0] != "2" and line.split()[1] != "2" and line.split()[3] not in ("ps", "sleep")))
    return {str(k): re.sub(VARIES, "", v) for k, v in found.items()}


def same(one, other, shows, seconds=10):
    end = time.monotonic() + seconds
    while True:
        a, b = traits(one, shows), traits(other, shows)
        if a == b or time.monotonic() > end:
            break
        time.sleep(1)
    differ = [line for key in a for line in difflib.unified_diff(
        a[key].splitlines(), b[key].splitlines(), f"clone: {key}", f"booted: {key}", n=0, lineterm="")]
    assert not differ, "\n".join(differ)


def test_identity(frr, clone):
    memory, seen = int(frr[3]), []
    for name in "one", "two":
        guest = clone("frr", memory)
        before = guest.run("cat", "/etc/machine-id")[1]
        assert guest.renew(name) == 0
        at, (_, now, _) = time.time(), guest.run("bash", "-c", "echo $EPOCHREALTIME")
        assert at - 0.02 < float(now) < time.time() + 0.02
        assert guest.run("hostname")[1] == guest.run("cat", "/etc/hostname")[1] == f"{name}\n"
        assert guest.run("cat", "/etc/machine-id")[1] == guest.machine_id.hex() + "\n" != before
        seen.append([guest.run(*words)[1] for words in (
            ("od", "-N", "16", "/dev/urandom"), ("cat", "/proc/sys/kernel/random/boot_id"),
            ("cat", "/proc/sys/kernel/random/uuid"))])
        assert guest.request(c.CLOCK, struct.pack("<Q", 1000 * 10**9)) == 0
        assert 1000 <= int(guest.run("date", "+%s")[1]) < 1020
        assert guest.request(c.CLOCK, b"short") == -22
        assert guest.request(c.RENEW, bytes(88)) == -22
        guest.close()
    assert not set(seen[0]) & set(seen[1])


@pytest.mark.parametrize("files, why", [
    ({"/usr/bin/vtysh": "x"}, "/usr/bin/vtysh"),
    ({"/etc/weft/env": "A=b\n"}, "environment"),
    ({"/etc/sysctl.conf": "net.core.rmem_default=1000000\n"}, "net.core.rmem_default"),
    ({"/etc/frr/ospfd.conf": "hostname x\n"}, "no frr.conf"),
    ({"/etc/frr/frr.conf": "", "/etc/frr/daemons": "MAX_FDS=4096\n"}, "MAX_FDS"),
    ({"/etc/frr/frr.conf": "", "/etc/frr/daemons": 'zebra_options="-s 1000000"\n'}, "zebra_options"),
    ({"/etc/frr/frr.conf": "password x\n", "/etc/frr/daemons": 'zebra_options="-s 90000000"\n'},
     "zebra_options"),
    ({"/etc/frr/frr.conf": "", "/etc/frr/daemons": "frr_profile=datacenter\n"}, "frr_global_options"),
])
def test_unclonable(frr, clone, files, why):
    status, _, errors = clone("frr", int(frr[3])).become("r1", files)
    assert status == 75 and why in errors.splitlines()[-1]


def test_other_daemons(frr, boot, clone):
    """Daemons the template does not have, and one that is to have other options."""
    memory, files = int(frr[3]), {
        "/etc/frr/daemons": 'bfdd=yes\nripd=yes\nospfd=yes\nospfd_instances=1\nzebra_options="-A 127.0.0.1 -s 90000000"\nstaticd_options="-A 127.0.0.1 --limit-fds 512"\n',
        "/etc/frr/frr.conf": "ip route 10.9.0.0/16 blackhole\nrouter rip\n network eth1\nexit\nbfd\n peer 10.0.0.2\n exit\nexit\n"}
    cold = boot("frr", memory, files, NICS)
    guest = clone("frr", memory, NICS)
    assert guest.become("r1", files) == (0, "", "")
    print(f"clone: ready after {guest.cpu_s():.2f} CPU s")
    cold.ready()
    # There is nobody else on the link.
    assert "bfd 0 1" in guest.run("/usr/lib/weft/protocols")[1].splitlines()
    same(guest, cold, [("vtysh", "-c", "show running-config"), ("vtysh", "-c", "show ip route")])
