"""Where each contact went, in PostgreSQL."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from schemas.command import Command
from schemas.contact import Contact, Customer
from schemas.ticket import Status
from services.domain.ids import contact_digest
from services.router.domain.identity_matching import relation
from services.router.domain.route import CandidateTicket, RoutingDecision
from services.shared.postgres.database import Queries

queries = Queries.of_package(__package__)

MOST = 500
"""Earlier contacts of one phone, number, mail or identity that are looked at, the latest."""
HISTORY = timedelta(days=97)
"""How far back earlier contacts count: as long as a closed ticket is worth a link, and a week for one that was open."""


@dataclass(frozen=True, slots=True)
class RoutedContact:
    """A contact that was routed before."""

    digest: bytes
    commands: tuple[Command, ...]
    position: tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class EarlierContact:
    """An earlier contact that opened a ticket, and what is known of its customer.

    Attributes:
        known: the ticket.
        customer: who opened it.
        names: of all who wrote about it.

    """

    known: CandidateTicket
    customer: Customer
    names: tuple[str, ...] = ()

    def shares(self, customer: Customer) -> bool:
        """Whether anything that reaches or names a customer is the same."""
        mine = self.customer
        pairs = (
            (mine.phone, customer.phone),
            (mine.number, customer.number),
            (mine.email, customer.email),
            (mine.identity, customer.identity),
        )
        return any(one is not None and one == other for one, other in pairs)

    def towards(self, customer: Customer) -> CandidateTicket:
        """Return the ticket, seen from another contact."""
        return dataclasses.replace(self.known, person=relation(self.customer, customer, self.names))

    def written_by(self, customer: Customer) -> "EarlierContact":
        """Return it with one more person who wrote about the ticket."""
        return dataclasses.replace(self, names=(*self.names, customer.name)) if customer.name else self


def _commands(told: str) -> tuple[Command, ...]:
    return tuple(msgspec.json.decode(told, type=list[Command]))


def load(connection: psycopg.Connection, ids: Iterable[UUID]) -> dict[UUID, RoutedContact]:
    """Return the contacts that were routed before, by id."""
    rows = connection.execute(queries["load_contacts"], {"ids": list(ids)}).fetchall()
    return {
        id_: RoutedContact(bytes(digest), _commands(commands), (topic, partition, offset))
        for id_, digest, commands, topic, partition, offset in rows
    }


def history(connection: psycopg.Connection, customers: Sequence[Customer], now: datetime) -> list[EarlierContact]:
    """Return earlier contacts that may be of these customers, latest first."""
    found = connection.execute(
        queries["load_history"],
        {
            "since": now - HISTORY,
            "most": MOST,
            "phones": list({each.phone for each in customers if each.phone}),
            "numbers": list({each.number for each in customers if each.number}),
            "emails": list({each.email for each in customers if each.email}),
            "identities": list({each.identity for each in customers if each.identity}),
        },
    ).fetchall()
    return [
        EarlierContact(
            CandidateTicket(
                ticket_id,
                Status(status) if status else None,
                closed_at,
                business,
                problem,
                subject,
                person="perhaps",
                asked=bool(asked),
            ),
            Customer(
                phone=phone,
                number=number,
                email=email,
                identity=identity,
                switchboard=many,
                name=name,
                phone_extension=extension,
            ),
            tuple(names),
        )
        for (
            ticket_id,
            status,
            closed_at,
            business,
            problem,
            subject,
            phone,
            number,
            email,
            identity,
            many,
            name,
            extension,
            asked,
            names,
        ) in found
    ]


def save(
    connection: psycopg.Connection,
    rows: Iterable[tuple[Contact, RoutingDecision, Sequence[Command], tuple[str, int, int]]],
    now: datetime,
) -> None:
    """Keep where contacts went."""
    values = [_row(*each, now) for each in rows]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(queries["insert_contact"], values)


def _row(
    contact: Contact,
    decision: RoutingDecision,
    commands: Sequence[Command],
    position: tuple[str, int, int],
    now: datetime,
) -> dict[str, object]:
    customer = contact.customer
    topic, partition, offset = position
    return {
        "id": contact.id,
        "digest": contact_digest(contact),
        "ticket_id": decision.ticket_id,
        "disposition": decision.disposition,
        "reason": decision.reason,
        "sender": contact.sender,
        "channel": contact.channel,
        "message_id": contact.message_id,
        "phone": customer.phone,
        "customer_number": customer.number,
        "email": customer.email,
        "identity": customer.identity,
        "business_type": decision.classification.business_type,
        "problem_type": decision.classification.problem_type,
        "subject": contact.text[:2000],
        "switchboard": customer.switchboard,
        "name": customer.name,
        "extension": customer.phone_extension,
        "commands": Jsonb([each.to_plain() for each in commands]),
        "call": contact.call,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "received_at": contact.received_at,
        "decided_at": now,
    }
