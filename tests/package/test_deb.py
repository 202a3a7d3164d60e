# SPDX-License-Identifier: Apache-2.0
"""The Debian packages on a fresh Debian 12 that systemd runs, in a container: the tutorial, command by
command; a restart of the service and of the machine; removal. Needs Debian's mirrors."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess

import pytest
from weft import BIN, SRC, await_true

PREPARE = """set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends ./root/weft.deb ./root/weft-images.deb iputils-ping
"""


def commands(document):
    """The lines of the shell blocks of a document."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", document.read_text(), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def nspawn(root, *argv, **kw):
    """DPDK looks into /sys/module, weftd sets a limit of sockets below /proc/sys."""
    return subprocess.Popen(
        ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--capability=all", "--bind=/dev/net/tun",
         "--bind-ro=/sys/module", "-D", root, *argv],
        env=dict(os.environ, SYSTEMD_NSPAWN_API_VFS_WRITABLE="yes"), stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT, text=True, **kw)


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def end(process):
    """A container that still runs, and all that is in it: with its first process."""
    if process.poll() is None:
        for child in children(process.pid):
            os.kill(child, signal.SIGKILL)
        process.wait(timeout=10)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A fresh Debian with the packages in it; what needs the network has been done."""
    tmp = tmp_path_factory.mktemp("deb")
    os.chmod(tmp, 0o755)
    subprocess.run(["cpack", "-B", tmp], cwd=BIN.parent, check=True, timeout=120, stdout=subprocess.DEVNULL)
    weft = next(tmp.glob("*.deb"))
    version = weft.name.split("_")[1]
    subprocess.run([SRC / "packaging/images.sh", tmp, version, BIN / "weft-agent", "strip"], check=True, timeout=200,
                   stdout=subprocess.DEVNULL)
    where = tmp / "root"
    sources = pathlib.Path("/etc/apt/sources.list.d/debian.sources")
    prepare = None
    try:
        made = subprocess.run(["mmdebstrap", "--variant=minbase",
                               "--include=systemd,systemd-sysv,dbus,procps,ca-certificates", "bookworm", where,
                               *([sources] if sources.exists() else [])], capture_output=True, text=True, timeout=400)
        assert made.returncode == 0, made.stderr
        weft.rename(where / "root/weft.deb")
        (tmp / f"weft-images_{version}_amd64.deb").rename(where / "root/weft-images.deb")
        prepare = nspawn(where, "--pipe", "sh", "-c", PREPARE, stdout=subprocess.PIPE)
        said, _ = prepare.communicate(timeout=400)
        assert prepare.returncode == 0, said[-3000:]
        yield where
    finally:
        if prepare:
            end(prepare)
        subprocess.run(["rm", "-rf", "--one-file-system", where], check=True)


class Machine:
    def __init__(self, leader):
        self.leader = leader

    def run(self, command, status=0, timeout=120):
        done = subprocess.run(["nsenter", "-t", str(self.leader), "-a", "sh", "-c", command], timeout=timeout,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert status is None or done.returncode == status, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr


@contextlib.contextmanager
def booted(root):
    """With a network of its own. Switched off in the end."""
    process = nspawn(root, "--boot", "--private-network", stdout=subprocess.DEVNULL)
    try:
        machine = Machine(await_true("the container's init", 30, lambda: children(process.pid))[0])
        await_true("the machine is up", 60, lambda: "running" in machine.run("systemctl is-system-running", None))
        yield machine
        machine.run("systemctl poweroff", None)
        process.wait(timeout=60)
    finally:
        end(process)


def test_package(root):
    tutorial = commands(SRC / "docs/tutorial.md")
    assert len(tutorial) > 8
    with booted(root) as machine:
        assert machine.run("systemctl is-active weftd") == "active\n"
        for command in tutorial:
            machine.run(command)
        machine.run("weft deploy /usr/share/weft/examples/lan/lan.clab.yml")
        engine = machine.run("pgrep -x weft-dp")
        machine.run("systemctl restart weftd")
        assert machine.run("pgrep -x weft-dp") == engine  # the new weftd has taken over
        machine.run("until weft exec lan h1 -- ping -c 1 -W 1 10.0.3.10; do sleep 0.1; done")
    with booted(root) as machine:  # vnets come back with the machine
        machine.run("until weft exec lan h1 -- ping -c 1 -W 1 10.0.3.10; do sleep 0.1; done")
        machine.run("dpkg --purge weft-images")
        assert machine.run("find /var/lib/weft/images -name vmlinuz -o -name template") == ""
        machine.run("dpkg --purge weft")
        assert machine.run("pgrep weft; pgrep qemu; ls /var/lib/weft /run/weft /run/netns/* 2>/dev/null", None) == ""
