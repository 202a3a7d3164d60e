# SPDX-License-Identifier: Apache-2.0
"""Clones of one booted guest, and all by which one may be told from another."""
import collections
import concurrent.futures
import hashlib
import ipaddress
import socket
import struct
import time

from perf import netns
from perf.api import Api, all_ready, is_clone
from weft import RUN, STATE, await_true

LIMIT = 1700  # seconds: that it ends, not how fast it is
# With the options that the template's zebra was started with; others make it no clone.
DAEMONS = 'ospfd=yes\nvtysh_enable=yes\nzebra_options="-A 127.0.0.1 -s 90000000"\n'
FIRST = ipaddress.ip_address("10.9.1.0")
CLOCK_MS = 20

# What a guest says of itself: "NAME VALUE" lines. Two are the kernel's randomness, two are what
# programs make of it, one is a MAC that the kernel invents. FRR has no router-id of its own.
IDENTITY = """
echo machine-id $(cat /etc/machine-id)
echo urandom $(head -c 32 /dev/urandom | sha256sum)
echo uuid $(cat /proc/sys/kernel/random/uuid)
echo boot_id $(cat /proc/sys/kernel/random/boot_id)
echo srandom $(bash -c 'echo $SRANDOM-$SRANDOM')
echo key $(mkpasswd -m sha512 key)
ip link add made-up type dummy
echo invented-mac $(cat /sys/class/net/made-up/address)
ip link del made-up
echo mac $(cat /sys/class/net/eth1/address)
echo hostname $(hostname)
echo router-id $(vtysh -c 'show ip ospf' | sed -n 's/.*Router ID: //p')
"""
NAMES = [line.split()[1] for line in IDENTITY.splitlines() if line.startswith("echo")]


def topology(vnet, first, count):
    """count routers and a host on one segment; all the same but for an address."""
    lines = [f"name: {vnet}", "topology:", "  defaults: {kind: linux}", "  groups:", "    routers:",
             "      image: quay.io/frrouting/frr:8.4.1",
             "      binds: [\"daemons:/etc/frr/daemons\"]", "  nodes:", "    sw: {kind: bridge}",
             "    h1: {image: alpine, exec: [ip addr add 10.9.0.1/16 dev eth1]}"]
    for i in range(first, first + count):
        lines += [f"    r{i}:", "      group: routers", "      startup-config: |",
                  "        interface eth1", f"         ip address {FIRST + i}/16", "        exit",
                  "        router ospf", "        exit"]
    lines += ["  links:", '    - endpoints: ["sw:h1", "h1:eth1"]']
    lines += [f'    - endpoints: ["sw:p{i}", "r{i}:eth1"]' for i in range(first, first + count)]
    return "\n".join(lines) + "\n"


class Clones:
    """Deployed; every one of them is a clone, or this fails."""

    def __init__(self, weft, directory, count, vnet="clones", first=0):
        (directory / "clones.clab.yml").write_text(topology(vnet, first, count))
        (directory / "daemons").write_text(DAEMONS)
        self.weft, self.api, self.vnet = weft, Api(RUN), vnet
        self.ram = {p: digest(p) for p in templates()}
        began = time.monotonic()
        weft.deploy(directory / "clones.clab.yml", "--no-wait")
        self.routers = [n for _, n in all_ready(self.api, [vnet], LIMIT)[1]]
        print(f"{len(self.routers)} clones after {time.monotonic() - began:.1f} s")
        for path in templates():  # made by this deploy
            self.ram.setdefault(path, digest(path))
        self.names = [n["name"] for n in self.routers]
        assert len(self.names) == count
        boots = {n["name"]: n.get("boot_why") or n.get("boot") for n in self.routers
                 if not is_clone(n)}
        assert not boots, "these are no clones"

    def identity(self, name):
        said = self.api.exec(self.vnet, name, "sh", "-c", IDENTITY)
        parts = (line.partition(" ") for line in said.splitlines())
        return {what: value for what, _, value in parts}

    def identities(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return dict(zip(self.names, pool.map(self.identity, self.names)))

    def clock_offsets_ms(self):
        """name -> guest's clock less this machine's."""
        with netns.inside(netns.name(self.vnet, "h1"), icmp_socket) as s:
            return {name: clock_offset_ms(s, str(FIRST + int(name[1:]))) for name in self.names}


def shared(identities):
    """What is not everybody's own: {what: [names that share it], ...}."""
    found = {}
    for what in NAMES:
        holders = collections.defaultdict(list)
        for name, identity in identities.items():
            holders[identity.get(what)].append(name)
        same = [names for value, names in holders.items() if len(names) > 1 or not value]
        if same:
            found[what] = same
    return found


def templates():
    return sorted(STATE.glob("images/*/template/ram"))


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def icmp_socket():
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    s.settimeout(1)
    return s


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def midnight_ms():
    return time.time() * 1000 % 86_400_000


def clock_offset_ms(s, address):
    """By ICMP's timestamps (RFC 792), which the guest's kernel answers: of twenty the one that
    came back soonest, so that the way there and back hides little."""
    best = None

    def ask(number):
        nonlocal best
        head = struct.pack("!BBHHHIII", 13, 0, 0, 0x57, number, 0, 0, 0)
        sent = midnight_ms()
        s.sendto(head[:2] + struct.pack("!H", checksum(head)) + head[4:], (address, 0))
        while True:
            data, sender = s.recvfrom(2048)
            came = midnight_ms()
            answer = data[20:40]
            if sender[0] == address and answer[:1] == b"\x0e" and answer[4:8] == head[4:8]:
                break
        offset = struct.unpack("!I", answer[12:16])[0] + 0.5 - (sent + came) / 2
        offset = (offset + 43_200_000) % 86_400_000 - 43_200_000  # midnight may pass in between
        if best is None or came - sent < best[0]:
            best = (came - sent, offset)

    for number in range(20):
        try:
            ask(number)
        except TimeoutError:
            continue  # ARP, or a guest that is busy
    assert best, f"{address} answers no ICMP timestamp"
    return best[1]


def check_identity(clones):
    identities = clones.identities()
    assert not shared(identities)
    for name, identity in identities.items():
        assert identity["hostname"] == name
        assert identity["router-id"] == str(FIRST + int(name[1:]))


def check_clocks(clones):
    offsets = clones.clock_offsets_ms()
    print(f"clocks differ by at most {max(map(abs, offsets.values())):.1f} ms")
    assert not {name: ms for name, ms in offsets.items() if abs(ms) > CLOCK_MS}


def check_template_stays(clones):
    """Whatever clones write, it is in none of the files that they started from."""
    assert clones.ram, f"no template below {STATE}"
    for name in clones.names[:10]:
        clones.api.exec(clones.vnet, name, "sh", "-c",
                        "head -c 3000000 /dev/urandom >/tmp/w && rm /tmp/w")
    assert {p: digest(p) for p in templates()} == clones.ram


def check_restart(clones):
    """The router stays who it is; its guest is another one."""
    name, pid = clones.names[0], clones.routers[0]["pid"]
    before = clones.identity(name)
    clones.weft.run("restart", clones.vnet, name)

    def back():
        node = clones.weft.node(clones.vnet, name)
        return node["state"] == "ready" and node["pid"] != pid and node
    assert is_clone(await_true("it is back", 120, back))
    after = clones.identity(name)
    same = {what for what in NAMES if before[what] == after[what]}
    assert same == {"machine-id", "mac", "hostname", "router-id"}
