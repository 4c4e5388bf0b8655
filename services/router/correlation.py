"""Joins what arrives separately: a call and its form, a ticket and a later mail or alert about it (R2.1, R2.5)."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from schemas.action import JoinCall, Note
from schemas.call import Call, CallRecord
from schemas.command import Command
from schemas.contact import Contact, Customer
from schemas.non_ticket import NonTicket
from schemas.ticket import Status
from services.domain.ids import command_id, contact_id
from services.domain.ticket_number import find_ticket_numbers
from services.router.domain.candidate import CandidateTicket
from services.router.domain.contact_command import ACTOR
from services.router.domain.earlier_contact import EARLIER_TICKET, EarlierContact
from services.router.store import queries, with_survivors
from services.shared.postgres.database import to_jsonb

FORM_WITHIN = timedelta(minutes=45)
"""How long after its beginning an answered call waits for its form; then it becomes an incomplete ticket (R2.5).

The form is due an hour after the call began and warned of six minutes before (002-1 §2.4.2, §2.4.7): the ticket has to
be there by then."""
MAX_UNMATCHED_CALLS = 100
"""Calls without a form that are turned into contacts at a time."""

Body = Contact | CallRecord | NonTicket
"""What the router reads: contacts, calls, and messages that open no ticket."""


@dataclass(slots=True)
class CorrelationBatch:
    """Calls, forms, tickets and kept messages that belong to the records of a batch; grows while it is handled.

    Attributes:
        calls: by the exchange's id.
        forms: contact and ticket of each call's form, by the exchange's id.
        numbered: tickets by their number, with their customers.
        tickets: ids of tickets by the id of a contact.
        kept: messages about a contact, by its id.

    """

    calls: dict[str, Call] = field(default_factory=dict)
    forms: dict[str, tuple[UUID, UUID]] = field(default_factory=dict)
    numbered: dict[str, EarlierContact] = field(default_factory=dict)
    tickets: dict[UUID, UUID] = field(default_factory=dict)
    kept: dict[UUID, list[NonTicket]] = field(default_factory=dict)


def load(connection: psycopg.Connection, bodies: Sequence[Body]) -> CorrelationBatch:
    """Load what belongs to a batch, and lock it against other routers until the transaction ends."""
    contacts = [body for body in bodies if isinstance(body, Contact)]
    kept = [body for body in bodies if isinstance(body, NonTicket)]
    call_ids = _call_ids(bodies)
    contact_ids = {contact.id for contact in contacts}
    about = contact_ids | {message.about for message in kept if message.about is not None}
    batch = CorrelationBatch()
    persons = {key for contact in contacts for key in _person_keys(contact.customer)}
    if keys := [*(f"call/{id_}" for id_ in call_ids), *(f"contact/{id_}" for id_ in about), *persons]:
        connection.execute(queries["lock"], {"keys": keys})
    _load_calls(connection, batch, call_ids)
    _load_numbered(connection, batch, _ticket_numbers(contacts, kept))
    if kept:
        rows = connection.execute(queries["tickets_of_contacts"], {"ids": list(about)})
        batch.tickets = dict(rows.fetchall())
    _load_kept(connection, batch, contact_ids)
    return batch


def _call_ids(bodies: Iterable[Body]) -> set[str]:
    calls = {body.call.id for body in bodies if isinstance(body, CallRecord)}
    return calls | {body.call for body in bodies if isinstance(body, Contact) and body.call}


def _person_keys(customer: Customer) -> Iterator[str]:
    """Return what a person may be recognised by: two messages of one may come by different routers at once (R2.4)."""
    for kind, value in (
        ("phone", customer.phone),
        ("number", customer.number),
        ("email", customer.email),
        ("identity", customer.identity),
    ):
        if value:
            yield f"{kind}/{value}"


def _load_calls(connection: psycopg.Connection, batch: CorrelationBatch, ids: AbstractSet[str]) -> None:
    if not ids:
        return
    for id_, call, *_ in connection.execute(queries["load_calls"], {"ids": list(ids)}):
        batch.calls[id_] = Call.from_record(call)
    for call, contact, ticket in connection.execute(queries["forms_of_calls"], {"calls": list(ids)}):
        batch.forms.setdefault(call, (contact, ticket))


def _ticket_numbers(contacts: Iterable[Contact], kept: Iterable[NonTicket]) -> set[str]:
    numbers = {number_of(message) for message in kept}
    for contact in contacts:
        numbers |= {contact.follows, contact.details.get(EARLIER_TICKET)}
    return {number for number in numbers if number}


def _load_numbered(connection: psycopg.Connection, batch: CorrelationBatch, numbers: AbstractSet[str]) -> None:
    if not numbers:
        return
    rows = connection.execute(queries["tickets_by_number"], {"numbers": list(numbers)})
    found: dict[str, EarlierContact] = {}
    for id_, number, status, closed_at, subject, customer in rows:
        ticket = CandidateTicket(id_, Status(status), closed_at, None, None, subject or "", person="perhaps")
        found[number] = EarlierContact(ticket, Customer.from_record(customer))
    batch.numbered |= zip(found, with_survivors(connection, list(found.values())), strict=True)


def _load_kept(connection: psycopg.Connection, batch: CorrelationBatch, contacts: AbstractSet[UUID]) -> None:
    if not contacts:
        return
    for (body,) in connection.execute(queries["kept_about"], {"ids": list(contacts)}):
        message = NonTicket.from_record(body)
        assert message.about is not None
        batch.kept.setdefault(message.about, []).append(message)


def number_of(message: NonTicket) -> str | None:
    """Return the number of the ticket that a bounce is about: it stands in the id of the mail that we sent."""
    return next(iter(find_ticket_numbers(message.facts.get("original_message_id", ""))), None)


def with_call(contact: Contact, calls: Mapping[str, Call]) -> Contact:
    """Return a contact completed from the record of its call: start, phone number and recording."""
    call = calls.get(contact.call or "")
    if call is None:
        return contact
    known = {evidence.reference for evidence in contact.evidence}
    added = tuple(evidence for evidence in call.evidence if evidence.reference not in known)
    customer = contact.customer if contact.customer.phone else contact.customer.replace(phone=call.phone)
    started = call.started_at if call.started_at is not None else contact.contacted_at
    return contact.replace(contacted_at=started, customer=customer, evidence=(*contact.evidence, *added))


def handle_call(record: CallRecord, batch: CorrelationBatch) -> list[Command]:
    """Merge the record of a call into the batch; if its form came first, the ticket gets the call's data."""
    earlier = batch.calls.get(record.call.id)
    call = record.call if earlier is None else earlier.merged(record.call)
    batch.calls[call.id] = call
    form = batch.forms.get(call.id)
    if form is None:
        return []
    # Even if nothing is new: after a crash the same record has to lead to the same command.
    return [_command(record.id, "join_call", form[1], record.received_at, record.policy, JoinCall(call=call))]


def handle_non_ticket(message: NonTicket, batch: CorrelationBatch) -> list[Command]:
    """Return a note for the ticket that a message is about, if there is one; a resolved alert waits for its contact."""
    number = number_of(message)
    if message.reason == "resolved" and message.about is not None:
        if message.about in batch.tickets:
            return [note_command(message, batch.tickets[message.about])]
        # Its alert may come later in the same batch, before this message is in the table.
        waiting = batch.kept.setdefault(message.about, [])
        if message.id not in {other.id for other in waiting}:
            waiting.append(message)
    if message.reason == "bounce" and number in batch.numbered:
        return [note_command(message, batch.numbered[number].ticket.ticket_id)]
    return []


def note_command(message: NonTicket, ticket: UUID) -> Command:
    """Return the command that notes a resolved alert or a bounce on a ticket."""
    text = {
        "resolved": f"the alert is over since {message.facts.get('resolved_at', 'unknown')}",
        "bounce": f"a mail to the customer came back undelivered ({message.facts.get('status') or 'no status given'})",
    }[message.reason]
    return _command(message.id, "note", ticket, message.received_at, message.policy, Note(text=text))


def _command(cause: UUID, name: str, ticket: UUID, at: datetime, policy: str, action: JoinCall | Note) -> Command:
    return Command(id=command_id(cause, name), ticket_id=ticket, at=at, actor=ACTOR, policy=policy, action=action)


def save(connection: psycopg.Connection, bodies: Sequence[Body], batch: CorrelationBatch, now: datetime) -> None:
    """Save calls, which forms belong to them, and kept messages."""
    records = {body.call.id: body for body in bodies if isinstance(body, CallRecord)}
    contacts = [body for body in bodies if isinstance(body, Contact)]
    with connection.cursor() as cursor:
        for id_, record in records.items():
            cursor.execute(queries["save_call"], _call_row(record, batch.calls[id_], batch.forms.get(id_), now))
        for contact in contacts:
            if contact.call in batch.calls and contact.call not in records:
                form = batch.forms.get(contact.call)
                row = {"id": contact.call, "contact_id": form and form[0], "ticket_id": form and form[1]}
                cursor.execute(queries["form_of_call"], row)
        for message in bodies:
            if isinstance(message, NonTicket):
                cursor.execute(queries["save_kept"], _kept_row(message, now))


def _call_row(record: CallRecord, call: Call, form: tuple[UUID, UUID] | None, now: datetime) -> dict[str, object]:
    return {
        "id": call.id,
        "call": to_jsonb(call),
        "sender": record.sender,
        "channel": record.channel,
        "policy": record.policy,
        "answered": call.answered,
        "ended_at": call.ended_at,
        "contact_id": form[0] if form else None,
        "ticket_id": form[1] if form else None,
        "heard_at": now,
    }


def _kept_row(message: NonTicket, now: datetime) -> dict[str, object]:
    return {
        "id": message.id,
        "reason": message.reason,
        "about": message.about,
        "number": number_of(message),
        "body": to_jsonb(message.replace(raw=None)),
        "heard_at": now,
    }


def contacts_of_unmatched_calls(connection: psycopg.Connection, now: datetime) -> dict[str, Contact]:
    """Return an incomplete contact for each answered call that is over and whose form did not come in time (R2.5).

    By the id of the call, for `mark_announced`, once they are published.
    """
    values = {"now": now, "before": now - FORM_WITHIN, "most": MAX_UNMATCHED_CALLS}
    rows = connection.execute(queries["calls_without_form"], values).fetchall()
    return {
        id_: _incomplete_contact(Call.from_record(call), sender, channel, policy, now)
        for id_, call, sender, channel, policy in rows
    }


def mark_announced(connection: psycopg.Connection, calls: Collection[str], now: datetime) -> None:
    """Remember of which calls the contacts were published, so that they are not published again."""
    connection.execute(queries["call_announced"], {"ids": list(calls), "now": now})


def _incomplete_contact(call: Call, sender: str, channel: str, policy: str, now: datetime) -> Contact:
    message_id = f"call:{call.id}"[:200]
    return Contact(
        id=contact_id(sender, channel, message_id),
        sender=sender,
        channel=channel,
        message_id=message_id,
        policy=policy,
        received_at=now,
        contacted_at=call.started_at,
        customer=Customer(phone=call.phone),
        agent=call.operator,
        call=call.id,
        flags=("incomplete", "no_text", *(() if call.phone else ("no_phone",))),
    )
