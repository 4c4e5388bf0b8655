"""A batch gives its commands ticket numbers and the compensation granted so far, by the pack's zone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self, cast
from uuid import UUID, uuid4

import psycopg
import pytest

from duban.simulated_actor import simulated_actor
from schemas.action import Attach, Compensate, LinkTo, Merge, Note, Open, Remind
from schemas.command import Action, Command
from schemas.contact import Evidence
from schemas.ticket import Link, Ticket
from services.domain.classify import classify
from services.domain.ids import ticket_id
from services.domain.policy.units import NamedPerson
from services.ledger.batch_decider import BatchDecider
from services.ledger.domain.bounded_ticket import MAX_MARKS
from services.ledger.domain.decide import LATE_AFTER, DecisionResult
from tests.builders import CENTRE, PACK, TicketScenario, contact

SHANGHAI_MORNING = datetime(2026, 3, 11, 23, 30, tzinfo=UTC)
"""07:30 on 12 March in Shanghai."""


@dataclass
class FakeConnection:
    """Stands for the database: a sequence of running numbers, and compensation by instant."""

    last_number: int = 999_998
    grants: list[tuple[datetime, int]] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def execute(self, _: str, parameters: dict[str, Any]) -> Self:
        if "ids" in parameters:
            self.rows = []
        elif "count" in parameters:
            first, self.last_number = self.last_number + 1, self.last_number + parameters["count"]
            self.rows = [(number,) for number in range(first, self.last_number + 1)]
        elif "items" in parameters:
            self.rows = []
        elif "keys" in parameters:
            self.locked = parameters["keys"]
        else:
            self.asked.append((parameters["name"], parameters["pack"]))
            granted = [yuan for at, yuan in self.grants if parameters["since"] <= at < parameters["until"]]
            self.rows = [(Decimal(sum(granted)),)]
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(iter(self.rows), None)


def decider(database: FakeConnection, commands: Sequence[Command], now: datetime, *known: Ticket) -> BatchDecider:
    connection = cast("psycopg.Connection", database)
    return BatchDecider(connection, commands, {each.id: each for each in known}, now=now, late_after=LATE_AFTER)


def opening(message_id: str, at: datetime) -> Command:
    message = contact(message_id, at=at)
    return command(Open(contact=message, classification=classify(message, PACK)), at, ticket_id(message.id))


def command(action: Action, at: datetime, ticket: Any = None, *, unit: str | None = None) -> Command:
    actor, authority = simulated_actor(action, "carrier", unit, "zhang")
    return Command(
        id=uuid4(),
        ticket_id=ticket or uuid4(),
        at=at,
        actor=actor,
        policy="carrier",
        action=action,
        authority=authority,
    )


def opened(result: DecisionResult) -> Ticket:
    return result.events[-1].ticket


@pytest.mark.requirement("R2.6")
def test_a_ticket_number_carries_the_day_of_acceptance_where_the_pack_is() -> None:
    first, second = opening("m1", SHANGHAI_MORNING), opening("m2", SHANGHAI_MORNING - timedelta(hours=8))
    # The ledger was down over midnight: the day is that of the acceptance, not of the decision.
    batch = decider(FakeConnection(), [first, second], SHANGHAI_MORNING + timedelta(days=1))
    assert opened(batch.decide(None, first, PACK)).number == "TS20260312999999"
    assert opened(batch.decide(None, second, PACK)).number == "TS202603111000000"


def test_only_a_ticket_that_may_be_opened_takes_a_number() -> None:
    database, first = FakeConnection(last_number=0), opening("m1", SHANGHAI_MORNING)
    ticket = opened(decider(database, [first], SHANGHAI_MORNING).decide(None, first, PACK))
    message = contact("m2", at=SHANGHAI_MORNING)
    reminder = command(
        Remind(contact=message, classification=classify(message, PACK), reason="again"), message.received_at
    )
    again = first.replace(id=uuid4())
    commands = [reminder.replace(ticket_id=ticket.id), again, command(Note(text="x"), SHANGHAI_MORNING, ticket.id)]
    batch = decider(database, commands, SHANGHAI_MORNING, ticket)
    for each in commands:
        ticket = next((event.ticket for event in reversed(batch.decide(ticket, each, PACK).events)), ticket)
    assert ticket.reminders == 1
    assert database.last_number == 1


def test_a_ticket_that_comes_twice_in_a_batch_takes_one_number() -> None:
    database, first = FakeConnection(last_number=0), opening("m1", SHANGHAI_MORNING)
    batch = decider(database, [first, first.replace(id=uuid4())], SHANGHAI_MORNING)
    ticket = opened(batch.decide(None, first, PACK))
    assert batch.decide(ticket, first.replace(id=uuid4()), PACK).events == ()
    assert database.last_number == 1


def grant(amount: int, ticket: Ticket, at: datetime, person: str = "zhang", key: str = "crm") -> Command:
    action = Compensate(amount=str(amount), covers="service_use", text="x")
    actor, authority = simulated_actor(action, "carrier", CENTRE, person, "agent")
    return command(action, at, ticket.id).replace(actor=actor.replace(key=key), authority=authority)


@pytest.mark.requirement("R3.6")
@pytest.mark.parametrize(
    ("granted_at", "refused"),
    [
        (datetime(2026, 3, 31, 15, 59, tzinfo=UTC), False),  # 31 March, 23:59 in Shanghai: last month's
        (datetime(2026, 3, 31, 16, 0, tzinfo=UTC), True),  # 1 April, 0:00 in Shanghai, March in UTC
    ],
)
def test_a_month_of_compensation_begins_where_the_pack_is(granted_at: datetime, refused: bool) -> None:  # noqa: FBT001
    now = datetime(2026, 3, 31, 20, 0, tzinfo=UTC)
    ticket = TicketScenario.opened(contact(at=now)).current
    give = grant(30, ticket, now)
    batch = decider(FakeConnection(grants=[(granted_at, 290)]), [give], now, ticket)
    assert (batch.decide(ticket, give, PACK).refusal is not None) == refused


@pytest.mark.requirement("R3.6")
def test_a_grant_counts_in_the_month_of_its_event_not_of_its_decision() -> None:
    """The ledger was down over the end of the month."""
    asked, now = datetime(2026, 3, 31, 15, 30, tzinfo=UTC), datetime(2026, 3, 31, 17, 0, tzinfo=UTC)
    ticket = TicketScenario.opened(contact(at=asked)).current
    give = grant(30, ticket, asked)
    march = datetime(2026, 3, 20, tzinfo=UTC)
    (refusal,) = [
        decider(FakeConnection(grants=[(march, 290)]), [give], now, ticket).decide(ticket, give, PACK).refusal
    ]
    assert refusal is not None
    assert refusal.code == "beyond_authority"


@pytest.mark.requirement("R3.6")
def test_grants_of_one_batch_add_up_unless_they_were_refused() -> None:
    now = datetime(2026, 3, 20, tzinfo=UTC)
    tickets = [TicketScenario.opened(contact(f"m{number}", at=now)).current for number in range(3)]
    database = FakeConnection(grants=[(now, 240)])
    commands = [
        grant(30, tickets[0], now),
        grant(31, tickets[1], now),
        grant(30, tickets[2], now),
        grant(1, tickets[1], now),
    ]
    batch = decider(database, commands, now, *tickets)
    refusals = [
        batch.decide(next(each for each in tickets if each.id == given.ticket_id), given, PACK).refusal
        for given in commands
    ]
    # 240 + 30; 31 is beyond the authority for one case; + 30 makes 300; one yuan more is beyond the month.
    assert [each.code if each is not None else "" for each in refusals] == [
        "",
        "beyond_authority",
        "",
        "beyond_authority",
    ]


def test_a_merge_relies_on_both_tickets_as_the_batch_has_left_them() -> None:
    first, second = (TicketScenario.opened(contact(f"m{number}")).current for number in range(2))
    now = first.updated_at
    there, back = (
        command(Merge(into=into.id, reason="r"), now, ticket.id, unit=CENTRE)
        for ticket, into in ((first, second), (second, first))
    )
    tickets = {first.id: first, second.id: second}
    connection = cast("psycopg.Connection", FakeConnection(rows=[]))
    batch = BatchDecider(connection, [there, back], tickets, now=now, late_after=LATE_AFTER)
    tickets[first.id] = opened(batch.decide(first, there, PACK))
    assert batch.relied_on == {first.id: first.version, second.id: second.version}
    refusal = batch.decide(second, back, PACK).refusal
    assert refusal is not None
    assert refusal.code == "merged"


def test_what_a_batch_has_added_itself_is_not_added_again() -> None:
    """The database does not know it yet, and the ticket has the marks of the latest hundred."""
    scenario = TicketScenario.opened(contact(at=SHANGHAI_MORNING))
    ticket = scenario.current
    paper, other = (Evidence(kind="scan", reference=f"s3://{name}") for name in "ab")
    many = tuple(Evidence(kind="scan", reference=f"s3://{number}") for number in range(2 * MAX_MARKS))
    links = [
        LinkTo(link=Link(ticket_id=UUID(int=number), kind="repeat", reason="x")) for number in range(MAX_MARKS + 9)
    ]
    actions: list[Action] = [Attach(evidence=(paper, *many)), *links, Attach(evidence=(paper, other)), links[0]]
    commands = [command(action, SHANGHAI_MORNING, ticket.id, unit=CENTRE) for action in actions]
    others = [ticket.replace(id=each.link.ticket_id) for each in links]
    batch, refusals = decider(FakeConnection(), commands, SHANGHAI_MORNING, ticket, *others), list[str]()
    for each in commands:
        result = batch.decide(ticket, each, PACK)
        refusals += [result.refusal.code] if result.refusal is not None else []
        ticket = next((event.ticket for event in reversed(result.events)), ticket)
    assert (ticket.evidence_count, ticket.links_count) == (len(many) + 2, len(links))
    assert refusals == ["linked"]


@pytest.mark.requirement("R3.6")
def test_another_name_or_another_key_begins_no_new_sum() -> None:
    now = datetime(2026, 3, 20, tzinfo=UTC)
    tickets = [TicketScenario.opened(contact(f"m{number}", at=now)).current for number in range(4)]
    asked = [("zhang", "crm"), ("wang", "crm"), ("zhang", "app"), ("li", "app")]
    commands = [grant(30, ticket, now, *who) for ticket, who in zip(tickets, asked, strict=True)]
    database = FakeConnection(grants=[(now, 250)])
    batch = decider(database, commands, now, *tickets)
    refused = [
        batch.decide(ticket, given, PACK).refusal is not None for ticket, given in zip(tickets, commands, strict=True)
    ]
    # Each sum is at 250 before. The first makes those of zhang and of crm 280, so neither has room for 30 more.
    assert refused == [False, True, True, False]
    assert set(database.asked) == {(name, "carrier") for name in ("zhang", "crm", "wang", "app", "li")}
    assert set(database.locked) == {"person/zhang", "person/wang", "person/li", "key/crm", "key/app"}


@pytest.mark.requirement("R3.6")
def test_a_person_whom_the_pack_names_has_a_sum_and_a_level_of_its_own() -> None:
    now = datetime(2026, 3, 20, tzinfo=UTC)
    named = NamedPerson(name="zhang", units=(CENTRE,), level="team_leader", ours="an example")
    pack = replace(PACK, persons={"zhang": named})
    ticket = TicketScenario.opened(contact(at=now)).current
    database = FakeConnection(grants=[(now, 1_900)])
    give = grant(100, ticket, now)
    batch = decider(database, [give], now, ticket)
    (event,) = batch.decide(ticket, give, pack).events
    assert event.ticket.compensations[-1].level == "team_leader"
    assert database.asked == [("zhang", "carrier")]
    # The batch's own grants count as well.
    assert batch.decide(event.ticket, grant(1, event.ticket, now), pack).refusal is not None


def test_a_batch_without_compensation_takes_no_lock() -> None:
    database, first = FakeConnection(), opening("m1", SHANGHAI_MORNING)
    decider(database, [first], SHANGHAI_MORNING)
    assert database.locked == []
