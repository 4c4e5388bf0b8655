"""What belongs together although it came apart: a call and its form, a ticket and the mail or alert about it."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from schemas.action import JoinCall, Note
from schemas.call import Call, CallRecord
from schemas.command import Actor, Command
from schemas.contact import Contact, Customer
from schemas.non_ticket import NonTicket
from schemas.ticket import Status
from services.domain.ids import command_id, contact_id
from services.domain.ticket_number import find_ticket_numbers
from services.router.domain.identity_matching import Relation
from services.router.domain.route import CandidateTicket
from services.router.store import EarlierContact, queries
from services.shared.postgres.database import as_json

FORM_WITHIN = timedelta(hours=1)
"""How long an answered call waits for its form; then it becomes an incomplete ticket of its own (R2.5)."""
AT_ONCE = 100
EARLIER_TICKET = "earlier_ticket"
"""Detail in which a regulator names the complaint that came before its appeal."""
ACTOR = Actor(kind="service", name="router")


@dataclass(slots=True)
class CorrelationBatch:
    """What a batch needs to know of calls, forms and tickets, and what it leaves of them.

    Attributes:
        calls: by the exchange's id.
        forms: contact and ticket of each call's form.
        numbered: tickets by number, with their customers.
        tickets: of contacts, by their ids.
        kept: messages about contacts, by those contacts' ids.

    """

    calls: dict[str, Call] = field(default_factory=dict)
    forms: dict[str, tuple[UUID, UUID]] = field(default_factory=dict)
    numbered: dict[str, EarlierContact] = field(default_factory=dict)
    tickets: dict[UUID, UUID] = field(default_factory=dict)
    kept: dict[UUID, list[NonTicket]] = field(default_factory=dict)


def load(connection: psycopg.Connection, bodies: Sequence[Contact | CallRecord | NonTicket]) -> CorrelationBatch:
    """Load what a batch needs, and keep others from joining the same until it is saved."""
    contacts = [each for each in bodies if isinstance(each, Contact)]
    keeps = [each for each in bodies if isinstance(each, NonTicket)]
    ids = {each.call for each in contacts if each.call} | {
        each.call.id for each in bodies if isinstance(each, CallRecord)
    }
    about = {each.id for each in contacts} | {each.about for each in keeps if each.about is not None}
    joined = CorrelationBatch()
    if ids or about:
        keys = [f"call/{each}" for each in ids] + [f"contact/{each}" for each in about]
        connection.execute(queries["lock"], {"keys": keys})
    if ids:
        for id_, call, *_ in connection.execute(queries["load_calls"], {"ids": list(ids)}):
            joined.calls[id_] = Call.from_json(call)
        for call, id_, ticket in connection.execute(queries["forms_of_calls"], {"calls": list(ids)}):
            joined.forms.setdefault(call, (id_, ticket))
    numbers = {each.follows for each in contacts if each.follows} | {
        number for each in keeps if (number := number_of(each))
    }
    numbers |= {each.details[EARLIER_TICKET] for each in contacts if EARLIER_TICKET in each.details}
    if numbers:
        rows = connection.execute(queries["tickets_by_number"], {"numbers": list(numbers)})
        joined.numbered = {
            number: _numbered(id_, status, closed, subject, customer)
            for id_, number, status, closed, subject, customer in rows
        }
    if keeps:
        rows = connection.execute(queries["tickets_of_contacts"], {"ids": list(about)})
        joined.tickets = dict(rows.fetchall())
    if contacts:
        for (body,) in connection.execute(queries["kept_about"], {"ids": [each.id for each in contacts]}):
            kept = NonTicket.from_json(body)
            assert kept.about is not None
            joined.kept.setdefault(kept.about, []).append(kept)
    return joined


def _numbered(id_: UUID, status: str, closed_at: datetime | None, subject: str | None, customer: str) -> EarlierContact:
    known = CandidateTicket(id_, Status(status), closed_at, None, None, subject or "", person="perhaps")
    return EarlierContact(known, Customer.from_json(customer))


def number_of(kept: NonTicket) -> str | None:
    """Return the number of the ticket that a bounce is about: it stands in the id of our own mail."""
    return next(iter(find_ticket_numbers(kept.facts.get("original_message_id", ""))), None)


def named(contact: Contact, joined: CorrelationBatch) -> list[CandidateTicket]:
    """Return the tickets that a contact names: one by number, the one before it, the one of the call that it was."""
    found = []
    form = joined.forms.get(contact.call or "")
    if form is not None and form[0] != contact.id:
        found.append(CandidateTicket(form[1], None, None, None, None, "", person="same", named="follows"))
    if (follows := joined.numbered.get(contact.follows or "")) is not None:
        person: Relation = "same" if follows.shares(contact.customer) else "another"
        found.append(dataclasses.replace(follows.known, person=person, named="follows"))
    if (before := joined.numbered.get(contact.details.get(EARLIER_TICKET, ""))) is not None:
        found.append(dataclasses.replace(before.known, named="before"))
    return found


def with_call(contact: Contact, calls: Mapping[str, Call]) -> Contact:
    """Return a contact with what is known of its call: it began when the call did, and has its recording."""
    call = calls.get(contact.call or "")
    if call is None:
        return contact
    known = {each.reference for each in contact.evidence}
    more = tuple(each for each in call.evidence if each.reference not in known)
    customer = contact.customer if contact.customer.phone else contact.customer.replace(phone=call.phone)
    started = call.started_at if call.started_at is not None else contact.contacted_at
    return contact.replace(contacted_at=started, customer=customer, evidence=(*contact.evidence, *more))


def heard_call(record: CallRecord, joined: CorrelationBatch) -> list[Command]:
    """Take in the record of a call; when its form was first, the ticket gets what the exchange knows."""
    before = joined.calls.get(record.call.id)
    call = record.call if before is None else before.merged(record.call)
    joined.calls[call.id] = call
    form = joined.forms.get(call.id)
    if form is None:
        return []
    # Also when nothing is new: after a crash the same record has to lead to the same command.
    return [_command(record.id, "join_call", form[1], record.received_at, record.policy, JoinCall(call=call))]


def heard_kept(kept: NonTicket, joined: CorrelationBatch) -> list[Command]:
    """Take in a message that opened nothing; a ticket that it tells something about gets a note."""
    number = number_of(kept)
    if kept.reason == "resolved" and kept.about is not None:
        if kept.about in joined.tickets:
            return [noted(kept, joined.tickets[kept.about])]
        # Its alert may come later in the same batch, before this is in the table.
        waiting = joined.kept.setdefault(kept.about, [])
        if kept.id not in {each.id for each in waiting}:
            waiting.append(kept)
    if kept.reason == "bounce" and number in joined.numbered:
        return [noted(kept, joined.numbered[number].known.ticket_id)]
    return []


def noted(kept: NonTicket, ticket: UUID) -> Command:
    """Return the command that puts a message on a ticket's record."""
    text = {
        "resolved": f"the alert is over since {kept.facts.get('resolved_at', 'unknown')}",
        "bounce": f"a mail to the customer came back undelivered ({kept.facts.get('status') or 'no status told'})",
    }[kept.reason]
    return _command(kept.id, "note", ticket, kept.received_at, kept.policy, Note(text=text))


def _command(cause: UUID, what: str, ticket: UUID, at: datetime, policy: str, action: JoinCall | Note) -> Command:
    return Command(id=command_id(cause, what), ticket_id=ticket, at=at, actor=ACTOR, policy=policy, action=action)


def save(
    connection: psycopg.Connection,
    bodies: Sequence[Contact | CallRecord | NonTicket],
    joined: CorrelationBatch,
    now: datetime,
) -> None:
    """Keep calls and kept messages as they now stand."""
    records = {each.call.id: each for each in bodies if isinstance(each, CallRecord)}
    with connection.cursor() as cursor:
        for id_, record in records.items():
            cursor.execute(queries["save_call"], _row(record, joined.calls[id_], joined.forms.get(id_), now))
        for contact in bodies:
            if isinstance(contact, Contact) and contact.call in joined.calls and contact.call not in records:
                form = joined.forms.get(contact.call)
                values = {"id": contact.call, "contact_id": form and form[0], "ticket_id": form and form[1]}
                cursor.execute(queries["form_of_call"], values)
        for kept in bodies:
            if isinstance(kept, NonTicket):
                values = {"id": kept.id, "reason": kept.reason, "about": kept.about, "number": number_of(kept)}
                body = as_json(kept.replace(raw=None))
                cursor.execute(queries["save_kept"], values | {"body": body, "heard_at": now})


def _row(record: CallRecord, call: Call, form: tuple[UUID, UUID] | None, now: datetime) -> dict[str, object]:
    return {
        "id": call.id,
        "call": as_json(call),
        "sender": record.sender,
        "channel": record.channel,
        "policy": record.policy,
        "answered": call.answered,
        "ended_at": call.ended_at,
        "contact_id": form[0] if form else None,
        "ticket_id": form[1] if form else None,
        "heard_at": now,
    }


def without_form(connection: psycopg.Connection, now: datetime) -> list[Contact]:
    """Return an incomplete contact for each answered call whose form did not come within the hour (R2.5)."""
    values = {"before": now - FORM_WITHIN, "most": AT_ONCE}
    rows = connection.execute(queries["calls_without_form"], values).fetchall()
    found = [_contact(Call.from_json(call), sender, channel, policy, now) for _, call, sender, channel, policy in rows]
    if rows:
        connection.execute(queries["call_announced"], {"ids": [row[0] for row in rows], "now": now})
    return found


def _contact(call: Call, sender: str, channel: str, policy: str, now: datetime) -> Contact:
    message = f"call:{call.id}"[:200]
    return Contact(
        id=contact_id(sender, channel, message),
        sender=sender,
        channel=channel,
        message_id=message,
        policy=policy,
        received_at=now,
        contacted_at=call.started_at,
        customer=Customer(phone=call.phone),
        agent=call.operator,
        call=call.id,
        flags=("incomplete", "no_text", *(() if call.phone else ("no_phone",))),
    )
