"""When customers are asked, and what a bad answer leads to."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.command import Answer, AnswerSurvey, FeedBack, LinkTo, Open, Screen
from schemas.event import TicketEvent
from schemas.ticket import Survey
from services.callback.domain import plan, rehandle
from tests.builders import CENTRE, HOUR, PACK, Tale

RULE, ZONE, CN = PACK.care.callback, PACK.head.zone, PACK.calendars["cn"]
HOURS = plan.Hours(RULE, ZONE, CN)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE))


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
    assert HOURS.first(at(answered), vip=vip) == at(asked)


@pytest.mark.requirement("R5.3")
@settings(max_examples=200, deadline=None)
@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 11, 30), timezones=st.just(ZoneInfo(ZONE))))
def test_nobody_is_asked_at_night_and_nobody_waits_for_long(instant: datetime) -> None:
    asked = HOURS.within(instant).astimezone(ZoneInfo(ZONE))
    assert RULE.hours_from <= asked.time() <= RULE.hours_until
    assert timedelta(0) <= asked - instant <= timedelta(days=2)


def dissatisfied() -> TicketEvent:
    tale = Tale.dispatched().do(FeedBack(result="已修复", cause="线路"), unit="network")
    tale.do(Answer(explanation="已修复", agreement="agreed"), unit=CENTRE).after(25 * HOUR)
    tale.do(AnswerSurvey(survey=Survey(process=1, result=2, staff=5, comment="还是慢")))
    tale.do(Screen(wrong_handling=True, reason="the line was not tested"), unit=CENTRE)
    return tale.events[-1]


@pytest.mark.requirement("R5.5")
def test_a_bad_answer_opens_a_ticket_for_the_same_department_and_links_both() -> None:
    event = dissatisfied()
    opening, tie = rehandle.commands(event, event.at)
    assert isinstance(opening.action, Open)
    assert isinstance(tie.action, LinkTo)
    assert opening.action.classification.department == "network"
    assert opening.action.links[0].ticket_id == event.ticket_id == tie.ticket_id
    assert tie.action.link.ticket_id == opening.ticket_id
    assert "还是慢" in opening.action.contact.text
    again = Tale(now=event.at, id=opening.ticket_id).decide(opening)
    assert again.types == ["accepted", "form_completed"]


def test_the_same_event_again_leads_to_the_same_commands() -> None:
    event = dissatisfied()
    assert rehandle.commands(event, event.at) == rehandle.commands(event, event.at)


def test_calls_move_to_the_next_hour_that_has_room() -> None:
    ten = at("2026-03-12T10:20").astimezone(UTC)
    full = {ten.replace(minute=0): 5, ten.replace(minute=0) + HOUR: 5}
    assert HOURS.slot(ten, full, 5) == ten.replace(minute=0) + 2 * HOUR
    assert HOURS.slot(ten, {}, 5) == ten
    evening = at("2026-03-12T19:40").astimezone(UTC)
    assert HOURS.slot(evening, {evening.replace(minute=0): 5}, 5) == at("2026-03-13T09:00")


@pytest.mark.requirement("R5.3")
def test_grave_cases_and_those_who_ask_for_it_are_called_by_a_person() -> None:
    ticket = Tale.dispatched().it
    facts = PACK.facts_of(ticket)
    assert plan.means(RULE, ticket, facts) == "sms"
    assert plan.means(RULE, ticket.but(customer=ticket.customer.but(preferred_means="phone")), facts) == "phone"
    assert plan.means(RULE, ticket, replace(facts, signals=frozenset({"severity"}))) == "phone"
    nobody = ticket.customer.but(preferred_means="phone", phone=None)
    assert plan.means(RULE, ticket.but(customer=nobody), facts) == "sms"
