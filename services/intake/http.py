"""The HTTP door: contacts and commands in, outcomes out; every error is an RFC 9457 problem document (DESIGN 6)."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import ValidationError

from schemas.command import Actor, Command
from schemas.contact import Contact
from services.domain.identity import command_id
from services.intake import openapi, outcomes, problems
from services.intake.channels import contact_record
from services.intake.domain import submission
from services.intake.domain.draft import LARGEST, Envelope, json_object
from services.intake.domain.fields import Unusable, phone
from services.intake.metrics import IntakeMetrics
from services.intake.senders import Sender, Senders
from services.intake.settings import IntakeSettings
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import Problem, Retryable
from services.shared.postgres import Database
from services.shared.quick_publisher import QuickPublisher
from services.shared.records import Outgoing, outgoing

LARGEST_BATCH = 8 * 1024 * 1024
LONGEST_WAIT = 30.0
LOOK_EVERY = 0.1
"""Seconds between two looks for an outcome that a caller waits for."""
INTERNAL = frozenset({"open", "remind", "tick", "call_back", "end_callback"})
"""Actions that only services take."""

T = TypeVar("T")

log = logs.get(__name__)


@dataclass
class Doorway:
    """What the door needs; the clock is missing until the database was reached once."""

    settings: IntakeSettings
    database: Database
    senders: Senders
    publisher: QuickPublisher
    metrics: IntakeMetrics
    clock: Clock | None = None

    @property
    def secret(self) -> str:
        """What record keys are made with."""
        return self.settings.contact_key_secret.get_secret_value()

    def now_clock(self) -> Clock:
        """Return the clock.

        Raises:
            Problem: 503, before the first start is complete.

        """
        if self.clock is None:
            raise problems.later("the service is starting: try again")
        return self.clock

    async def publish(self, records: list[Outgoing]) -> None:
        """Publish and wait for the acknowledgement.

        Raises:
            Problem: 503 with Retry-After.

        """
        try:
            await self.publisher.publish(records)
        except Retryable as error:
            raise problems.later(f"{error}: send the same again, it will not be counted twice") from error

    async def look(self, read: Callable[[], T]) -> T:
        """Read from the database.

        Raises:
            Problem: 503 while it is away.

        """
        try:
            return await asyncio.to_thread(read)
        except Retryable as error:
            raise problems.later(f"{error}: what was accepted is safe, its outcome can be asked for later") from error


async def _body(request: Request, most: int) -> bytes:
    """Read a body up to a bound, without taking in what is beyond it.

    Raises:
        Problem: 413.

    """
    too_large = Problem(413, "Too large", f"a body is at most {most} bytes here; send attachments by reference")
    if int(request.headers.get("content-length") or 0) > most:
        raise too_large
    taken = bytearray()
    async for part in request.stream():
        taken += part
        if len(taken) > most:
            raise too_large
    return bytes(taken)


def application(door: Doorway) -> FastAPI:
    """Return the HTTP application."""
    app = FastAPI(title="Duban intake", description="Contacts and commands in, outcomes out.", version="1")

    async def sender(authorization: Annotated[str | None, Header()] = None) -> Sender:
        return door.senders.of(authorization)

    Who = Annotated[Sender, Depends(sender)]  # noqa: N806 - a type
    Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="seconds to wait for the outcome")]  # noqa: N806
    Key = Annotated[str | None, Header(max_length=200)]  # noqa: N806

    @app.post("/v1/contacts", status_code=202, openapi_extra=openapi.CONTACT)
    async def post_contact(request: Request, who: Who, wait: Wait = 0, idempotency_key: Key = None) -> JSONResponse:
        """Put one contact in. 202: it is kept; the reference tells later what became of it."""
        who.require("contacts")
        clock = door.now_clock()
        body = await _body(request, LARGEST)
        contact = _read(door, who, body, clock, idempotency_key)
        await door.publish([contact_record(contact, door.secret)])
        _accepted(door, contact, "http")
        told = {"reference": str(contact.id), "state": "accepted", "flags": list(contact.flags)}
        if wait:
            found = await _wait(door, wait, lambda: outcomes.of_contact(door.database, contact.id), _is_ticket)
            told |= found[1] if found is not None else {}
        return JSONResponse(told, 202, {"Location": f"/v1/contacts/{contact.id}"})

    @app.post("/v1/contacts/batch", openapi_extra=openapi.BATCH)
    async def post_batch(request: Request, who: Who) -> PlainTextResponse:
        """Put contacts in, one JSON object a line; the answer has a result for each line, in order."""
        who.require("contacts")
        clock = door.now_clock()
        body = await _body(request, LARGEST_BATCH)
        results: list[dict[str, Any]] = []
        good: list[Contact] = []
        for number, line in enumerate(body.split(b"\n"), start=1):
            if not line.strip():
                continue
            try:
                if len(line) > LARGEST:
                    raise Problem(413, "Too large", f"a contact is at most {LARGEST} bytes")
                contact = _read(door, who, line, clock, None)
            except Problem as error:
                results.append(
                    {"line": number, "status": error.status, "title": error.title, "errors": [dict(e) for e in error.errors]}
                )
            else:
                good.append(contact)
                results.append({"line": number, "status": 202, "reference": str(contact.id)})
        await door.publish([contact_record(each, door.secret) for each in good])
        for each in good:
            _accepted(door, each, "batch")
        lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in results)
        return PlainTextResponse(lines, 200, media_type="application/x-ndjson")

    @app.get("/v1/contacts/{reference}")
    async def get_contact(reference: UUID, who: Who, wait: Wait = 0) -> JSONResponse:
        """Say what became of a contact: its ticket's number and when an answer is promised."""
        found = await _wait(door, wait, lambda: outcomes.of_contact(door.database, reference), _is_ticket)
        if found is None or (found[0] != who.name and "read" not in who.actions):
            raise Problem(
                404,
                "Nothing known of this reference",
                "if it was accepted a moment ago, ask again, or wait with ?wait=5",
                headers={"Retry-After": "1"},
            )
        return JSONResponse(found[1])

    @app.post("/v1/tickets/{number}/commands", status_code=202, openapi_extra=openapi.COMMAND)
    async def post_command(
        number: str, request: Request, who: Who, wait: Wait = 0, idempotency_key: Key = None
    ) -> JSONResponse:
        """Ask something of a ticket. 202: it will be decided; the command's id tells later how."""
        who.require("commands")
        clock = door.now_clock()
        if not idempotency_key:
            raise problems.one_fault("Idempotency-Key", "missing_id", "send the header, so that a repeat is not done twice")
        body = await _body(request, LARGEST)
        ticket = await door.look(lambda: outcomes.ticket_by_number(door.database, number))
        if ticket is None:
            raise Problem(404, "No such ticket", f"there is no ticket {number}: look it up with GET /v1/tickets")
        command = _command(body, who, ticket, clock, idempotency_key)
        await door.publish([_command_record(command)])
        told: dict[str, Any] = {"command": str(command.id), "state": "accepted"}
        if wait:
            found = await _wait(door, wait, lambda: outcomes.of_command(door.database, command.id), bool)
            told |= found or {}
        return JSONResponse(told, 202, {"Location": f"/v1/commands/{command.id}"})

    @app.get("/v1/commands/{command}")
    async def get_command(command: UUID, who: Who, wait: Wait = 0) -> JSONResponse:
        """Say what the ledger decided of a command; a refusal says what is missing."""
        who.require("commands")
        found = await _wait(door, wait, lambda: outcomes.of_command(door.database, command), bool)
        if found is None:
            raise Problem(
                404, "Nothing known of this command", "if it was accepted a moment ago, ask again", headers={"Retry-After": "1"}
            )
        return JSONResponse(found)

    @app.get("/v1/tickets")
    async def get_tickets(who: Who, number: str | None = None, phone_: Annotated[str | None, Query(alias="phone")] = None) -> JSONResponse:
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

    problems.install(app, door.metrics)
    openapi.install(app)
    return app


def _read(door: Doorway, who: Sender, body: bytes, clock: Clock, key: str | None) -> Contact:
    try:
        told = json_object(body)
        wanted = told.get("channel")
        channel = who.channel(wanted if isinstance(wanted, str) else None)
        envelope = Envelope(who.name, channel, who.policy, clock.now(), "application/json", body)
        return submission.contact(told, envelope, key)
    except Unusable as error:
        raise problems.unusable(error) from error


def _accepted(door: Doorway, contact: Contact, way: str) -> None:
    door.metrics.accepted.labels(contact.channel, way).inc()
    log.info("accepted", contact=str(contact.id), channel=contact.channel)


def _command(body: bytes, who: Sender, ticket: UUID, clock: Clock, key: str) -> Command:
    try:
        told = json_object(body)
    except Unusable as error:
        raise problems.unusable(error) from error
    unknown = sorted(told.keys() - {"action", "actor", "expected_version"})
    if unknown:
        raise problems.one_fault(unknown[0], "bad_schema", "a command has action, actor and expected_version, nothing else")
    action = told.get("action")
    if isinstance(action, dict) and action.get("type") in INTERNAL:
        raise problems.one_fault("action.type", "bad_schema", f"{action['type']} is for services alone")
    try:
        return Command(
            id=command_id(who.name, key),
            ticket_id=ticket,
            at=clock.now(),
            actor=Actor.model_validate(told.get("actor") or {"kind": "agent", "name": who.name}),
            expected_version=told.get("expected_version"),
            action=action,
        )
    except ValidationError as error:
        faults = tuple(
            {
                "field": ".".join(str(part) for part in each["loc"]),
                "reason": "bad_schema",
                "detail": f"{each['msg']}; see /docs for the fields",
            }
            for each in error.errors(include_url=False, include_input=False)
        )
        raise Problem(400, "The command cannot be used", errors=faults) from error


def _command_record(command: Command) -> Outgoing:
    return outgoing(
        "tickets.commands",
        command,
        id_=command.id,
        source="intake",
        type_=f"command.{command.action.type}",
        at=command.at,
        subject=command.ticket_id,
    )


def _is_ticket(found: tuple[str, dict[str, Any]]) -> bool:
    return found[1]["ticket"] is not None


async def _wait(door: Doorway, seconds: float, read: Callable[[], T | None], enough: Callable[[T], bool]) -> T | None:
    """Look for an outcome until it is there or the time is over."""
    until = time.monotonic() + seconds
    while True:
        found = await door.look(read)
        if (found is not None and enough(found)) or time.monotonic() >= until:
            return found
        await asyncio.sleep(LOOK_EVERY)
