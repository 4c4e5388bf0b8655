"""Builders shared by all tests: contacts, a ticket driven command by command, and waiting for a condition."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

from deploy.tools.checkout import PROJECT
from duban.simulated_actor import simulated_actor
from schemas.action import Open, Tick
from schemas.command import Action, Command
from schemas.contact import Contact, Customer, Settlement
from schemas.event import Refusal, TicketEvent
from schemas.ticket import Classification, SlaTimer, Status, Ticket
from services.domain.classify import classify
from services.domain.ids import contact_id, ticket_id
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import PAST
from services.ledger.domain.decide import decide
from services.ledger.domain.named_ticket import NamedTicket

PACKS = loading.load(PROJECT / "policies")
PACK: Pack = PACKS["carrier"]
MORNING = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)
"""09:00 in Shanghai on a Thursday that is a working day, in UTC."""
CENTRE = "provincial_centre"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

T = TypeVar("T")


def contact(message_id: str = "m1", *, at: datetime = MORNING, **changes: Any) -> Contact:
    """Return a contact from a customer whose broadband is slow; `changes` replace any of its fields."""
    customer = changes.pop("customer", None) or Customer(name="李女士", phone="+8613800000101", level="普通")
    fields = {
        "id": contact_id("web", "web", message_id),
        "sender": "web",
        "channel": "web",
        "message_id": message_id,
        "policy": "carrier",
        "received_at": at,
        "customer": customer,
        "text": "家里宽带网速很慢，已经一个星期了",
    }
    return Contact(**{**fields, **changes})


def settlement(**changes: Any) -> Settlement:
    """Return an answer given on the spot, complete enough to close the ticket; `changes` replace any of its fields."""
    fields = {
        "outcome": "已退费",
        "explanation": "系统重复计费",
        "agreed": True,
        "cause": "系统错误",
        "owner": "billing",
    }
    return Settlement(**{**fields, **changes})


def other_ticket(id_: UUID | None = None, **changes: Any) -> NamedTicket:
    """Return another open ticket of the same customer, as a decision sees it; `changes` replace any of its fields."""
    id_ = id_ or uuid4()
    fields = {
        "id": id_,
        "number": f"T-{id_.hex[:8]}",
        "version": 1,
        "pack": "carrier",
        "status": Status.HANDLING,
        "customer": contact().customer,
        "merged_into": None,
    }
    return NamedTicket(**{**fields, **changes})


class EveryTicket(Mapping[UUID, NamedTicket]):
    """Stands for other tickets where it does not matter which there are: each that is named is there, and open."""

    def __getitem__(self, id_: UUID) -> NamedTicket:
        return other_ticket(id_)

    def __iter__(self) -> Iterator[UUID]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass
class TicketScenario:
    """Drives one ticket through the decider, command by command, at a time that the test sets.

    Attributes:
        now: time at which the next command is decided, in UTC.
        ticket: the ticket after the last event; None before it is opened.
        events: all events so far, in order.
        refusals: refusals of all commands so far, in order.
        sent: commands that the decisions issued for other tickets.
        id: id of the ticket.
        pack: policy pack to decide by.
        named: other tickets that commands may name.

    """

    now: datetime = MORNING
    ticket: Ticket | None = None
    events: list[TicketEvent] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    sent: list[Command] = field(default_factory=list)
    id: UUID = field(default_factory=uuid4)
    pack: Pack = PACK
    named: Mapping[UUID, NamedTicket] = field(default_factory=EveryTicket)

    @classmethod
    def opened(
        cls, opened_by: Contact | None = None, *, classification: Classification | None = None, pack: Pack = PACK
    ) -> Self:
        """Start from a ticket that a contact has just opened under a pack."""
        first = opened_by or contact()
        scenario = cls(now=first.received_at, id=ticket_id(first.id), pack=pack)
        return scenario.do(Open(contact=first, classification=classification or classify(first, pack)))

    @classmethod
    def dispatched(cls, unit: str = "network", opened_by: Contact | None = None) -> Self:
        """Start from a ticket that has been dispatched to a department."""
        from schemas.action import Dispatch  # noqa: PLC0415 - keeps the list of imports above short

        return cls.opened(opened_by).do(Dispatch(unit=unit), unit=CENTRE)

    def advance(self, span: timedelta) -> Self:
        """Move the time forward without deciding anything."""
        self.now += span
        return self

    def do(
        self,
        action: Action,
        *,
        unit: str | None = None,
        person: str | None = None,
        level: str | None = None,
        at: datetime | None = None,
        expected_version: int | None = None,
    ) -> Self:
        """Decide an action of a unit; without one, of the customer or of the service that takes it."""
        actor, authority = simulated_actor(action, self.pack.header.name, unit, person, level)
        command = Command(
            id=uuid4(),
            ticket_id=self.id,
            at=at or self.now,
            actor=actor,
            policy=self.pack.header.name,
            expected_version=expected_version,
            action=action,
            authority=authority,
        )
        return self.decide(command)

    def decide(self, command: Command) -> Self:
        """Decide a command and apply its outcome."""
        decided = decide(self.ticket, command, self.pack, self.now, number=f"T-{len(self.events)}", named=self.named)
        self.events += decided.events
        self.sent += decided.commands
        if decided.refusal is not None:
            self.refusals.append(decided.refusal)
        if decided.events:
            self.ticket = decided.events[-1].ticket
        return self

    def tick(self) -> Self:
        """Decide a tick, as the SLA monitor sends it."""
        return self.do(Tick(), at=self.now + PAST)

    @property
    def current(self) -> Ticket:
        """The ticket after the last event; it must be open."""
        assert self.ticket is not None
        return self.ticket

    @property
    def types(self) -> list[str]:
        """Types of all events so far, in order."""
        return [each.type for each in self.events]

    @property
    def refusal_code(self) -> str:
        """Code of the last refusal; empty if no command was refused."""
        return self.refusals[-1].code if self.refusals else ""

    def timer(self, name: str) -> SlaTimer:
        """Return the latest SLA timer with this name."""
        return [timer for timer in self.current.clocks if timer.name == name][-1]

    def decided_thresholds(self) -> list[tuple[str, str, str]]:
        """Return timer, threshold and outcome of each event that a threshold caused, in order."""
        return [
            (event.threshold.clock, event.threshold.threshold, event.threshold.outcome)
            for event in self.events
            if event.threshold is not None
        ]


def eventually(probe: Callable[[], T], *, within: float = 30.0, why: str = "") -> T:
    """Call `probe` until its result is true, and return that result.

    Args:
        probe: called every 50 ms.
        within: real seconds until giving up.
        why: message of the error, instead of the last result.

    Raises:
        AssertionError: no result was true in time.

    """
    until = time.monotonic() + within
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(why or f"not within {within:.0f} s; last seen: {found!r}")
        time.sleep(0.05)
