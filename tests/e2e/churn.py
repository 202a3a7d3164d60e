# SPDX-License-Identifier: Apache-2.0
"""Random changes of a router's routes, for ip(8) in its guest, and what breaks off their way to the engine."""
import json
import random

from weft import await_true, kill

PORTS = 3
TOPOLOGY = """name: churn
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    r1: {image: frr}
""" + "".join(f"    h{i}: {{}}\n" for i in range(1, PORTS + 1)) + "  links:\n" + "".join(
    f"    - endpoints: ['r1:eth{i}', 'h{i}:eth1']\n" for i in range(1, PORTS + 1))


class Churn:
    """The same changes for a seed each time."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *of):
        return self.random.choice(of)

    def chance(self, percent):
        return self.random.random() * 100 < percent

    @staticmethod
    def heal(port):
        """A port is up, with addresses, and neighbours that next hops lead to."""
        yield f"link set eth{port} up"
        yield f"addr add 10.{port}.0.1/24 dev eth{port}"
        yield f"addr add fd00:{port}::1/64 dev eth{port} nodad"
        for host in range(2, 6):
            yield f"neigh replace 10.{port}.0.{host} dev eth{port} lladdr 02:00:00:00:0{port}:0{host}"
            yield f"neigh replace fd00:{port}::{host} dev eth{port} lladdr 02:00:00:00:1{port}:0{host}"

    def prefix(self, v6):
        n = self.random.randrange(1000)
        if v6:
            return self.pick(f"2001:db8:{n:x}::/48", f"2001:db8:{n:x}::/56", f"2001:db8::{n:x}/128")
        return self.pick(f"20.0.{n % 256}.0/24", f"20.{n % 8}.{n % 256}.0/24", f"20.{n % 8}.{n % 256}.{n % 16}/32",
                         f"30.{n % 100}.0.0/16")

    def via(self, v6):
        port = self.random.randint(1, PORTS)
        host = self.random.randint(2, 5)
        return f"via fd00:{port}::{host} dev eth{port}" if v6 else f"via 10.{port}.0.{host} dev eth{port}"

    def next_hops(self, v6):
        kind = self.random.randrange(20)
        if kind < 10:
            return self.via(v6)
        if kind < 14:
            return f"nhid {self.random.randint(1000, 1029)}"
        if kind < 18:
            return " ".join(f"nexthop {self.via(v6)} weight {self.random.randint(1, 3)}"
                            for _ in range(self.random.randint(2, 4)))
        return f"dev eth{self.random.randint(1, PORTS)}"

    def route(self):
        v6 = self.chance(50)
        verb = self.pick("add", "add", "add", "replace", "replace", "replace", "append", "del", "del")
        kind = self.pick("blackhole", "unreachable", "prohibit") if self.chance(6) else ""
        words = ["route", verb, kind, self.prefix(v6)]
        if self.chance(30):
            words.append(f"metric {self.pick(10, 20)}")
        if v6 and verb == "append":
            # A sibling: a dump tells nothing else that came between siblings (docs/intake.md).
            words = [word for word in words if word != kind] + [self.via(v6)]
        elif not kind and not (verb == "del" and self.chance(70)):
            words.append(self.next_hops(v6))  # last: behind "nexthop" nothing else may stand
        return " ".join(words)

    def object(self):
        id, v6 = self.random.randint(1000, 1029), self.chance(50)
        if self.chance(15):
            return f"nexthop del id {id}"
        if id < 1020:
            return f"nexthop replace id {id} {self.via(v6)}"
        members = [f"{self.random.randint(1000, 1019)},{self.random.randint(1, 3)}" for _ in range(self.random.randint(1, 3))]
        return f"nexthop replace id {id} group {'/'.join(members)}"

    def other(self):
        """What takes routes along in silence, and neighbours."""
        port = self.random.randint(1, PORTS)
        if self.chance(70):
            if self.chance(50):  # ip(8) ends where there is nothing to delete
                return [f"neigh flush to 10.{port}.0.5 dev eth{port} nud all"]
            return [f"neigh replace 10.{port}.0.5 dev eth{port} lladdr 02:00:00:00:0{port}:0{self.random.randint(5, 9)}"]
        return [self.pick(f"link set eth{port} down", f"addr del 10.{port}.0.1/24 dev eth{port}",
                          f"addr del fd00:{port}::1/64 dev eth{port}"), *self.heal(port)]

    def lines(self, count):
        """So many changes, and what mends the ports."""
        for _ in range(count):
            n = self.random.randrange(200)
            if n < 160:
                yield self.route()
            elif n < 199:
                yield self.object()
            else:
                yield from self.other()


class Router:
    """r1 of a vnet churn, whose routes are changed."""

    def __init__(self, weft, path, seed):
        self.weft, self.file, self.churn, self.batches = weft, path / "churn.clab.yml", Churn(seed), 0
        self.file.write_text(TOPOLOGY)
        weft.deploy(self.file)
        self.begin([line for port in range(1, PORTS + 1) for line in Churn.heal(port)])
        self.await_end(60)

    def shell(self, script, **kw):
        return self.weft.exec("churn", "r1", "sh", "-c", script, **kw)

    def begin(self, lines):
        """Has them done, whatever becomes of the session that asked for them."""
        self.batches += 1
        name = f"/tmp/batch{self.batches}"
        self.shell(f"cat >{name}; (/bin/ip -force -batch {name}; rm {name}) >/dev/null 2>&1 </dev/null &",
                   stdin="".join(line + "\n" for line in lines).encode())

    def ended(self):
        done = self.weft.run("exec", "churn", "r1", "--", "test", "-e", f"/tmp/batch{self.batches}", status=None)
        return done.returncode == 1 and not done.stderr

    def await_end(self, seconds):
        await_true(f"batch {self.batches} is done", seconds, self.ended)

    def break_off(self, what):
        if what == "weftd":
            kill(self.weft.daemon_pid())
            self.weft.deploy(self.file)
        elif what == "engine":
            kill(await_true("an engine", 20, self.weft.engine_pid))
        elif what == "agent":
            self.shell("kill -9 $(pidof weft-agent)", status=None)

    def change(self, count, what, seconds):
        self.begin(self.churn.lines(count))
        self.break_off(what)
        self.await_end(seconds)

    def verified(self):
        """All agree; r1's VERIFIED."""
        done = self.weft.run("verify", "churn", "--format", "json", status=None)
        routers = json.loads(done.stdout)["routers"]
        assert done.returncode == 0 and [r["state"] for r in routers] == ["same"], done.stdout[:4000] + done.stderr
        assert routers[0]["difference_count"] == 0
        return routers[0]

    def check_against_ip(self):
        """What ip(8) says of routes by one gateway, the first of their prefix, is what the FIB has; how many these were."""
        fib, checked = self.weft.routes("churn", "r1"), 0
        for family in ("-4", "-6"):
            best = {}
            for r in json.loads(self.shell(f"/bin/ip {family} -j route show table main")):
                best.setdefault(r["dst"], []).append(r)
            for dst, routes in best.items():
                r, same = routes[0], [o for o in routes if o.get("metric", 0) == routes[0].get("metric", 0)]
                if len(same) > 1 or "gateway" not in r or "nhid" in r or r.get("flags") or r.get("type", "unicast") != "unicast":
                    continue
                prefix = dst if "/" in dst else f"{dst}/{32 if family == '-4' else 128}"
                if prefix not in fib:
                    assert dst == "default", (dst, r)
                    continue
                kind, via = fib[prefix]["kind"], fib[prefix]["via"]
                assert kind == "punt" or (kind == "forward" and via[0]["port"] == r["dev"]), (r, fib[prefix])
                checked += kind == "forward"
        return checked
