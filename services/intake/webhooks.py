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
from schemas.non_ticket import NonTicket
from services.intake import openapi, outcomes, problems
from services.intake.attachments import MAX_ATTACHMENT_BYTES as LARGEST_ATTACHMENT
from services.intake.channel_settings import ChannelSettings
from services.intake.domain.channels import wechat
from services.intake.domain.envelope import MAX_CONTACT_BYTES, Envelope, ParsedItem, RejectedItem
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.media import PLAIN
from services.intake.domain.splitter import CSV, MAIL, MBOX, NDJSON, XLSX
from services.intake.http_context import HttpContext, read_body
from services.intake.ingest import channel_owner
from services.intake.senders import ANY, Sender
from services.shared.observability import logs, tracing
from services.shared.runtime.errors import Problem, Retryable

FILE_TYPES = frozenset({NDJSON, CSV, XLSX, MBOX, PLAIN})
"""Media types whose messages are many: each has its own result."""
MAX_BYTES_BY_TYPE = {MAIL: 25 * 1024 * 1024, **dict.fromkeys(FILE_TYPES, 8 * 1024 * 1024)}
"""Bytes of a body by media type; of others a contact's."""
NAMED_ATTACHMENT_CHANNELS = frozenset({"letter_fax"})
"""Channels whose messages speak of attachments by name."""
MAX_NAME_LENGTH = 200
SENDER_SETTINGS = frozenset({"default_tz", "default_region", "cdr_tz", "columns", "charset", "encode_values"})
"""Settings of a channel that a sender may give behind the address; what proves who it is never is among them."""

log = logs.get(__name__)


def install(app: FastAPI, door: HttpContext) -> None:
    """Add the doors to the application."""
    ingestor = door.ingestor

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
        _require_channel(door, channel)
        # Whoever shows a key is known before the body is read; a signature is of the body.
        who = _authenticate_by_key(door, channel, authorization)
        media_type = request.headers.get("content-type", "application/json")
        kind = media_type.partition(";")[0].strip().lower()
        body = await read_body(request, MAX_BYTES_BY_TYPE.get(kind, MAX_CONTACT_BYTES))
        envelope = ingestor.envelope(
            channel,
            body,
            media_type=media_type,
            received_at=door.require_clock().now(),
            query={name: value for name, value in request.query_params.items() if name != "wait"},
        )
        envelope = _apply_query_settings(envelope)
        who = who or _authenticate_by_signature(door, envelope, request)
        envelope = _readdress(who, envelope, door)
        heard = await _parse(door, envelope)
        door.check_rate(who, len(heard))
        whats = [each.content for each in heard if not isinstance(each.content, RejectedItem)]
        await door.publish(ingestor.records(whats, tracing.accepted(request.headers.get(tracing.HEADER))))
        _record_results(door, heard, envelope)
        return await _respond(door, heard, envelope, wait)

    @app.get("/v1/channels/{channel}", tags=["channels"])
    async def get_native(channel: str, request: Request) -> PlainTextResponse:
        """Answer the echo by which a WeChat account proves the address."""
        _require_channel(door, channel)
        query = dict(request.query_params)
        envelope = ingestor.envelope(
            channel, b"", media_type="text/plain", received_at=door.require_clock().now(), query=query
        )
        told = ingestor.settings_for(channel)
        if told.signature != "wechat":
            raise Problem(404, "No echo here", f"{channel} has no account that proves this address: set its signature")
        _require_signature(told, envelope, request)
        return PlainTextResponse(query.get("echostr", ""))

    @app.put("/v1/attachments/{name}", status_code=201, tags=["channels"], openapi_extra=openapi.ATTACHMENT)
    async def put_attachment(
        name: str, request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
    ) -> JSONResponse:
        """Store an attachment under a name of the sender's own, by which a message that comes later speaks of it.

        A register that comes by topic speaks of it too, when the key may use that channel.
        """
        who = door.senders.authenticate(authorization)
        who.require_action("contacts")
        door.check_rate(who)
        if len(name) > MAX_NAME_LENGTH:
            raise problems.invalid_field("name", "bad_schema", f"a name has at most {MAX_NAME_LENGTH} characters")
        content = await read_body(request, LARGEST_ATTACHMENT)
        if not content:
            raise problems.invalid_field("body", "empty", "send the attachment's bytes")
        owners = [
            who.name,
            *(channel_owner(each) for each in NAMED_ATTACHMENT_CHANNELS if {each, ANY} & set(who.channels)),
        ]
        try:
            reference = await asyncio.to_thread(ingestor.attachments.put_named, owners, name, content)
        except Retryable as error:
            raise problems.unavailable(str(error)) from error
        return JSONResponse({"reference": reference, "size": len(content)}, 201)


def _require_channel(door: HttpContext, channel: str) -> None:
    table = door.ingestor.channels
    if channel not in table:
        raise Problem(404, "No such channel", f"there is no channel {channel!r}: choose of {', '.join(table)}")


def _authenticate_by_key(door: HttpContext, channel: str, authorization: str | None) -> Sender | None:
    """Return whose key it is that came with a message; None where the channel signs its messages instead.

    Raises:
        Problem: 401, 403 or 429.

    """
    if door.ingestor.settings_for(channel).signature is not None and not authorization:
        return None
    who = door.senders.authenticate(authorization)
    who.require_action("contacts")
    who.resolve_channel(channel)
    door.check_rate(who, 0)
    return who


def _authenticate_by_signature(door: HttpContext, envelope: Envelope, request: Request) -> Sender:
    """Return the sender of a message that its channel signed.

    Raises:
        Problem: 401 or 429.

    """
    told = door.ingestor.settings_for(envelope.channel)
    _require_signature(told, envelope, request)
    who = Sender(envelope.sender, envelope.policy, (envelope.channel,), ("contacts",), told.per_minute)
    door.check_rate(who, 0)
    return who


def _require_signature(told: ChannelSettings, envelope: Envelope, request: Request) -> None:
    try:
        fault = told.signature_error(envelope, str(request.url), dict(request.headers))
    except InvalidPayload as error:
        raise problems.invalid_payload(error) from error
    if fault is not None:
        raise Problem.about(
            401,
            "The signature is wrong",
            field=fault.field,
            reason=fault.reason,
            what_to_do=f"{fault.message}; or send a key",
        )


def _readdress(who: Sender, envelope: Envelope, door: HttpContext) -> Envelope:
    told = door.ingestor.envelope(
        envelope.channel,
        envelope.body,
        media_type=envelope.media_type,
        received_at=envelope.received_at,
        sender=who.name,
        policy=who.policy,
    )
    return dataclasses.replace(told, query=envelope.query, config=envelope.config)


def _apply_query_settings(envelope: Envelope) -> Envelope:
    """Let a sender say how its message is to be read, where one channel is fed by several systems.

    Raises:
        Problem: 400, for a setting that cannot have that value.

    """
    told = {name: envelope.query[name] for name in envelope.query.keys() & SENDER_SETTINGS}
    try:
        return dataclasses.replace(envelope, config=envelope.config.with_settings(told))
    except ValueError as error:
        name, _, message = str(error).partition(": ")
        raise problems.invalid_field(name, "bad_schema", message) from error


def is_slow_to_parse(envelope: Envelope) -> bool:
    """Whether reading a message may take long: by its kind more than its size, for a small workbook may hold much."""
    return envelope.kind in MAX_BYTES_BY_TYPE or len(envelope.body) >= MAX_CONTACT_BYTES


async def _parse(door: HttpContext, envelope: Envelope) -> list[ParsedItem]:
    """Take in a message; one that may take long in a thread of its own, so that others need not wait for it."""
    try:
        if is_slow_to_parse(envelope):
            return await asyncio.to_thread(door.ingestor.parse, envelope)
        return door.ingestor.parse(envelope)
    except InvalidPayload as error:
        door.metrics.unusable.labels(envelope.channel, error.errors[0].reason).inc()
        raise problems.invalid_payload(error) from error
    except Retryable as error:
        raise problems.unavailable(str(error)) from error


def _record_results(door: HttpContext, heard: Sequence[ParsedItem], envelope: Envelope) -> None:
    for each in heard:
        if isinstance(each.content, RejectedItem):
            door.metrics.unusable.labels(envelope.channel, each.content.errors[0].reason).inc()
        else:
            door.metrics.accepted.labels(envelope.channel, "webhook").inc()
            log.info("accepted", contact=str(each.content.id), channel=envelope.channel)


async def _respond(door: HttpContext, heard: Sequence[ParsedItem], envelope: Envelope, wait: float) -> Response:
    if envelope.kind in FILE_TYPES:
        lines = (json.dumps({"line": each.line, **_result(each)}, ensure_ascii=False) + "\n" for each in heard)
        return PlainTextResponse("".join(lines), 200, media_type=NDJSON)
    if envelope.channel == "wechat":
        return PlainTextResponse(wechat.ACKNOWLEDGEMENT)
    if len(heard) > 1:
        return JSONResponse({"results": [_result(each) for each in heard]}, 202)
    (only,) = heard
    told = _result(only)
    told.pop("status")
    location = {}
    if isinstance(only.content, Contact):
        location = {"Location": f"/v1/contacts/{only.content.id}"}
        if wait:
            id_ = only.content.id
            found = await door.wait_for(wait, lambda: outcomes.contact_outcome(door.database, id_), outcomes.has_ticket)
            told |= found[1] if found is not None else {}
    return JSONResponse(told, 202, location)


def _result(heard: ParsedItem) -> dict[str, Any]:
    what = heard.content
    if isinstance(what, RejectedItem):
        errors = [{"field": each.field, "reason": each.reason, "detail": each.message} for each in what.errors]
        return {"status": 400, "title": "The contact cannot be used", "errors": errors}
    if isinstance(what, CallRecord):
        return {"status": 202, "state": "call recorded", "call": what.call.id}
    if isinstance(what, NonTicket):
        return {"status": 202, "state": "kept", "reason": what.reason, "reference": str(what.id)}
    return {"status": 202, "state": "accepted", "reference": str(what.id), "flags": list(what.flags)}
