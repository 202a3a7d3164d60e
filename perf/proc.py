# SPDX-License-Identifier: Apache-2.0
"""What processes cost, and what machine they run on."""
import os
import pathlib
import time


def cpu_seconds(pid):
    """User and system time of all threads a process ever had, in nanosecond steps: /proc/PID/stat
    has the same sum in ticks of 10 ms. ProcessLookupError when it has gone."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3): CPUCLOCK_SCHED of pid
    except OSError as e:
        raise ProcessLookupError(f"process {pid} has gone") from e


def age_seconds(pid):
    """Since the process was forked."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def pss_bytes(pid):
    """Memory, what n processes share counted as 1/n."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} has gone")


def shares(pids, seconds):
    """pid -> % of a core that it took over the next seconds."""
    began, before = time.monotonic(), {pid: cpu_seconds(pid) for pid in pids}
    time.sleep(seconds)
    took = {pid: cpu_seconds(pid) - before[pid] for pid in pids}
    wall = time.monotonic() - began
    return {pid: 100 * cpu / wall for pid, cpu in took.items()}


def vector():
    """What the FIB's lookups use here (fib/lookup.c)."""
    flags = set(next((line for line in open("/proc/cpuinfo") if line.startswith("flags")),
                     "").split())
    if {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vpopcntdq"} <= flags:
        return "avx512"
    return "avx2" if {"avx2", "bmi2"} <= flags else "scalar"


def machine(accel):
    """Of the report: accel as weftd names it."""
    models = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
              if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": models[0] if models else "?", "cores": os.cpu_count(),
            "memory_gib": round(memory / 2**30, 1),
            "kernel": os.uname().release, "accel": accel}
