"""What tests are made of: a contact, a ticket's tale told command by command, waiting for something to come true."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

from schemas.action import Open, Tick
from schemas.command import Action, Actor, Command
from schemas.contact import Contact, Customer, Settlement
from schemas.event import Refusal, TicketEvent
from schemas.ticket import Classification, SlaTimer, Ticket
from services.domain.ids import contact_id, ticket_id
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from services.ledger.domain.decide import decide
from services.router.domain.classify import classify
from services.shared.runtime.settings import PROJECT

PACK: Pack = loading.load(PROJECT / "policies")["carrier"]
MORNING = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)
"""Nine o'clock of a working Thursday in Shanghai."""
CENTRE = "provincial_centre"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

T = TypeVar("T")


def contact(message_id: str = "m1", *, at: datetime = MORNING, **changes: Any) -> Contact:
    """Return a contact of a customer whose broadband is slow; any field can be another."""
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
    """Return an answer given on the spot that has all that closing needs."""
    fields = {
        "outcome": "已退费",
        "explanation": "系统重复计费",
        "agreed": True,
        "cause": "系统错误",
        "owner": "billing",
    }
    return Settlement(**{**fields, **changes})


@dataclass
class Tale:
    """One ticket, told command by command with a clock of its own."""

    now: datetime = MORNING
    ticket: Ticket | None = None
    events: list[TicketEvent] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    sent: list[Command] = field(default_factory=list)
    id: UUID = field(default_factory=uuid4)
    pack: Pack = PACK

    @classmethod
    def opened(cls, told: Contact | None = None, *, classification: Classification | None = None) -> Self:
        """Begin with a contact that opens the ticket."""
        first = told or contact()
        tale = cls(now=first.received_at, id=ticket_id(first.id))
        return tale.do(Open(contact=first, classification=classification or classify(first, PACK)))

    @classmethod
    def dispatched(cls, unit: str = "network", told: Contact | None = None) -> Self:
        """Begin with a ticket that is with a department."""
        from schemas.action import Dispatch  # noqa: PLC0415 - keeps the list of imports above short

        return cls.opened(told).do(Dispatch(unit=unit), unit=CENTRE)

    def after(self, span: timedelta) -> Self:
        """Let time pass, and nothing else."""
        self.now += span
        return self

    def do(
        self,
        action: Action,
        *,
        unit: str | None = None,
        at: datetime | None = None,
        expected_version: int | None = None,
    ) -> Self:
        """Decide a command."""
        actor = Actor(kind="unit", name=unit or "customer", unit=unit)
        command = Command(
            id=uuid4(),
            ticket_id=self.id,
            at=at or self.now,
            actor=actor,
            policy="carrier",
            expected_version=expected_version,
            action=action,
        )
        return self.decide(command)

    def decide(self, command: Command) -> Self:
        """Decide a command that is there already."""
        decided = decide(self.ticket, command, self.pack, self.now, number=f"T-{len(self.events)}")
        self.events += decided.events
        self.sent += decided.commands
        if decided.refusal is not None:
            self.refusals.append(decided.refusal)
        if decided.events:
            self.ticket = decided.events[-1].ticket
        return self

    def tick(self) -> Self:
        """Let the monitor look."""
        return self.do(Tick())

    @property
    def it(self) -> Ticket:
        """The ticket as it stands."""
        assert self.ticket is not None
        return self.ticket

    @property
    def types(self) -> list[str]:
        """What happened."""
        return [each.type for each in self.events]

    @property
    def refused(self) -> str:
        """Code of the last refusal; empty if there was none."""
        return self.refusals[-1].code if self.refusals else ""

    def clock(self, name: str) -> SlaTimer:
        """Return the latest clock of a name."""
        return [each for each in self.it.clocks if each.name == name][-1]

    def fired(self) -> list[tuple[str, str, str]]:
        """Return clock, threshold and outcome of every threshold that was decided in an event of its own."""
        return [
            (each.threshold.clock, each.threshold.threshold, each.threshold.outcome)
            for each in self.events
            if each.threshold is not None
        ]


def eventually(look: Callable[[], T], *, within: float = 30.0, why: str = "") -> T:
    """Return what `look` returns as soon as it is true.

    Raises:
        AssertionError: it never was, within so many seconds.

    """
    until = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(why or f"not within {within:.0f} s; last seen: {found!r}")
        time.sleep(0.05)
