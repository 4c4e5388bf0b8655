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
from services.intake.domain.envelope import LARGEST, Envelope, json_object
from services.intake.domain.fields import InvalidPayload, phone
from services.intake.http_context import HttpContext, body_of
from services.intake.senders import Sender
from services.shared.kafka.records import outgoing
from services.shared.observability import logs, tracing
from services.shared.runtime.errors import Problem

LARGEST_BATCH = 8 * 1024 * 1024
LONGEST_WAIT = 30.0
LINES = "application/x-ndjson"

Make = Callable[[bytes], Contact]
"""Makes a contact of a message; raises Problem or Unusable."""

log = logs.get(__name__)


def application(door: HttpContext) -> FastAPI:  # noqa: C901, PLR0915 - the routes, one after the other
    """Return the HTTP application."""
    app = FastAPIOffline(
        title="Duban intake",
        description="Contacts and commands in, outcomes out.",
        version="1",
        redoc_url=None,
        dependencies=[Depends(problems.readable)],
    )

    async def sender(authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> Sender:
        return door.senders.of(authorization)

    Who = Annotated[Sender, Depends(sender)]  # noqa: N806 - a type
    Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="seconds to wait for the outcome")]  # noqa: N806
    Key = Annotated[str | None, Header(max_length=200)]  # noqa: N806

    @app.post("/v1/contacts", status_code=202, tags=["contacts"], openapi_extra=openapi.CONTACT)
    async def post_contact(request: Request, who: Who, wait: Wait = 0, idempotency_key: Key = None) -> JSONResponse:
        """Put one contact in. 202: it is kept; the reference tells later what became of it."""
        who.require("contacts")
        door.admit(who)
        make = _submission(door, who, idempotency_key or "")
        return await _one(door, make, await body_of(request, LARGEST), wait, _trace(request))

    @app.post("/v1/contacts/batch", tags=["contacts"], openapi_extra=openapi.BATCH)
    async def post_batch(request: Request, who: Who) -> PlainTextResponse:
        """Put contacts in, one JSON object a line; the answer has a result for each line, in order."""
        who.require("contacts")
        door.admit(who, 0)
        make = _submission(door, who, None)
        body = await body_of(request, LARGEST_BATCH)
        lines = [(number, line) for number, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
        door.admit(who, len(lines))
        return await _many(door, make, lines, _trace(request))

    @app.get("/v1/contacts/{reference}", tags=["contacts"])
    async def get_contact(reference: UUID, who: Who, wait: Wait = 0) -> JSONResponse:
        """Say what became of a contact: its ticket's number and when an answer is promised."""
        found = await door.wait(wait, lambda: outcomes.of_contact(door.database, reference), outcomes.is_ticket)
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
        who.require("commands")
        door.admit(who)
        clock = door.now_clock()
        if not idempotency_key:
            raise problems.one_fault(
                "Idempotency-Key", "missing_id", "send the header, so that a repeat is not done twice"
            )
        body = await body_of(request, LARGEST)
        ticket = await door.look(lambda: outcomes.ticket_by_number(door.database, number))
        if ticket is None:
            raise Problem(404, "No such ticket", f"there is no ticket {number}: look it up with GET /v1/tickets")
        command = commands.read(body, who, ticket, clock, idempotency_key)
        if await door.look(lambda: outcomes.contradicts(door.database, command)):
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
            found = await door.wait(wait, lambda: outcomes.of_command(door.database, command.id), bool)
            told |= found or {}
        return JSONResponse(told, 202, {"Location": f"/v1/commands/{command.id}"})

    @app.get("/v1/commands/{command}", tags=["tickets"])
    async def get_command(command: UUID, who: Who, wait: Wait = 0) -> JSONResponse:
        """Say what the ledger decided of a command; a refusal says what is missing."""
        who.require("commands")
        found = await door.wait(wait, lambda: outcomes.of_command(door.database, command), bool)
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
        who.require("read")
        told = phone(phone_) if phone_ else None
        if phone_ and told is None:
            raise problems.one_fault("phone", "bad_schema", "this is no phone number; write it with its area code")
        if number is None and told is None:
            raise problems.one_fault("number", "missing", "give a ticket number or a phone")
        found = await door.look(
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


def _submission(door: HttpContext, who: Sender, key: str | None) -> Make:
    clock = door.now_clock()

    def make(body: bytes) -> Contact:
        told = json_object(body)
        wanted = told.get("channel")
        channel = who.channel(wanted if isinstance(wanted, str) else None)
        envelope = Envelope(who.name, channel, who.policy, clock.now(), "application/json", body)
        return submission.contact(told, envelope, key)

    return make


def _made(door: HttpContext, make: Make, body: bytes) -> Contact:
    try:
        if len(body) > LARGEST:
            told = f"a contact is at most {LARGEST} bytes: send attachments by reference"
            raise Problem.about(413, "Too large", field="body", reason="too_large", what_to_do=told)
        return make(body)
    except (InvalidPayload, Problem) as error:
        problem = problems.unusable(error) if isinstance(error, InvalidPayload) else error
        door.metrics.unusable.labels("contacts", problem.reason).inc()
        raise problem from None


async def _one(door: HttpContext, make: Make, body: bytes, wait: float, trace: str) -> JSONResponse:
    """Keep one contact and say its reference."""
    contact = _made(door, make, body)
    await door.publish(door.reception.records([contact], trace))
    door.metrics.accepted.labels(contact.channel, "http").inc()
    log.info("accepted", contact=str(contact.id), channel=contact.channel)
    told: dict[str, Any] = {"reference": str(contact.id), "state": "accepted", "flags": list(contact.flags)}
    if wait:
        found = await door.wait(wait, lambda: outcomes.of_contact(door.database, contact.id), outcomes.is_ticket)
        told |= found[1] if found is not None else {}
    return JSONResponse(told, 202, {"Location": f"/v1/contacts/{contact.id}"})


async def _many(door: HttpContext, make: Make, lines: list[tuple[int, bytes]], trace: str) -> PlainTextResponse:
    """Keep the contacts of all good lines and say for each line what became of it."""
    results: list[dict[str, Any]] = []
    good: list[Contact] = []
    for number, line in lines:
        try:
            contact = _made(door, make, line)
        except Problem as error:
            faults = [dict(each) for each in error.errors]
            results.append({"line": number, "status": error.status, "title": error.title, "errors": faults})
        else:
            good.append(contact)
            results.append({"line": number, "status": 202, "reference": str(contact.id)})
    await door.publish(door.reception.records(good, trace))
    for each in good:
        door.metrics.accepted.labels(each.channel, "batch").inc()
    # One line for all: a line for each costs a fifth of what taking in a contact does, and the answer names them.
    log.info("accepted", contacts=len(good), refused=len(results) - len(good))
    told = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in results)
    return PlainTextResponse(told, 200, media_type=LINES)
