"""Tests of parsing dates and times as senders write them."""

from datetime import UTC, date, datetime

import pytest

from services.intake.domain.fields import InputErrors
from services.intake.domain.times import parse_epoch, parse_instant, parse_instant_or_day
from tests.unit.intake.parsing import NOT_DIGITS


@pytest.mark.requirement("R2.3", "R2.5")
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-12T09:13:42+08:00", datetime(2026, 3, 12, 1, 13, 42, tzinfo=UTC)),
        ("2026-03-12 09:13", datetime(2026, 3, 12, 1, 13, tzinfo=UTC)),
        ("2026/3/12 9:05:30", datetime(2026, 3, 12, 1, 5, 30, tzinfo=UTC)),
        ("2026-03-12", date(2026, 3, 12)),
        ("2026年3月12日 上午9:20", datetime(2026, 3, 12, 1, 20, tzinfo=UTC)),
        ("2026年3月12日上午12:20", datetime(2026, 3, 11, 16, 20, tzinfo=UTC)),
        ("2026年3月12日 早上8点", datetime(2026, 3, 12, 0, 0, tzinfo=UTC)),
        ("2026年3月12日 凌晨12:30", datetime(2026, 3, 11, 16, 30, tzinfo=UTC)),
        ("2026-03-12 中午11:50", datetime(2026, 3, 12, 3, 50, tzinfo=UTC)),
        ("2026-03-12 中午12点", datetime(2026, 3, 12, 4, 0, tzinfo=UTC)),
        ("2026-03-12 中午1点半", datetime(2026, 3, 12, 5, 30, tzinfo=UTC)),
        ("2026-03-12 下午12:05", datetime(2026, 3, 12, 4, 5, tzinfo=UTC)),
        ("2026-03-12 傍晚6点整", datetime(2026, 3, 12, 10, 0, tzinfo=UTC)),
        ("2026-03-12 晚上8时30分", datetime(2026, 3, 12, 12, 30, tzinfo=UTC)),
        ("2026-03-12 晚上20:30", datetime(2026, 3, 12, 12, 30, tzinfo=UTC)),
        ("2026-03-12 晚上12点", datetime(2026, 3, 12, 16, 0, tzinfo=UTC)),
        ("2026-03-12 晚上12:30", datetime(2026, 3, 12, 16, 30, tzinfo=UTC)),
        ("2026-12-31 24:00", datetime(2026, 12, 31, 16, 0, tzinfo=UTC)),
        ("2026-03-12 8点", datetime(2026, 3, 12, 0, 0, tzinfo=UTC)),
        ("2026-03-12 12:51 PM", datetime(2026, 3, 12, 4, 51, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_a_time_or_a_day_is_parsed_as_people_write_it(written: str | None, expected: object) -> None:
    errors = InputErrors()
    assert parse_instant_or_day(written, "at", errors) == expected
    assert errors.found == []


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    "written", ["2026-02-30", "2026-13-01 10:00", "2026-03-12 25:00", "2026-03-12 24:01", "12.3.", "1970-01-01", 5]
)
def test_an_impossible_time_is_an_error_of_its_field(written: object) -> None:
    errors = InputErrors()
    assert parse_instant(written, "occurred_at", errors) is None
    assert [(error.field, error.reason) for error in errors.found] == [("occurred_at", "bad_date")]


@pytest.mark.parametrize(
    ("milliseconds", "valid"),
    [(1773282060000, True), (1773282060, False), (None, False), (10**18, False), (True, False)],
)
def test_seconds_are_not_taken_for_milliseconds(milliseconds: object, valid: bool) -> None:  # noqa: FBT001
    errors = InputErrors()
    assert (parse_epoch(milliseconds, "accepted_at", errors) is not None) is valid
    assert bool(errors.found) is not valid


@pytest.mark.parametrize("written", NOT_DIGITS)
def test_a_unix_time_has_only_ascii_digits(written: str) -> None:
    errors = InputErrors()
    assert parse_epoch(written, "at", errors) is None
    assert [error.reason for error in errors.found] == ["bad_date"]
