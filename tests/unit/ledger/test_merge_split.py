"""One ticket out of two: only into an open one of the same customer, and never in a circle (DECISIONS 30)."""

from datetime import timedelta
from random import Random
from uuid import UUID, uuid4

import pytest

from schemas.action import (
    Attach,
    Correct,
    LinkTo,
    Merge,
    Note,
    Open,
    RecordEntry,
    Remind,
    ReplyProgress,
    RequestExtension,
    Supervise,
    Suspend,
)
from schemas.contact import Customer, Evidence
from schemas.ticket import Link, Status
from services.domain.classify import classify
from services.domain.ids import ticket_id
from services.ledger.domain.named_ticket import NamedTicket, merged_into, surviving
from tests.builders import CENTRE, HOUR, PACK, TicketScenario, contact, other_ticket

CLASSIFICATION = classify(contact(), PACK)
TICKETS = 12


def known(scenario: TicketScenario, *others: NamedTicket) -> TicketScenario:
    scenario.named = {each.id: each for each in others}
    return scenario


def merging(other: NamedTicket, *others: NamedTicket) -> TicketScenario:
    scenario = known(TicketScenario.dispatched(), other, *others)
    return scenario.do(Merge(into=other.id, reason="same matter"), unit=CENTRE)


def reminder(message_id: str = "again") -> Remind:
    return Remind(contact=contact(message_id), classification=CLASSIFICATION, reason="r")


@pytest.mark.requirement("R2.7")
def test_a_merged_ticket_goes_on_in_the_other() -> None:
    other = other_ticket()
    scenario = merging(other)
    assert (scenario.current.status, scenario.current.merged_into) == (Status.WITHDRAWN, other.id)
    (linking,) = scenario.sent
    assert linking.ticket_id == other.id


def test_a_ticket_is_merged_only_into_one_that_is_there() -> None:
    scenario = known(TicketScenario.dispatched()).do(Merge(into=uuid4(), reason="r"), unit=CENTRE)
    assert (scenario.refusal_code, scenario.refusals[-1].missing) == ("unknown_ticket", ("into",))
    assert scenario.current.open


def test_a_refusal_shows_nothing_of_another_pack_s_ticket() -> None:
    other = other_ticket(pack="bus", number="SECRET")
    assert merging(other).refusal_code == "unknown_ticket"
    assert "SECRET" not in merging(other).refusals[-1].message


@pytest.mark.parametrize("status", [Status.CLOSED, Status.WITHDRAWN, Status.ARCHIVED])
def test_a_ticket_is_not_merged_into_one_that_is_over(status: Status) -> None:
    other = other_ticket(status=status)
    scenario = merging(other)
    assert scenario.refusal_code == "not_open"
    assert other.number in scenario.refusals[-1].message


def test_a_refusal_names_the_ticket_that_goes_on() -> None:
    last = other_ticket()
    middle = other_ticket(status=Status.WITHDRAWN, merged_into=last.id)
    first = other_ticket(status=Status.WITHDRAWN, merged_into=middle.id)
    scenario = merging(first, middle, last)
    assert scenario.refusal_code == "merged"
    assert last.number in scenario.refusals[-1].message


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (Customer(phone="+8613800000101"), Customer(phone="+8613800000102")),
        (Customer(phone="+8613800000101", number="C1"), Customer(phone="+8613800000101", number="C2")),
        (Customer(name="李女士"), Customer(name="李女士")),
        (Customer(), Customer()),
        (Customer(name="李女士", address="南京西路1号"), Customer(name="李女士", address="南京西路1号")),
    ],
)
def test_two_customers_tickets_are_not_merged(mine: Customer, other: Customer) -> None:
    scenario = known(TicketScenario.opened(contact(customer=mine)), into := other_ticket(customer=other))
    scenario.do(Merge(into=into.id, reason="r"), unit=CENTRE)
    assert scenario.refusal_code == "other_customer"


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (Customer(phone="+8613800000101"), Customer(phone="+8613800000101", name="李女士")),
        (Customer(phone="+8613800000101", number="C1"), Customer(email="a@example.com", number="C1")),
        (Customer(identity="wx-1"), Customer(identity="wx-1", phone="+8613800000101")),
    ],
)
def test_one_customer_s_tickets_are_merged(mine: Customer, other: Customer) -> None:
    scenario = known(TicketScenario.opened(contact(customer=mine)), into := other_ticket(customer=other))
    scenario.do(Merge(into=into.id, reason="r"), unit=CENTRE)
    assert scenario.refusals == []


@pytest.mark.requirement("R4.10", "R4.11")
def test_with_a_merge_ends_all_that_the_ticket_waited_for() -> None:
    scenario = TicketScenario.dispatched().advance(HOUR)
    until = scenario.timer("handling").due_at + HOUR
    scenario.do(RequestExtension(explanation="e", committed_until=until), unit="network")
    scenario.do(ReplyProgress(text="t"), unit=CENTRE)
    scenario.do(Suspend(waiting_for="customer", reason="r"), unit="network").advance(HOUR)
    scenario.do(Merge(into=uuid4(), reason="r"), unit=CENTRE)
    ticket = scenario.current
    assert (ticket.status, ticket.suspended, ticket.waiting_since) == (Status.WITHDRAWN, None, None)
    assert [extension.state for extension in ticket.extensions] == ["lapsed"]
    running = [timer.name for timer in ticket.clocks if timer.stopped_at is None]
    assert running == ["archive"]
    assert ticket.next_action_at is None
    assert scenario.advance(timedelta(days=30)).tick().current.version == ticket.version


@pytest.mark.requirement("R2.4")
def test_what_the_customer_of_a_merged_ticket_writes_goes_to_the_one_that_goes_on() -> None:
    """It opened a third ticket."""
    last = other_ticket()
    middle = other_ticket(status=Status.WITHDRAWN, merged_into=last.id)
    scenario = TicketScenario.dispatched()
    scenario.do(Merge(into=middle.id, reason="r"), unit=CENTRE)
    known(scenario, middle, last).sent.clear()
    scenario.do(reminder())
    (command,) = scenario.sent
    assert command.ticket_id == last.id
    assert isinstance(command.action, Remind)
    assert command.action.contact == contact("again")
    assert scenario.refusals == []


def test_a_circle_of_old_merges_loses_no_contact() -> None:
    """Before merges were checked, two tickets could be merged into each other."""
    scenario = TicketScenario.dispatched()
    second = other_ticket(status=Status.WITHDRAWN, merged_into=scenario.id)
    scenario.do(Merge(into=second.id, reason="r"), unit=CENTRE)
    known(scenario, second, NamedTicket.of(scenario.current)).sent.clear()
    scenario.do(reminder())
    (command,) = scenario.sent
    assert isinstance(command.action, Open)
    assert command.action.links[0].ticket_id == scenario.id


def test_a_ticket_merged_before_there_was_a_field_for_it_is_known_by_its_link() -> None:
    other = other_ticket()
    old = merging(other).current.replace(merged_into=None)
    assert merged_into(old) == other.id


def test_a_person_makes_no_link_that_looks_like_a_merge() -> None:
    scenario = TicketScenario.dispatched()
    for kind in ("merged_into", "merged_from"):
        scenario.do(LinkTo(link=Link(ticket_id=uuid4(), kind=kind, reason="r")), unit=CENTRE)
        assert scenario.refusal_code == "unknown"
    assert scenario.current.links == ()


def test_a_link_is_to_another_ticket_that_is_there() -> None:
    scenario = known(TicketScenario.dispatched(), other_ticket(UUID(int=7), pack="bus"))
    codes = []
    for id_ in (scenario.id, uuid4(), UUID(int=7)):
        scenario.do(LinkTo(link=Link(ticket_id=id_, kind="duplicate", reason="r")), unit=CENTRE)
        codes.append(scenario.refusal_code)
    assert codes == ["same", "unknown_ticket", "unknown_ticket"]


@pytest.mark.requirement("R5.6")
def test_an_archived_ticket_changes_no_more() -> None:
    scenario = TicketScenario.dispatched().do(Merge(into=uuid4(), reason="r"), unit=CENTRE)
    scenario.advance(timedelta(days=3660)).tick()
    assert scenario.current.status is Status.ARCHIVED
    archived = scenario.current
    for action in (
        Note(text="t"),
        RecordEntry(kind="regulator_replied", text="t"),
        Correct(customer=Customer(phone="+8613900000000"), reason="r"),
        Attach(evidence=(Evidence(kind="scan", reference="s"),)),
        LinkTo(link=Link(ticket_id=uuid4(), kind="duplicate", reason="r")),
        Supervise(reason="r"),
    ):
        assert scenario.do(action, unit=CENTRE).refusal_code == "wrong_status"
    assert scenario.current == archived


@pytest.mark.requirement("R2.4", "R5.6")
@pytest.mark.parametrize("reminded", [True, False])
def test_a_contact_about_an_archived_ticket_opens_a_new_one_that_is_linked(reminded: bool) -> None:  # noqa: FBT001
    scenario = TicketScenario.opened(contact(text="退订", kind="consultation")).do(
        Merge(into=uuid4(), reason="r"), unit=CENTRE
    )
    scenario.advance(timedelta(days=3660)).tick()
    archived = known(scenario).current
    scenario.sent.clear()
    scenario.do(reminder() if reminded else Open(contact=contact("again"), classification=CLASSIFICATION))
    (command,) = scenario.sent
    assert (command.ticket_id, scenario.refusals) == (ticket_id(contact("again").id), [])
    assert isinstance(command.action, Open)
    assert [link.ticket_id for link in command.action.links] == [archived.id]
    assert scenario.current == archived


@pytest.mark.parametrize("seed", range(30))
def test_random_merges_make_no_circle_and_lose_no_ticket(seed: int) -> None:
    rng = Random(seed)
    scenarios = [TicketScenario.opened(contact(f"m{number}")) for number in range(TICKETS)]
    by_id = {scenario.id: scenario for scenario in scenarios}
    for step in range(80):
        scenario, other = rng.choice(scenarios), rng.choice(scenarios)
        scenario.named = {id_: NamedTicket.of(each.current) for id_, each in by_id.items()}
        if rng.random() < 0.7:
            scenario.do(Merge(into=other.id, reason="r"), unit=CENTRE)
        else:
            scenario.sent.clear()
            scenario.do(reminder(f"{seed}/{step}"))
            for command in scenario.sent:
                survivor = by_id[command.ticket_id]
                assert survivor.current.merged_into is None
                survivor.decide(command)
    named = {id_: NamedTicket.of(each.current) for id_, each in by_id.items()}
    for scenario in scenarios:
        into = scenario.current.merged_into
        survivor_ = surviving(named, into) if into is not None else named[scenario.id]
        assert survivor_ is not None
        assert survivor_.status is Status.ACCEPTED
        assert scenario.current.open == (into is None)
