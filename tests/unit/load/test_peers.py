"""Output of the peers' driver becomes figures of the table."""

import math
from typing import Any

from tests.load import peers

OUTPUT: dict[str, Any] = {
    "B": {
        "missing": 0,
        "duplicates": 1,
        "seen": {"p50_ms": 5, "p99_ms": 9, "max_ms": 11},
        "cores_used": 0.3,
        "rss_mb": 500,
    },
    "C": {"missing": 2, "duplicates": 690, "first_on_time_s": None, "rss_mb": 480},
    "rss_loaded_mb": 490,
}


def test_the_driver_s_output_becomes_figures() -> None:
    found = peers.deadline_figures(OUTPUT)
    assert (found["p50"], found["p99"], found["max"], found["doubled"]) == (5, 9, 11, 1)
    assert (found["memory"], found["memory_peak"], found["cores"]) == (490, 500, 0.3)
    assert (found["recovery"], found["missing_after_kill"], found["doubled_after_kill"]) == (math.inf, 2, 690)


def test_a_peer_that_was_not_killed_has_no_recovery() -> None:
    # The driver does not kill a peer that is still behind.
    assert "recovery" not in peers.deadline_figures({key: value for key, value in OUTPUT.items() if key != "C"})


def test_throughput_has_rate_and_processor_time() -> None:
    assert peers.throughput_figures({"events_per_s": 7, "cpu_s_per_100k": 8}) == {"rate": 7, "cpu_cost": 8}
