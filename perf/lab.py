# SPDX-License-Identifier: Apache-2.0
"""What is measured: a build, and an instance of Weft of its own that is gone afterwards, whatever
happens."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from perf.api import Api

SRC = pathlib.Path(__file__).resolve().parent.parent
BIN = SRC / "build/release/bin"
RUN = "/run/weft-perf"
STATE = SRC / "build/perf-state"
CLEAN_TRIES = 10  # weftd may be busy with what it was last asked for


class LabError(Exception):
    pass


def say(text):
    """Progress, on a terminal alone."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text[:78]:<78}\r" if text else f"\r{'':<78}\r")
        sys.stderr.flush()


def command(*argv, timeout=1800, env=None):
    """Standard output; LabError with the end of standard error when it fails."""
    done = subprocess.run([*map(str, argv)], cwd=SRC, env=env, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()[-20:]
        raise LabError("\n".join([f"{' '.join(map(str, argv))} failed:", *lines]))
    return done.stdout


def build():
    say("building")
    command("cmake", "--preset", "release")
    command("cmake", "--build", "--preset", "release")


class Lab:
    """with Lab() as lab: nothing is deployed before and after."""

    def __init__(self):
        self.api = Api(RUN)
        self.env = dict(os.environ, WEFT_RUN=RUN, WEFT_STATE=str(STATE))
        self.dir = None

    def weft(self, *argv):
        return command(BIN / "weft", *argv, env=self.env)

    def clean(self):
        for left in reversed(range(CLEAN_TRIES)):
            try:
                return self.weft("destroy", "--all")
            except LabError:
                if not left:
                    raise

    def __enter__(self):
        self.clean()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="weft-perf-"))
        return self

    def __exit__(self, *_):
        # A second Ctrl-C does not leave machines behind.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        say("cleaning up")
        shutil.rmtree(self.dir, ignore_errors=True)
        self.clean()
        say("")

    def images(self, *names):
        for name in names:
            say(f"building the image {name}")
            self.weft("image", "build", name)

    def deploy(self, path):
        """Asks for it; does not wait."""
        self.weft("deploy", "--no-wait", path)
