# SPDX-License-Identifier: Apache-2.0
"""A bed that cannot run here is skipped, for ctest as well: status 77."""
import pytest

SKIPPED = 77


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter.stats.get("skipped") and not reporter.stats.get("passed"):
        for why in sorted({report.longrepr[2] for report in reporter.stats["skipped"]}):
            reporter.write_line(why)
        session.exitstatus = SKIPPED


@pytest.fixture
def proved(capsys):
    """What a bed has proved, in a line that is seen in the log."""
    def say(text):
        with capsys.disabled():
            print(f"\nproved: {text}")
    return say
