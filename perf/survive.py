# SPDX-License-Identifier: Apache-2.0
"""Every process killed, alone and in pairs, under traffic: what is lost, and whether all comes back."""
import os
import pathlib
import signal
import time

from perf.api import ApiError
from perf.lab import RUN, SRC, Lab, LabError, say
from perf.numbered import Numbered
from perf.rows import row

ROUNDS = int(os.environ.get("WEFT_ROUNDS", 17))  # of each kind: a hundred in all
INTERVAL = 0.002
SOUND = 10  # s: who has worked for less is not started again at once (control/backoff.h)
HOLD = 3  # s: dead interval of the routers, less a hello's
LIMIT = 120  # s, for anything to come back
FILE = SRC / "configs/twins/red.clab.yml"
H1, H2 = "10.0.1.10", "10.0.3.10"
ROUTERS = ("r1", "r2", "r3")
LOOPBACKS = ("10.255.0.", "fd00:ff::")
KINDS = {"weftd": ("weftd",), "engine": ("engine",), "guest": ("guest",),
         "weftd and engine": ("weftd", "engine"), "weftd and guest": ("weftd", "guest"),
         "engine and guest": ("engine", "guest")}


def until(what, condition):
    end = time.monotonic() + LIMIT
    while True:
        try:
            value = condition()
        except (OSError, ApiError):  # nobody answers at the moment
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"not within {LIMIT} s: {what}")
        time.sleep(0.02)


def is_route(prefix):
    """Not a neighbour, which comes and goes with traffic."""
    return not prefix.endswith(("/32", "/128")) or prefix.startswith(LOOPBACKS)


class Net:
    """The vnet under test; all traffic between its hosts goes by r2."""

    def __init__(self, lab):
        self.lab, self.api = lab, lab.api
        lab.images("frr")
        lab.weft("deploy", FILE)
        lab.weft("link", "down", "red", "r1:eth2")

    def node(self, name):
        return next(n for n in self.api.vnet("red")["nodes"] if n["name"] == name)

    def pid(self, process):
        if process == "guest":
            return self.node("r2")["pid"]
        version = self.api.get("/v1/version")
        return version["pid"] if process == "weftd" else (version["engine"] or {}).get("pid")

    def picture(self):
        """What shall be after as before: routes of each router in the engine and what inspect says, but
        for what grows, and who the processes are."""
        vnet = self.api.get("/v1/vnets/red?protocols=1")
        nodes = [(n["name"], n["state"], n.get("synced"), n.get("protocols"),
                  sorted((p["name"], p["carrier"]) for p in n["ports"])) for n in vnet["nodes"]]
        return (vnet["state"], nodes, [(k["a"], k["b"], k["up"], k["carrier"]) for k in vnet["links"]],
                [sorted(filter(is_route, self.api.prefixes("red", r))) for r in ROUTERS])

    def settled(self):
        state, nodes, _, _ = self.picture()
        up = [p["up"] for n in nodes if n[0] in ROUTERS for p in n[3] or [{"up": -1}]]
        via = [v["port"] for r in self.api.get("/v1/vnets/red/nodes/r1/routes")["routes"]
               if r["prefix"] == "10.0.3.0/24" for v in r["via"]]
        return state == "running" and up == [1, 1, 2, 2, 1, 1] and via == ["eth1"]

    def things(self):
        """What may leak: processes and files of this instance, weftd's and the engine's descriptors."""
        mine = [p for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and self.is_mine(p)]
        return {"processes": len(mine), "files": sum(1 for _ in pathlib.Path(RUN).rglob("*")),
                "namespaces": len(list(pathlib.Path("/run/netns").iterdir())),
                **{f"descriptors of {p}": len(os.listdir(f"/proc/{self.pid(p)}/fd")) for p in ("weftd", "engine")}}

    @staticmethod
    def is_mine(process):
        try:
            return (b"WEFT_RUN=" + RUN.encode() in (process / "environ").read_bytes().split(b"\0") or
                    RUN.encode() in (process / "cmdline").read_bytes()) and \
                (process / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False


def kill_round(net, victims, flows):
    """One round: [(sent, lost, silent)] of each flow while the network was not as before, and the same
    of the first HOLD seconds, or as long as a killed guest was away if that is shorter."""
    pids = [net.pid(v) for v in victims]
    time.sleep(SOUND)
    until("traffic flows", lambda: all(f.comes_through() for f in flows))
    began = time.monotonic()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    if "weftd" in victims:
        until("weftd is dead", lambda: not pathlib.Path(f"/proc/{pids[0]}/exe").exists())
        net.lab.weft("deploy", "--no-wait", FILE)  # as a service manager would start the next one
    until("others run", lambda: all(net.pid(v) not in (None, p) for v, p in zip(victims, pids)))
    held = min(time.monotonic(), began + HOLD)
    until("all is as before", net.settled)
    until("traffic flows", lambda: all(f.comes_through() for f in flows))
    return [f.between(began, time.monotonic() - 0.1) for f in flows], [f.between(began, held) for f in flows]


def compare(kind, what, look, same):
    try:
        until(f"{what}, as before", lambda: same(look()))
    except LabError as e:
        raise LabError(f"{kind}: {e}; it is {look()}") from e


def kind_rows(net, kind, rounds):
    worst_ms, lost, away = [], [], []
    before, things = net.picture(), net.things()
    with Numbered("red", "h1", "h2", H2, INTERVAL) as there, Numbered("red", "h2", "h1", H1, INTERVAL) as back:
        for i in range(rounds):
            say(f"{kind}: round {i + 1} of {rounds}")
            whole, first = kill_round(net, KINDS[kind], (there, back))
            worst_ms.append(1e3 * max(silent for _, _, silent in whole))
            lost.append(sum(n for _, n, _ in whole))
            away.append(sum(n for _, n, _ in first))
    compare(kind, "routes, nodes and links", net.picture, lambda now: now == before)
    # A question under way has descriptors of its own; what leaks does so each round.
    slack = max(rounds, 8)
    compare(kind, f"{things}, and less than {slack} more descriptors", net.things, lambda now: all(
        now[t] < things[t] + (slack if t.startswith("descriptors") else 1) for t in things))
    case = f"{kind}, {rounds} times"
    rows = [row(case, "lost, worst round", "packets", max(lost), target="weft <= 0" if kind == "weftd" else None),
            row(case, "longest outage, median", "ms", worst_ms),
            row(case, "longest outage, worst", "ms", max(worst_ms), target="weft <= 1000" if kind == "engine" else None)]
    if "guest" in KINDS[kind] and "engine" not in KINDS[kind]:
        rows.append(row(case, "lost while it was away, 3 s at most", "packets", max(away), target="weft <= 0"))
    return rows


def run(accel, wanted):
    rows = []
    with Lab() as lab:
        net = Net(lab)
        for kind in wanted(KINDS):
            until("all is settled", net.settled)
            until("what is settled stays so", lambda: (p := net.picture()) == net.picture() and p)
            accel.update(n["accel"] for n in net.api.routers("red"))
            rows += kind_rows(net, kind, ROUNDS)
    return rows
