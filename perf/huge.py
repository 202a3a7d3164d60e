# SPDX-License-Identifier: Apache-2.0
"""Huge pages for a program that is measured, given back afterwards."""
import pathlib

from perf.lab import LabError

DIR = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
PAGE_MIB = 2


def _read(name):
    return int((DIR / name).read_text())


def _write(pages):
    (DIR / "nr_hugepages").write_text(f"{pages}\n")


class HugePages:
    """with HugePages(mib): so many MiB are free. Others may reserve and give back meanwhile: only
    what was added is taken away. No hugetlbfs is needed by who maps them without a file."""

    def __init__(self, mib):
        self.wanted = (mib + PAGE_MIB - 1) // PAGE_MIB
        self.added = 0

    def __enter__(self):
        missing, before = self.wanted - _read("free_hugepages"), _read("nr_hugepages")
        if missing > 0:
            try:
                _write(before + missing)
            finally:
                self.added = max(0, _read("nr_hugepages") - before)
        if self.added < missing:
            self.__exit__()
            raise LabError(f"{self.wanted * PAGE_MIB} MiB of huge pages are needed; the kernel has "
                           f"{(self.wanted - missing + self.added) * PAGE_MIB} MiB for them")
        return self

    def __exit__(self, *_):
        if self.added:
            _write(max(0, _read("nr_hugepages") - self.added))
            self.added = 0


def free():
    """Pages of 2 MiB that nobody has reserved."""
    return _read("free_hugepages") - _read("resv_hugepages") if DIR.exists() else 0
