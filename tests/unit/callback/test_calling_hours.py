"""When customers may be asked: the pack's hours, their own, holidays and time zones."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.contact import Customer
from services.callback.domain.calling_hours import CallingHours, common_windows, customer_zone
from services.domain.policy.outcome import CallbackRule
from tests.builders import PACK

RULE, ZONE = PACK.outcome.callback, PACK.header.zone
HOURS = CallingHours.of(PACK)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


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
    assert HOURS.first_slot(at(answered), LONG_AGO, vip=vip).due_at == at(asked)


def test_a_customer_who_was_answered_long_ago_is_asked_now_and_not_in_the_past() -> None:
    slot = HOURS.first_slot(at("2026-03-02T10:00"), at("2026-03-12T15:30"), vip=False)
    assert slot == (at("2026-03-12T15:30"), at("2026-03-12T20:00"))


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
    slot = CallingHours.of(PACK, zone, own).next_slot(instant)
    local = slot.due_at.astimezone(ZoneInfo(zone or ZONE))
    assert RULE.hours_from <= local.time() < RULE.hours_until
    assert instant <= slot.due_at < slot.until_at
    assert slot.until_at.astimezone(ZoneInfo(zone or ZONE)).date() == local.date()
    assert slot.due_at - instant <= timedelta(days=3)


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
def test_customers_are_asked_within_their_own_hours(own: str | None, from_: str, until: str) -> None:
    slot = CallingHours.of(PACK, None, own).next_slot(at("2026-03-12T08:00"))
    assert slot == (at(f"2026-03-12T{from_}"), at(f"2026-03-12T{until}"))


def test_hours_over_midnight_are_both_ends_of_the_day() -> None:
    assert common_windows((time(9), time(20)), "19:00-10:00") == ((time(9), time(10)), (time(19), time(20)))
    slot = CallingHours.of(PACK, None, "19:00-10:00").next_slot(at("2026-03-12T11:00"))
    assert slot == (at("2026-03-12T19:00"), at("2026-03-12T20:00"))


@pytest.mark.requirement("R5.3")
def test_hours_are_local_to_the_place_of_the_customer() -> None:
    far = Customer(phone="+8613800000101", home_region="新疆维吾尔自治区")
    assert customer_zone(RULE, far) == "Asia/Urumqi"
    assert CallingHours.of(PACK, customer_zone(RULE, far)).next_slot(at("2026-03-12T08:00")).due_at == at(
        "2026-03-12T11:00"
    )
    assert customer_zone(RULE, far.replace(visiting_region="广东")) is None
    assert customer_zone(RULE, far.replace(city="乌鲁木齐市", home_region=None)) == "Asia/Urumqi"
    assert customer_zone(RULE, Customer(phone="+8613800000101")) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hours_from": "20:30:00", "hours_until": "20:00:00"}, r"hours_from \(20:30\) is not before hours_until"),
        ({"hours_from": "09:00:00", "hours_until": "09:00:00"}, "write the beginning and the end"),
        ({"in_writing": "phone"}, "write sms or mail"),
        ({"zones": {"x": "Asia/Nowhere"}}, "no time zone 'Asia/Nowhere'"),
    ],
)
def test_a_rule_by_which_nobody_could_be_asked_is_rejected(changes: dict[str, object], message: str) -> None:
    given = RULE.model_dump(exclude={"scripts", "by_phone", "from_"}) | {
        name: str(getattr(RULE, name)) for name in ("first_after", "first_after_vip", "retry_after")
    }
    CallbackRule.model_validate(given)
    with pytest.raises(ValidationError, match=message):
        CallbackRule.model_validate(given | changes)
