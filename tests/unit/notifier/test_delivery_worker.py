"""How a delivery worker attempts one letter, without a real provider or a database."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from deploy.tools.checkout import PROJECT
from services.notifier.delivery_worker import HOUR, LONGEST_RETRY_DELAY, DeliveryWorker
from services.notifier.digest import DeliveryAttempt, Digest
from services.notifier.domain.leased_notice import undeliverable_command
from services.notifier.domain.letters import Letter, TemplateLibrary
from services.notifier.domain.obsolescence import TicketSnapshot
from services.notifier.metrics import NotifierMetrics
from services.notifier.providers import ProviderError, ProviderReceipt
from services.notifier.settings import NotifierSettings
from services.shared.runtime.clock import ScaledClock
from tests.unit.notifier.builders import NOW, leased_notice

CONTEXT = {"number": "TS1", "zone": "Asia/Shanghai", "promised_at": NOW.isoformat(), "name": "王"}
LETTER: dict[str, Any] = {"template": "acceptance", "context": CONTEXT, "digest_over": 0}
QUIET: dict[str, Any] = {"quiet_from": time(21), "quiet_until": time(8), "zone": "Asia/Shanghai"}


class ScriptedProvider:
    """A provider that accepts a letter, or does what a test gives it to do."""

    name = "mail"

    def __init__(self, respond: Callable[[], str] = lambda: "p1") -> None:
        self._respond = respond

    def send(self, address: str, letter: Letter, id_: UUID) -> ProviderReceipt:  # noqa: ARG002
        """Return the scripted id, or raise the scripted error."""
        return ProviderReceipt(self._respond(), 2)

    def close(self) -> None:
        """Nothing is open."""


def raising(error: Exception) -> ScriptedProvider:
    def respond() -> str:
        raise error

    return ScriptedProvider(respond)


def attempt(provider: ScriptedProvider, *, now: datetime = NOW, **changes: Any) -> DeliveryAttempt:
    return _worker(provider, now)._attempt(Digest([leased_notice(**LETTER | changes)]))


def _worker(provider: ScriptedProvider, now: datetime = NOW) -> DeliveryWorker:
    # So slow that business time stands still.
    clock = ScaledClock(scale=1e-9, real_origin=datetime(2026, 1, 1, tzinfo=UTC), business_origin=now)
    templates = TemplateLibrary(PROJECT / "policies" / "letters")
    database: Any = None
    return DeliveryWorker(
        provider, NotifierSettings(), database, templates, clock, NotifierMetrics(CollectorRegistry())
    )


def test_an_unforeseen_error_fails_one_notice_and_names_its_place() -> None:
    failed = attempt(raising(AttributeError("secret of a customer")))
    assert failed.outcome == "failed"
    assert "AttributeError at test_delivery_worker.py" in str(failed.error)
    assert "secret" not in str(failed.error)
    assert attempt(ScriptedProvider(), context=CONTEXT | {"promised_at": "soon"}).outcome == "failed"


def test_an_accepted_letter_has_the_provider_s_id_and_its_parts() -> None:
    sent = attempt(ScriptedProvider())
    assert (sent.outcome, sent.provider_id, sent.parts) == ("sent", "p1", 2)


@pytest.mark.parametrize(
    ("urgency", "last_way", "hours", "outcome"),
    [
        (1, False, 0.02, "again"),
        (1, False, 1.1, "failed"),
        (2, False, 1.1, "again"),
        (2, False, 4.1, "failed"),
        (3, False, 11.9, "again"),
        (1, True, 1.1, "again"),
        (1, True, 24.1, "failed"),
    ],
)
@pytest.mark.parametrize("unavailable", [True, False])
def test_an_outage_or_greylisting_is_retried_for_hours_however_many_attempts(
    urgency: int,
    last_way: bool,  # noqa: FBT001
    hours: float,
    outcome: str,
    unavailable: bool,  # noqa: FBT001
) -> None:
    provider = raising(ProviderError("busy", unavailable=unavailable))
    failed = attempt(provider, urgency=urgency, last_way=last_way, waited=hours * HOUR, attempts=500)
    assert failed.outcome == outcome
    assert failed.wait <= LONGEST_RETRY_DELAY * 1.3


def test_a_rejected_notice_fails_at_once_and_ends_the_outage() -> None:
    worker = _worker(raising(ProviderError("no such number", final=True)))
    worker._outages = 3
    assert worker._attempt(Digest([leased_notice(**LETTER)])).outcome == "failed"
    assert worker._outages == 0


def test_a_provider_that_asks_for_a_pause_gets_it() -> None:
    worker = _worker(raising(ProviderError("busy", unavailable=True, retry_after=40.0)))
    worker._attempt(Digest([leased_notice(**LETTER)]))
    assert (worker._outages, worker._pause) == (1, 40.0)


def test_a_notice_that_is_not_sent_neither_ends_an_outage_nor_asks_for_a_pause() -> None:
    worker = _worker(ScriptedProvider(), now=datetime(2026, 3, 11, 18, 0, tzinfo=UTC))
    worker._outages = 3
    outcomes = [
        worker._attempt(Digest([leased_notice(**LETTER | changes)])).outcome for changes in (QUIET, {"address": None})
    ]
    assert outcomes == ["quiet", "failed"]
    assert (worker._outages, worker._pause) == (3, 0.0)


@pytest.mark.requirement("R5.7")
@pytest.mark.parametrize(
    ("local", "outcome"), [("20:59", "sent"), ("21:00", "quiet"), ("02:00", "quiet"), ("08:00", "sent")]
)
def test_a_retry_or_a_fallback_wakes_nobody(local: str, outcome: str) -> None:
    now = datetime.fromisoformat(f"2026-03-12T{local}+08:00").astimezone(UTC)
    assert attempt(ScriptedProvider(), now=now, generation=1, attempts=3, **QUIET).outcome == outcome
    assert attempt(ScriptedProvider(), now=now).outcome == "sent"


def test_an_obsolete_notice_is_not_sent() -> None:
    obsolete = attempt(ScriptedProvider(), until="reopened", snapshot=TicketSnapshot("handling", 2))
    assert obsolete.outcome == "obsolete"


def test_a_notice_that_reached_nobody_is_reported_on_its_ticket() -> None:
    failed = leased_notice(state="failed", error="no such user")
    command = undeliverable_command(failed, NOW + timedelta(minutes=1))
    assert command is not None
    assert command.action.audience == "unit.network"  # type: ignore[union-attr]
    assert undeliverable_command(leased_notice(state="sent"), NOW) is None
    assert undeliverable_command(leased_notice(state="failed", snapshot=None), NOW) is None, "a hot issue is no ticket"
    itself = leased_notice(state="failed", template="undeliverable")
    assert undeliverable_command(itself, NOW) is None, "that would never end"
