# SPDX-License-Identifier: Apache-2.0
"""200 clones of one template, and nothing by which one could be taken for another."""
import pytest

import clones as tools


@pytest.fixture(scope="module")
def clones(weft, tmp_path_factory):
    return tools.Clones(weft, tmp_path_factory.mktemp("clones"), 200)


def test_each_is_somebody_else(clones):
    tools.check_identity(clones)


def test_clocks(clones):
    tools.check_clocks(clones)


def test_the_template_stays_as_it_is(clones):
    tools.check_template_stays(clones)


def test_a_restart_is_the_same_router_and_another_guest(clones):
    tools.check_restart(clones)
