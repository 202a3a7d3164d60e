# SPDX-License-Identifier: Apache-2.0
"""The folders are the architecture: no include and no link runs against the arrows."""
import os
import pathlib
import re

SRC = pathlib.Path(os.environ["WEFT_SRC"])

# folder -> folders it may include; a value names the only header it may take from there.
ARROWS = {
    "base": {},
    "fib": {"base": None},
    "virtio": {"base": None},
    "dataplane": {"fib": None, "base": None},
    "hv": {"virtio": None, "base": None},
    "vrouter": {"hv": "hv/hv.h", "base": None},
    "control": {"vrouter": None, "dataplane": "dataplane/api.h", "base": None, "hv": "hv/hv.h"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def wrong_includes(folder, text, name):
    for path in INCLUDE.findall(text):
        to = path.split("/")[0]
        if to == folder:
            continue
        allowed = ARROWS[folder]
        if "/" not in path or to not in allowed:
            yield f"{name} includes {path}"
        elif allowed[to] and path != allowed[to]:
            yield f"{name} includes {path}, but only {allowed[to]} is its folder's face"
        elif path.endswith("_priv.h"):
            yield f"{name} includes {path}, which must not leave its folder"


def test_includes():
    wrong = []
    for folder in ARROWS:
        for path in (SRC / folder).rglob("*.[ch]"):
            wrong += wrong_includes(folder, path.read_text(), path.relative_to(SRC))
    assert not wrong, "\n".join(wrong)


def test_links():
    wrong = []
    for folder in ARROWS:
        cmake = SRC / folder / "CMakeLists.txt"
        text = cmake.read_text() if cmake.exists() else ""
        call = re.search(r"weft_library\(%s\b(.*?)\)" % folder, text, re.S)
        deps = re.search(r"\bDEPS\s+([a-z\s]+)", call.group(1)) if call else None
        for dep in deps.group(1).split() if deps else []:
            if dep not in ARROWS[folder]:
                wrong.append(f"{folder}/CMakeLists.txt links {dep}")
    assert not wrong, "\n".join(wrong)


def test_it_notices():
    assert list(wrong_includes("base", '#include "fib/fib.h"\n', "x"))
    assert list(wrong_includes("control", '#include "dataplane/worker.h"\n', "x"))
    assert list(wrong_includes("dataplane", '#include "fib/fib_priv.h"\n', "x"))
    assert not list(wrong_includes("dataplane", '#include "fib/fib.h"\n#include <fib.h>\n', "x"))
