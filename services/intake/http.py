"""The HTTP door: accepts contacts and commands and reports their outcomes; errors are RFC 9457 documents (DESIGN 6)."""

import json
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi_offline import FastAPIOffline

from schemas.contact import Contact
from services.intake import (
    api_docs,
    callbacks,
    command_routes,
    contact_reading,
    delivery_reports,
    openapi,
    outcomes,
    problems,
    survey,
    ticket_routes,
    webhooks,
)
from services.intake.domain import submission
from services.intake.domain.envelope import MAX_CONTACT_BYTES, Envelope, parse_json_object
from services.intake.domain.fields import InvalidPayload
from services.intake.http_context import HttpContext, read_body
from services.intake.reading import Claim, identify_reader
from services.intake.senders import Sender
from services.shared.observability import logs, tracing
from services.shared.runtime.errors import Problem

MAX_BATCH_BYTES = 8 * 1024 * 1024
"""Bytes of a batch of contacts."""
MAX_WAIT_SECONDS = 30.0
"""Real seconds that a request may wait for an outcome."""
NDJSON = "application/x-ndjson"

ContactFactory = Callable[[bytes], Contact]
"""Builds a contact from a message; raises Problem or InvalidPayload."""

log = logs.get(__name__)


def application(context: HttpContext) -> FastAPI:
    """Build the HTTP application with all routes."""
    app = FastAPIOffline(
        title="Duban intake",
        description="Accepts contacts and commands, and reports their outcomes.",
        version="1",
        redoc_url=None,
        dependencies=[Depends(problems.reject_nul)],
    )

    async def authenticate(authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> Sender:
        return context.senders.authenticate(authorization)

    CurrentSender = Annotated[Sender, Depends(authenticate)]  # noqa: N806 - a type
    Wait = Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="seconds to wait for the outcome")]  # noqa: N806
    Key = Annotated[str | None, Header(max_length=200)]  # noqa: N806

    @app.post("/v1/contacts", status_code=202, tags=["contacts"], openapi_extra=openapi.CONTACT)
    async def post_contact(
        request: Request, sender: CurrentSender, wait: Wait = 0, idempotency_key: Key = None
    ) -> JSONResponse:
        """Submit one contact. 202: it is stored; ask for its outcome by the reference."""
        sender.require_action("contacts")
        context.check_rate(sender)
        make = _contact_factory(context, sender, idempotency_key or "")
        body = await read_body(request, MAX_CONTACT_BYTES)
        return await _accept_one(context, sender, make, body, wait, _trace(request))

    @app.post("/v1/contacts/batch", tags=["contacts"], openapi_extra=openapi.BATCH)
    async def post_batch(request: Request, sender: CurrentSender) -> PlainTextResponse:
        """Submit contacts, one JSON object per line; the response has a result for each line, in order."""
        sender.require_action("contacts")
        context.check_rate(sender, 0)
        make = _contact_factory(context, sender, None)
        body = await read_body(request, MAX_BATCH_BYTES)
        lines = [(number, line) for number, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
        context.check_rate(sender, len(lines))
        return await _accept_batch(context, sender, make, lines, _trace(request))

    @app.get("/v1/contacts/{reference}", tags=["contacts"])
    async def get_contact(reference: UUID, sender: CurrentSender, claim: Claim, wait: Wait = 0) -> JSONResponse:
        """Get the outcome of a contact: its ticket's number and the time by which an answer is promised.

        A sender sees its own contacts; a key that reads also those of the tickets that it may read.
        """
        context.check_reading_rate(sender)
        reader = identify_reader(context, sender, claim, shows_person=False)
        found = await context.wait_for(
            wait, lambda: contact_reading.visible_outcome(context, reader, reference), outcomes.has_ticket
        )
        if found is None:
            raise Problem(
                404,
                "No contact with this reference",
                "if it was accepted a moment ago, ask again, or wait with ?wait=5",
                headers={"Retry-After": "1"},
            )
        return JSONResponse(found[1])

    command_routes.install(app, context)
    ticket_routes.install(app, context)
    webhooks.install(app, context)
    delivery_reports.install(app, context)
    survey.install(app, context)
    callbacks.install(app, context)
    problems.install(app, context.metrics)
    openapi.install(app)
    api_docs.install(app, context.senders, context.settings)
    return app


def _trace(request: Request) -> str:
    return tracing.accept_or_start(request.headers.get(tracing.HEADER))


def _contact_factory(context: HttpContext, sender: Sender, key: str | None) -> ContactFactory:
    """Return what builds the contacts of a sender; `key` as for `submission.parse_contact`."""
    clock = context.require_clock()

    def make(body: bytes) -> Contact:
        message = parse_json_object(body)
        wanted = message.get("channel")
        channel = sender.resolve_channel(wanted if isinstance(wanted, str) else None)
        envelope = Envelope(sender.name, channel, sender.policy, clock.now(), "application/json", body)
        return submission.parse_contact(message, envelope, key)

    return make


def _make_contact(context: HttpContext, make: ContactFactory, body: bytes) -> Contact:
    """Build a contact; what is rejected is counted."""
    try:
        if len(body) > MAX_CONTACT_BYTES:
            advice = f"a contact has at most {MAX_CONTACT_BYTES} bytes: send attachments by reference"
            raise Problem.about(413, "Too large", field="body", reason="too_large", what_to_do=advice)
        return make(body)
    except (InvalidPayload, Problem) as error:
        problem = problems.invalid_payload(error) if isinstance(error, InvalidPayload) else error
        context.metrics.unusable.labels("contacts", problem.reason).inc()
        raise problem from None


async def _accept_one(
    context: HttpContext, sender: Sender, make: ContactFactory, body: bytes, wait: float, trace: str
) -> JSONResponse:
    """Publish one contact and return its reference, with its outcome when the caller waits for it."""
    contact = _make_contact(context, make, body)
    try:
        await context.publish(context.ingestor.records([contact], trace))
    except Problem as error:
        if error.reason:
            context.metrics.unusable.labels("contacts", error.reason).inc()
        raise
    channel = context.channel_label(sender, contact.channel)
    context.metrics.accepted.labels(channel, "http").inc()
    log.info("accepted", contact=str(contact.id), channel=channel)
    response: dict[str, Any] = {"reference": str(contact.id), "state": "accepted", "flags": list(contact.flags)}
    if wait:
        found = await context.wait_for(
            wait, lambda: outcomes.contact_outcome(context.database, contact.id), outcomes.has_ticket
        )
        response |= found[1] if found is not None else {}
    return JSONResponse(response, 202, {"Location": f"/v1/contacts/{contact.id}"})


async def _accept_batch(
    context: HttpContext, sender: Sender, make: ContactFactory, lines: list[tuple[int, bytes]], trace: str
) -> PlainTextResponse:
    """Publish the contacts of all valid lines and return a result for each line."""
    results: dict[int, dict[str, Any]] = {}
    contacts: dict[int, Contact] = {}
    for number, line in lines:
        try:
            contact = _make_contact(context, make, line)
        except Problem as error:
            results[number] = _rejection(error)
        else:
            contacts[number] = contact
            results[number] = {"status": 202, "reference": str(contact.id)}
    published = await context.publish_each(context.ingestor.records(contacts.values(), trace))
    accepted = 0
    for (number, contact), problem in zip(contacts.items(), published, strict=True):
        if problem is None:
            accepted += 1
            context.metrics.accepted.labels(context.channel_label(sender, contact.channel), "batch").inc()
        else:
            context.metrics.unusable.labels("contacts", problem.reason).inc()
            results[number] = _rejection(problem)
    # One log line for all: a line per contact costs a fifth of accepting it, and the response names them.
    log.info("accepted", contacts=accepted, refused=len(results) - accepted)
    lines_out = "".join(
        json.dumps({"line": number, **result}, ensure_ascii=False) + "\n" for number, result in results.items()
    )
    return PlainTextResponse(lines_out, 200, media_type=NDJSON)


def _rejection(problem: Problem) -> dict[str, Any]:
    """Return the result of a line that was not accepted."""
    return {"status": problem.status, "title": problem.title, "errors": [dict(cause) for cause in problem.errors]}
