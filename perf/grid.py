# SPDX-License-Identifier: Apache-2.0
"""A grid of routers (configs/scale/generate): whether all of them know all of it."""
import ipaddress
import pathlib
import subprocess
import time

from perf import netns, proc
from perf.api import all_ready

H1, H2 = "10.2.1.10", "10.2.2.10"
SRC = pathlib.Path(__file__).resolve().parent.parent


def generate(kind, out, *options):
    """The topology files, in order."""
    printed = subprocess.run([SRC / "configs/scale/generate", kind, "--out", out,
                              *map(str, options)], check=True, text=True, stdout=subprocess.PIPE)
    return [pathlib.Path(line) for line in printed.stdout.splitlines()]


def prefixes(directory):
    """Of all addresses that the configurations in a directory give to interfaces."""
    words = [line.split() for conf in sorted(directory.glob("*.conf"))
             for line in conf.read_text().splitlines()]
    return {str(ipaddress.ip_interface(w[2]).network) for w in words if w[:2] == ["ip", "address"]}


def await_routes(api, vnet, routers, wanted, seconds, say=lambda text: None):
    """Waits until each router's FIB holds all the wanted prefixes; seconds that took."""
    began, left = time.monotonic(), list(routers)
    while left:
        missing = wanted - api.prefixes(vnet, left[0])
        if not missing:
            left.pop(0)
            continue
        say(f"{vnet}: {len(left)} routers lack routes; {left[0]} lacks {len(missing)}")
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{vnet}: after {seconds:.0f} s {len(left)} routers lack routes; "
                               f"{left[0]} lacks {' '.join(sorted(missing)[:10])}")
        time.sleep(1)
    return time.monotonic() - began


def await_ping(vnet, host, address, seconds):
    began = time.monotonic()
    while not netns.pings(vnet, host, address):
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{vnet}: {host} does not reach {address} within {seconds:.0f} s")
    return time.monotonic() - began


def bring_up(api, deploy, path, ready_limit, routes_limit, say=lambda text: None):
    """deploy(path) asks for the topology. Seconds from then on, until all is ready and until all
    routes are everywhere; the routers."""
    began = time.monotonic()
    deploy(path)
    found = {"routers": [node for _, node in all_ready(api, ["grid"], ready_limit, say)[1]]}
    found["ready_s"] = time.monotonic() - began
    names = [node["name"] for node in found["routers"]]
    # One that has all may lose some again while others still come up, so once more in the end.
    for _ in range(2):
        await_routes(api, "grid", names, prefixes(path.parent / "grid"), routes_limit, say)
        found.setdefault("routes_s", time.monotonic() - began)
    await_ping("grid", "h1", H2, 10)
    return found


def steady(api, routers, seconds):
    """% of a core: each router's machine (a list), the engine, weftd."""
    version = api.get("/v1/version")
    pids = [node["pid"] for node in routers]
    engine, weftd = version["engine"]["pid"], version["pid"]
    share = proc.shares([*pids, engine, weftd], seconds)
    return [share[pid] for pid in pids], share[engine], share[weftd]
