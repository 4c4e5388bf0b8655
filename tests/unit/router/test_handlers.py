"""The sweep for calls without a form: nothing is published within a transaction, and nothing is forgotten."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest

from schemas.contact import Contact
from services.router import correlation
from services.router.handlers import UnmatchedCallSweeper
from services.shared.kafka.records import Outgoing
from services.shared.postgres.database import Database
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.errors import Retryable
from tests.builders import contact

CALLS: dict[str, Contact] = {"call-1": contact("call:call-1"), "call-2": contact("call:call-2")}


class WatchedDatabase:
    """Knows whether a transaction is open, and which calls were marked."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.open = False
        self.marked: list[str] = []
        patch.setattr(correlation, "contacts_of_unmatched_calls", lambda *_: CALLS)
        patch.setattr(correlation, "mark_announced", lambda _, calls, __: self.marked.extend(calls))

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        self.open = True
        try:
            yield None
        finally:
            self.open = False

    def sweeper(self) -> UnmatchedCallSweeper:
        return UnmatchedCallSweeper(cast("Database", self), SystemClock(), "secret")


def test_contacts_of_calls_are_published_outside_of_any_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the broker away, a transaction around it held locks for as long."""
    database = WatchedDatabase(monkeypatch)
    published: list[Outgoing] = []

    def publish(records: Sequence[Outgoing]) -> None:
        assert not database.open
        assert database.marked == []
        published.extend(records)

    database.sweeper()(publish)
    assert len(published) == len(CALLS)
    assert database.marked == list(CALLS)


def test_what_was_not_acknowledged_is_not_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    database = WatchedDatabase(monkeypatch)

    def publish(_: Sequence[Outgoing]) -> None:
        raise Retryable("stopped while the broker was unavailable")

    with pytest.raises(Retryable):
        database.sweeper()(publish)
    assert database.marked == []
