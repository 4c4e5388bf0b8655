"""HTTP routes that show tickets: one in full, or those of a number, a phone or an identity (R5.6, DECISIONS 35)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query
from fastapi.responses import JSONResponse

from services.domain.authority.reach import ANY
from services.intake import access_log, outcomes, problems, reading
from services.intake.access_log import Sought
from services.intake.command_routes import no_such_ticket
from services.intake.domain.phones import parse_phone
from services.intake.http_context import HttpContext
from services.intake.reading import NO_STORE, Claim, Reader
from services.intake.senders import Sender

MAX_FOUND = 50
"""Tickets in a response."""
MAX_LOOKED_AT = 200
"""Latest tickets of a person that are looked at for those that the key may read."""

Text = Annotated[str | None, Query(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class TicketSearch:
    """By what tickets are found; what is None does not matter.

    Attributes:
        number: of a ticket, here or in the system before.
        phone: of the customer, E.164.
        identity: a channel's id of the customer.

    """

    number: str | None
    phone: str | None
    identity: str | None

    @property
    def sought(self) -> Sought:
        """By what of a person, if at all, tickets are searched for."""
        return "phone" if self.phone is not None else "identity" if self.identity is not None else "number"


def install(app: FastAPI, context: HttpContext) -> None:
    """Add the routes to the application."""

    @app.get("/v1/tickets/{number}", tags=["tickets"])
    async def get_ticket(
        number: str, claim: Claim, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
    ) -> JSONResponse:
        """Get one ticket in full: all evidence, every entry, link, request for more time and clock that it ever had.

        Personal data is masked unless the key shows it; who reads is recorded.
        """
        sender = context.senders.authenticate(authorization)
        sender.require_action("read")
        context.check_reading_rate(sender)
        reader = reading.identify_reader(context, sender, claim)
        found = await context.query(lambda: _read_one(context, reader, number))
        if found is None:
            raise no_such_ticket(number, sender)
        return JSONResponse(found, headers=NO_STORE)

    @app.get("/v1/tickets", tags=["tickets"])
    async def get_tickets(
        claim: Claim,
        number: Text = None,
        phone: Text = None,
        identity: Text = None,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> JSONResponse:
        """Find tickets by number, or, with a key for it and a purpose, by the customer's phone or identity.

        At most 50, the latest first; their lists hold the latest five items. Personal data is masked unless the key
        shows it; who searches, and why, is recorded.
        """
        sender = context.senders.authenticate(authorization)
        wanted = _parse_search(number, phone, identity)
        searching = wanted.sought != "number"
        sender.require_action("search" if searching else "read")
        if searching and claim.purpose is None:
            raise problems.invalid_field(
                "purpose", "missing", "say why you look for this person, such as purpose=customer asks for progress"
            )
        context.check_reading_rate(sender, search=searching)
        reader = reading.identify_reader(context, sender, claim)
        found = await context.query(lambda: _search(context, reader, wanted))
        return JSONResponse({"tickets": found}, headers=NO_STORE)


def _parse_search(number: str | None, phone: str | None, identity: str | None) -> TicketSearch:
    """Return a search.

    Raises:
        Problem: 400 when nothing is given, or no phone number as the phone.

    """
    parsed = parse_phone(phone) if phone else None
    if phone and parsed is None:
        raise problems.invalid_field("phone", "bad_schema", "this is not a phone number: write it with its area code")
    if number is None and parsed is None and identity is None:
        raise problems.invalid_field("number", "missing", "give a ticket number, a phone or an identity")
    return TicketSearch(number, parsed.number if parsed is not None else None, identity)


def _read_one(context: HttpContext, reader: Reader, number: str) -> dict[str, Any] | None:
    """Return a ticket as the reader sees it, once it is recorded that they do; None if there is none within reach.

    Raises:
        Retryable: the database is unavailable, or cannot record it.

    """
    body = outcomes.whole_ticket(context.database, number)
    if body is None or not reader.may_read_document(body):
        return None
    presented = reader.present(body)
    access_log.write(context.database, reader.record("ticket", "number", [presented]))
    context.metrics.reads.labels("ticket", presented.fields).inc()
    return presented.body


def _search(context: HttpContext, reader: Reader, wanted: TicketSearch) -> list[dict[str, Any]]:
    """Return the tickets of a search as the reader sees them, once it is recorded that they do.

    Raises:
        Retryable: the database is unavailable, or cannot record it.

    """
    bodies = outcomes.tickets(
        context.database,
        number=wanted.number,
        phone=wanted.phone,
        identity=wanted.identity,
        packs=packs_of(reader.sender),
        most=MAX_LOOKED_AT,
    )
    presented = [reader.present(body) for body in bodies if reader.may_read_document(body)][:MAX_FOUND]
    if presented or wanted.sought != "number":
        record = reader.record("tickets", wanted.sought, presented, _digest(context, wanted))
        access_log.write(context.database, record)
        context.metrics.reads.labels("tickets", record.fields).inc()
    return [each.body for each in presented]


def packs_of(sender: Sender) -> Sequence[str] | None:
    """Return the packs whose tickets a key may see; None: all."""
    return None if ANY in sender.packs else list(sender.packs)


def _digest(context: HttpContext, wanted: TicketSearch) -> bytes | None:
    secret = context.settings.contact_key_secret
    if wanted.phone is not None:
        return access_log.search_digest("phone", wanted.phone, secret)
    if wanted.identity is not None:
        return access_log.search_digest("identity", wanted.identity, secret)
    return None
