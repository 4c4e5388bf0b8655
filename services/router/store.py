"""The router's table of contacts in PostgreSQL: where each went, and those of the same customer before it."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from schemas.command import Command
from schemas.contact import Contact, Customer
from schemas.ticket import GONE, Status
from schemas.unknown_fields import decode
from services.domain.identity_matching import plain_address
from services.domain.ids import contact_digest
from services.router.domain.added import PAUSE
from services.router.domain.candidate import CandidateTicket
from services.router.domain.decision import RoutingDecision
from services.router.domain.earlier_contact import EarlierContact, writer_of
from services.router.domain.history import is_held
from services.router.domain.message import CHATS, CONVERSATION
from services.shared.postgres.database import Queries, to_jsonb

queries = Queries.of_package(__package__)

MAX_EARLIER = 500
"""Earlier contacts that are considered for each phone, number, mail address or identity, latest first."""
HISTORY = timedelta(days=97)
"""How far back earlier contacts count: as long as a closed ticket is linked, and a week while it was open."""


@dataclass(frozen=True, slots=True)
class RoutedContact:
    """A contact that has already been routed, with the commands that it led to."""

    digest: bytes
    commands: tuple[Command, ...]
    position: tuple[str, int, int]


def _commands(text: str) -> tuple[Command, ...]:
    return tuple(decode(text, list[Command]))


def load_routed(connection: psycopg.Connection, ids: Iterable[UUID]) -> dict[UUID, RoutedContact]:
    """Return those of some contacts that have already been routed, by id."""
    rows = connection.execute(queries["load_contacts"], {"ids": list(ids)}).fetchall()
    return {
        id_: RoutedContact(bytes(digest), _commands(commands), (topic, partition, offset))
        for id_, digest, commands, topic, partition, offset in rows
    }


def load_earlier(connection: psycopg.Connection, customers: Sequence[Customer], now: datetime) -> list[EarlierContact]:
    """Return the earlier contacts that may be of these customers, latest first."""
    rows = connection.execute(
        queries["load_history"],
        {
            "since": now - HISTORY,
            "most": MAX_EARLIER,
            "phones": list({customer.phone for customer in customers if customer.phone}),
            "numbers": list({customer.number for customer in customers if customer.number}),
            "emails": list({customer.email for customer in customers if customer.email}),
            "identities": list({customer.identity for customer in customers if customer.identity}),
            "addresses": list({address for customer in customers if (address := plain_address(customer))}),
        },
    ).fetchall()
    earlier = [
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
                kind=kind,
                channel=channel or "",
                conversation=conversation,
                last_at=last_at,
                visiting_region=region,
            ),
            Customer(
                phone=phone,
                number=number,
                email=email,
                identity=identity,
                switchboard=switchboard,
                name=name,
                phone_extension=extension,
                address=address,
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
            switchboard,
            name,
            extension,
            address,
            kind,
            region,
            channel,
            conversation,
            last_at,
            asked,
            names,
        ) in rows
    ]
    return with_survivors(connection, earlier)


def load_held(connection: psycopg.Connection, contacts: Sequence[Contact]) -> list[Contact]:
    """Return the lines before some contacts that opened nothing, and may be of the same conversations, oldest first."""
    lines = [contact for contact in contacts if contact.channel in CHATS]
    if not lines:
        return []
    values = {
        "since": min(contact.received_at for contact in lines) - PAUSE,
        "identities": list({contact.customer.identity for contact in lines if contact.customer.identity}),
        "phones": list({contact.customer.phone for contact in lines if contact.customer.phone}),
    }
    return [Contact.from_record(held) for (held,) in connection.execute(queries["load_held"], values)]


def save_taken(connection: psycopg.Connection, lines: Mapping[UUID, UUID]) -> None:
    """Save that held lines went to tickets.

    Args:
        connection: with the transaction.
        lines: tickets by the id of the line.

    """
    with connection.cursor() as cursor:
        for id_, ticket in lines.items():
            cursor.execute(queries["line_taken"], {"id": id_, "ticket_id": ticket})


def with_survivors(connection: psycopg.Connection, earlier: Sequence[EarlierContact]) -> list[EarlierContact]:
    """Return the contacts with the ticket that goes on in the place of each that was merged (DECISIONS 30)."""
    gone = {contact.ticket.ticket_id for contact in earlier if contact.ticket.status in GONE}
    if not gone:
        return list(earlier)
    survivors = {
        merged: {"ticket_id": id_, "status": Status(status), "closed_at": closed_at, "asked": bool(asked)}
        for merged, id_, status, closed_at, asked in connection.execute(queries["survivors"], {"ids": list(gone)})
        if merged != id_
    }
    return [
        dataclasses.replace(contact, ticket=dataclasses.replace(contact.ticket, **survivors[contact.ticket.ticket_id]))
        if contact.ticket.ticket_id in survivors
        else contact
        for contact in earlier
    ]


def save(
    connection: psycopg.Connection,
    rows: Iterable[tuple[Contact, RoutingDecision, Sequence[Command], tuple[str, int, int]]],
    now: datetime,
) -> None:
    """Save where contacts went."""
    values = [_row(*routed, now) for routed in rows]
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
    customer = writer_of(contact)
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
        "commands": Jsonb([command.to_plain() for command in commands]),
        "call": contact.call,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "received_at": contact.received_at,
        "decided_at": now,
        "kind": decision.classification.kind,
        "conversation": contact.details.get(CONVERSATION),
        "visiting_region": customer.visiting_region,
        "address": plain_address(customer),
        "rule": decision.rule,
        "held": to_jsonb(contact.replace(raw=None)) if is_held(contact, decision) else None,
    }
