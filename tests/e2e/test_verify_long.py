# SPDX-License-Identifier: Apache-2.0
"""No difference after 10^5 random changes of a router's routes, with reconnects in their midst."""
import os
import time

from churn import Router


def test_hundred_thousand(weft, tmp_path):
    rounds, seed = int(os.environ.get("WEFT_ROUNDS", 20)), int(os.environ.get("WEFT_SEED", 2))
    router, began = Router(weft, tmp_path, seed), time.monotonic()
    for i in range(rounds):
        what = ("agent", "weftd", "agent", "engine", "")[i % 5]
        router.change(100000 // rounds, what, 600)
        r1 = router.verified()
        print(f"round {i}, {what or 'nothing'} died: {r1['routes']} after {r1['takes']} takes, "
              f"{router.check_against_ip()} as ip says, {time.monotonic() - began:.0f} s", flush=True)
    assert r1["routes"]["kernel"] > 1000
