"""Wall time against monotonic time and the database's: a jump is noticed, not believed, and counted once."""

import pytest

from services.sla_monitor.domain.clock_skew import ClockSkewDetector


@pytest.mark.parametrize(("wall", "jump"), [(101.0, 0.0), (101.9, 0.0), (161.0, 60.0), (41.0, -60.0)])
def test_a_jump_of_the_wall_clock_is_noticed(wall: float, jump: float) -> None:
    vigilance = ClockSkewDetector(100.0, 5.0)
    vigilance.settle(100.0, 5.0, 100.4)
    assert vigilance.look(wall, 6.0) == jump
    assert vigilance.look(wall + 1, 7.0) == 0.0
    assert (vigilance.error, vigilance.doubtful) == (jump, jump != 0.0)


def test_time_goes_on_as_before_until_the_database_has_told_it() -> None:
    vigilance = ClockSkewDetector(100.0, 5.0)
    vigilance.look(701.0, 6.0)
    assert 701.0 - vigilance.error == 101.0
    vigilance.settle(702.0, 7.0, 102.0)
    assert vigilance.error == 600.0
    vigilance.look(103.0, 8.0)
    assert 103.0 - vigilance.error == 103.0


def test_a_clock_that_was_put_right_is_believed_once_the_database_agrees() -> None:
    vigilance = ClockSkewDetector(100.0, 5.0)
    vigilance.look(701.0, 6.0)
    vigilance.settle(702.0, 7.0, 701.9)
    assert (vigilance.error, vigilance.doubtful) == (0.0, False)


def test_a_clock_that_was_wrong_from_the_start_is_found_out() -> None:
    vigilance = ClockSkewDetector(700.0, 5.0)
    assert vigilance.doubtful
    vigilance.settle(700.0, 5.0, 100.0)
    assert vigilance.error == 600.0


def test_a_jump_between_the_last_look_and_the_answer_is_counted_once() -> None:
    vigilance = ClockSkewDetector(100.0, 5.0)
    vigilance.look(101.0, 6.0)
    # The wall clock goes back ten minutes, and the database is asked before anybody has looked.
    vigilance.settle(-498.0, 7.0, 102.0)
    assert vigilance.error == -600.0
    assert vigilance.look(-497.0, 8.0) == 0.0
    assert -497.0 - vigilance.error == 103.0


def test_an_answer_that_took_long_is_no_error_of_the_clock() -> None:
    vigilance = ClockSkewDetector(100.0, 5.0)
    vigilance.settle(102.25, 7.25, 99.8, took=4.5)
    assert vigilance.error == 0.0
