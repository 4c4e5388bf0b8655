"""Reads from a ticket event of which kind the ticket is. Pure."""

from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta

from schemas.base import AwareDatetime
from schemas.contact import Code
from services.domain.ids import IssueKey

REHANDLE_CHANNEL = "callback"
"""Channel of re-handle tickets: they repeat older complaints, so they do not count."""
_Version = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Place = Annotated[str, Meta(pattern=r"^[^\x00]{1,200}$")]
"""Only values that the database accepts: it takes no NUL, and an error there would stop the service for good."""


class TicketSignal(NamedTuple):
    """A ticket and its kind, as one of its events shows them.

    Attributes:
        at: business time of the event, since when the ticket is of this kind.

    """

    ticket_id: UUID
    version: int
    at: datetime
    key: IssueKey
    accepted_at: datetime


class _Policy(msgspec.Struct):
    pack: Code


class _Customer(msgspec.Struct):
    city: _Place | None = None
    visiting_region: _Place | None = None
    home_region: _Place | None = None


class _Classification(msgspec.Struct):
    business_type: Code | None = None
    problem_type: Code | None = None


class _Ticket(msgspec.Struct):
    policy: _Policy
    channel: str
    accepted_at: AwareDatetime
    customer: _Customer
    classification: _Classification


class _Event(msgspec.Struct):
    """The fields that are read of an event; the others are skipped without being built."""

    ticket_id: UUID
    version: _Version
    at: AwareDatetime
    ticket: _Ticket


_EVENT = msgspec.json.Decoder(_Event)


def parse_signal(value: bytes | None) -> TicketSignal | None:
    """Parse a ticket event; returns None when the ticket's business type, problem type or place is unknown.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: the value is no ticket event.

    """
    event = _EVENT.decode(value or b"")
    ticket, types, customer = event.ticket, event.ticket.classification, event.ticket.customer
    region = customer.city or customer.visiting_region or customer.home_region
    if types.business_type is None or types.problem_type is None or region is None:
        return None
    if ticket.channel == REHANDLE_CHANNEL:
        return None
    key = IssueKey(ticket.policy.pack, types.business_type, types.problem_type, region)
    return TicketSignal(event.ticket_id, event.version, event.at, key, ticket.accepted_at)
