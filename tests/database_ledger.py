"""A ledger on a database without a broker: decides commands one by one, at a time that the test sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
from prometheus_client import CollectorRegistry

from duban.simulated_actor import simulated_actor
from schemas.action import Open, Tick
from schemas.command import Action, Actor, Command
from schemas.contact import Contact
from schemas.ticket import Ticket
from services.domain.classify import classify
from services.domain.ids import ticket_id
from services.domain.policy.pack import Pack
from services.ledger import store
from services.ledger.handlers import CommandHandler
from services.ledger.metrics import LedgerMetrics
from services.shared.kafka.batch_handling import Message
from services.shared.kafka.records import Incoming, Outgoing
from tests.builders import MORNING, PACKS


@dataclass
class SettableClock:
    """Business time that stands still until a test moves it.

    Attributes:
        time: the present business time, in UTC.

    """

    time: datetime = MORNING

    def now(self) -> datetime:
        """Return the time that was set."""
        return self.time

    def at(self, real: datetime) -> datetime:  # noqa: ARG002 - the interface of Clock
        """Return the time that was set, whatever the real one is."""
        return self.time

    def real_now(self) -> datetime:
        return datetime.now(UTC)

    def real_seconds(self, span: timedelta) -> float:
        """Return the span in seconds."""
        return span.total_seconds()

    def business_span(self, seconds: float) -> timedelta:
        """Return the seconds as a span."""
        return timedelta(seconds=seconds)


@dataclass
class DatabaseLedger:
    """Decides commands with the ledger's own code, each in a transaction, and keeps what it would publish.

    Attributes:
        connection: to a database with today's tables; not in a transaction.
        packs: policy packs by name.
        clock: the business time.
        published: every record that was to be published, in order.

    """

    connection: psycopg.Connection
    packs: Mapping[str, Pack] = field(default_factory=lambda: PACKS)
    clock: SettableClock = field(default_factory=SettableClock)
    published: list[Outgoing] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Build the handler of commands."""
        self._handler = CommandHandler(self.packs, self.clock, LedgerMetrics(CollectorRegistry()))
        self._offset = 0

    def open(self, contact: Contact) -> UUID:
        """Open a ticket from a contact; returns its id."""
        pack = self.packs[contact.policy]
        ticket = ticket_id(contact.id)
        self.do(ticket, Open(contact=contact, classification=classify(contact, pack)), pack=contact.policy)
        return ticket

    def do(self, ticket: UUID, action: Action, *, unit: str | None = None, pack: str = "carrier") -> None:
        """Decide an action of a unit; without one, of the customer or of the service that takes it."""
        actor, authority = simulated_actor(action, pack, unit)
        self.decide(
            Command(
                id=uuid4(),
                ticket_id=ticket,
                at=self.clock.now(),
                actor=actor,
                policy=pack,
                action=action,
                authority=authority,
            )
        )

    def tick(self, ticket: UUID) -> None:
        """Decide a tick."""
        actor = Actor(kind="service", name="sla_monitor")
        self.decide(Command(id=uuid4(), ticket_id=ticket, at=self.clock.now(), actor=actor, action=Tick()))

    def decide(self, command: Command) -> None:
        """Decide a command, then those that the ledger sends to itself because of it."""
        pending = [command]
        while pending:
            self._offset += 1
            record = Incoming(Command.TOPIC, pending[0].ticket_id.int % 12, self._offset, None, None)
            with self.connection.transaction():
                result = self._handler.handle([Message(record, pending.pop(0))], self.connection)
            assert not result.dead_letters, result.dead_letters
            for group in result.publish:
                self.published += group
                pending += [Command.from_json(each.value or b"") for each in group if each.topic == Command.TOPIC]

    def ticket(self, id_: UUID) -> Ticket:
        """Return a ticket as it is stored."""
        return store.load_tickets(self.connection, [id_])[0][id_]

    def states(self) -> list[Outgoing]:
        """Return every record for tickets.state, in order."""
        return [record for record in self.published if record.topic == Ticket.TOPIC]
