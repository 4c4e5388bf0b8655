"""What was taken over, and what is in doubt, is published once more, whatever is away at that moment (DESIGN 3)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest

from schemas.ticket import Ticket
from services.ledger import store
from services.ledger.settings import LedgerSettings
from services.ledger.state_republisher import StateRepublisher
from services.shared.kafka.records import Incoming, Outgoing
from services.shared.runtime import package_data
from services.shared.runtime.errors import Retryable

EXAMPLE = package_data.folder("schemas") / "examples" / "tickets.state" / "ticket.json"


class Ledger:
    """The ledger's tables around one ticket, on partition 3, and a clock.

    Attributes:
        away: whether the database is.
        windows: seconds for which the republisher has looked back.
        noted: seconds since the first takeover that is not settled; None: there is none.

    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ticket = Ticket.from_record(EXAMPLE.read_bytes())
        self.now = 1_000.0
        self.away = False
        self.windows: list[float] = []
        self.noted: float | None = None
        patch.setattr(store, "load_tickets", lambda *_: ({self.ticket.id: self.ticket}, {self.ticket.id: None}))
        patch.setattr(store, "recently_saved", self._recently_saved)
        patch.setattr(store, "note_takeovers", self._note)
        patch.setattr(store, "takeovers", self._takeovers)
        patch.setattr(store, "forget_takeovers", self._forget)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.away:
            raise Retryable("the database is away")
        yield

    def _recently_saved(self, _: object, partitions: Sequence[int], *, seconds: float) -> dict[int, list[UUID]]:
        self.windows.append(seconds)
        return {3: [self.ticket.id]} if 3 in partitions else {}

    def _takeovers(self, *_: object) -> dict[int, float]:
        return {} if self.noted is None else {3: self.now - self.noted}

    def _note(self, *_: object) -> None:
        self.noted = self.now if self.noted is None else self.noted

    def _forget(self, *_: object) -> None:
        self.noted = None

    def republisher(self) -> StateRepublisher:
        database: Any = self
        return StateRepublisher(database, LedgerSettings(settle_after=45.0), lambda: self.now)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    return Ledger(monkeypatch)


def versions(published: Sequence[Outgoing]) -> list[int]:
    return [Ticket.from_record(record.value or b"").version for record in published]


def test_a_takeover_is_not_forgotten_while_the_database_is_away(ledger: Ledger) -> None:
    republisher, published = ledger.republisher(), list[Outgoing]()
    republisher.on_assigned({3})
    republisher.publish_states(published.extend)
    ledger.now += 60
    ledger.away = True
    with pytest.raises(Retryable):
        republisher.publish_states(published.extend)
    ledger.away = False
    ledger.now += 30
    republisher.publish_states(published.extend)
    assert len(published) == 1
    assert ledger.windows == [90 + 45]
    assert ledger.noted is None


def test_the_first_of_several_takeovers_counts_also_for_another_process(ledger: Ledger) -> None:
    first = ledger.republisher()
    first.on_assigned({3})
    first.publish_states(lambda _: None)
    ledger.now += 30
    second, published = ledger.republisher(), list[Outgoing]()
    second.on_assigned({3})
    ledger.now += 46
    second.publish_states(published.extend)
    assert ledger.windows == [30 + 46 + 45]
    assert len(published) == 1


def test_a_partition_that_is_lost_is_left_to_its_next_owner(ledger: Ledger) -> None:
    republisher, published = ledger.republisher(), list[Outgoing]()
    republisher.on_assigned({3})
    republisher.publish_states(published.extend)
    republisher.on_revoked({3})
    ledger.now += 60
    republisher.publish_states(published.extend)
    assert published == []
    assert ledger.noted is not None


def test_a_doubtful_state_is_published_until_it_is_the_row(ledger: Ledger) -> None:
    republisher, published = ledger.republisher(), list[Outgoing]()
    republisher.on_doubt([Incoming("tickets.commands", 3, 7, str(ledger.ticket.id).encode(), b"{}")])
    republisher.on_revoked({3})

    def publish_while_another_saves(records: Sequence[Outgoing]) -> None:
        published.extend(records)
        if len(published) == 1:
            ledger.ticket = ledger.ticket.replace(version=ledger.ticket.version + 1)

    before = ledger.ticket.version
    for _ in range(3):
        republisher.publish_states(publish_while_another_saves)
    assert versions(published) == [before, before + 1]
