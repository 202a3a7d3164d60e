# SPDX-License-Identifier: Apache-2.0
"""200 clones of one template, and nothing by which one could be taken for another. Two CPUs carry some
130 at a time: the first hundred sleep on disk while the second is looked at."""
import pytest

import clones as tools
from weft import await_true


@pytest.fixture(scope="module")
def first(weft, tmp_path_factory):
    return tools.Clones(weft, tmp_path_factory.mktemp("first"), 100, vnet="first")


@pytest.fixture(scope="module")
def identities(weft, first):
    found = first.identities()
    weft.run("hibernate", "first")
    return found


@pytest.fixture(scope="module")
def second(weft, identities, tmp_path_factory):
    return tools.Clones(weft, tmp_path_factory.mktemp("second"), 100, vnet="second", first=100)


def test_each_is_somebody_else(identities, second):
    everybody = identities | second.identities()
    assert len(everybody) == 200
    assert not tools.shared(everybody)


def test_clocks(second):
    tools.check_clocks(second)


def test_the_template_stays_as_it_is(second):
    tools.check_template_stays(second)


def test_the_first_are_who_they_were(weft, first, identities, second):
    """They go on where they were; what they draw from now on is their own as well."""
    weft.run("destroy", "second")
    weft.run("resume", "first")
    tools.all_ready(first.api, ["first"], tools.LIMIT)
    after = first.identities()
    for name in first.names:
        same = {what for what in tools.NAMES if after[name][what] == identities[name][what]}
        assert same == {"machine-id", "boot_id", "mac", "hostname", "router-id"}, name
    assert not tools.shared(after)
    # A hundred that go on at once answer late; they are told the time again until they do not.
    await_true("all know the time", 150, lambda: max(
        map(abs, first.clock_offsets_ms().values())) < tools.CLOCK_MS)
