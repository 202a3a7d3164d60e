# SPDX-License-Identifier: Apache-2.0
"""`weft` alone, against a small weftd that gives canned answers of docs/api.md."""
import base64, http.server, json, os, pathlib, re, shutil, socket, socketserver, subprocess, tempfile, threading
import pytest

WEFT = os.path.join(os.environ["WEFT_BIN"], "weft")
TOPOLOGY = """name: red
mgmt: {network: x}
topology:
  nodes:
    r1: {kind: linux, image: "frr:8"}
"""


def node(state="ready", **more):
    return {"name": "r1", "kind": "router", "image": "frr", "state": state, "error": None, "boot_s": 5.1,
            "synced": state == "ready", "cpu_s": 7.2, "memory_bytes": 201326592, "restarts": 0,
            "protocols": [{"name": "ospf", "up": 2, "total": 2}], "fib": [{"table": 254, "ipv4": 12, "ipv6": 9}],
            "punted": ["10.9.0.0/16: via dummy0"], "ports": [{"name": "eth1", "drops": {"ttl": 3}}], **more}


def vnet(state="running"):
    return {"name": "red", "file": "f", "state": state, "age_s": 42.1,
            "weight": 250, "guarantee_cores": 0.05, "nodes": [node()],
            "links": [{"a": "r1:eth1", "b": "r2:eth1", "mtu": 1500, "up": True, "carrier": True}],
            "counters": {"forwarded": 5, "drops": {"ttl": 3}}}


def b64(text):
    return base64.b64encode(text).decode()


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, json.loads(body) if body else None))
        answers = self.server.answers.get((self.command, self.path.split("?")[0]),
                                          [(404, {"error": "there is no such thing"})])
        status, what = answers.pop(0) if len(answers) > 1 else answers[0]
        data = what if isinstance(what, bytes) else json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = answer


@pytest.fixture
def lab():
    with tempfile.TemporaryDirectory(prefix="weft-cli-") as d:
        with open(d + "/images.yml", "w") as f:
            f.write("- {match: '*frr*', guest: frr}\n")
        with open(d + "/red.clab.yml", "w") as f:
            f.write(TOPOLOGY)
        server = Server(d + "/weftd.sock", Handler)
        server.seen, server.answers, server.dir = [], {}, d
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
        server.server_close()


def weft(where, *args, stdin=b""):
    env = dict(os.environ, WEFT_RUN=where, WEFT_STATE=where, WEFT_SHARE=where)
    r = subprocess.run([WEFT, *args], env=env, input=stdin, capture_output=True, timeout=20)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def test_help_and_usage(lab):
    code, out, _ = weft(lab.dir, "--help")
    assert code == 0
    for verb in ("deploy destroy inspect top events pause hibernate resume exec console debug restart routes verify trace link capture "
                 "run image version help").split():
        assert "  " + verb in out
        code, text, _ = weft(lab.dir, verb, "--help")
        assert code == 0 and "Usage: weft " + verb in text and "Example" in text
        assert not re.search(r"^ +weft  ", text, re.M)  # each line of the usage is a form of its own
    assert weft(lab.dir, "dpeloy")[2] == "weft: there is no verb 'dpeloy'; did you mean 'deploy'?\n"
    for args in ["deploy"], ["deploy", "--nope", "x"], ["destroy"], ["exec", "red", "r1"], ["link", "left", "a", "b:c"], ["restart", "..", "r1"]:
        code, _, err = weft(lab.dir, *args)
        assert code == 2 and err.startswith("weft: ")
    assert "'--nope'" in weft(lab.dir, "deploy", "--nope", "x")[2]


def test_deploy(lab):
    lab.answers[("PUT", "/v1/vnets/red")] = [(202, dict(vnet(), state="deploying"))]
    lab.answers[("GET", "/v1/vnets/red")] = [(200, dict(vnet(), state="deploying")), (200, vnet())]
    code, out, err = weft(lab.dir, "deploy", lab.dir + "/red.clab.yml")
    assert code == 0 and "12/9" in out and "red is ready" in out and "mgmt" in err
    assert lab.seen[0][:2] == ("PUT", "/v1/vnets/red") and lab.seen[0][2]["topology"] == TOPOLOGY
    bad = dict(vnet(), nodes=[node("failed", error="no memory")])
    lab.answers[("GET", "/v1/vnets/red")] = [(200, bad)]
    code, _, err = weft(lab.dir, "deploy", lab.dir + "/red.clab.yml")
    assert code == 1 and "red/r1 failed: no memory" in err
    slow = dict(vnet(), nodes=[node("booting")])
    lab.answers[("GET", "/v1/vnets/red")] = [(200, slow)]
    code, _, err = weft(lab.dir, "deploy", "--timeout", "3", lab.dir + "/red.clab.yml")
    assert code == 1 and "r1 (booting)" in err and "left" in err
    assert re.search(r"^red: 0 of 1 routers configured, [23] s$", err, re.M)
    slow = dict(vnet(), state="deploying", links=[dict(vnet()["links"][0], risen=False)])
    lab.answers[("GET", "/v1/vnets/red")] = [(200, slow)]
    code, _, err = weft(lab.dir, "deploy", "--timeout", "3", lab.dir + "/red.clab.yml")
    assert code == 1 and "red: 0 of 1 links have risen" in err and "its links have not risen; it" in err
    lab.answers[("PUT", "/v1/vnets/red")] = [(507, {"error": "red needs 9.0 GiB"})]
    code, _, err = weft(lab.dir, "deploy", lab.dir + "/red.clab.yml")
    assert code == 1 and err.endswith("weft: deploy: red needs 9.0 GiB\n")
    assert weft(lab.dir, "deploy", lab.dir + "/missing.yml")[0] == 3


def test_top(lab):
    """Differences of two looks; who took most comes first; a count that went back is none."""
    def look(name, cpu, forwarded, passed=0, ttl=0):
        return dict(vnet(), name=name, counters={
            "forwarded": forwarded, "injected": 0, "cpu_s": cpu, "drops": {"ttl": ttl},
            "punts": {"control": {"passed": passed, "policed": 0}}})
    looks = [(200, {"vnets": [look("a", 1, 100), look("b", 1, 5000, ttl=7)]}),
             (200, {"vnets": [look("a", 1, 100), look("b", 1.001, 9000, 50, 1000), look("new", 5, 5)]}),
             (200, {"vnets": [look("a", 1.001, 50), look("b", 1.001, 9000, 50, 1000)]})]
    lab.answers[("GET", "/v1/vnets")] = list(looks)
    code, out, err = weft(lab.dir, "top", "--interval", "0.1", "--count", "2", "--format", "json")
    assert code == 0, err
    first, second = (json.loads(line)["vnets"] for line in out.splitlines())
    assert [v["name"] for v in first] == ["b", "a"] and [v["name"] for v in second] == ["a", "b"]
    b, a = first
    assert b["forwarded_per_s"] / b["punts_per_s"] == pytest.approx(4000 / 50, rel=1e-4)
    assert b["drops_per_s"]["ttl"] / b["punts_per_s"] == pytest.approx(993 / 50, rel=1e-4)
    assert b["core_percent"] > 0 and b["weight"] == 250
    assert a["forwarded_per_s"] == a["core_percent"] == 0 and a["drops_per_s"] == {}
    assert second[0]["forwarded_per_s"] == 0 and second[0]["core_percent"] > 0
    lab.answers[("GET", "/v1/vnets")] = list(looks)
    out = weft(lab.dir, "top", "--interval", "0.1", "--count", "1")[1]
    assert re.match(r"VNET .*CORE %.*\nb .* ttl *\na .*-", out) and "new" not in out
    for bad in ["--interval", "x"], ["--count", "0"], ["red", "blue"], ["../x"]:
        assert weft(lab.dir, "top", *bad)[0] == 2


def test_trace(lab):
    hop = {"node": "r1", "in": None, "out": "eth2", "ttl": 64, "queue": None, "result": "forwarded", "drop": None,
           "route": {"table": 254, "prefix": "10.0.3.0/24", "kind": "group", "mac": "02:00:00:00:00:01",
                     "member": 2, "members": 4}}
    last = dict(hop, node="h\x1b2", **{"in": "eth1"}, out=None, route=None, result="drop", drop="no_backing",
                queue={"packets": 12, "delay_s": 0.0004})
    answer = {"hops": [hop, last], "result": "drop", "why": "dropped"}
    lab.answers[("GET", "/v1/vnets/red/nodes/r1/trace")] = [(200, answer)]
    code, out, err = weft(lab.dir, "trace", "red", "r1:eth1", "fd00::1", "fd00::2", "--udp", "1:53", "--ttl", "9")
    assert code == 0, err
    assert lab.seen[-1][1].endswith("?src=fd00::1&dst=fd00::2&port=eth1&proto=17&sport=1&dport=53&ttl=9")
    assert re.search(r"^r1 +- +64 +10.0.3.0/24 group 2 of 4 +eth2 +02:00:00:00:00:01 +forwarded$", out, re.M)
    assert re.search(r"^h\?2 +eth1 .* drop: no_backing, behind 12 packets, 99 % of which wait less than 0.4 ms$",
                     out, re.M)
    assert out.endswith("\ndrop: dropped\n")
    out = weft(lab.dir, "trace", "red", "r1", "10.0.0.1", "10.0.0.2", "--format", "json")[1]
    assert json.loads(out) == answer and lab.seen[-1][1].endswith("?src=10.0.0.1&dst=10.0.0.2")


def test_events(lab):
    """Lines as they come; a cursor goes on; what is no event ends it."""
    def event(number, **more):
        return {"cursor": f"7.{number}", "time": 1764248000.25, "type": "node", "vnet": "red", "name": "r1",
                "state": "ready", "why": None, **more}
    lines = [{"cursor": "7.1", "type": "missed", "count": 3}, {"cursor": "7.1", "type": "missed", "count": None},
             {"cursor": "7.1", "type": "now"}, event(2), event(3, why="a\x1bb", vnet=None)]
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    lab.answers[("GET", "/v1/events")] = [(200, text)]
    code, out, err = weft(lab.dir, "events", "red", "--since", "6.5", "--no-follow")
    assert code == 0 and lab.seen[-1][1] == "/v1/events?follow=0&vnet=red&since=6.5", err
    assert out.splitlines()[:2] == ["3 events were missed", "what happened before this weftd started is not known any more"]
    assert re.fullmatch(r"[\d-]{10} [\d:]{8}\.250  red node r1 ready\n[^ ]+ [^ ]+  node r1 ready \(a\?b\)\n",
                        out.split("\n", 2)[2])
    out = weft(lab.dir, "events", "--no-follow", "--format", "json")[1]
    assert [json.loads(line) for line in out.splitlines()] == lines
    for junk in b'{"type": "node"}\n', b'{"cursor": "a b", "type": "node"}\n', b"[]\n":
        lab.answers[("GET", "/v1/events")] = [(200, junk)]
        code, _, err = weft(lab.dir, "events", "--no-follow")
        assert code == 1 and err.startswith("weft: events: weftd's answer")


def test_top_of_a_vnet(lab):
    """Its nodes and links, the busiest first; what is new has no rates; the engine's workers."""
    def port(name, packets, drops=0):
        return {"name": name, "forwarded": packets, "injected": 0, "punted": 0, "wire_tx_packets": packets,
                "wire_tx_bytes": 100 * packets, "drops": {"ttl": drops} if drops else {}}

    def look(packets, cpu, drops=0, more=()):
        nodes = [node(name="r1", cpu_s=1, ports=[port("eth1", packets, drops), port("eth2", 0)]),
                 node(name="r2", cpu_s=cpu, ports=[port("eth1", 0), port("eth2", 7)]), *more]
        links = [{"a": "r1:eth2", "b": "r2:eth2", "carrier": False}, {"a": "r1:eth1", "b": "r2:eth1", "carrier": True}]
        return 200, dict(vnet(), nodes=nodes, links=links)

    def engine(busy, packets):
        return 200, {"engine": {"workers": [{"index": 0, "busy_s": busy, "packets": packets, "limiting": True}]}}
    new = node(name="new", ports=[port("eth1", 99)])
    looks = [look(10, 1), look(510, 1.01, 40, [new])]
    lab.answers[("GET", "/v1/vnets/red")] = list(looks)
    lab.answers[("GET", "/v1/engine")] = [engine(1, 0), engine(1.02, 1000)]
    code, out, err = weft(lab.dir, "top", "red", "--interval", "0.1", "--count", "1", "--format", "json")
    assert code == 0, err
    found = json.loads(out)
    r2, r1, fresh = found["nodes"]
    assert (r2["name"], r1["name"], fresh["name"]) == ("r2", "r1", "new")
    assert r2["cpu_percent"] > 0 == r1["cpu_percent"] == fresh["forwarded_per_s"]
    assert r1["forwarded_per_s"] / r1["drops_per_s"]["ttl"] == pytest.approx(500 / 40, rel=1e-4)
    busy, idle = found["links"]
    assert busy["a"] == "r1:eth1" and busy["carrier"] and not idle["carrier"]
    assert busy["a_to_b"]["bits_per_s"] / busy["a_to_b"]["packets_per_s"] == pytest.approx(800, rel=1e-4)
    assert busy["b_to_a"]["packets_per_s"] == idle["a_to_b"]["packets_per_s"] == 0
    worker = found["workers"][0]
    assert worker["limiting"] and worker["packets_per_s"] / worker["busy_percent"] == pytest.approx(1000 / 2, rel=1e-4)
    lab.answers[("GET", "/v1/vnets/red")] = list(looks)
    lab.answers[("GET", "/v1/engine")] = [(200, {"engine": None})]
    out = weft(lab.dir, "top", "red", "--interval", "0.1", "--count", "1")[1]
    assert re.search(r"^WORKER.*\n\nNODE .*\nr2 .*\nr1 .* ttl *\nnew .*\n\nLINK .*\nr1:eth1 +r2:eth1 +up .*\nr1:eth2", out)


def test_inspect_routes_and_garbage(lab):
    lab.answers[("GET", "/v1/vnets")] = [(200, {"vnets": [vnet()]})]
    lab.answers[("GET", "/v1/vnets/red")] = [(200, vnet())]
    lab.answers[("GET", "/v1/vnets/red/nodes/r1/routes")] = [(200, {"routes": [
        {"table": 254, "prefix": "10.0.0.0/8", "kind": "via", "via": [{"port": "eth1", "mac": "02:00:00:00:00:01"}]}]})]
    out = weft(lab.dir, "inspect")[1]
    assert "1/1" in out and re.search("WEIGHT +GUARANTEE.*\n.* 250 +0.050 cores ", out)
    out = weft(lab.dir, "inspect", "red")[1]
    assert "ospf 2/2" in out and "via dummy0" in out and "ttl" in out and "192 MiB" in out
    assert lab.seen[-1][1].endswith("?protocols=1")
    assert json.loads(weft(lab.dir, "inspect", "red", "--format", "json")[1]) == vnet()
    assert "eth1: ttl" in weft(lab.dir, "inspect", "red", "r1")[1]
    lab.answers[("GET", "/v1/vnets/red")] = [(200, dict(vnet(), nodes=[node(machine="weft-vmm", accel="kvm", pid=7)]))]
    assert "\nr1 runs in weft-vmm by kvm, process 7\n" in weft(lab.dir, "inspect", "red", "r1")[1]
    lab.answers[("GET", "/v1/vnets/red")] = [(200, dict(vnet(), nodes=[node(boot="cold", boot_why="no template")]))]
    assert re.search("START.*\n.*cold(.*\n)+r1: booted cold: no template", weft(lab.dir, "inspect", "red")[1])
    assert "r1: booted cold: no template" in weft(lab.dir, "inspect", "red", "r1")[1]
    assert "10.0.0.0/8" in weft(lab.dir, "routes", "red", "r1")[1]
    for junk in b"", b"\xff", b"[]", b"{}", b'{"vnets": [{"name": "../x"}]}', b'{"vnets": 3}':
        lab.answers[("GET", "/v1/vnets")] = [(200, junk)]
        code, out, err = weft(lab.dir, "inspect")
        assert code == 1 and err.startswith("weft: inspect: weftd's answer") and not out


def test_exec(lab):
    lines = [{"stdout": b64(b"hi\0")}, {"stderr": b64(b"oh")}, {"exit": 7}]
    key = ("POST", "/v1/vnets/red/nodes/r1/exec")
    lab.answers[key] = [(200, "\n".join(map(json.dumps, lines)).encode() + b"\n")]
    assert weft(lab.dir, "exec", "red", "r1", "--", "ls", "-l", stdin=b"in") == (7, "hi\0", "oh")
    assert lab.seen[-1][2] == {"argv": ["ls", "-l"], "stdin": b64(b"in")}
    for text, why in ((b'{"error": "no agent"}\n', "no agent"), (b'{"stdout": "a"}\n', "base64"), (b"", "before"), (b'{"exit": 256}\n', "docs/api.md")):
        lab.answers[key] = [(200, text)]
        code, _, err = weft(lab.dir, "exec", "red", "r1", "ls")
        assert code == 1 and why in err


def verified(state="same", n=0, **more):
    hop = {"kind": "forward", "via": [{"port": "eth1", "mac": "02:00:00:00:00:07"}]}
    group = {"kind": "group", "via": hop["via"] + [{"port": None, "mac": None}]}
    return {"node": "r1", "state": state, "why": None, "takes": 3, "routes": {"kernel": 12, "intake": 12, "fib": 12 - n},
            "difference_count": n, "changing": 0, "left_out": ["all IPv4: rp\x1bfilter"],
            "differences": [{"table": 254, "prefix": f"10.0.{i}.0/24", "port": None, "kernel": group, "intake": hop,
                             "fib": None, "routes_differ": True} for i in range(n)], **more}


def lines_of(*objects):
    return 200, "".join(json.dumps(o) + "\n" for o in objects).encode()


def test_verify(lab):
    key = ("GET", "/v1/vnets/red/verify")
    lab.answers[key] = [lines_of(verified(), verified(node="r2"))]
    code, out, err = weft(lab.dir, "verify", "red")
    assert (code, err) == (0, "") and re.search(r"^r2 +12 +12 +12 +same$", out, re.M) and "PREFIX" not in out
    assert "r1: left out: all IPv4: rp?filter" in out
    lab.answers[key] = [lines_of(verified(node="r2"), verified("differs", 2))]
    code, out, err = weft(lab.dir, "verify", "red", "r2", "r1")
    assert (code, err) == (5, "") and re.search(r"^r1 +12 +12 +10 +2 differ$", out, re.M)
    assert lab.seen[-1][1] == "/v1/vnets/red/verify?nodes=r2,r1"
    assert re.search(r"^r1 +254 +10\.0\.1\.0/24 +group eth1 02:00:00:00:00:07, guest +forward eth1 02:00:00:00:00:07"
                     r" +nothing +other routes in the kernel$", out, re.M)
    code, out, _ = weft(lab.dir, "verify", "red", "--format", "json")
    assert code == 5 and [r["node"] for r in json.loads(out)["routers"]] == ["r2", "r1"]
    lab.answers[key] = [lines_of(verified("unknown", why="its guest is not ready", routes=None))]
    code, out, _ = weft(lab.dir, "verify", "red")
    assert code == 1 and re.search(r"^r1 +- +- +- +unknown: its guest is not ready$", out, re.M)
    for args in ["verify"], ["verify", "red", ".."], ["verify", "red", "--watch=0"], ["verify", "red", "--watch=x"]:
        assert weft(lab.dir, *args)[0] == 2
    lab.answers[key] = [(200, b'{"routers": []}\n')]
    code, _, err = weft(lab.dir, "verify", "red")
    assert code == 1 and "docs/api.md" in err


def test_verify_watch(lab):
    """A line for each router that has come to differ, and one when it does no more."""
    lab.answers[("GET", "/v1/vnets/red/verify")] = [
        lines_of(verified()), lines_of(verified("differs", 1)), lines_of(verified("differs", 1)),
        lines_of(verified()), (409, {"error": "the vnet is paused"})]
    code, out, err = weft(lab.dir, "verify", "red", "--watch=1")
    lines = [line.split("  ", 1)[1] for line in out.splitlines()]
    assert lines == ["r1: 1 differs, first 10.0.0.0/24 of table 254: kernel group eth1 02:00:00:00:00:07, guest, "
                     "intake forward eth1 02:00:00:00:00:07, fib nothing", "r1: same"]
    assert code == 1 and "the vnet is paused" in err


SCENARIO = """vnet: red
steps:
  - 0s: link set r1:eth1 --one-way delay 10ms
  - 50ms: link down r2:eth1
  - 100ms: restart r1
"""


def test_run(lab):
    path = pathlib.Path(lab.dir, "s.yml")
    path.write_text(SCENARIO)
    lab.answers[("GET", "/v1/vnets/red")] = [(200, vnet())]
    lab.answers[("POST", "/v1/vnets/red/links/r1:eth1")] = [(200, {})]
    lab.answers[("POST", "/v1/vnets/red/links/r2:eth1")] = [(500, {"error": "no disk"})]
    lab.answers[("POST", "/v1/vnets/red/nodes/r1/restart")] = [(202, {})]
    code, out, err = weft(lab.dir, "run", str(path))
    head, *lines = map(json.loads, out.splitlines())
    assert (head["vnet"], head["steps"], code) == ("red", 3, 1) and "1 of 3 steps failed" in err
    assert [(s["at"], s["line"], s["do"], s["ok"]) for s in lines] == [
        (0, 3, "link set r1:eth1 --one-way delay 10ms", True), (0.05, 4, "link down r2:eth1", False),
        (0.1, 5, "restart r1", True)]
    assert "no disk" in lines[1]["error"]
    assert all(s["began"] >= s["at"] and s["took"] >= 0 for s in lines)
    assert [call[2] for call in lab.seen[-3:-1]] == [{"impair": {"delay": "10ms"}, "one_way": True},
                                                     {"up": False}]


@pytest.mark.parametrize("old, new, line, words", [
    ("vnet: red\n", "", 1, "a scenario has vnet and steps"),
    ("vnet: red", "vnet: red/..", 1, "cannot be a vnet's name"),
    ("steps:", "step:", 2, 'key "step" is unknown'),
    ("0s:", "0:", 3, '"0" is not a time such as "5s"'),
    ("0s:", "25000000s:", 3, "is not a time"),
    ("50ms", "150ms", 5, "100ms is before the step of line 4"),
    ("link down", "link cut", 4, "'cut' is none of down, up, set and clear"),
    ("link down r2:eth1", "link down r2", 4, "'r2' is not NODE:PORT"),
    ("link down", "link down --one-way", 4, "'--one-way' is not NODE:PORT"),
    ("r2:eth1", "r2:eth1 now", 4, "'now' is one argument too many"),
    ("delay 10ms", "delay 10", 3, 'delay "10" is not a time'),
    ("delay 10ms", "delay", 3, "'delay' has no value"),
    ("restart r1", "restart", 5, "restart of which node?"),
    ("restart r1", "destroy", 5, "'destroy' is none of link, restart"),
    ("restart r1", "{a: b}", 5, "a command must be a text"),
])
def test_run_refuses(lab, old, new, line, words):
    path = pathlib.Path(lab.dir, "s.yml")
    assert old in SCENARIO
    path.write_text(SCENARIO.replace(old, new, 1))
    code, out, err = weft(lab.dir, "run", str(path))
    assert (code, out) == (3, "") and f"s.yml:{line}: " in err and words in err and not lab.seen


def test_run_looks_before(lab):
    path = pathlib.Path(lab.dir, "s.yml")
    lab.answers[("GET", "/v1/vnets/red")] = [(200, vnet())]
    for new, words in ("link down r2:eth9", "no link at r2:eth9"), ("restart r9", "no node r9"):
        path.write_text(SCENARIO.replace("link down r2:eth1", new))
        code, out, err = weft(lab.dir, "run", str(path))
        assert (code, out) == (1, "") and "s.yml:4: vnet red has " + words in err


def test_small_verbs(lab):
    lab.answers[("DELETE", "/v1/vnets/red")] = lab.answers[("POST", "/v1/vnets/red/links/r1:eth1")] = [(200, {})]
    lab.answers[("POST", "/v1/vnets/red/nodes/r1/restart")] = [(202, {})]
    assert weft(lab.dir, "destroy", lab.dir + "/red.clab.yml")[0] == 0
    assert weft(lab.dir, "link", "down", "red", "r1:eth1")[0] == 0 and lab.seen[-1][2] == {"up": False}
    link = ["red", "r1:eth1"]
    assert weft(lab.dir, "link", "set", *link, "delay", "10ms", "loss", "1%")[0] == 0
    assert lab.seen[-1][2] == {"impair": {"delay": "10ms", "loss": "1%"}, "one_way": False}
    assert weft(lab.dir, "link", "set", "--one-way", *link, "none")[0] == 0
    assert lab.seen[-1][2] == {"impair": {}, "one_way": True}
    assert weft(lab.dir, "link", "clear", *link)[0] == 0
    assert lab.seen[-1][2] == {"impair": None, "one_way": False}
    for wrong in ["delay"], ["delay", "10"], [], ["dealy", "10ms"], ["burst", "3"]:
        assert weft(lab.dir, "link", "set", *link, *wrong)[0] == 2
    assert weft(lab.dir, "restart", "red", "r1")[0] == 0
    code, _, err = weft(lab.dir, "destroy", "blue")
    assert code == 1 and "no vnet 'blue'" in err


def test_debug(lab):
    """Bytes go both ways until gdb has no more to say."""
    path = lab.dir + "/gdb.sock"
    lab.answers[("GET", "/v1/vnets/red/nodes/r1/debug")] = [(200, {"path": path})]
    code, _, err = weft(lab.dir, "debug", "red", "r1")
    assert code == 1 and f"cannot connect to its machine at {path}" in err
    with socket.create_server(path, family=socket.AF_UNIX) as server:
        heard = []

        def machine():
            with server.accept()[0] as s:
                heard.append(s.recv(100))
                s.sendall(b"+$T05#b9")
                heard.append(s.recv(100))
        thread = threading.Thread(target=machine)
        thread.start()
        gdb = subprocess.Popen([WEFT, "debug", "red", "r1"], env=dict(os.environ, WEFT_RUN=lab.dir),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        gdb.stdin.write(b"$?#3f")
        gdb.stdin.flush()
        assert gdb.stdout.read(8) == b"+$T05#b9"
        gdb.stdin.close()
        assert gdb.wait(timeout=10) == 0
        thread.join(timeout=10)
        gdb.stdout.close()
    assert heard == [b"$?#3f", b""]


def test_nobody_answers(tmp_path):
    where = str(tmp_path / "run")  # the run directory goes with the last vnet
    assert weft(where, "inspect")[0] == 4
    assert weft(where, "destroy", "--all")[:2] == (0, "nothing to destroy: weftd does not run\n")
    assert "not running" in weft(where, "version")[1]


def test_autostart_says_why_not(lab):
    """A copy of the binary stands alone, then beside a weftd that ends at once."""
    d = lab.dir + "/alone"
    os.makedirs(d)
    shutil.copy(WEFT, d)
    env = dict(os.environ, WEFT_RUN=d, WEFT_STATE=d, WEFT_SHARE=lab.dir)

    def deploy(**more):
        r = subprocess.run([d + "/weft", "deploy", "red.clab.yml"], cwd=lab.dir, env=env, capture_output=True, timeout=20, **more)
        return r.returncode, r.stderr.decode()

    os.chmod(lab.dir, 0o755)
    if os.getuid() == 0:
        code, err = deploy()
        assert code == 4 and "there is no " + d + "/weftd to start" in err
        with open(d + "/weftd", "w") as f:
            f.write("#!/bin/sh\necho broken\nexit 3\n")
        os.chmod(d + "/weftd", 0o755)
        code, err = deploy()
        assert code == 4 and "ended at once" in err and open(d + "/log/weftd.log").read() == "broken\n"
        code, err = deploy(user=65534)
    else:
        code, err = deploy()
    assert code == 4 and "only root" in err
