# SPDX-License-Identifier: Apache-2.0
"""What is installed works from where it is installed, and its pages say what the programs say."""
import os
import re
import subprocess
import textwrap

import pytest
import weft as tools


def run(*argv, status=0, **kw):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **kw)
    assert done.returncode == status, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    where = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", tools.BIN.parent, "--prefix", where)
    return where


def verbs(prefix):
    return re.findall(r"^  ([a-z]+) ", run(prefix / "bin/weft", "--help"), re.M)


def page(path):
    """As man shows it, without hyphenation and line breaks; man has no complaint about it."""
    shown = subprocess.run(["man", "--warnings", "--nh", "-l", path], capture_output=True, text=True,
                           env=dict(os.environ, MANWIDTH="1000", LC_ALL="C.UTF-8"), timeout=60)
    assert shown.returncode == 0 and not shown.stderr, shown.stderr
    return shown.stdout.replace("\u2010", "-").replace("\u2212", "-")


def words(text):
    """Words, and options with their dashes."""
    return set(re.findall(r"[\w-]+", text))


def test_each_verb_has_a_page(prefix):
    pages = prefix / "share/man/man1"
    assert len(verbs(prefix)) > 10
    for verb in verbs(prefix):
        text = page(pages / f"weft-{verb}.1")
        said = run(prefix / "bin/weft", verb, "--help")
        assert f"weft-{verb} - " in text
        assert not words(said.lower()) - {"usage"} - words(text.lower())
        for example in re.findall(r"^  (weft .*)$", said.split("Example")[1], re.M):
            assert example in text


@pytest.mark.parametrize("program", ["weftd", "weft-dp", "weft-vmm"])
def test_programs_have_pages(prefix, program):
    text = page(prefix / f"share/man/man8/{program}.8")
    options = re.findall(r"^  .*?(--[a-z-]+)", run(prefix / f"bin/{program}", "--help"), re.M)
    assert len(options) > 2 and set(options) <= words(text)


def complete(prefix, line):
    """What bash offers at the end of the line."""
    script = textwrap.dedent(f"""
        . /usr/share/bash-completion/bash_completion
        . {prefix}/share/bash-completion/completions/weft
        COMP_LINE='{line}' COMP_POINT={len(line)}
        read -ra COMP_WORDS <<<"$COMP_LINE"
        [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _weft 2>/dev/null
        printf '%s\\n' "${{COMPREPLY[@]}}" """)
    return run("bash", "-c", script, env=dict(tools.ENV, PATH=f"{prefix}/bin:{os.environ['PATH']}")).split()


def test_completion_of_verbs_and_options(prefix):
    assert complete(prefix, "weft dep") == ["deploy"]
    assert set(verbs(prefix)) <= set(complete(prefix, "weft "))
    assert "--timeout" in complete(prefix, "weft deploy --t")
    said = run(prefix / "bin/weft", "link", "--help")
    forms = set("|".join(re.findall(r"weft link ([a-z|]+) VNET", said)).split("|"))
    assert set(complete(prefix, "weft link ")) == forms and len(forms) == 5


def test_unit(prefix, tmp_path):
    unit = (prefix / "lib/systemd/system/weftd.service").read_text()
    there = tmp_path / "weftd.service"
    there.write_text(unit.replace("/usr/bin/", f"{prefix}/bin/").replace("Documentation=", "#"))
    assert run("systemd-analyze", "verify", "--man=no", there) == ""


@pytest.fixture
def pair(prefix, weft, tmp_path):
    """Hosts alone, deployed by what is installed."""
    file = tmp_path / "pair.clab.yml"
    file.write_text(tools.PAIR)
    return file


def test_installed_tree_works(prefix, pair):
    weft = prefix / "bin/weft"
    assert "pair is ready" in run(weft, "deploy", pair, env=tools.ENV)
    assert str(prefix) in os.readlink(f"/proc/{pid_of_weftd(weft)}/exe")
    run(weft, "exec", "pair", "h1", "--", "ping", "-c", "1", "-W", "5", "10.0.0.2", env=tools.ENV)
    assert complete(prefix, "weft inspect ") == ["pair"]
    assert complete(prefix, "weft exec pair h") == ["h1", "h2"]
    run(weft, "destroy", "--all", env=tools.ENV)


def pid_of_weftd(weft):
    return re.search(r'"pid": (\d+)', run(weft, "version", "--format", "json", env=tools.ENV).split("weftd")[1])[1]


def test_engine_that_does_not_start(prefix, pair):
    """Hosts are ready at once; without an engine the vnet is not, and deploy says why."""
    weft, engine = prefix / "bin/weft", prefix / "bin/weft-dp"
    good = engine.read_bytes()
    engine.unlink()
    engine.write_text("#!/bin/sh\necho this machine is not for me\nexit 1\n")
    engine.chmod(0o755)
    try:
        said = run(weft, "deploy", pair, status=1, env=tools.ENV)
        assert "the engine does not run: it has ended or could not be started 3 times in a row" in said
        assert "ended with status 1" in said and "weft-dp.log may say more" in said
        assert "Nothing is forwarded" in run(weft, "inspect", "pair", env=tools.ENV)
        assert '"state": "degraded"' in run(weft, "inspect", "pair", "--format", "json", env=tools.ENV)
        engine.unlink()
        engine.write_bytes(good)
        engine.chmod(0o755)
        tools.await_true("the engine runs", 30, lambda: '"engine": null' in run(
            weft, "inspect", "pair", "--format", "json", env=tools.ENV))
        assert "pair is ready" in run(weft, "deploy", pair, env=tools.ENV)
    finally:
        run(weft, "destroy", "--all", env=tools.ENV)
