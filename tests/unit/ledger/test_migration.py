"""Tickets of the system before go on in their stage, with the time they have used, and nobody is notified twice."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.contact import TakenOver
from schemas.ticket import Status, Ticket
from services.notifier.domain.notices import plan_notices
from tests.builders import MORNING, PACK, TicketScenario, contact


def taken(**state: Any) -> tuple[TicketScenario, Ticket]:
    before = TakenOver(number="A-1", system="old", **state)
    scenario = TicketScenario.opened(contact("m1", taken_over=before, contacted_at=MORNING - timedelta(hours=30)))
    assert scenario.ticket is not None
    return scenario, scenario.ticket


def used(ticket: Ticket, name: str) -> timedelta:
    (clock,) = [each for each in ticket.clocks if each.name == name and each.stopped_at is None]
    return clock.length - (clock.due_at - MORNING)


@pytest.mark.requirement("R4.11")
def test_the_promise_counts_from_the_customer_and_the_stage_from_what_it_had_used() -> None:
    _, ticket = taken(status="dispatched", unit="network", used_minutes=90)
    assert (ticket.status, ticket.unit, ticket.earlier_number) == (Status.DISPATCHED, "network", "A-1")
    assert used(ticket, "handling") == timedelta(minutes=90)
    assert used(ticket, "promise") == timedelta(hours=30)


@pytest.mark.requirement("R4.11")
@pytest.mark.parametrize(
    ("state", "status", "stage"),
    [
        ({"status": "accepted", "used_minutes": 60}, Status.ACCEPTED, "review"),
        ({"status": "handling", "unit": "network", "person": "Wang", "used_minutes": 60}, Status.HANDLING, "handling"),
        (
            {"status": "fed_back", "unit": "network", "result": "repaired", "used_minutes": 60},
            Status.FED_BACK,
            "answer",
        ),
    ],
)
def test_every_open_stage_can_be_taken_over(state: dict[str, Any], status: Status, stage: str) -> None:
    _, ticket = taken(**state)
    assert ticket.status is status
    assert used(ticket, stage) == timedelta(minutes=60)


def test_an_answered_ticket_waits_for_its_callback_and_its_closing() -> None:
    _, ticket = taken(status="answered", result="repaired")
    assert ticket.status is Status.ANSWERED
    assert [each.name for each in ticket.clocks if each.running] == ["callback", "closing"]


def test_a_unit_that_the_policy_does_not_know_leaves_it_at_the_centre_with_a_note() -> None:
    scenario, ticket = taken(status="dispatched", unit="unknown")
    assert ticket.status is Status.ACCEPTED
    assert "'unknown'" in scenario.events[-1].details["text"]


def test_nobody_is_notified_of_what_the_former_system_has_done() -> None:
    scenario, _ = taken(status="dispatched", unit="network")
    assert [notice for event in scenario.events for notice in plan_notices(event, PACK)] == []
