# SPDX-License-Identifier: Apache-2.0
"""What a router costs from the start of its machine: a clone against a boot, in turns."""
import statistics
import time

from perf import proc
from perf.api import ApiError, all_ready, is_clone
from perf.lab import SRC, Lab, LabError, say
from perf.rows import row

ROUNDS = 5
FEW, MANY = 4, 8  # routers, between which memory is a slope: what all share counts once
POLL = 0.02
SETTLE = 5  # seconds after the last is ready, until memory is read
LIMIT = 300
MODES = {"cold": "cold", "clone": None}  # the words of the node's key `weft: {boot: ...}`

# The router of the documentation's figures: three NICs, OSPFv2 and OSPFv3. Its links end in bridges
# of its own: the start is measured, not what neighbours say.
FRR = f"""      image: quay.io/frrouting/frr:8.4.1
      startup-config: {SRC}/configs/twins/red/r1/frr.conf
      binds:
        - {SRC}/configs/twins/red/r1/daemons:/etc/frr/daemons
        - {SRC}/configs/twins/red/r1/vtysh.conf:/etc/frr/vtysh.conf
"""
BIRD = f"""      image: bird:2.0.12
      startup-config: {SRC}/configs/mixed/r2/bird.conf
      exec:
        - ip addr add 10.255.0.2/32 dev lo
        - ip addr add 10.0.12.2/30 dev eth1
        - ip addr add 10.0.23.1/30 dev eth2
"""
IMAGES = {"frr": (FRR, 3), "bird": (BIRD, 2)}
TARGETS = {"frr": {"agent": "weft <= 0.25", "ready": "weft <= 1.5", "ready ratio": "ratio <= 0.25",
                   "memory": "weft <= 70", "memory ratio": "ratio <= 0.35"},
           "bird": {}}


def topology(image, mode, count):
    node, nics = IMAGES[image]
    if MODES[mode]:
        node += f"      weft: {{boot: {MODES[mode]}}}\n"
    routers = [f"r{i}" for i in range(1, count + 1)]
    ends = [(f"{r}:eth{i}", f"{r}-{i}") for r in routers for i in range(1, nics + 1)]
    return "".join(["name: perf\ntopology:\n  defaults: {kind: linux}\n  nodes:\n",
                    *[f"    {r}:\n{node}" for r in routers],
                    *[f"    {bridge}: {{kind: bridge}}\n" for _, bridge in ends], "  links:\n",
                    *[f'    - endpoints: ["{end}", "{bridge}:p1"]\n' for end, bridge in ends]])


def deploy(lab, image, mode, count):
    path = lab.dir / "perf.clab.yml"
    path.write_text(topology(image, mode, count))
    lab.deploy(path)


def check(mode, node):
    if is_clone(node) != (mode == "clone"):
        raise LabError(f"{node['name']} should be a {mode} start and is none: "
                       f"{node.get('boot_why') or node.get('boot')}")


def start_one(lab, image, mode, accel):
    """{"agent": (CPU s, wall s), "ready": (CPU s, wall s)} of one router's machine."""
    deploy(lab, image, mode, 1)
    found, end = {}, time.monotonic() + LIMIT
    while "ready" not in found:
        node = lab.api.routers("perf")[0]
        if node["state"] == "failed" or time.monotonic() > end:
            raise ApiError(f"{image}, {mode}: {node['state']}: {node['error'] or 'too slow'}")
        if node["state"] in ("agent", "ready"):
            now = (proc.cpu_seconds(node["pid"]), proc.age_seconds(node["pid"]))
            found.setdefault("agent", now)
            if node["state"] == "ready":
                found["ready"] = now
        time.sleep(POLL)
    check(mode, node)
    accel.add(node["accel"])
    lab.weft("destroy", "perf")
    return found


def memory_slope(lab, image, mode):
    """MB that a router more takes."""
    total = {}
    for count in (FEW, MANY):
        deploy(lab, image, mode, count)
        routers = all_ready(lab.api, ["perf"], LIMIT, say)[1]
        for _, node in routers:
            check(mode, node)
        time.sleep(SETTLE)
        total[count] = sum(proc.pss_bytes(node["pid"]) for _, node in routers)
    lab.weft("destroy", "perf")
    return (total[MANY] - total[FEW]) / (MANY - FEW) / 1e6


def image_rows(lab, image, accel):
    lab.images(image)
    say(f"{image}: first start")
    start_one(lab, image, "clone", accel)  # whatever is made once, is made now
    starts = {mode: [] for mode in MODES}
    for number in range(1, ROUNDS + 1):
        for mode in MODES:
            say(f"{image}: round {number} of {ROUNDS}, {mode}")
            starts[mode].append(start_one(lab, image, mode, accel))
    memory = {}
    for mode in MODES:
        say(f"{image}: memory of {MANY} routers, {mode}")
        memory[mode] = memory_slope(lab, image, mode)

    def median(mode, state, what):
        return statistics.median(s[state][what] for s in starts[mode])

    def of(metric, unit, clone, cold, *targets):
        return [row(f"{image} clone", metric, unit, clone, "cold boot", cold, TARGETS[image].get(t))
                for t in targets or [None]]

    found = []
    for state, metric, targets in (("agent", "agent answers", ["agent"]),
                                   ("ready", "configured", ["ready", "ready ratio"])):
        targets = [t for t in targets if t in TARGETS[image]]
        found += of(metric, "CPU s", median("clone", state, 0), median("cold", state, 0), *targets)
        found += of(metric, "s", median("clone", state, 1), median("cold", state, 1))
    targets = [t for t in ("memory", "memory ratio") if t in TARGETS[image]]
    return found + of("memory", "MB", memory["clone"], memory["cold"], *targets)


def run(accel, wanted):
    with Lab() as lab:
        return [r for image in wanted(IMAGES) for r in image_rows(lab, image, accel)]
