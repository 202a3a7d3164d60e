# SPDX-License-Identifier: Apache-2.0
"""Each call of the API is in its documentation, with whom it is for."""
import os
import pathlib
import re

SRC = pathlib.Path(os.environ["WEFT_SRC"])


def table():
    """{(method, path): who}"""
    text = (SRC / "control/api_calls.c").read_text()
    return {(m, p): who for m, p, who in re.findall(r'\{ EVHTTP_REQ_(\w+), "([^"]+)", API_(\w+) \}', text)}


def documented():
    """(method, path), names as \"*\"."""
    text = (SRC / "docs/api.md").read_text()
    calls = set()
    for row in re.findall(r"^\| (`[A-Z]+ /.*?`) \|", text, re.M):
        method, before = None, ""
        for call in re.findall(r"`([^`]+)`", row):
            found = re.match(r"([A-Z]+) (.*)", call)
            if found:
                method, path = found.groups()
                before = path.rsplit("/", 1)[0]
            else:  # "`.../hibernate`": as the one before
                path = before + call.removeprefix("...")
            path = path.split("?")[0]
            path = re.sub(r"/(V|N|U|NODE:PORT)(?=/|$)", "/*", path)
            calls.add((method, path))
    return calls


def test_documentation_has_each_call():
    assert len(table()) > 20
    assert documented() == set(table())


def test_documentation_says_whose_they_are():
    text = (SRC / "docs/tenants.md").read_text()
    said = dict(re.findall(r"^\| (the operator|a vnet's owner|everybody) \| (.*) \|$", text, re.M))
    words = {"OPERATOR": "the operator", "OWNER": "a vnet's owner", "NEW": "a vnet's owner", "USER": "everybody"}
    for (method, path), who in table().items():
        name = f"`{method} {path}`"
        assert [w for w, calls in said.items() if name in calls] == [words[who]], name
