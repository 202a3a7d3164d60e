# SPDX-License-Identifier: Apache-2.0
"""/metrics of a running lab: what Prometheus wants of the text, what docs/metrics.md says, what is so."""
import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from weft import BIN, ENV, RUN, SRC, alive, await_true, kill


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


PORT = free_port()
H2 = "10.0.3.10"


class UnixConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(f"{RUN}/weftd.sock")


def fetch(connection, path="/metrics"):
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()


def text():
    status, kind, body = fetch(UnixConnection("weft"))
    assert status == 200 and kind == "text/plain; version=0.0.4; charset=utf-8"
    return body


def parse(body):
    """{name: (type, help, [(labels, value), ...])}, by a parser that refuses what is not in order,
    told twice or without a type; it wants OpenMetrics, where counters' _total is not in their head."""
    strict = re.sub(r"^(# (?:HELP|TYPE) \S+)_total ", r"\1 ", body, flags=re.M) + "# EOF\n"
    found = {}
    for family in text_string_to_metric_families(strict):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert all(s.name == name for s in family.samples)
        found[name] = (family.type, family.documentation, [(s.labels, s.value) for s in family.samples])
    return found


def documented():
    """The same of docs/metrics.md, and the labels in place of samples."""
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge) \| ([^|]*) \| ([^|]+) \|$",
                      (SRC / "docs/metrics.md").read_text(), re.M)
    assert len({r[0] for r in rows}) == len(rows)
    return {name: (kind, what, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels, what in rows}


def sample(found, name, **labels):
    """The sum over all samples with these labels."""
    return sum(value for have, value in found[name][2] if labels.items() <= have.items())


@pytest.fixture(scope="module", autouse=True)
def red(weft):
    ENV["WEFT_METRICS"] = f"127.0.0.1:{PORT}"
    weft.deploy(SRC / "configs/twins/red.clab.yml")
    weft.await_ping("red", "h1", H2)
    yield
    del ENV["WEFT_METRICS"]


def test_as_prometheus_wants_it():
    body = text()
    found = parse(body)
    for name, (kind, what, samples) in found.items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert re.fullmatch(r"(weft|process)(_[a-z]+)+", name) and what.endswith(".")
        assert not re.search(r"_(ms|us|ns|milliseconds|kib|mib|count|sum|bucket)(_|$)", name), name
        keys = [frozenset(labels.items()) for labels, _ in samples]
        assert len(set(keys)) == len(keys), name
        assert all(value >= 0 for _, value in samples), name


def test_the_document_is_right():
    """Each metric stands in docs/metrics.md with its type, labels and meaning, and no other does."""
    found, said = parse(text()), documented()
    assert set(found) == set(said)
    for name, (kind, what, samples) in found.items():
        assert (kind, what) == said[name][:2], name
        for labels, _ in samples:
            assert set(labels) == said[name][2], name
    without = {name for name in found if not found[name][2]}
    assert all(name.startswith("weft_queue_") or name == "weft_port_dropped_packets_total" for name in without)


def test_what_is_told_is_so(weft):
    weft.exec("red", "h1", "ping", "-n", "-c", "50", "-i", "0.01", H2)
    before, now, after = weft.port("red", "r1", "eth3"), parse(text()), weft.port("red", "r1", "eth3")
    where = {"vnet": "red", "node": "r1", "port": "eth3"}
    for name, key in (("receive_packets", "wire_rx_packets"), ("receive_bytes", "wire_rx_bytes"),
                      ("transmit_packets", "wire_tx_packets"), ("transmit_bytes", "wire_tx_bytes"),
                      ("forwarded_packets", "forwarded"), ("punted_packets", "punted"),
                      ("injected_packets", "injected")):
        value = sample(now, f"weft_port_{name}_total", **where)
        assert 0 < before[key] <= value <= after[key], name
    assert sample(now, "weft_vnet_forwarded_packets_total", vnet="red") >= 50
    assert sample(now, "weft_vnet_punts_total", vnet="red", **{"class": "control"}) > 0
    assert sample(now, "weft_vnet_running", vnet="red") == 1
    assert sample(now, "weft_vnet_nodes", vnet="red", state="ready") == 5 == sample(now, "weft_vnet_nodes")
    assert sample(now, "weft_vnet_links", vnet="red") == sample(now, "weft_vnet_links_up", vnet="red") == 5
    assert sample(now, "weft_node_state", vnet="red", node="r2", kind="router", state="ready") == 1
    fib = weft.node("red", "r1")["fib"][0]
    assert sample(now, "weft_fib_routes", node="r1", table="254", family="ipv4") == fib["ipv4"]
    assert sample(now, "weft_intake_routes", node="r1", family="ipv4") > 0
    assert sample(now, "weft_intake_messages_total", node="r1") > 20
    assert sample(now, "weft_intake_neighbours", node="r1") > 0
    assert sample(now, "weft_guest_up") == sample(now, "weft_intake_synced") == 3
    assert sample(now, "weft_guest_cpu_seconds_total", node="r1") > 0.1
    assert sample(now, "weft_guest_resident_memory_bytes", node="r1") > 20 << 20
    assert sample(now, "weft_worker_packets_total") > 100
    assert sample(now, "weft_engine_buffers") > sample(now, "weft_engine_buffers_used")
    assert sample(now, "process_resident_memory_bytes") > 1 << 20


def test_the_worker_is_busy_when_it_forwards(weft):
    def busy():
        return sample(parse(text()), "weft_worker_busy_seconds_total")
    before, packets = busy(), sample(parse(text()), "weft_worker_packets_total")
    weft.exec("red", "h1", BIN / "blast", "udp", H2, 9, 200_000)
    await_true("the worker has been busy", 20, lambda: busy() - before > 0.005)
    assert sample(parse(text()), "weft_worker_packets_total") - packets > 10_000


def test_the_port_for_prometheus(weft):
    status, kind, body = fetch(http.client.HTTPConnection("127.0.0.1", PORT, timeout=30))
    assert status == 200 and kind.startswith("text/plain; version=0.0.4")
    assert set(parse(body)) == set(parse(text()))
    for path in "/v1/vnets", "/v1/version", "/", "/metrics/x":
        assert fetch(http.client.HTTPConnection("127.0.0.1", PORT, timeout=30), path)[0] == 404
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)) as c:
        c.request("DELETE", "/v1/vnets/red")
        assert c.getresponse().status >= 400
    assert weft.json("inspect", "red")["state"] == "running"


@pytest.mark.parametrize("address", ["0.0.0.0:9551", "192.0.2.1:9551", "[::]:9551", "localhost:9551",
                                     "127.0.0.1", "127.0.0.1:0", "x", f"127.0.0.1:{PORT}"])
def test_nowhere_else(address):
    """And a weftd that cannot have its port says so and ends."""
    with tempfile.TemporaryDirectory(prefix="weft-") as where:
        env = dict(os.environ, WEFT_RUN=where, WEFT_STATE=where, WEFT_METRICS=address)
        done = subprocess.run([BIN / "weftd"], env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and f"WEFT_METRICS={address}: " in done.stderr
    assert ("in use" if str(PORT) in address else "loopback") in done.stderr


def test_ends_are_counted(weft):
    """A guest's and the engine's."""
    pid = weft.node("red", "r2")["pid"]
    os.kill(pid, signal.SIGKILL)
    await_true("the end of r2's guest is counted", 30, lambda: sample(
        parse(text()), "weft_guest_restarts_total", node="r2") == 1)
    kill(weft.engine_pid())
    await_true("the engine's end is counted, and there is another", 30, lambda: [
        sample(parse(text()), n) for n in ("weft_engine_deaths_total", "weft_engine_up")] == [1, 1])
    await_true("r2 is ready again", 120, lambda: sample(
        parse(text()), "weft_node_state", node="r2", state="ready") == 1)
    assert not alive(pid) and pathlib.Path(f"/proc/{weft.engine_pid()}").exists()
