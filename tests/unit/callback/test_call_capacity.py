"""How many calls a team has in an hour."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.callback.domain.call_capacity import CallCapacity
from services.callback.domain.calling_hours import CallingHours
from tests.builders import HOUR, PACK

RULE = PACK.outcome.callback
HOURS = CallingHours.of(PACK)
TEAM, OTHER = ("carrier", "provincial_centre"), ("carrier", "hq_centre")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(PACK.header.zone))


def _reserve(capacity: CallCapacity, when: str, team: tuple[str, str] = TEAM) -> datetime:
    return capacity.reserve(team, HOURS, HOURS.next_slot(at(when))).due_at


@pytest.mark.requirement("R5.3")
def test_a_call_moves_to_the_next_hour_in_which_its_team_is_free() -> None:
    most = RULE.calls_per_hour
    ten = at("2026-03-12T10:00").astimezone(UTC)
    full = CallCapacity(lambda: {(TEAM, ten): most, (TEAM, ten + HOUR): most - 1})
    assert _reserve(full, "2026-03-12T10:20") == at("2026-03-12T11:00")
    assert _reserve(full, "2026-03-12T10:20") == at("2026-03-12T12:00")  # the call at eleven was the last one
    assert _reserve(full, "2026-03-12T10:20", OTHER) == at("2026-03-12T10:20")
    evening = CallCapacity(lambda: {(TEAM, at("2026-03-12T19:00").astimezone(UTC)): most})
    assert _reserve(evening, "2026-03-12T19:40") == at("2026-03-13T09:00")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 60 * 48), max_size=400))
def test_no_hour_has_more_calls_than_the_team_can_make(minutes: list[int]) -> None:
    capacity, begin = CallCapacity(), at("2026-03-12T00:00")
    reserved = [
        capacity.reserve(TEAM, HOURS, HOURS.next_slot(begin + timedelta(minutes=offset))).due_at for offset in minutes
    ]
    hours = [due_at.replace(minute=0) for due_at in reserved]
    assert all(hours.count(hour) <= RULE.calls_per_hour for hour in hours)
