"""The doors of channels that speak their own words: webhooks, files of them, and attachments that come first."""

import asyncio
import dataclasses
import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from schemas.call import CallRecord
from schemas.contact import Contact
from schemas.kept import Kept
from services.intake import openapi, outcomes, problems
from services.intake.attachments import LARGEST as LARGEST_ATTACHMENT
from services.intake.domain.channels import wechat
from services.intake.domain.envelope import LARGEST, Envelope, Heard, Refusal
from services.intake.domain.fields import Unusable
from services.intake.domain.media import PLAIN
from services.intake.domain.pieces import LINES, MAIL, MAILBOX, SHEET, TABLE
from services.intake.door import Doorway, body_of
from services.intake.reception import owner_of
from services.intake.senders import ANY, Sender
from services.shared import logs, tracing
from services.shared.errors import Problem, Retryable

FILES = frozenset({LINES, TABLE, SHEET, MAILBOX, PLAIN})
"""Media types whose messages are many: each has its own result."""
LARGEST_OF = {MAIL: 25 * 1024 * 1024, **dict.fromkeys(FILES, 8 * 1024 * 1024)}
"""Bytes of a body by media type; of others a contact's."""
SPEAKS_OF_NAMES = frozenset({"letter_fax"})
"""Channels whose messages speak of attachments by name."""
LONGEST_NAME = 200
SENDERS_SETTINGS = frozenset({"default_tz", "default_region", "cdr_tz", "columns", "charset", "encode_values"})
"""Settings of a channel that a sender may give behind the address; what proves who it is never is among them."""

log = logs.get(__name__)


def install(app: FastAPI, door: Doorway) -> None:
    """Add the doors to the application."""
    reception = door.reception

    @app.post(
        "/v1/channels/{channel}", status_code=202, tags=["channels"], response_model=None, openapi_extra=openapi.NATIVE
    )
    async def post_native(
        channel: str,
        request: Request,
        wait: Annotated[float, Query(ge=0, le=30, description="seconds to wait for the outcome")] = 0,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Response:
        """Put a message in that is in a channel's own words, or a file of them; a result for each."""
        _known(door, channel)
        media_type = request.headers.get("content-type", "application/json")
        kind = media_type.partition(";")[0].strip().lower()
        body = await body_of(request, LARGEST_OF.get(kind, LARGEST))
        envelope = reception.envelope(
            channel,
            body,
            media_type=media_type,
            received_at=door.now_clock().now(),
            query={name: value for name, value in request.query_params.items() if name != "wait"},
        )
        envelope = _read_as(envelope)
        who = _sender(door, envelope, request, authorization)
        envelope = _of(who, envelope, door)
        door.admit(who, body.count(b"\n") or 1 if kind in FILES else 1)
        heard = await _listen(door, envelope)
        whats = [each.what for each in heard if not isinstance(each.what, Refusal)]
        await door.publish(reception.records(whats, tracing.accepted(request.headers.get(tracing.HEADER))))
        _count(door, heard, envelope)
        return await _answer(door, heard, envelope, wait)

    @app.get("/v1/channels/{channel}", tags=["channels"])
    async def get_native(channel: str, request: Request) -> PlainTextResponse:
        """Answer the echo by which a WeChat account proves the address."""
        _known(door, channel)
        query = dict(request.query_params)
        envelope = reception.envelope(
            channel, b"", media_type="text/plain", received_at=door.now_clock().now(), query=query
        )
        told = reception.of_channel(channel)
        if told.signature != "wechat" or not told.signed(envelope, str(request.url), dict(request.headers)):
            raise _unsigned()
        return PlainTextResponse(query.get("echostr", ""))

    @app.put("/v1/attachments/{name}", status_code=201, tags=["channels"], openapi_extra=openapi.ATTACHMENT)
    async def put_attachment(
        name: str, request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
    ) -> JSONResponse:
        """Store an attachment under a name of the sender's own, by which a message that comes later speaks of it.

        A register that comes by topic speaks of it too, when the key may use that channel.
        """
        who = door.senders.of(authorization)
        who.require("contacts")
        door.admit(who)
        if len(name) > LONGEST_NAME:
            raise problems.one_fault("name", "bad_schema", f"a name has at most {LONGEST_NAME} characters")
        content = await body_of(request, LARGEST_ATTACHMENT)
        if not content:
            raise problems.one_fault("body", "empty", "send the attachment's bytes")
        owners = [who.name, *(owner_of(each) for each in SPEAKS_OF_NAMES if {each, ANY} & set(who.channels))]
        try:
            reference = await asyncio.to_thread(reception.attachments.put_named, owners, name, content)
        except Retryable as error:
            raise problems.later(str(error)) from error
        return JSONResponse({"reference": reference, "size": len(content)}, 201)


def _known(door: Doorway, channel: str) -> None:
    table = door.reception.table
    if channel not in table:
        raise Problem(404, "No such channel", f"there is no channel {channel!r}: choose of {', '.join(table)}")


def _unsigned() -> Problem:
    return Problem(401, "The signature is wrong", "sign with the secret of this channel, or send a key")


def _sender(door: Doorway, envelope: Envelope, request: Request, authorization: str | None) -> Sender:
    """Return who sent a message: whose key it is, or the channel itself when it signs its webhooks.

    Raises:
        Problem: 401 or 403.

    """
    told = door.reception.of_channel(envelope.channel)
    if told.signature is not None and not authorization:
        try:
            signed = told.signed(envelope, str(request.url), dict(request.headers))
        except Unusable as error:
            raise problems.unusable(error) from error
        if not signed:
            raise _unsigned()
        return Sender(envelope.sender, envelope.policy, (envelope.channel,), ("contacts",))
    who = door.senders.of(authorization)
    who.require("contacts")
    who.channel(envelope.channel)
    return who


def _of(who: Sender, envelope: Envelope, door: Doorway) -> Envelope:
    told = door.reception.envelope(
        envelope.channel,
        envelope.body,
        media_type=envelope.media_type,
        received_at=envelope.received_at,
        sender=who.name,
        policy=who.policy,
    )
    return dataclasses.replace(told, query=envelope.query, config=envelope.config)


def _read_as(envelope: Envelope) -> Envelope:
    """Let a sender say how its message is to be read, where one channel is fed by several systems.

    Raises:
        Problem: 400, for a setting that cannot have that value.

    """
    told = {name: envelope.query[name] for name in envelope.query.keys() & SENDERS_SETTINGS}
    try:
        return dataclasses.replace(envelope, config=envelope.config.with_settings(told))
    except ValueError as error:
        name, _, message = str(error).partition(": ")
        raise problems.one_fault(name, "bad_schema", message) from error


async def _listen(door: Doorway, envelope: Envelope) -> list[Heard]:
    """Take in a message; a large one in a thread of its own, so that others need not wait for it."""
    try:
        if len(envelope.body) > LARGEST or envelope.kind == MAIL:
            return await asyncio.to_thread(door.reception.listen, envelope)
        return door.reception.listen(envelope)
    except Unusable as error:
        door.metrics.unusable.labels(envelope.channel, error.faults[0].reason).inc()
        raise problems.unusable(error) from error
    except Retryable as error:
        raise problems.later(str(error)) from error


def _count(door: Doorway, heard: Sequence[Heard], envelope: Envelope) -> None:
    for each in heard:
        if isinstance(each.what, Refusal):
            door.metrics.unusable.labels(envelope.channel, each.what.faults[0].reason).inc()
        else:
            door.metrics.accepted.labels(envelope.channel, "webhook").inc()
            log.info("accepted", contact=str(each.what.id), channel=envelope.channel)


async def _answer(door: Doorway, heard: Sequence[Heard], envelope: Envelope, wait: float) -> Response:
    if envelope.kind in FILES:
        lines = (json.dumps({"line": each.at, **_result(each)}, ensure_ascii=False) + "\n" for each in heard)
        return PlainTextResponse("".join(lines), 200, media_type=LINES)
    if envelope.channel == "wechat":
        return PlainTextResponse(wechat.ANSWER)
    if len(heard) > 1:
        return JSONResponse({"results": [_result(each) for each in heard]}, 202)
    (only,) = heard
    told = _result(only)
    told.pop("status")
    location = {}
    if isinstance(only.what, Contact):
        location = {"Location": f"/v1/contacts/{only.what.id}"}
        if wait:
            id_ = only.what.id
            found = await door.wait(wait, lambda: outcomes.of_contact(door.database, id_), outcomes.is_ticket)
            told |= found[1] if found is not None else {}
    return JSONResponse(told, 202, location)


def _result(heard: Heard) -> dict[str, Any]:
    what = heard.what
    if isinstance(what, Refusal):
        faults = [{"field": each.field, "reason": each.reason, "detail": each.message} for each in what.faults]
        return {"status": 400, "title": "The contact cannot be used", "errors": faults}
    if isinstance(what, CallRecord):
        return {"status": 202, "state": "call recorded", "call": what.call.id}
    if isinstance(what, Kept):
        return {"status": 202, "state": "kept", "reason": what.reason, "reference": str(what.id)}
    return {"status": 202, "state": "accepted", "reference": str(what.id), "flags": list(what.flags)}
