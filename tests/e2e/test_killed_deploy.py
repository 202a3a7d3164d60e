# SPDX-License-Identifier: Apache-2.0
"""weftd is killed in the middle of a deploy of 50, also while the template for them is being built."""
import pathlib
import shutil

from perf.api import Api, all_ready
from weft import RUN, STATE, await_true, kill

import clones as tools

COUNT = 50


def machines():
    """pids of the machine processes of this instance, templates' too."""
    found = set()
    for proc in pathlib.Path("/proc").iterdir():
        if proc.name.isdigit():
            try:
                command = proc.joinpath("cmdline").read_bytes()
            except OSError:
                continue
            if b"qemu-system" in command.split(b"\0")[0] and RUN.encode() in command:
                found.add(int(proc.name))
    return found


def test_killed_in_the_middle(weft, tmp_path):
    (tmp_path / "clones.clab.yml").write_text(tools.topology("clones", 0, COUNT))
    (tmp_path / "daemons").write_text(tools.DAEMONS)
    shutil.rmtree(next(STATE.glob("images/frr/template")))
    weft.deploy(tmp_path / "clones.clab.yml", "--no-wait")
    await_true("a template is being built", 30, machines)
    kill(weft.daemon_pid())

    weft.deploy(tmp_path / "clones.clab.yml", "--no-wait")  # starts another weftd
    api = Api(RUN)

    def ready():
        return {n["name"]: n["pid"] for n in api.routers("clones") if n["state"] == "ready"}
    before = await_true("some are ready", 120, lambda: len(r := ready()) >= 10 and r)
    kill(weft.daemon_pid())
    assert len(before) < COUNT

    weft.deploy(tmp_path / "clones.clab.yml")
    all_ready(api, ["clones"], tools.LIMIT)
    after = ready()
    assert len(set(after.values())) == COUNT and machines() == set(after.values())
    assert {name: after[name] for name in before} == before  # what was not killed goes on
    assert all(n["boot"] == "clone" and n["restarts"] == 0 for n in api.routers("clones"))
    weft.run("destroy", "clones")
    assert not machines()
