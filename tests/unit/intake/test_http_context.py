"""What the doors share: queries that end in time."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.intake import http_context
from services.intake.http_context import HttpContext
from services.shared.runtime.errors import Problem, Retryable


def _query(read: Any) -> Any:
    return asyncio.run(HttpContext.query(cast("HttpContext", SimpleNamespace()), read))


def test_a_caller_is_not_kept_waiting_for_a_database_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer does not depend on a free thread: those may all wait for the same database."""
    monkeypatch.setattr(http_context, "ANSWER_WITHIN", 0.01)
    answered = threading.Event()

    async def ask() -> int:
        try:
            await HttpContext.query(cast("HttpContext", SimpleNamespace()), answered.wait)
        except Problem as problem:
            return problem.status
        finally:
            answered.set()
        return 200

    assert asyncio.run(ask()) == 503


def test_a_query_returns_what_was_read_and_503_without_the_database() -> None:
    def unavailable() -> None:
        raise Retryable("the database is unavailable")

    assert _query(lambda: 7) == 7
    with pytest.raises(Problem) as refused:
        _query(unavailable)
    assert refused.value.status == 503
    assert refused.value.headers["Retry-After"]
