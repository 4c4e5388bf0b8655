"""When customers may be asked, and how many calls a team has in an hour."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.contact import Customer
from services.callback.domain.call_capacity import CallCapacity
from services.callback.domain.calling_hours import CallingHours, shared, zone_of
from services.domain.policy.outcome import CallbackRule
from tests.builders import HOUR, PACK

RULE, ZONE = PACK.outcome.callback, PACK.header.zone
HOURS = CallingHours.of(PACK)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
TEAM, OTHER = ("carrier", "provincial_centre"), ("carrier", "hq_centre")


def at(text: str, zone: str = ZONE) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.requirement("R5.3")
@pytest.mark.parametrize(
    ("answered", "vip", "asked"),
    [
        ("2026-03-12T10:00", False, "2026-03-13T10:00"),
        ("2026-03-12T22:00", False, "2026-03-14T09:00"),  # a day later is outside the hours: the morning after
        ("2026-03-12T06:00", False, "2026-03-13T09:00"),
        ("2026-03-12T10:00", True, "2026-03-12T14:00"),
        ("2026-03-12T18:00", True, "2026-03-13T09:00"),
        ("2026-09-30T10:00", False, "2026-10-02T09:00"),  # not on the first day of a public holiday
    ],
)
def test_when_a_customer_is_asked_first(answered: str, vip: bool, asked: str) -> None:  # noqa: FBT001
    assert HOURS.first(at(answered), LONG_AGO, vip=vip).due_at == at(asked)


def test_what_was_answered_long_ago_is_asked_about_now_and_not_in_the_past() -> None:
    turn = HOURS.first(at("2026-03-02T10:00"), at("2026-03-12T15:30"), vip=False)
    assert turn == (at("2026-03-12T15:30"), at("2026-03-12T20:00"))


@pytest.mark.requirement("R5.3")
@settings(max_examples=200, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 11, 30), timezones=st.just(ZoneInfo(ZONE))),
    st.one_of(st.none(), st.from_regex(r"\A[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]\Z")),
    st.sampled_from([None, "Asia/Urumqi", "America/New_York", "Asia/Kathmandu"]),
)
def test_nobody_is_asked_at_night_and_nobody_waits_for_long(
    instant: datetime, own: str | None, zone: str | None
) -> None:
    turn = CallingHours.of(PACK, zone, own).within(instant)
    local = turn.due_at.astimezone(ZoneInfo(zone or ZONE))
    assert RULE.hours_from <= local.time() < RULE.hours_until
    assert instant <= turn.due_at < turn.until_at
    assert turn.until_at.astimezone(ZoneInfo(zone or ZONE)).date() == local.date()
    assert turn.due_at - instant <= timedelta(days=3)


@pytest.mark.requirement("R5.3")
@pytest.mark.parametrize(
    ("own", "from_", "until"),
    [
        ("18:00-20:00", "18:00", "20:00"),
        ("18:00-21:00", "18:00", "20:00"),
        ("08:00-24:00", "09:00", "20:00"),
        ("21:00-23:00", "09:00", "20:00"),  # nobody is there then: the pack's hours count
        ("25:30-29:00", "09:00", "20:00"),  # no hours at all
        ("12:00-12:00", "09:00", "20:00"),
        ("19:00-10:00", "09:00", "10:00"),  # from evening to morning: first the morning
        (None, "09:00", "20:00"),
    ],
)
def test_customers_are_asked_in_their_own_hours(own: str | None, from_: str, until: str) -> None:
    turn = CallingHours.of(PACK, None, own).within(at("2026-03-12T08:00"))
    assert turn == (at(f"2026-03-12T{from_}"), at(f"2026-03-12T{until}"))


def test_hours_from_evening_to_morning_are_both_ends_of_the_day() -> None:
    assert shared((time(9), time(20)), "19:00-10:00") == ((time(9), time(10)), (time(19), time(20)))
    turn = CallingHours.of(PACK, None, "19:00-10:00").within(at("2026-03-12T11:00"))
    assert turn == (at("2026-03-12T19:00"), at("2026-03-12T20:00"))


@pytest.mark.requirement("R5.3")
def test_hours_are_those_of_the_place_where_the_customer_is() -> None:
    far = Customer(phone="+8613800000101", home_region="新疆维吾尔自治区")
    assert zone_of(RULE, far) == "Asia/Urumqi"
    assert CallingHours.of(PACK, zone_of(RULE, far)).within(at("2026-03-12T08:00")).due_at == at("2026-03-12T11:00")
    assert zone_of(RULE, far.replace(visiting_region="广东")) is None
    assert zone_of(RULE, far.replace(city="乌鲁木齐市", home_region=None)) == "Asia/Urumqi"
    assert zone_of(RULE, Customer(phone="+8613800000101")) is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hours_from": "20:30:00", "hours_until": "20:00:00"}, r"hours_from \(20:30\) is not before hours_until"),
        ({"hours_from": "09:00:00", "hours_until": "09:00:00"}, "write the beginning and the end"),
        ({"in_writing": "phone"}, "write sms or mail"),
        ({"zones": {"x": "Asia/Nowhere"}}, "no time zone 'Asia/Nowhere'"),
    ],
)
def test_a_rule_by_which_nobody_could_be_asked_is_refused(changes: dict[str, object], told: str) -> None:
    given = RULE.model_dump(exclude={"scripts", "by_phone", "from_"}) | {
        name: str(getattr(RULE, name)) for name in ("first_after", "first_after_vip", "retry_after")
    }
    CallbackRule.model_validate(given)
    with pytest.raises(ValidationError, match=told):
        CallbackRule.model_validate(given | changes)


def _place(calls: CallCapacity, when: str, team: tuple[str, str] = TEAM) -> datetime:
    return calls.place(team, HOURS, HOURS.within(at(when))).due_at


@pytest.mark.requirement("R5.3")
def test_calls_move_to_the_next_hour_in_which_their_own_team_has_room() -> None:
    most = RULE.calls_per_hour
    ten = at("2026-03-12T10:00").astimezone(UTC)
    full = CallCapacity(lambda: {(TEAM, ten): most, (TEAM, ten + HOUR): most - 1})
    assert _place(full, "2026-03-12T10:20") == at("2026-03-12T11:00")
    assert _place(full, "2026-03-12T10:20") == at("2026-03-12T12:00")  # the place at eleven was the last
    assert _place(full, "2026-03-12T10:20", OTHER) == at("2026-03-12T10:20")
    evening = CallCapacity(lambda: {(TEAM, at("2026-03-12T19:00").astimezone(UTC)): most})
    assert _place(evening, "2026-03-12T19:40") == at("2026-03-13T09:00")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 60 * 48), max_size=400))
def test_no_hour_has_more_calls_than_the_team_can_do(minutes: list[int]) -> None:
    calls, begin = CallCapacity(), at("2026-03-12T00:00")
    placed = [calls.place(TEAM, HOURS, HOURS.within(begin + timedelta(minutes=each))).due_at for each in minutes]
    hours = [each.replace(minute=0) for each in placed]
    assert all(hours.count(each) <= RULE.calls_per_hour for each in hours)
