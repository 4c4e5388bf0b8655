"""What a desk makes of one letter, without a provider or a database."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from deploy.tools.checkout import PROJECT
from services.notifier.delivery_worker import HOUR, LONGEST_RETRY, DeliveryWorker
from services.notifier.digest import DeliveryAttempt, Digest
from services.notifier.domain.leased_notice import undeliverable
from services.notifier.domain.letters import Letter, TemplateLibrary
from services.notifier.domain.obsolescence import TicketSnapshot
from services.notifier.metrics import NotifierMetrics
from services.notifier.providers import ProviderError, ProviderReceipt
from services.notifier.settings import NotifierSettings
from services.shared.runtime.clock import ScaledClock
from tests.unit.notifier.made import NOW, taken

CONTEXT = {"number": "TS1", "zone": "Asia/Shanghai", "promised_at": NOW.isoformat(), "name": "王"}
LETTER: dict[str, Any] = {"template": "acceptance", "context": CONTEXT, "over": 0}


class Provider:
    """A means that does as told."""

    name = "mail"

    def __init__(self, do: Callable[[], str] = lambda: "p1") -> None:
        self._do = do

    def send(self, address: str, letter: Letter, id_: UUID) -> ProviderReceipt:  # noqa: ARG002
        """Do as told."""
        return ProviderReceipt(self._do(), 2)

    def close(self) -> None:
        """Nothing is open."""


def raising(error: Exception) -> Provider:
    def do() -> str:
        raise error

    return Provider(do)


def tried(provider: Provider, *, now: datetime = NOW, **changes: Any) -> DeliveryAttempt:
    return _desk(provider, now)._attempt(Digest([taken(**LETTER | changes)]))


def _desk(provider: Provider, now: datetime = NOW) -> DeliveryWorker:
    # So slow that business time stands.
    clock = ScaledClock(scale=1e-9, real_origin=datetime(2026, 1, 1, tzinfo=UTC), business_origin=now)
    letters = TemplateLibrary(PROJECT / "policies" / "letters")
    database: Any = None
    return DeliveryWorker(provider, NotifierSettings(), database, letters, clock, NotifierMetrics(CollectorRegistry()))


def test_what_nobody_thought_of_fails_one_notice_and_says_where() -> None:
    one = tried(raising(AttributeError("secret of a customer")))
    assert one.outcome == "failed"
    assert "AttributeError at test_desk.py" in str(one.error)
    assert "secret" not in str(one.error)
    assert tried(Provider(), context=CONTEXT | {"promised_at": "soon"}).outcome == "failed"


def test_what_was_taken_is_told_with_the_provider_s_id_and_its_parts() -> None:
    one = tried(Provider())
    assert (one.outcome, one.provider_id, one.parts) == ("sent", "p1", 2)


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
@pytest.mark.parametrize("away", [True, False])
def test_an_outage_or_greylisting_is_borne_for_hours_however_often_it_was_tried(
    urgency: int,
    last_way: bool,  # noqa: FBT001
    hours: float,
    outcome: str,
    away: bool,  # noqa: FBT001
) -> None:
    provider = raising(ProviderError("busy", away=away))
    one = tried(provider, urgency=urgency, last_way=last_way, waited=hours * HOUR, attempts=500)
    assert one.outcome == outcome
    assert one.wait <= LONGEST_RETRY * 1.3


def test_a_refusal_of_the_notice_is_final_at_once_and_says_that_the_provider_is_there() -> None:
    desk = _desk(raising(ProviderError("no such number", final=True)))
    desk._away = 3
    assert desk._attempt(Digest([taken(**LETTER)])).outcome == "failed"
    assert desk._away == 0


def test_a_provider_that_asks_for_a_pause_gets_it() -> None:
    desk = _desk(raising(ProviderError("busy", away=True, wait=40.0)))
    desk._attempt(Digest([taken(**LETTER)]))
    assert (desk._away, desk._pause) == (1, 40.0)


def test_what_is_not_tried_tells_nothing_of_the_provider_and_asks_for_no_pause() -> None:
    desk = _desk(Provider(), now=datetime(2026, 3, 11, 18, 0, tzinfo=UTC))
    desk._away = 3
    outcomes = [desk._attempt(Digest([taken(**LETTER | each)])).outcome for each in (QUIET, {"address": None})]
    assert outcomes == ["quiet", "failed"]
    assert (desk._away, desk._pause) == (3, 0.0)


QUIET: dict[str, Any] = {"quiet_from": time(21), "quiet_until": time(8), "zone": "Asia/Shanghai"}


@pytest.mark.requirement("R5.7")
@pytest.mark.parametrize(
    ("local", "outcome"), [("20:59", "sent"), ("21:00", "quiet"), ("02:00", "quiet"), ("08:00", "sent")]
)
def test_a_retry_or_a_fallback_wakes_nobody(local: str, outcome: str) -> None:
    now = datetime.fromisoformat(f"2026-03-12T{local}+08:00").astimezone(UTC)
    assert tried(Provider(), now=now, turn=1, attempts=3, **QUIET).outcome == outcome
    assert tried(Provider(), now=now).outcome == "sent"


def test_what_is_no_longer_true_is_not_sent() -> None:
    one = tried(Provider(), until="reopened", standing=TicketSnapshot("handling", 2))
    assert one.outcome == "obsolete"


def test_whoever_was_not_reached_is_on_the_ticket_s_record_with_the_reader() -> None:
    failed = taken(state="failed", error="no such user")
    command = undeliverable(failed, NOW + timedelta(minutes=1))
    assert command is not None
    assert command.action.audience == "unit.network"  # type: ignore[union-attr]
    assert undeliverable(taken(state="sent"), NOW) is None
    assert undeliverable(taken(state="failed", standing=None), NOW) is None, "a hot issue is no ticket"
    assert undeliverable(taken(state="failed", template="undeliverable"), NOW) is None, "that would never end"
