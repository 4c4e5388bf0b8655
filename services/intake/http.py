"""The HTTP door: contacts and commands in, outcomes out; every error is an RFC 9457 problem document (DESIGN 6)."""

import json
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi_offline import FastAPIOffline

from schemas.contact import Contact
from services.intake import callbacks, commands, delivery_reports, openapi, outcomes, problems, survey, webhooks
from services.intake.domain import submission
from services.intake.domain.envelope import MAX_CONTACT_BYTES, Envelope, parse_json_object
from services.intake.domain.fields import InvalidPayload, parse_phone
from services.intake.http_context import HttpContext, read_body
from services.intake.senders import Sender
from services.shared.kafka.records import outgoing
from services.shared.observability import logs, tracing
from services.shared.runtime.errors import Problem

MAX_BATCH_BYTES = 8 * 1024 * 1024
MAX_WAIT_SECONDS = 30.0
NDJSON = "application/x-ndjson"

ContactFactory = Callable[[bytes], Contact]
"""Makes a contact of a message; raises Problem or Unusable."""

log = logs.get(__name__)


def application(door: HttpContext) -> FastAPI:  # noqa: C901, PLR0915 - the routes, one after the other
    """Return the HTTP application."""
    app = FastAPIOffline(
        title="Duban intake",
        description="Contacts and commands in, outcomes out.",
        version="1",
        redoc_url=None,
        dependencies=[Depends(problems.reject_nul)],
    )

    async def sender(authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> Sender:
        return door.senders.authenticate(authorization)

    Who = Annotated[Sender, Depends(sender)]  # noqa: N806 - a type
    Wait = Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="seconds to wait for the outcome")]  # noqa: N806
    Key = Annotated[str | None, Header(max_length=200)]  # noqa: N806

    @app.post("/v1/contacts", status_code=202, tags=["contacts"], openapi_extra=openapi.CONTACT)
    async def post_contact(request: Request, who: Who, wait: Wait = 0, idempotency_key: Key = None) -> JSONResponse:
        """Put one contact in. 202: it is kept; the reference tells later what became of it."""
        who.require_action("contacts")
        door.check_rate(who)
        make = _contact_factory(door, who, idempotency_key or "")
        return await _accept_one(door, make, await read_body(request, MAX_CONTACT_BYTES), wait, _trace(request))

    @app.post("/v1/contacts/batch", tags=["contacts"], openapi_extra=openapi.BATCH)
    async def post_batch(request: Request, who: Who) -> PlainTextResponse:
        """Put contacts in, one JSON object a line; the answer has a result for each line, in order."""
        who.require_action("contacts")
        door.check_rate(who, 0)
        make = _contact_factory(door, who, None)
        body = await read_body(request, MAX_BATCH_BYTES)
        lines = [(number, line) for number, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
        door.check_rate(who, len(lines))
        return await _accept_batch(door, make, lines, _trace(request))

    @app.get("/v1/contacts/{reference}", tags=["contacts"])
    async def get_contact(reference: UUID, who: Who, wait: Wait = 0) -> JSONResponse:
        """Say what became of a contact: its ticket's number and when an answer is promised."""
        found = await door.wait_for(
            wait, lambda: outcomes.contact_outcome(door.database, reference), outcomes.has_ticket
        )
        if found is None or (found[0] != who.name and "read" not in who.actions):
            raise Problem(
                404,
                "Nothing known of this reference",
                "if it was accepted a moment ago, ask again, or wait with ?wait=5",
                headers={"Retry-After": "1"},
            )
        return JSONResponse(found[1])

    @app.post("/v1/tickets/{number}/commands", status_code=202, tags=["tickets"], openapi_extra=openapi.COMMAND)
    async def post_command(
        number: str, request: Request, who: Who, wait: Wait = 0, idempotency_key: Key = None
    ) -> JSONResponse:
        """Ask something of a ticket. 202: it will be decided; the command's id tells later how."""
        who.require_action("commands")
        door.check_rate(who)
        clock = door.require_clock()
        if not idempotency_key:
            raise problems.invalid_field(
                "Idempotency-Key", "missing_id", "send the header, so that a repeat is not done twice"
            )
        body = await read_body(request, MAX_CONTACT_BYTES)
        ticket = await door.query(lambda: outcomes.ticket_by_number(door.database, number))
        if ticket is None:
            raise Problem(404, "No such ticket", f"there is no ticket {number}: look it up with GET /v1/tickets")
        command = commands.parse_command(body, who, ticket, clock, idempotency_key)
        if await door.query(lambda: outcomes.conflicts(door.database, command)):
            raise Problem.about(
                409,
                "Another command came under this Idempotency-Key",
                field="Idempotency-Key",
                reason="conflict",
                what_to_do="send a changed command under a key of its own; GET /v1/commands/<id> tells what became of "
                "the first",
            )
        await door.publish([outgoing(command, "intake", trace=_trace(request))])
        told: dict[str, Any] = {"command": str(command.id), "state": "accepted"}
        if wait:
            found = await door.wait_for(wait, lambda: outcomes.command_outcome(door.database, command.id), bool)
            told |= found or {}
        return JSONResponse(told, 202, {"Location": f"/v1/commands/{command.id}"})

    @app.get("/v1/commands/{command}", tags=["tickets"])
    async def get_command(command: UUID, who: Who, wait: Wait = 0) -> JSONResponse:
        """Say what the ledger decided of a command; a refusal says what is missing."""
        who.require_action("commands")
        found = await door.wait_for(wait, lambda: outcomes.command_outcome(door.database, command), bool)
        if found is None:
            raise Problem(
                404,
                "Nothing known of this command",
                "if it was accepted a moment ago, ask again",
                headers={"Retry-After": "1"},
            )
        return JSONResponse(found)

    @app.get("/v1/tickets", tags=["tickets"])
    async def get_tickets(
        who: Who, number: str | None = None, phone_: Annotated[str | None, Query(alias="phone")] = None
    ) -> JSONResponse:
        """Find tickets by number or by the customer's phone."""
        who.require_action("read")
        told = parse_phone(phone_) if phone_ else None
        if phone_ and told is None:
            raise problems.invalid_field("phone", "bad_schema", "this is no phone number; write it with its area code")
        if number is None and told is None:
            raise problems.invalid_field("number", "missing", "give a ticket number or a phone")
        found = await door.query(
            lambda: outcomes.tickets(door.database, number=number, phone=told.number if told else None)
        )
        return JSONResponse({"tickets": found})

    webhooks.install(app, door)
    delivery_reports.install(app, door)
    survey.install(app, door)
    callbacks.install(app, door)
    problems.install(app, door.metrics)
    openapi.install(app)
    return app


def _trace(request: Request) -> str:
    return tracing.accepted(request.headers.get(tracing.HEADER))


def _contact_factory(door: HttpContext, who: Sender, key: str | None) -> ContactFactory:
    clock = door.require_clock()

    def make(body: bytes) -> Contact:
        told = parse_json_object(body)
        wanted = told.get("channel")
        channel = who.resolve_channel(wanted if isinstance(wanted, str) else None)
        envelope = Envelope(who.name, channel, who.policy, clock.now(), "application/json", body)
        return submission.parse_contact(told, envelope, key)

    return make


def _make_contact(door: HttpContext, make: ContactFactory, body: bytes) -> Contact:
    try:
        if len(body) > MAX_CONTACT_BYTES:
            told = f"a contact is at most {MAX_CONTACT_BYTES} bytes: send attachments by reference"
            raise Problem.about(413, "Too large", field="body", reason="too_large", what_to_do=told)
        return make(body)
    except (InvalidPayload, Problem) as error:
        problem = problems.invalid_payload(error) if isinstance(error, InvalidPayload) else error
        door.metrics.unusable.labels("contacts", problem.reason).inc()
        raise problem from None


async def _accept_one(door: HttpContext, make: ContactFactory, body: bytes, wait: float, trace: str) -> JSONResponse:
    """Keep one contact and say its reference."""
    contact = _make_contact(door, make, body)
    await door.publish(door.ingestor.records([contact], trace))
    door.metrics.accepted.labels(contact.channel, "http").inc()
    log.info("accepted", contact=str(contact.id), channel=contact.channel)
    told: dict[str, Any] = {"reference": str(contact.id), "state": "accepted", "flags": list(contact.flags)}
    if wait:
        found = await door.wait_for(
            wait, lambda: outcomes.contact_outcome(door.database, contact.id), outcomes.has_ticket
        )
        told |= found[1] if found is not None else {}
    return JSONResponse(told, 202, {"Location": f"/v1/contacts/{contact.id}"})


async def _accept_batch(
    door: HttpContext, make: ContactFactory, lines: list[tuple[int, bytes]], trace: str
) -> PlainTextResponse:
    """Keep the contacts of all good lines and say for each line what became of it."""
    results: list[dict[str, Any]] = []
    good: list[Contact] = []
    for number, line in lines:
        try:
            contact = _make_contact(door, make, line)
        except Problem as error:
            errors = [dict(each) for each in error.errors]
            results.append({"line": number, "status": error.status, "title": error.title, "errors": errors})
        else:
            good.append(contact)
            results.append({"line": number, "status": 202, "reference": str(contact.id)})
    await door.publish(door.ingestor.records(good, trace))
    for each in good:
        door.metrics.accepted.labels(each.channel, "batch").inc()
    # One line for all: a line for each costs a fifth of what taking in a contact does, and the answer names them.
    log.info("accepted", contacts=len(good), refused=len(results) - len(good))
    told = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in results)
    return PlainTextResponse(told, 200, media_type=NDJSON)
