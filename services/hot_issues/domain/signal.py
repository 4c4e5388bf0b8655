"""What a ticket event says about the kind of its ticket. Pure."""

from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta

from schemas.base import AwareDatetime
from schemas.contact import Code
from services.hot_issues.domain.burst_detection import IssueKey

RE_HANDLING = "callback"
"""Tickets of this channel are about older complaints, so they are no sign of new ones."""
_Version = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Place = Annotated[str, Meta(pattern=r"^[^\x00]{1,200}$")]
"""What is read can be kept: the database takes no NUL, and an error there would stop the service for good."""


class TicketSignal(NamedTuple):
    """A ticket of some kind, as one of its events tells it."""

    ticket_id: UUID
    version: int
    at: datetime
    """When it became what it is: business time of the event."""
    kind: IssueKey
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
    """What is read of an event; the rest is passed over without being built."""

    ticket_id: UUID
    version: _Version
    at: AwareDatetime
    ticket: _Ticket


_EVENT = msgspec.json.Decoder(_Event)


def sign(value: bytes | None) -> TicketSignal | None:
    """Return what a ticket event tells of its ticket's kind; None when type, problem or place is not known.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no ticket event.

    """
    told = _EVENT.decode(value or b"")
    ticket, found, customer = told.ticket, told.ticket.classification, told.ticket.customer
    region = customer.city or customer.visiting_region or customer.home_region
    if found.business_type is None or found.problem_type is None or region is None or ticket.channel == RE_HANDLING:
        return None
    kind = IssueKey(ticket.policy.pack, found.business_type, found.problem_type, region)
    return TicketSignal(told.ticket_id, told.version, told.at, kind, ticket.accepted_at)
