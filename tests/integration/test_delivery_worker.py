"""The delivery worker on a real database: slow and unavailable providers, digests, reports and quiet hours."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as dtime
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry

from deploy.local.ports import free_port, is_listening
from deploy.tools.checkout import PROJECT
from schemas.event import TicketEvent
from services.notifier import delivery_reports, store
from services.notifier.delivery_worker import DeliveryWorker
from services.notifier.domain.letters import Letter, TemplateLibrary
from services.notifier.domain.notices import Notice, plan_notices
from services.notifier.domain.quiet_hours import QuietHours
from services.notifier.metrics import NotifierMetrics
from services.notifier.providers import Provider, ProviderError, ProviderReceipt, SmtpProvider
from services.notifier.settings import NotifierSettings
from services.shared.runtime.clock import Clock, ScaledClock, SystemClock
from tests.builders import PACK, TicketScenario, eventually
from tests.system import System

MEANS = "mail-of-a-test"
"""A means of its own, so that the running notifier does not take its notices."""


class TestMail(SmtpProvider):
    """Mail under another name."""

    __test__ = False
    name = MEANS


def acceptance() -> Notice:
    events: list[TicketEvent] = TicketScenario.opened().events
    planned = (notice for event in events for notice in plan_notices(event, PACK))
    notice = next(notice for notice in planned if notice.template == "acceptance")
    return replace(notice, id=uuid4(), event_id=uuid4(), ways=((MEANS, "customer@example.org"),), until="always")


class RecordingProvider:
    """A provider that takes some time and records the ids of the letters it gets; or one that is unavailable."""

    name = MEANS

    def __init__(self, seconds: float = 0.0, *, unavailable: bool = False) -> None:
        self.sent: list[UUID] = []
        self.unavailable = unavailable
        self._seconds = seconds

    def send(self, address: str, letter: Letter, id_: UUID) -> ProviderReceipt:  # noqa: ARG002
        """Take a letter."""
        time.sleep(self._seconds)
        self.sent.append(id_)
        if self.unavailable:
            raise ProviderError("gone", unavailable=True)
        return ProviderReceipt(f"own-{id_}")

    def close(self) -> None:
        """Do nothing."""


def queue_acceptances(system: System, count: int, *, digest_over: int = 0, **changes: Any) -> list[Notice]:
    """Queue notices about an acceptance, after deleting all others of these means."""
    with system.database() as connection:
        connection.execute("truncate notifier.report")
        connection.execute(
            "delete from notifier.attempt a using notifier.notice n where a.notice_id = n.id and ways -> 0 ->> 0 = %s",
            (MEANS,),
        )
        connection.execute("delete from notifier.notice where ways -> 0 ->> 0 = %s", (MEANS,))
        queued = [replace(acceptance(), **changes) for _ in range(count)]
        store.queue(connection, [(notice, digest_over) for notice in queued], SystemClock())
    return queued


def column(system: System, expression: LiteralString) -> list[Any]:
    """Return an SQL expression of each notice of these means."""
    query: LiteralString = "select " + expression + " from notifier.notice where ways -> 0 ->> 0 = %s"  # noqa: S608 - ours
    with system.database() as connection:
        return [row[0] for row in connection.execute(query, (MEANS,)).fetchall()]


def notice_to_unit(number: int) -> Notice:
    notice = replace(acceptance(), audience=f"unit.u{number}", ways=((MEANS, "unit@x.example"),))
    return replace(notice, context=notice.context | {"reader": "网络部"})


@contextmanager
def worker(
    system: System, port: int = 0, clock: Clock | None = None, provider: Provider | None = None, **options: Any
) -> Iterator[None]:
    defaults: dict[str, Any] = {"smtp_port": port, "provider_timeout": 0.3, "first_retry": 0.2}
    settings = NotifierSettings(kafka=system.kafka, **defaults | options)
    letters = TemplateLibrary(PROJECT / "policies" / "letters")
    metrics = NotifierMetrics(CollectorRegistry())
    with closing(system.database_pool()) as pool:
        tested = DeliveryWorker(
            provider or TestMail(settings), settings, pool, letters, clock or SystemClock(), metrics
        )
        thread = threading.Thread(target=tested.run, args=(lambda: None,))
        thread.start()
        try:
            yield
        finally:
            tested.stop()
            thread.join()


@contextmanager
def mail_server(port: int, received: Path) -> Iterator[None]:
    """Receive mail into a file while the block runs."""
    command = [sys.executable, "-m", "deploy.receivers.smtp", str(port), str(received)]
    with subprocess.Popen(command, cwd=PROJECT) as server:
        try:
            eventually(lambda: is_listening(port), why="the mail server does not start")
            yield
        finally:
            server.terminate()


@pytest.mark.requirement("R5.7")
def test_a_hanging_provider_costs_one_attempt_at_a_time_and_gets_all_letters_later(
    system: System, tmp_path: Path
) -> None:
    queued, port, received = [acceptance() for _ in range(20)], free_port(), tmp_path / "mail.jsonl"
    with system.database() as connection:
        store.queue(connection, [(notice, 0) for notice in queued], SystemClock())

    def rows() -> list[tuple[str, int]]:
        with system.database() as connection:
            return connection.execute(
                "select state, attempts from notifier.notice where means = %s", (MEANS,)
            ).fetchall()

    hanging = socket.create_server(("127.0.0.1", port))
    with worker(system, port):
        eventually(lambda: sum(attempts for _, attempts in rows()) >= 3, why="nobody tries")
        assert {state for state, _ in rows()} == {"queued"}
        hanging.close()
        with mail_server(port, received):
            eventually(lambda: {state for state, _ in rows()} == {"sent"}, why="not everything was sent")
    assert sum(1 for _, attempts in rows() if attempts == 1) >= len(queued) - 3, rows()
    assert len(received.read_text().splitlines()) == len(queued)


@pytest.mark.requirement("R4.9")
def test_a_unit_with_too_many_notices_gets_one_letter_about_the_rest(system: System, tmp_path: Path) -> None:
    queued = [notice_to_unit(number) for number in range(16)]
    clock = ScaledClock(scale=40, real_origin=datetime.now(UTC), business_origin=datetime.now(UTC))
    with system.database() as connection:
        connection.execute("delete from notifier.attempt where means = %s", (MEANS,))
        connection.execute("delete from notifier.notice where means = %s", (MEANS,))
        store.queue(connection, [(notice, 10) for notice in queued], clock)
    port, received = free_port(), tmp_path / "mail.jsonl"
    with mail_server(port, received), worker(system, port, clock):
        eventually(lambda: _sent(system) == len(queued), why="not everything was sent")
    letters = [json.loads(line) for line in received.read_text(encoding="utf-8").splitlines()]
    assert len(letters) == 11
    assert "6 份" in letters[-1]["subject"]
    assert letters[-1]["text"].count("投诉已受理") == 6


def _sent(system: System) -> int:
    with system.database() as connection:
        row = connection.execute(
            "select count(*) from notifier.notice where means = %s and state = 'sent'", (MEANS,)
        ).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.requirement("R4.9")
def test_a_steady_flow_to_one_unit_is_its_share_and_one_digest_a_minute(system: System) -> None:
    clock = ScaledClock(scale=15, real_origin=datetime.now(UTC), business_origin=datetime.now(UTC))
    share, provider = 3, RecordingProvider()
    queue_acceptances(system, 0)
    started = time.monotonic()
    with worker(system, clock=clock, provider=provider), system.database() as connection:
        for number in range(100):
            store.queue(connection, [(notice_to_unit(number), share)], clock)
            time.sleep(0.05)
        eventually(lambda: column(system, "state") == ["sent"] * 100, why="not everything was sent")
    minutes = clock.business_span(time.monotonic() - started) / timedelta(minutes=1)
    assert len(provider.sent) <= (share + 1) * (minutes + 1)


def test_two_workers_with_a_slow_provider_send_every_letter_once(system: System) -> None:
    queued = queue_acceptances(system, 30)
    slow = [RecordingProvider(0.1), RecordingProvider(0.1)]
    with worker(system, provider=slow[0], lease=1.0), worker(system, provider=slow[1], lease=1.0):
        eventually(lambda: column(system, "state") == ["sent"] * 30, why="not everything was sent")
    sent = slow[0].sent + slow[1].sent
    assert sorted(sent) == sorted(notice.id for notice in queued)


def test_an_outage_costs_no_attempts_until_patience_ends_and_then_the_next_way(system: System) -> None:
    ways = ((MEANS, "customer@example.org"), ("mail-of-nobody", "x@example.org"))
    queue_acceptances(system, 12, ways=ways)
    provider = RecordingProvider(unavailable=True)
    with worker(system, provider=provider, first_retry=0.01):
        eventually(lambda: len(provider.sent) > 8, why="nobody tries")
        assert column(system, "state") == ["queued"] * 12
        assert column(system, "means") == [MEANS] * 12
    patience = {"1": 1e-4, "2": 1e-4, "3": 1e-4}
    with worker(system, provider=RecordingProvider(unavailable=True), first_retry=0.01, patience=patience):
        eventually(lambda: column(system, "means") == ["mail-of-nobody"] * 12, why="they wait forever")
    assert column(system, "turn") == [1] * 12


def test_a_report_counts_for_the_attempt_that_it_names_whenever_it_comes(system: System) -> None:
    early, late = queue_acceptances(system, 2)
    with system.database() as connection:
        delivery_reports.save(connection, str(early.id), "delivered", None)
        delivery_reports.save(connection, "nothing-of-ours", "failed", None)
    provider = RecordingProvider()
    with worker(system, provider=provider):
        eventually(lambda: sorted(column(system, "state")) == ["delivered", "sent"], why="the early report was lost")
        with system.database() as connection:
            for _ in range(2):
                delivery_reports.save(connection, f"own-{late.id}", "failed", "no such number")
        eventually(lambda: sorted(column(system, "state")) == ["delivered", "failed"], why="the report was lost")
        with system.database() as connection:
            begin = datetime(2000, 1, 1, tzinfo=UTC)
            assert store.requeue_failed(connection, since=begin, means=MEANS, ids=None) == 1
        eventually(lambda: sorted(column(system, "state")) == ["delivered", "sent"], why="it was not sent again")
        with system.database() as connection:
            delivery_reports.save(connection, str(late.id), "failed", "the first attempt, once more")
            delivery_reports.save(connection, str(provider.sent[-1]), "delivered", None)
        eventually(lambda: column(system, "state") == ["delivered"] * 2, why="the second attempt is not known")
    assert provider.sent[-1] != late.id


def test_a_report_about_a_digest_names_the_id_under_which_it_was_sent(system: System) -> None:
    clock = ScaledClock(scale=60, real_origin=datetime.now(UTC), business_origin=datetime.now(UTC))
    provider = RecordingProvider()
    context = acceptance().context | {"reader": "网络部"}
    queue_acceptances(system, 5, digest_over=1, context=context)
    with worker(system, clock=clock, provider=provider):
        eventually(lambda: column(system, "state") == ["sent"] * 5, why="not everything was sent")
        with system.database() as connection:
            delivery_reports.save(connection, str(provider.sent[-1]), "delivered", None)
        eventually(lambda: column(system, "state").count("delivered") == 4, why="the report about four found none")


def test_a_notice_that_is_due_in_the_quiet_hours_waits_for_their_end(system: System) -> None:
    night = datetime(2026, 3, 12, 18, 0, tzinfo=UTC)
    clock = ScaledClock(scale=3600, real_origin=datetime.now(UTC), business_origin=night)
    queue_acceptances(system, 1, quiet_hours=QuietHours(dtime(21), dtime(8), "Asia/Shanghai"))
    provider = RecordingProvider()
    with worker(system, clock=clock, provider=provider):
        # Two at night in Shanghai: six seconds until eight.
        eventually(lambda: column(system, "try_at > clock_timestamp() + interval '3 seconds'") == [True])
        assert provider.sent == []
        assert column(system, "attempts") == [0]
        eventually(lambda: column(system, "state") == ["sent"], why="it was never sent")


def test_an_older_delivery_record_never_follows_a_newer_one(system: System) -> None:
    queue_acceptances(system, 1)
    with system.database() as connection:
        (leased,) = store.lease_due(connection, MEANS, lease=60, limit=5)
        sent = leased.as_settled("sent", datetime.now(UTC))
        store.settle(connection, [sent])
        assert store.unchanged(connection, [sent]) == [sent]
        # A bounce has come, and the next means has begun.
        connection.execute("update notifier.notice set turn = turn + 1, state = 'queued' where id = %s", (sent.id,))
        assert store.unchanged(connection, [sent]) == []
        connection.execute("delete from notifier.notice where id = %s", (sent.id,))
