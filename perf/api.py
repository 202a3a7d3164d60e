# SPDX-License-Identifier: Apache-2.0
"""weftd's API (docs/api.md) without a program started for each call: polling costs little so."""
import base64
import http.client
import json
import socket
import time

TIMEOUT = 300  # seconds for an answer: weftd may be starting a hundred guests


class ApiError(Exception):
    pass


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("weftd", timeout=TIMEOUT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Api:
    """An instance by its run directory. May be used by several threads."""

    def __init__(self, run):
        self.path = f"{run}/weftd.sock"

    def call(self, method, path, body=None):
        """The answer's bytes; ApiError with weftd's sentence."""
        connection = _Connection(self.path)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise ApiError(json.loads(data).get("error", f"status {answer.status}"))
        return data

    def get(self, path):
        return json.loads(self.call("GET", path))

    def vnet(self, vnet):
        return self.get(f"/v1/vnets/{vnet}")

    def routers(self, vnet):
        return [n for n in self.vnet(vnet)["nodes"] if n["kind"] == "router"]

    def prefixes(self, vnet, node):
        return {r["prefix"] for r in self.get(f"/v1/vnets/{vnet}/nodes/{node}/routes")["routes"]}

    def exec(self, vnet, node, *argv):
        """What the command wrote to standard output; ApiError unless it exits 0."""
        out, lines = b"", self.call("POST", f"/v1/vnets/{vnet}/nodes/{node}/exec",
                                    {"argv": argv, "stdin": ""})
        for line in map(json.loads, lines.splitlines()):
            out += base64.b64decode(line.get("stdout", ""))
            if "error" in line or line.get("exit"):
                raise ApiError(f"{vnet}/{node}: {argv}: {line}")
        return out.decode(errors="replace")


def is_clone(node):
    return node.get("boot") == "clone"


def all_ready(api, vnets, seconds, say=lambda text: None):
    """Waits until every node of the vnets is ready. Seconds that took, and the routers: a list of
    (vnet, node). TimeoutError with how far it came; a node that failed ends it at once."""
    began = time.monotonic()
    waiting, routers = list(vnets), []
    while waiting:
        vnet, left, asked = waiting[0], [], time.monotonic()
        nodes = api.vnet(vnet)["nodes"]
        pause = max(0.2, 10 * (time.monotonic() - asked))  # so that asking costs a tenth at most
        for node in nodes:
            if node["state"] == "failed":
                raise ApiError(f"{vnet}/{node['name']} failed: {node['error']}")
            if node["state"] != "ready":
                left.append(node["name"])
            elif node["kind"] == "router":
                routers.append((vnet, node))
        took = time.monotonic() - began
        if not left:
            waiting.pop(0)
            continue
        routers = [r for r in routers if r[0] != vnet]
        say(f"{vnet}: {len(left)} nodes to go, {len(waiting)} vnets")
        if took > seconds:
            raise TimeoutError(f"not ready within {seconds:.0f} s: {len(left)} nodes of {vnet}, "
                               f"{' '.join(left[:10])}")
        time.sleep(pause)
    return time.monotonic() - began, routers
