# SPDX-License-Identifier: Apache-2.0
"""The sides of a measurement of forwarding: programs that take the same frames, take turns on one
core that each has alone, and count what they have sent on."""
import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from perf.lab import LabError

START_LIMIT = 60  # seconds until a program answers
LOG_LINES = 15  # shown when it fails
WARM = 0.25


class Program:
    """A process that is killed at the end, and also when we are. `first`: before others of its
    machine (sched(7), autogroup). `pipes`: child.stdin and child.stdout are ours, of text."""

    def __init__(self, name, directory, *argv, env=None, first=True, pipes=False):
        self.name = name
        self.log = tempfile.TemporaryFile("w+", dir=directory)
        self.child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, argv)],
                                      stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                                      stdout=subprocess.PIPE if pipes else subprocess.DEVNULL,
                                      text=pipes,
                                      stderr=self.log, start_new_session=True, cwd=directory,
                                      env=env)
        if first:
            with contextlib.suppress(OSError):
                pathlib.Path(f"/proc/{self.pid}/autogroup").write_text("-20\n")

    @property
    def pid(self):
        return self.child.pid

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def fail(self, why):
        lines = self.text().strip().splitlines()[-LOG_LINES:]
        raise LabError("\n".join([f"{self.name}: {why}", *lines]))

    def until(self, ready, what, limit=START_LIMIT):
        """Waits for ready() to be neither None nor false."""
        end = time.monotonic() + limit
        while True:
            if self.child.poll() is not None:
                self.fail(f"ended with {self.child.returncode}")
            with contextlib.suppress(OSError):
                found = ready()
                if found:
                    return found
            if time.monotonic() > end:
                self.fail(f"{what} within {limit} s")
            time.sleep(0.02)

    def stop(self):
        self.child.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.child.send_signal(signal.SIGCONT)

    def pin(self, cpu, threads):
        """Its threads of that name to cpu. A thread has its name a moment after it has begun."""
        def found():
            return [int(task.name) for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir()
                    if (task / "comm").read_text().strip() == threads]

        for task in self.until(found, f"no thread '{threads}'"):
            os.sched_setaffinity(task, {cpu})

    def nice(self, threads, value):
        """Its threads of that name before others (below 0) or behind them."""
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            if (task / "comm").read_text().strip() == threads:
                os.setpriority(os.PRIO_PROCESS, int(task.name), value)

    def end(self):
        self.child.kill()
        self.child.wait()
        self.log.close()


class Side(contextlib.AbstractContextManager):
    """What takes part: `sent()` is how many packets it has sent on so far."""

    name = None
    program = None

    def __exit__(self, *_):
        if self.program:
            self.program.end()

    def go_on(self):
        self.program.go_on()

    def stop(self):
        self.program.stop()

    def sent(self):
        raise NotImplementedError

    def check(self):
        """LabError if anything went another way than it should."""


def rate(side, seconds):
    """Packets a second, in a turn of its own."""
    side.go_on()
    try:
        time.sleep(WARM)
        began, before = _sample(side)
        time.sleep(seconds)
        ended, after = _sample(side)
        side.check()
    finally:
        side.stop()
    if after <= before:
        raise LabError(f"{side.name}: sent nothing on within {seconds} s")
    return (after - before) / (ended - began)


def _sample(side):
    """(when, packets sent): the answer was made about half-way between question and arrival."""
    asked = time.monotonic()
    sent = side.sent()
    return (asked + time.monotonic()) / 2, sent


class Cleanup(contextlib.ExitStack):
    """A second Ctrl-C does not leave anything behind."""

    def __exit__(self, *details):
        signals = (signal.SIGINT, signal.SIGTERM)
        former = [signal.signal(number, signal.SIG_IGN) for number in signals]
        try:
            return super().__exit__(*details)
        finally:
            for number, handler in zip(signals, former):
                signal.signal(number, handler)
