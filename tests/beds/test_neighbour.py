# SPDX-License-Identifier: Apache-2.0
"""A bad guest costs only itself: the good one beside it answers everything, and of the host the bad one's
machine takes its CPUs' time and no more. How fast the good one answers, perf/run hv says."""
import os
import socket

import neighbour
import pytest
import vmm

pytestmark = pytest.mark.skipif(bool(vmm.why_not()), reason=vmm.why_not())
PINGS, BUSY_S, AT_IT_S = 200, 0.1, 60
OWN_KIB = 2048  # of memory that is not the guest's: seven times what has been seen
FDS = 64  # its devices' and sockets', as many as there can ever be


def count(pid, what):
    return len(os.listdir(f"/proc/{pid}/{what}"))


@pytest.mark.parametrize("kind", neighbour.BAD)
def test_bad_neighbour(tmp_path, proved, kind):
    good = neighbour.Good(f"{tmp_path}/good")
    bad = neighbour.Bad(f"{tmp_path}/bad", kind)
    try:
        with socket.socket(socket.AF_UNIX) as deaf:  # a client of its console that reads nothing
            bad.tell("status")  # all its sockets are there
            deaf.connect(f"{tmp_path}/bad/console.sock")
            bad.tell("start")
            bad.until(lambda: "ok rng found" in bad.said(), "word of the bad guest's")

            def at_it():
                before = bad.cpu_s()
                bad.until(lambda: bad.cpu_s() >= before + BUSY_S, "work of the bad guest", AT_IT_S)
            at_it()
            threads = count(bad.process.pid, "task")
            for _ in range(PINGS):
                good.ping()
            at_it()
            assert bad.tell("status")["state"] == "running"
            assert count(bad.process.pid, "task") == threads
            assert count(bad.process.pid, "fd") <= FDS
            assert neighbour.own_kib(bad.process.pid) < OWN_KIB
            if kind != "flood":
                assert bad.said() == "ok rng found\n"
        bad.tell("pause")
        bad.tell("stop")
        assert bad.end() == (0, "stopped")
        nic = good.status()["nics"][0]
        assert (nic["rx_frames"], nic["tx_frames"]) == (PINGS, PINGS)
        assert good.status()["state"] == "running"
    finally:
        good.close()
        bad.close()
    proved(f"beside a guest that {neighbour.BAD[kind]}, another answers {PINGS} frames of {PINGS}; the "
           "first one's machine obeys, and holds no more memory, descriptors or threads than before")
