"""The wall clock against monotonic time and the database's time: a jump is noticed and counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.runtime.clock_skew import SLOW, ClockSkewDetector


@pytest.mark.parametrize(("wall", "jump"), [(101.0, 0.0), (101.9, 0.0), (161.0, 60.0), (41.0, -60.0)])
def test_a_jump_of_the_wall_clock_is_noticed(wall: float, jump: float) -> None:
    skew = ClockSkewDetector(100.0, 5.0)
    skew.correct(100.0, 5.0, 100.4)
    assert skew.observe(wall, 6.0, 6.0) == jump
    assert skew.observe(wall + 1, 7.0, 7.0) == 0.0
    assert (skew.error, skew.needs_check) == (jump, jump != 0.0)


def test_a_jump_counts_as_an_error_until_the_database_is_asked() -> None:
    skew = ClockSkewDetector(100.0, 5.0)
    skew.observe(701.0, 6.0, 6.0)
    assert 701.0 - skew.error == 101.0
    skew.correct(702.0, 7.0, 102.0)
    assert skew.error == 600.0
    skew.observe(103.0, 8.0, 8.0)
    assert 103.0 - skew.error == 103.0


def test_a_jump_that_the_database_confirms_is_no_error() -> None:
    skew = ClockSkewDetector(100.0, 5.0)
    skew.observe(701.0, 6.0, 6.0)
    skew.correct(702.0, 7.0, 701.9)
    assert (skew.error, skew.needs_check) == (0.0, False)


def test_a_clock_that_was_wrong_from_the_start_is_corrected() -> None:
    skew = ClockSkewDetector(700.0, 5.0)
    assert skew.needs_check
    skew.correct(700.0, 5.0, 100.0)
    assert skew.error == 600.0


def test_a_jump_between_the_last_observation_and_the_answer_is_counted_once() -> None:
    skew = ClockSkewDetector(100.0, 5.0)
    skew.observe(101.0, 6.0, 6.0)
    # The wall clock goes back ten minutes, and the database answers before the next observation.
    skew.correct(-498.0, 7.0, 102.0)
    assert skew.error == -600.0
    assert skew.observe(-497.0, 8.0, 8.0) == 0.0
    assert -497.0 - skew.error == 103.0


def test_a_slow_answer_is_no_error_of_the_clock() -> None:
    skew = ClockSkewDetector(100.0, 5.0)
    skew.correct(102.25, 7.25, 98.0, round_trip=4.5)
    assert skew.error == 0.0
    assert not skew.needs_check


@given(jump=st.sampled_from([-600.0, 600.0]), delays=st.tuples(*[st.floats(0, 1)] * 6), asked=st.booleans())
def test_the_trusted_time_is_never_ahead_however_late_the_readings_are(
    jump: float, delays: tuple[float, ...], *, asked: bool
) -> None:
    """Between any two readings the process may wait for the processor; true time is monotonic time here."""
    first, second, third, fourth, fifth, sixth = delays
    skew = ClockSkewDetector(0.0, 0.0)
    skew.correct(first, first + second, first)
    before = first + second + 10.0
    read = before + third
    skew.observe(read + jump, before, read + fourth)
    assert read + jump - skew.error <= read + 1e-6
    if asked:
        asked_at = read + fourth + 10.0
        answered = asked_at + fifth + sixth
        skew.correct(answered + jump, answered, asked_at + fifth, round_trip=answered - asked_at)
        assert answered + jump - skew.error <= answered + 1e-6
        assert skew.needs_check == (answered - asked_at > SLOW)
