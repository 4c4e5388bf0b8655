"""Errors as RFC 9457 problem documents: title, detail, and for each invalid field the reason and what to do."""

import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from services.intake.domain.fields import InvalidPayload
from services.intake.metrics import IntakeMetrics
from services.shared.kafka.kafka_errors import TOO_LARGE
from services.shared.kafka.records import Outgoing
from services.shared.kafka.rejected_records import RejectedRecord
from services.shared.kafka.topics import max_record_bytes
from services.shared.observability import logs
from services.shared.runtime.errors import Problem

log = logs.get(__name__)


def unavailable(detail: str) -> Problem:
    """Return 503 with Retry-After, for a failure that passes."""
    return Problem(503, "Try again later", detail, headers={"Retry-After": "2"})


def unpublishable(rejected: RejectedRecord) -> Problem:
    """Return 413 for a record that is too large for its topic, 400 for another that the broker never takes.

    A message of an allowed size may become a larger record, and the broker's own limit may be lower than the topic's.
    """
    record = rejected.record
    if rejected.reason != TOO_LARGE:
        what_to_do = f"the broker will never take it ({rejected.message}): do not send it again, ask the operator"
        fault = {"field": "body", "reason": rejected.reason, "detail": what_to_do}
        return Problem(400, "The message cannot be stored", what_to_do, errors=(fault,))
    size, limit = len(record.value or b""), max_record_bytes(record.topic)
    takes = f"at most {limit}" if size > limit else "less"
    return Problem.about(
        413,
        "Too large",
        field="body",
        reason=TOO_LARGE,
        what_to_do=f"it becomes a record of {size} bytes, and topic {record.topic} takes {takes}: "
        "shorten the text, send attachments by reference",
    )


def of_record(record: Outgoing, rejected: Sequence[RejectedRecord]) -> Problem | None:
    """Return the problem of a record if it is one of those that the broker will never take."""
    return next((unpublishable(each) for each in rejected if each.record is record), None)


def misconfigured() -> Problem:
    """Return 503 for an error that the operator has to mend; the log says what it is."""
    return Problem(
        503,
        "Not ready",
        "the broker refuses this installation until its operator mends its configuration: send the same again later",
        headers={"Retry-After": "60"},
    )


def document(error: Problem) -> JSONResponse:
    """Return the response that tells of a problem."""
    body: dict[str, Any] = {"type": "about:blank", "title": error.title, "status": error.status}
    if error.detail:
        body["detail"] = error.detail
    if error.errors:
        body["errors"] = [dict(each) for each in error.errors]
    return JSONResponse(body, error.status, error.headers, media_type="application/problem+json")


def invalid_payload(error: InvalidPayload) -> Problem:
    """Return 400 with every error of a message."""
    errors = tuple({"field": cause.field, "reason": cause.reason, "detail": cause.message} for cause in error.errors)
    fields = ", ".join(dict.fromkeys(cause["field"] for cause in errors))
    return Problem(400, "The contact cannot be used", f"correct {fields} and send it again", errors=errors)


def invalid_field(field: str, reason: str, message: str) -> Problem:
    """Return 400 for one field."""
    return Problem(400, "The request cannot be used", errors=({"field": field, "reason": reason, "detail": message},))


def forbidden(field: str, what_to_do: str, *, title: str = "The key does not allow this") -> Problem:
    """Return 403 for what a key may not do."""
    return Problem.about(403, title, field=field, reason="not_allowed", what_to_do=what_to_do)


def too_many(title: str, allowance: str, wait: float) -> Problem:
    """Return 429 with Retry-After.

    Args:
        title: what there was too much of.
        allowance: who may do how much.
        wait: real seconds until it is allowed again.

    """
    seconds = str(math.ceil(wait))
    return Problem.about(
        429,
        title,
        field="Authorization",
        reason="too_many",
        what_to_do=f"{allowance}: try again in {seconds} s",
        headers={"Retry-After": seconds},
    )


async def reject_nul(request: Request) -> None:
    """Reject a NUL character in the path or the query, which PostgreSQL cannot search for.

    Raises:
        Problem: 400; names the parameter.

    """
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if "\0" in f"{name}{value}":
            field = name.replace("\0", "")
            raise invalid_field(field, "bad_schema", "NUL is not text: leave it out")


def install(app: FastAPI, metrics: IntakeMetrics) -> None:
    """Turn every error of the application into a problem document and count it."""

    def respond(error: Problem) -> JSONResponse:
        metrics.refused.labels(str(error.status), error.reason).inc()
        return document(error)

    async def handle_problem(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return respond(error)

    async def handle_http_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return respond(Problem(error.status_code, str(error.detail), headers=error.headers or {}))

    async def handle_invalid_request(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        errors = tuple(
            {
                "field": ".".join(str(part) for part in cause["loc"][1:]),
                "reason": "bad_schema",
                "detail": str(cause["msg"]),
            }
            for cause in error.errors()
        )
        return respond(Problem(400, "The request cannot be used", errors=errors))

    async def handle_bug(_: Request, error: Exception) -> JSONResponse:
        log.error("request_failed", error=type(error).__name__, exc_info=error)
        return respond(Problem(500, "Internal error", "the error has been logged: send the same request again later"))

    handlers: list[tuple[Any, Callable[[Request, Exception], Coroutine[Any, Any, JSONResponse]]]] = [
        (Problem, handle_problem),
        (HTTPException, handle_http_error),
        (RequestValidationError, handle_invalid_request),
        (Exception, handle_bug),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
