"""A simulation keeps several tickets of one story, and what the services besides the ledger make of their events."""

from typing import Any

import pytest

from duban.policy_simulation import PolicySimulation
from duban.rehearsal_input import RehearsalError, build_action
from schemas.action import Dispatch, Merge, Split
from schemas.contact import Customer
from tests.builders import CENTRE, HOUR, MINUTE, MORNING, PACKS, contact

OTHER = "手机流量扣费不对"


def opened() -> PolicySimulation:
    simulation = PolicySimulation(PACKS["carrier"])
    simulation.receive(contact())
    return simulation


def test_before_the_first_contact_there_is_no_ticket() -> None:
    assert (PolicySimulation(PACKS["carrier"]).ticket, PolicySimulation(PACKS["carrier"]).events) == (None, [])


def test_a_refusal_is_kept() -> None:
    simulation = opened()
    simulation.act(Dispatch(unit="nowhere"), MORNING, CENTRE)
    assert simulation.refusal is not None
    assert simulation.recent == []


@pytest.mark.requirement("R2.4")
def test_a_contact_of_another_customer_opens_a_ticket_of_its_own() -> None:
    simulation = opened()
    simulation.receive(contact("m2", at=MORNING + HOUR, customer=Customer(phone="+8613800000102")))
    assert (len(simulation.tickets), simulation.chosen) == (2, 1)
    assert [each.ticket.number for each in simulation.tickets] == ["TS20260312000001", "TS20260312000002"]


@pytest.mark.requirement("R2.4")
def test_a_contact_that_names_a_ticket_goes_there() -> None:
    simulation = opened()
    simulation.receive(contact("m2", at=MORNING + HOUR, text="请尽快", follows="TS20260312000001"))
    assert simulation.routing is not None
    assert (simulation.routing.disposition, len(simulation.tickets)) == ("remind", 1)


@pytest.mark.requirement("R2.4")
def test_what_the_customer_of_a_merged_ticket_writes_goes_to_the_one_that_goes_on() -> None:
    simulation = opened()
    simulation.receive(contact("m2", at=MORNING + HOUR, text=OTHER))
    first, second = (each.ticket for each in simulation.tickets)
    simulation.act(Merge(into=first.id, reason="同一件事"), MORNING + 2 * HOUR, CENTRE)
    assert simulation.ticket is not None
    assert (simulation.ticket.id, simulation.ticket.status) == (second.id, "withdrawn")
    simulation.receive(contact("m3", at=MORNING + 3 * HOUR, text=OTHER))
    assert simulation.ticket.id == first.id


def test_a_ticket_that_a_split_opens_is_one_of_the_story() -> None:
    simulation = opened()
    assert simulation.ticket is not None
    action = Split(text=OTHER, classification=simulation.ticket.classification, reason="另一件事")
    simulation.act(action, MORNING + HOUR, CENTRE)
    assert (len(simulation.tickets), simulation.chosen) == (2, 0)
    assert simulation.tickets[1].ticket.links[0].kind == "split_from"


@pytest.mark.requirement("R5.3", "R5.8")
def test_notices_and_the_callback_plan_follow_the_events() -> None:
    simulation = opened()
    assert [notice.template for _, notice in simulation.subject.notices] == ["acceptance"]
    answer = {"type": "answer", "explanation": "e", "result": "r", "cause": "c", "agreement": "agreed"}
    simulation.act(build_action(answer), MORNING + HOUR, CENTRE)
    plan = simulation.subject.plan
    assert plan is not None
    assert (plan.state, plan.due_at is not None) == ("planned", True)


@pytest.mark.requirement("R2.4")
def test_a_contact_that_opens_nothing_says_why() -> None:
    simulation = PolicySimulation(PACKS["carrier"])
    simulation.receive(contact(text="好的,谢谢"))
    with pytest.raises(RehearsalError, match="there is no ticket: thanks, an acknowledgement"):
        _ = simulation.subject


@pytest.mark.requirement("R2.4")
def test_the_lines_of_a_chat_are_rehearsed_as_one_ticket() -> None:
    simulation = PolicySimulation(PACKS["carrier"])
    for number, text in enumerate(("您好", "家里宽带网速慢", "没人来修")):
        fields: dict[str, Any] = {"text": text, "channel": "wechat", "customer": Customer(identity="openid-1")}
        simulation.receive(contact(f"m{number}", at=MORNING + number * MINUTE, **fields))
    assert len(simulation.tickets) == 1
    assert simulation.subject.ticket.subject == "家里宽带网速慢\n没人来修"
    assert [event.type for event in simulation.events].count("contact_added") == 2
