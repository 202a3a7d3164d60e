# SPDX-License-Identifier: Apache-2.0
"""Many vnets with the same names and addresses (configs/scale/generate): each for itself."""
import collections
import concurrent.futures
import contextlib
import re
import select
import socket
import time

from perf import netns
from perf.api import all_ready

HOSTS = ("h1", "h2")
H2 = "10.0.3.10"
# Where h1's datagrams go: to h2, to everybody on the link, to all OSPF routers (RFC 2328, A.1).
TARGETS = (H2, "10.0.1.255", "255.255.255.255", "224.0.0.5")
PATIENCE = 15  # times two seconds, until every h2 has heard its own h1
MARK = re.compile(rb"WEFT-MARK-([a-z0-9]+)\.")


def deploy_all(deploy, paths):
    """deploy(path) asks for a topology. The first by itself: it may have to start weftd."""
    deploy(paths[0])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(deploy, paths[1:]))


def await_converged(vnets, seconds, say=lambda text: None):
    """Waits until h1 reaches h2 in each."""
    began, left = time.monotonic(), list(vnets)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        while left:
            reached = list(pool.map(lambda v: netns.pings(v, "h1", H2), left))
            left = [v for v, ok in zip(left, reached) if not ok]
            say(f"{len(left)} vnets have no path yet")
            if left and time.monotonic() - began > seconds:
                raise TimeoutError(f"no path from h1 to h2 within {seconds:.0f} s: "
                                   f"{' '.join(left)}")


def bring_up(api, deploy, paths, seconds, say=lambda text: None):
    """Seconds until h1 reaches h2 in all of them; the routers."""
    vnets, began = [p.name.split(".")[0] for p in paths], time.monotonic()
    deploy_all(deploy, paths)
    routers = [node for _, node in all_ready(api, vnets, seconds, say)[1]]
    await_converged(vnets, seconds, say)
    return time.monotonic() - began, routers


class Ears:
    """Listens on every host of every vnet. with Ears(vnets) as ears: ..."""

    def __init__(self, vnets):
        self.nodes = {}  # socket -> (vnet, host)
        self.heard = collections.Counter()  # (vnet, host, mark) -> frames
        self.frames = 0
        with contextlib.ExitStack() as stack:
            for vnet in vnets:
                for host in HOSTS:
                    s = netns.inside(netns.name(vnet, host), lambda: netns.packets("eth1"))
                    self.nodes[stack.enter_context(s)] = (vnet, host)
            self.stack = stack.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def listen(self, seconds):
        """At least so long, then until nothing waits any more."""
        end = time.monotonic() + seconds
        while True:
            ready = select.select(list(self.nodes), [], [], max(0, end - time.monotonic()))[0]
            if not ready and time.monotonic() >= end:
                return
            for s in ready:
                with contextlib.suppress(BlockingIOError):
                    self.frames += 1
                    for mark in MARK.findall(s.recv(2048)):
                        self.heard[(*self.nodes[s], mark.decode())] += 1

    def astray(self):
        """What was heard outside the vnet that its mark names."""
        return {key: n for key, n in self.heard.items() if key[0] != key[2]}


def _senders():
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("eth1", 0))
    udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.0.1.10"))
    return udp, raw


def shout(vnet, count):
    """count marked frames of each kind from h1: datagrams to TARGETS, and frames to addresses of
    nobody. What was sent."""
    udp, raw = netns.inside(netns.name(vnet, "h1"), _senders)
    mark = f"WEFT-MARK-{vnet}.".encode()
    with udp, raw:
        for number in range(count):
            for target in TARGETS:
                udp.sendto(mark, (target, 9))
            to = bytes([0x02, *number.to_bytes(5, "big")])
            raw.send(to + raw.getsockname()[4] + b"\x88\xb5" + mark.ljust(50, b"\0"))
    return count * (len(TARGETS) + 1)


def isolation_drops(api, vnets):
    return {v: api.vnet(v)["counters"]["drops"].get("isolation", 0) for v in vnets}


def check_isolation(api, vnets, count, say=lambda text: None):
    """Everybody's h1 shouts, everybody's hosts listen. (sent, frames seen, what is wrong: a list
    of sentences)."""
    before, sent = isolation_drops(api, vnets), 0
    with Ears(vnets) as ears:
        for vnet in vnets:
            say(f"isolation: {vnet} shouts")
            sent += shout(vnet, count)
            ears.listen(0)
        # What strays takes no longer than what arrives, on a machine that may be busy.
        for _ in range(PATIENCE):
            ears.listen(2)
            if all(ears.heard[v, "h2", v] for v in vnets):
                break
        ears.listen(2)
    wrong = [f"{vnet}/{host} heard {n} frames of {mark}"
             for (vnet, host, mark), n in sorted(ears.astray().items())]
    # The ears were open, and the datagrams did cross the vnet.
    wrong += [f"{v}/h2 heard nothing of its own h1" for v in vnets if not ears.heard[v, "h2", v]]
    after = isolation_drops(api, vnets)
    wrong += [f"{v}: {after[v]} isolation drops, {before[v]} before" for v in vnets
              if after[v] or before[v]]
    return sent, ears.frames, wrong
