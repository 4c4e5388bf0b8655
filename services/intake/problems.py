"""Errors as RFC 9457 problem documents: title, detail, and every field at fault with the reason and what to do."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from services.intake.domain.fields import InvalidPayload
from services.intake.metrics import IntakeMetrics
from services.shared.observability import logs
from services.shared.runtime.errors import Problem

log = logs.get(__name__)


def unavailable(detail: str) -> Problem:
    """Return 503 with Retry-After."""
    return Problem(503, "Try again later", detail, headers={"Retry-After": "2"})


def _document(error: Problem) -> JSONResponse:
    body: dict[str, Any] = {"type": "about:blank", "title": error.title, "status": error.status}
    if error.detail:
        body["detail"] = error.detail
    if error.errors:
        body["errors"] = [dict(each) for each in error.errors]
    return JSONResponse(body, error.status, error.headers, media_type="application/problem+json")


def invalid_payload(error: InvalidPayload) -> Problem:
    """Return the problem of a message that cannot be used, with every fault."""
    errors = tuple({"field": each.field, "reason": each.reason, "detail": each.message} for each in error.errors)
    named = ", ".join(dict.fromkeys(each["field"] for each in errors))
    return Problem(400, "The contact cannot be used", f"mend {named} and send it again", errors=errors)


def invalid_field(field: str, reason: str, message: str) -> Problem:
    """Return the problem of one field."""
    return Problem(400, "The request cannot be used", errors=({"field": field, "reason": reason, "detail": message},))


async def reject_nul(request: Request) -> None:
    """Refuse a path or a query with NUL, which no database can look for.

    Raises:
        Problem: 400; it names the parameter.

    """
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if "\0" in f"{name}{value}":
            field = name.replace("\0", "")
            raise invalid_field(field, "bad_schema", "NUL is no text: leave it out")


def install(app: FastAPI, metrics: IntakeMetrics) -> None:
    """Make every error a problem document."""

    def told(error: Problem) -> JSONResponse:
        metrics.refused.labels(str(error.status), error.reason).inc()
        return _document(error)

    async def problem(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return told(error)

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return told(Problem(error.status_code, str(error.detail), headers=error.headers or {}))

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        errors = tuple(
            {
                "field": ".".join(str(part) for part in each["loc"][1:]),
                "reason": "bad_schema",
                "detail": str(each["msg"]),
            }
            for each in error.errors()
        )
        return told(Problem(400, "The request cannot be used", errors=errors))

    async def bug(_: Request, error: Exception) -> JSONResponse:
        log.error("request_failed", error=type(error).__name__, exc_info=error)
        return told(Problem(500, "Something went wrong here", "it is in our log; send the same again later"))

    handlers: list[tuple[Any, Callable[[Request, Exception], Coroutine[Any, Any, JSONResponse]]]] = [
        (Problem, problem),
        (HTTPException, http),
        (RequestValidationError, invalid),
        (Exception, bug),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
