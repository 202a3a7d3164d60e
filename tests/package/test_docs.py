# SPDX-License-Identifier: Apache-2.0
"""Documents name what there is: links lead somewhere, commands and options exist, each verb is explained."""
import functools
import re
import subprocess

import pytest
from weft import BIN, SRC

PAGES = [SRC / "README.md", SRC / "configs/README.md", *sorted((SRC / "docs").glob("*.md"))]


@functools.cache
def help_of(verb=None):
    done = subprocess.run([BIN / "weft", *([verb] if verb else []), "--help"], capture_output=True, text=True,
                          timeout=10, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"weft {verb} --help: {done.stderr}"
    return done.stdout


def verbs():
    return re.findall(r"^  ([a-z]+) ", help_of(), re.M)


def anchors(path):
    """As forges make them of headings."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands(page):
    """What stands in code as `weft VERB --option` is a verb with that option."""
    text = page.read_text()
    code = re.findall(r"`([^`\n]+)`", text) + "\n".join(re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)).split("\n")
    for line in code:
        for command in re.findall(r"(?:^|[|;$] ?|-- )(?:\w+=\S+ )?weft ([a-z]+\b[^|;#]*)", line):
            verb, *words = command.split()
            assert verb in verbs(), line
            own = words[:words.index("--")] if "--" in words else words
            for option in re.findall(r"--[a-z][a-z-]*", " ".join(own)):
                assert option in help_of(verb), line


def test_each_verb_is_in_the_reference():
    rows = "\n".join(re.findall(r"^\| .*$", (SRC / "docs/cli.md").read_text(), re.M))
    assert len(verbs()) > 10
    for verb in verbs():
        assert re.search(rf"`{verb}\b", rows), verb


def test_each_page_is_in_the_readme():
    readme = (SRC / "README.md").read_text()
    for page in PAGES:
        assert page.parent.name != "docs" or f"docs/{page.name}" in readme, page.name
