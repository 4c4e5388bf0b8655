"""HTTP routes for messages in a channel's own format: webhooks, files of messages, and attachments sent in advance."""

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
from services.domain.authority.reach import ANY
from services.intake import openapi, outcomes, problems
from services.intake.attachments import MAX_ATTACHMENT_BYTES
from services.intake.channel_settings import ChannelSettings
from services.intake.domain.channels import wechat
from services.intake.domain.envelope import MAX_CONTACT_BYTES, Envelope, ParsedItem, RejectedItem
from services.intake.domain.fields import InputError, InvalidPayload
from services.intake.domain.media import PLAIN
from services.intake.domain.message_parts import CSV, MAIL, MBOX, NDJSON, XLSX
from services.intake.http_context import HttpContext, read_body
from services.intake.ingest import channel_owner
from services.intake.senders import Sender
from services.shared.kafka.kafka_errors import TOO_LARGE
from services.shared.observability import logs, tracing
from services.shared.runtime.errors import Problem, Retryable

FILE_TYPES = frozenset({NDJSON, CSV, XLSX, MBOX, PLAIN})
"""Media types of files that hold several messages; the response has a result for each."""
MAX_BYTES_BY_TYPE = {MAIL: 25 * 1024 * 1024, **dict.fromkeys(FILE_TYPES, 8 * 1024 * 1024)}
"""Bytes of a body by media type; for all others `MAX_CONTACT_BYTES`."""
NAMED_ATTACHMENT_CHANNELS = frozenset({"letter_fax"})
"""Channels whose messages refer to attachments by name."""
MAX_NAME_LENGTH = 200
"""Characters of an attachment's name."""
SENDER_SETTINGS = frozenset({"default_tz", "default_region", "cdr_tz", "columns", "charset", "encode_values"})
"""Channel settings that a sender may override by query parameters; credentials are never among them."""

log = logs.get(__name__)


def install(app: FastAPI, context: HttpContext) -> None:
    """Add the routes to the application."""
    ingestor = context.ingestor

    @app.post(
        "/v1/channels/{channel}", status_code=202, tags=["channels"], response_model=None, openapi_extra=openapi.NATIVE
    )
    async def post_native(
        channel: str,
        request: Request,
        wait: Annotated[float, Query(ge=0, le=30, description="seconds to wait for the outcome")] = 0,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Response:
        """Submit a message in a channel's own format, or a file of messages; the response has a result for each."""
        _require_channel(context, channel)
        # A key is checked before the body is read; a signature covers the body and is checked after.
        sender = _authenticate_by_key(context, channel, authorization)
        media_type = request.headers.get("content-type", "application/json")
        kind = media_type.partition(";")[0].strip().lower()
        body = await read_body(request, MAX_BYTES_BY_TYPE.get(kind, MAX_CONTACT_BYTES))
        envelope = ingestor.envelope(
            channel,
            body,
            media_type=media_type,
            received_at=context.require_clock().now(),
            query={name: value for name, value in request.query_params.items() if name != "wait"},
        )
        envelope = _apply_query_settings(envelope)
        sender = sender or _authenticate_by_signature(context, envelope, request)
        envelope = _readdress(sender, envelope, context)
        items = await _parse(context, envelope)
        context.check_rate(sender, len(items))
        items = await _publish(context, items, tracing.accept_or_start(request.headers.get(tracing.HEADER)))
        _record_results(context, items, envelope)
        return await _respond(context, items, envelope, wait)

    @app.get("/v1/channels/{channel}", tags=["channels"])
    async def get_native(channel: str, request: Request) -> PlainTextResponse:
        """Answer the echo request with which WeChat verifies the webhook's address."""
        _require_channel(context, channel)
        query = dict(request.query_params)
        envelope = ingestor.envelope(
            channel, b"", media_type="text/plain", received_at=context.require_clock().now(), query=query
        )
        settings = ingestor.settings_for(channel)
        if settings.signature != "wechat":
            raise Problem(404, "No echo here", f"{channel} is no WeChat account: set its `signature` to wechat")
        _require_signature(settings, envelope, request)
        return PlainTextResponse(query.get("echostr", ""))

    @app.put("/v1/attachments/{name}", status_code=201, tags=["channels"], openapi_extra=openapi.ATTACHMENT)
    async def put_attachment(
        name: str, request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
    ) -> JSONResponse:
        """Store an attachment under a name that the sender chooses, to which a later message refers.

        A register entry on the channel's topic may refer to it, too, when the key allows that channel.
        """
        sender = context.senders.authenticate(authorization)
        sender.require_action("contacts")
        context.check_rate(sender)
        if len(name) > MAX_NAME_LENGTH:
            raise problems.invalid_field("name", "bad_schema", f"write at most {MAX_NAME_LENGTH} characters")
        content = await read_body(request, MAX_ATTACHMENT_BYTES)
        if not content:
            raise problems.invalid_field("body", "empty", "send the attachment's bytes")
        owners = [
            sender.name,
            *(channel_owner(name) for name in NAMED_ATTACHMENT_CHANNELS if {name, ANY} & set(sender.channels)),
        ]
        try:
            reference = await asyncio.to_thread(ingestor.attachments.put_named, owners, name, content)
        except Retryable as error:
            raise problems.unavailable(str(error)) from error
        return JSONResponse({"reference": reference, "size": len(content)}, 201)


def _require_channel(context: HttpContext, channel: str) -> None:
    channels = context.ingestor.channels
    if channel not in channels:
        raise Problem(404, "No such channel", f"there is no channel {channel!r}: choose one of {', '.join(channels)}")


def _authenticate_by_key(context: HttpContext, channel: str, authorization: str | None) -> Sender | None:
    """Return the sender of a request with a key; None when the channel signs its messages instead.

    Raises:
        Problem: 401 for an unknown key, 403 when it does not allow the channel, 429 when its rate limit is exceeded.

    """
    if context.ingestor.settings_for(channel).signature is not None and not authorization:
        return None
    sender = context.senders.authenticate(authorization)
    sender.require_action("contacts")
    sender.resolve_channel(channel)
    context.check_rate(sender, 0)
    return sender


def _authenticate_by_signature(context: HttpContext, envelope: Envelope, request: Request) -> Sender:
    """Return the sender of a signed message.

    Raises:
        Problem: 401 when the signature is wrong, 429 when the channel's rate limit is exceeded.

    """
    settings = context.ingestor.settings_for(envelope.channel)
    _require_signature(settings, envelope, request)
    sender = Sender(
        envelope.sender, (envelope.policy,), (envelope.channel,), ("contacts",), per_minute=settings.per_minute
    )
    context.check_rate(sender, 0)
    return sender


def _require_signature(settings: ChannelSettings, envelope: Envelope, request: Request) -> None:
    try:
        mismatch = settings.signature_error(envelope, str(request.url), dict(request.headers))
    except InvalidPayload as error:
        raise problems.invalid_payload(error) from error
    if mismatch is not None:
        raise Problem.about(
            401,
            "The signature is wrong",
            field=mismatch.field,
            reason=mismatch.reason,
            what_to_do=f"{mismatch.message}; or send a key",
        )


def _readdress(sender: Sender, envelope: Envelope, context: HttpContext) -> Envelope:
    """Rebuild the envelope for its authenticated sender."""
    readdressed = context.ingestor.envelope(
        envelope.channel,
        envelope.body,
        media_type=envelope.media_type,
        received_at=envelope.received_at,
        sender=sender.name,
        policy=sender.policy,
    )
    return dataclasses.replace(readdressed, query=envelope.query, config=envelope.config)


def _apply_query_settings(envelope: Envelope) -> Envelope:
    """Override channel settings by query parameters, for a channel that several systems send to.

    Raises:
        Problem: 400 for a setting that cannot have that value.

    """
    settings = {name: envelope.query[name] for name in envelope.query.keys() & SENDER_SETTINGS}
    try:
        return dataclasses.replace(envelope, config=envelope.config.with_settings(settings))
    except ValueError as error:
        name, _, message = str(error).partition(": ")
        raise problems.invalid_field(name, "bad_schema", message) from error


def is_slow_to_parse(envelope: Envelope) -> bool:
    """Whether parsing may take long; judged by media type more than by size, because a small workbook may hold much."""
    return envelope.kind in MAX_BYTES_BY_TYPE or len(envelope.body) >= MAX_CONTACT_BYTES


async def _parse(context: HttpContext, envelope: Envelope) -> list[ParsedItem]:
    """Parse a message and store its attachments, in a thread when that may take long.

    Raises:
        Problem: 400 when nothing of it can be used, 503 when attachments cannot be stored.

    """
    try:
        if is_slow_to_parse(envelope):
            return await asyncio.to_thread(context.ingestor.parse, envelope)
        return context.ingestor.parse(envelope)
    except InvalidPayload as error:
        context.metrics.unusable.labels(envelope.channel, error.errors[0].reason).inc()
        raise problems.invalid_payload(error) from error
    except Retryable as error:
        raise problems.unavailable(str(error)) from error


async def _publish(context: HttpContext, items: Sequence[ParsedItem], trace: str) -> list[ParsedItem]:
    """Publish the accepted items; returns all, those that the broker will never take as rejected ones.

    Raises:
        Problem: 503 when the broker does not acknowledge in time.

    """
    contents = {index: each.content for index, each in enumerate(items) if not isinstance(each.content, RejectedItem)}
    published = await context.publish_each(context.ingestor.records(contents.values(), trace))
    results = list(items)
    for index, problem in zip(contents, published, strict=True):
        if problem is not None:
            errors = tuple(InputError(cause["field"], cause["reason"], cause["detail"]) for cause in problem.errors)
            results[index] = dataclasses.replace(items[index], content=RejectedItem(errors))
    return results


def _record_results(context: HttpContext, items: Sequence[ParsedItem], envelope: Envelope) -> None:
    """Count and log what was accepted and rejected."""
    for item in items:
        if isinstance(item.content, RejectedItem):
            context.metrics.unusable.labels(envelope.channel, item.content.errors[0].reason).inc()
        else:
            context.metrics.accepted.labels(envelope.channel, "webhook").inc()
            log.info("accepted", contact=str(item.content.id), channel=envelope.channel)


async def _respond(context: HttpContext, items: Sequence[ParsedItem], envelope: Envelope, wait: float) -> Response:
    if envelope.kind in FILE_TYPES:
        lines = (json.dumps(_place(item) | _result(item), ensure_ascii=False) + "\n" for item in items)
        return PlainTextResponse("".join(lines), 200, media_type=NDJSON)
    if envelope.channel == "wechat":
        return PlainTextResponse(wechat.ACKNOWLEDGEMENT)
    if len(items) > 1:
        return JSONResponse({"results": [_result(item) for item in items]}, 202)
    (only,) = items
    response = _result(only)
    status = response.pop("status")
    location = {}
    if isinstance(only.content, RejectedItem):
        raise Problem(status, response["title"], response["errors"][0]["detail"], errors=tuple(response["errors"]))
    if isinstance(only.content, Contact):
        location = {"Location": f"/v1/contacts/{only.content.id}"}
        if wait:
            id_ = only.content.id
            found = await context.wait_for(
                wait, lambda: outcomes.contact_outcome(context.database, id_), outcomes.has_ticket
            )
            response |= found[1] if found is not None else {}
    return JSONResponse(response, 202, location)


def _place(item: ParsedItem) -> dict[str, Any]:
    """Return where an item stands in its file: the line, and the sheet of a workbook."""
    return {"line": item.line, "sheet": item.sheet} if item.sheet else {"line": item.line}


def _result(item: ParsedItem) -> dict[str, Any]:
    """Return the response for one item."""
    content = item.content
    if isinstance(content, RejectedItem):
        errors = [{"field": cause.field, "reason": cause.reason, "detail": cause.message} for cause in content.errors]
        if content.errors[0].reason == TOO_LARGE:
            return {"status": 413, "title": "Too large", "errors": errors}
        return {"status": 400, "title": "The contact cannot be used", "errors": errors}
    if isinstance(content, CallRecord):
        return {"status": 202, "state": "call recorded", "call": content.call.id}
    if isinstance(content, NonTicket):
        return {"status": 202, "state": "kept", "reason": content.reason, "reference": str(content.id)}
    return {"status": 202, "state": "accepted", "reference": str(content.id), "flags": list(content.flags)}
