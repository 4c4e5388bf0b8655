"""Lateness, and missing, doubled and early events of deadlines."""

import math
from uuid import uuid4

import pytest

from tests.load.deadline_statistics import DeadlineStatistics


def test_late_missing_doubled_and_early_events_are_counted() -> None:
    one, two, three, four = (uuid4() for _ in range(4))
    due = {one: 10.0, two: 20.0, three: 30.0, four: 40.0}
    found = DeadlineStatistics.of(due, {one: [10.5], two: [20.1, 25.0], three: [29.9], uuid4(): [7.0]})
    assert found.lateness == pytest.approx([-0.1, 0.1, 0.5])
    assert (found.missing, found.doubled, found.early) == (1, 1, 1)
    assert not found.correct
    assert found.percentile(1.0) == pytest.approx(0.5)


def test_one_late_event_for_each_deadline_is_correct() -> None:
    id_ = uuid4()
    assert DeadlineStatistics.of({id_: 10.0}, {id_: [10.5]}).correct


def test_without_events_the_percentiles_are_nan() -> None:
    assert math.isnan(DeadlineStatistics().percentile(0.5))
