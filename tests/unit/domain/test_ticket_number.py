"""Ticket numbers: the business date in the pack's zone, and a running number that is never cut."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.ticket_number import find_ticket_numbers, format_ticket_number


@pytest.mark.requirement("R2.6")
@pytest.mark.parametrize(
    ("zone", "number"),
    [
        ("Asia/Shanghai", "TS20260312000007"),  # half past seven in the morning
        ("Europe/Berlin", "TS20260312000007"),  # half past midnight
        ("UTC", "TS20260311000007"),
        ("America/New_York", "TS20260311000007"),
    ],
)
def test_a_number_carries_the_date_in_the_zone_of_the_pack(zone: str, number: str) -> None:
    assert format_ticket_number(7, datetime(2026, 3, 11, 23, 30, tzinfo=UTC), zone) == number


def test_a_running_number_of_more_than_six_digits_is_not_cut() -> None:
    at = datetime(2026, 3, 12, tzinfo=UTC)
    assert format_ticket_number(1_000_000, at, "UTC") == "TS202603121000000"


@given(running=st.integers(1, 2**63 - 1))
def test_every_number_is_found_again_in_a_text(running: int) -> None:
    number = format_ticket_number(running, datetime(2026, 3, 12, tzinfo=UTC), "UTC")
    assert find_ticket_numbers(f"回复：{number}，还没有解决") == [number]
    assert find_ticket_numbers(f"<notice.{number}.x@carrier.example>") == [number]


@pytest.mark.parametrize("text", ["TS2026031200001", "XTS20260312000001", "TS" + "1" * 28, "20260312000001", ""])
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert find_ticket_numbers(text) == []
