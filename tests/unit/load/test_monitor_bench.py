"""Figures of the monitor's benchmark: processor time of a window, and recovery after a kill."""

import math
from types import SimpleNamespace
from uuid import uuid4

import pytest

from tests.load.monitor_bench import ON_TIME, MeasuredWindow, cores
from tests.load.reader import SeenRecords


def test_processor_time_is_measured_over_the_window_only() -> None:
    clock = SimpleNamespace(now=0.0, used=0.0)

    def wait_until(instant: float) -> None:
        # One core is busy before the window, and a fifth of a core during it.
        share = 0.2 if clock.now >= 30 else 1.0
        clock.used += (instant - clock.now) * share
        clock.now = instant

    assert cores(lambda: clock.used, wait_until, 30.0, 60.0) == pytest.approx(0.2)


def test_recovery_ends_with_the_first_event_on_time_of_a_later_deadline() -> None:
    before, late, on_time = (uuid4() for _ in range(3))
    due = {before: 9.0, late: 11.0, on_time: 14.0}
    seen = {before: [10.2], late: [11.5 + ON_TIME], on_time: [14.1]}
    window = MeasuredWindow(due, SeenRecords(ticks=seen), 0.0, killed=10.0)
    assert window.recovery(seen) == pytest.approx(4.1)


def test_without_an_event_on_time_there_is_no_recovery() -> None:
    late = uuid4()
    seen = {late: [11.5 + ON_TIME]}
    assert MeasuredWindow({late: 11.0}, SeenRecords(ticks=seen), 0.0, killed=10.0).recovery(seen) == math.inf
