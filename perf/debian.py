# SPDX-License-Identifier: Apache-2.0
"""What is measured beside Weft comes from Debian: sources and packages, fetched with apt into
build/peers and unpacked there. Nothing of the machine's own apt or of its packages changes."""
import hashlib
import os
import pathlib
import re
import shutil

from perf.lab import SRC, LabError, command, say

PEERS = SRC / "build/peers"
APT = PEERS / "apt"
ETC = pathlib.Path("/etc/apt")


def _codename():
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.split("=", 1)[1].strip('"')
    raise LabError("/etc/os-release names no Debian release")


def _wanted(suite, components):
    return suite.split("-")[0] == _codename() and "main" in components


def _one_line(line):
    """An entry of sources.list(5), for sources as well; [] if it is another archive's."""
    found = re.match(r"deb\s+(\[.*?\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
    if not found or not _wanted(found[3], found[4].split()) or found[2].startswith("cdrom:"):
        return []
    return [line, f"deb-src{line[3:]}"]


def _stanza(text):
    """The same of a deb822 file, as one-line entries."""
    keys, key = {}, ""
    for line in text.splitlines():
        if line[:1].isspace():
            keys[key] = f"{keys.get(key, '')} {line.strip()}"
        elif ":" in line and not line.startswith("#"):
            key, value = line.split(":", 1)
            key = key.lower()
            keys[key] = value.strip()
    if "deb" not in keys.get("types", "").split() or keys.get("enabled", "yes") == "no":
        return []
    signed = keys.get("signed-by", "")
    option = f"[signed-by={signed}] " if signed.startswith("/") else ""
    return [entry for uri in keys.get("uris", "").split()
            for suite in keys.get("suites", "").split()
            for entry in _one_line(f"deb {option}{uri} {suite} {keys.get('components', '')}")]


def _sources():
    """The machine's own mirrors of its Debian release."""
    entries = []
    for path in [ETC / "sources.list", *sorted((ETC / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        if path.suffix == ".list":
            entries += [e for line in path.read_text().splitlines()
                        for e in _one_line(line.strip())]
        elif path.suffix == ".sources":
            entries += [e for part in path.read_text().split("\n\n") for e in _stanza(part)]
    if not entries:
        raise LabError(f"{ETC}: no mirror of Debian {_codename()} is configured")
    return list(dict.fromkeys(entries))


def _apt(*argv, cwd=APT):
    options = {"Dir::Etc::SourceList": APT / "sources.list", "Dir::Etc::SourceParts": "-",
               "Dir::State": APT / "state", "Dir::State::Status": "/var/lib/dpkg/status",
               "Dir::Cache": APT / "cache", "APT::Sandbox::User": "root"}
    flags = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    return command("env", "-C", cwd, "LC_ALL=C", "apt-get", "-qq", *flags, *argv)


def _update():
    for name in ("state/lists/partial", "cache/archives/partial"):
        (APT / name).mkdir(parents=True, exist_ok=True)
    (APT / "sources.list").write_text("\n".join(_sources()) + "\n")
    _apt("update")


def _made(name, what, make):
    """build/peers/NAME-DIGEST, made once by make(directory); another digest of `what` replaces
    it."""
    digest = hashlib.sha256(repr(what).encode()).hexdigest()[:12]
    path, work = PEERS / f"{name}-{digest}", PEERS / f"{name}.new"
    if path.is_dir():
        return path
    say(f"fetching and building {name}")
    for old in [work, *PEERS.glob(f"{name}-*")]:
        shutil.rmtree(old, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        make(work)
        os.rename(work, path)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(APT, ignore_errors=True)
    return path


def _dpdk_version():
    return command("dpkg-query", "-W", "-f", "${source:Version}", "libdpdk-dev")


def _patch(path, pairs):
    text = path.read_text()
    for old, new in pairs:
        if text.count(old) != 1:
            raise LabError(f"{path}: '{old}' is there {text.count(old)} times")
        text = text.replace(old, new)
    path.write_text(text)


def l3fwd(patches, flags):
    """DPDK's example of our DPDK's version, built. patches: file -> (old, new) pairs."""
    version = _dpdk_version()

    def make(work):
        _update()
        _apt("source", f"dpdk={version}", cwd=work)
        source = next(work.glob("dpdk-*/examples/l3fwd"))
        for name, pairs in patches.items():
            _patch(source / name, pairs)
        config = [command("pkg-config", what, "libdpdk").split() for what in ("--cflags", "--libs")]
        files = ["main.c", *(p.name for p in source.glob("l3fwd_*.c"))]
        command("env", "-C", source, "cc", *config[0], *flags, "-I../common", *files, "-o",
                work / "l3fwd", *config[1])
        for left in work.glob("dpdk*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    return _made("l3fwd", (version, patches, flags), make) / "l3fwd"


def packages(name, *wanted):
    """What the packages and those that they need have in them and the machine has not, unpacked
    below the directory that is returned."""
    def make(work):
        _update()
        _apt("install", "--download-only", "--no-install-recommends", "-y", *wanted)
        for package in (APT / "cache/archives").glob("*.deb"):
            command("dpkg-deb", "-x", package, work)

    return _made(name, (_dpdk_version(), wanted), make)
