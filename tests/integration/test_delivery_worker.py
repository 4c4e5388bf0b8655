"""A desk of the notifier with a real mail server that hangs, and comes back."""

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
    told = next(each for event in events for each in plan_notices(event, PACK) if each.template == "acceptance")
    return replace(told, id=uuid4(), event_id=uuid4(), ways=((MEANS, "customer@example.org"),), until="always")


class Slow:
    """A provider that takes its time and counts what it gets; or one that is away."""

    name = MEANS

    def __init__(self, seconds: float = 0.0, *, away: bool = False) -> None:
        self.got: list[UUID] = []
        self.away = away
        self._seconds = seconds

    def send(self, address: str, letter: Letter, id_: UUID) -> ProviderReceipt:  # noqa: ARG002
        """Take a letter."""
        time.sleep(self._seconds)
        self.got.append(id_)
        if self.away:
            raise ProviderError("gone", unavailable=True)
        return ProviderReceipt(f"own-{id_}")

    def close(self) -> None:
        """Nothing is open."""


def acceptances(system: System, count: int, *, over: int = 0, **changes: Any) -> list[Notice]:
    """Queue notices, with nothing else of these means in the tables."""
    with system.database() as connection:
        connection.execute("truncate notifier.report")
        connection.execute(
            "delete from notifier.attempt a using notifier.notice n where a.notice_id = n.id and ways -> 0 ->> 0 = %s",
            (MEANS,),
        )
        connection.execute("delete from notifier.notice where ways -> 0 ->> 0 = %s", (MEANS,))
        told = [replace(acceptance(), **changes) for _ in range(count)]
        store.queue(connection, [(each, over) for each in told], SystemClock())
    return told


def rows(system: System, what: LiteralString) -> list[Any]:
    """Return a column of the notices of these means."""
    query: LiteralString = "select " + what + " from notifier.notice where ways -> 0 ->> 0 = %s"  # noqa: S608 - ours
    with system.database() as connection:
        return [row[0] for row in connection.execute(query, (MEANS,)).fetchall()]


@contextmanager
def desk(
    system: System, port: int = 0, clock: Clock | None = None, means: Provider | None = None, **more: Any
) -> Iterator[None]:
    told: dict[str, Any] = {"smtp_port": port, "provider_timeout": 0.3, "first_retry": 0.2}
    settings = NotifierSettings(kafka=system.kafka, **told | more)
    letters = TemplateLibrary(PROJECT / "policies" / "letters")
    metrics = NotifierMetrics(CollectorRegistry())
    with closing(system.database_pool()) as pool:
        working = DeliveryWorker(means or TestMail(settings), settings, pool, letters, clock or SystemClock(), metrics)
        thread = threading.Thread(target=working.run)
        thread.start()
        try:
            yield
        finally:
            working.stop()
            thread.join()


@pytest.mark.requirement("R5.7")
def test_a_provider_that_hangs_costs_one_attempt_at_a_time_and_gets_everything_when_it_is_back(
    system: System, tmp_path: Path
) -> None:
    told, port, kept = [acceptance() for _ in range(20)], free_port(), tmp_path / "mail.jsonl"
    with system.database() as connection:
        store.queue(connection, [(each, 0) for each in told], SystemClock())

    def rows() -> list[tuple[str, int]]:
        with system.database() as connection:
            return connection.execute(
                "select state, attempts from notifier.notice where means = %s", (MEANS,)
            ).fetchall()

    hanging = socket.create_server(("127.0.0.1", port))
    with desk(system, port):
        eventually(lambda: sum(attempts for _, attempts in rows()) >= 3, why="nobody tries")
        assert {state for state, _ in rows()} == {"queued"}
        hanging.close()
        command = [sys.executable, "-m", "deploy.receivers.smtp", str(port), str(kept)]
        with subprocess.Popen(command, cwd=PROJECT) as server:
            eventually(lambda: is_listening(port), why="the mail server does not start")
            eventually(lambda: {state for state, _ in rows()} == {"sent"}, why="not everything was sent")
            server.terminate()
    assert sum(1 for _, attempts in rows() if attempts == 1) >= len(told) - 3, rows()
    assert len(kept.read_text().splitlines()) == len(told)


@pytest.mark.requirement("R4.9")
def test_a_unit_that_gets_too_many_gets_one_letter_about_the_rest(system: System, tmp_path: Path) -> None:
    told = [replace(acceptance(), audience=f"unit.u{number}") for number in range(16)]
    told = [
        replace(each, context=each.context | {"reader": "网络部"}, ways=((MEANS, "unit@x.example"),)) for each in told
    ]
    clock = ScaledClock(scale=40, real_origin=datetime.now(UTC), business_origin=datetime.now(UTC))
    with system.database() as connection:
        connection.execute("delete from notifier.attempt where means = %s", (MEANS,))
        connection.execute("delete from notifier.notice where means = %s", (MEANS,))
        store.queue(connection, [(each, 10) for each in told], clock)
    port, kept = free_port(), tmp_path / "mail.jsonl"
    command = [sys.executable, "-m", "deploy.receivers.smtp", str(port), str(kept)]
    with subprocess.Popen(command, cwd=PROJECT) as server:
        eventually(lambda: is_listening(port), why="the mail server does not start")
        with desk(system, port, clock):
            eventually(lambda: _sent(system) == len(told), why="not everything was sent")
        server.terminate()
    letters = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
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
def test_a_steady_flow_to_one_unit_is_one_letter_a_minute_beside_its_share(system: System) -> None:
    clock = ScaledClock(scale=15, real_origin=datetime.now(UTC), business_origin=datetime.now(UTC))
    share, means = 3, Slow()
    acceptances(system, 0)
    began = time.monotonic()
    with desk(system, clock=clock, means=means), system.database() as connection:
        for number in range(100):
            one = replace(acceptance(), audience=f"unit.u{number}", ways=((MEANS, "unit@x.example"),))
            told = replace(one, context=one.context | {"reader": "网络部"})
            store.queue(connection, [(told, share)], clock)
            time.sleep(0.05)
        eventually(lambda: rows(system, "state") == ["sent"] * 100, why="not everything was sent")
    minutes = clock.business_span(time.monotonic() - began) / timedelta(minutes=1)
    assert len(means.got) <= (share + 1) * (minutes + 1)


def test_two_desks_with_a_slow_provider_hand_every_letter_over_once(system: System) -> None:
    told = acceptances(system, 30)
    slow = [Slow(0.1), Slow(0.1)]
    with desk(system, means=slow[0], lease=1.0), desk(system, means=slow[1], lease=1.0):
        eventually(lambda: rows(system, "state") == ["sent"] * 30, why="not everything was sent")
    got = slow[0].got + slow[1].got
    assert sorted(got) == sorted(each.id for each in told)


def test_an_outage_uses_up_nothing_until_patience_ends_and_then_all_go_the_next_way(system: System) -> None:
    ways = ((MEANS, "customer@example.org"), ("mail-of-nobody", "x@example.org"))
    acceptances(system, 12, ways=ways)
    away = Slow(away=True)
    with desk(system, means=away, first_retry=0.01):
        eventually(lambda: len(away.got) > 8, why="nobody tries")
        assert rows(system, "state") == ["queued"] * 12
        assert rows(system, "means") == [MEANS] * 12
    patience = {"1": 1e-4, "2": 1e-4, "3": 1e-4}
    with desk(system, means=Slow(away=True), first_retry=0.01, patience=patience):
        eventually(lambda: rows(system, "means") == ["mail-of-nobody"] * 12, why="they wait for ever")
    assert rows(system, "turn") == [1] * 12


def test_reports_speak_of_the_attempt_that_they_name_whenever_they_come(system: System) -> None:
    early, late = acceptances(system, 2)
    with system.database() as connection:
        delivery_reports.save(connection, str(early.id), "delivered", None)
        delivery_reports.save(connection, "nothing-of-ours", "failed", None)
    means = Slow()
    with desk(system, means=means):
        eventually(lambda: sorted(rows(system, "state")) == ["delivered", "sent"], why="the early report was lost")
        with system.database() as connection:
            for _ in range(2):
                delivery_reports.save(connection, f"own-{late.id}", "failed", "no such number")
        eventually(lambda: sorted(rows(system, "state")) == ["delivered", "failed"], why="the report was lost")
        with system.database() as connection:
            begin = datetime(2000, 1, 1, tzinfo=UTC)
            assert store.requeue_failed(connection, since=begin, means=MEANS, ids=None) == 1
        eventually(lambda: sorted(rows(system, "state")) == ["delivered", "sent"], why="it was not sent again")
        with system.database() as connection:
            delivery_reports.save(connection, str(late.id), "failed", "the first attempt, once more")
            delivery_reports.save(connection, str(means.got[-1]), "delivered", None)
        eventually(lambda: rows(system, "state") == ["delivered"] * 2, why="the second attempt is not known")
    assert means.got[-1] != late.id


def test_one_letter_of_several_is_known_by_the_id_it_went_under(system: System) -> None:
    clock = ScaledClock(scale=60, real_origin=datetime.now(UTC), business_origin=datetime.now(UTC))
    means = Slow()
    context = acceptance().context | {"reader": "网络部"}
    acceptances(system, 5, over=1, context=context)
    with desk(system, clock=clock, means=means):
        eventually(lambda: rows(system, "state") == ["sent"] * 5, why="not everything was sent")
        with system.database() as connection:
            delivery_reports.save(connection, str(means.got[-1]), "delivered", None)
        eventually(lambda: rows(system, "state").count("delivered") == 4, why="the report about four found none")


def test_what_comes_in_the_quiet_hours_waits_whatever_brought_it_there(system: System) -> None:
    night = datetime(2026, 3, 12, 18, 0, tzinfo=UTC)
    clock = ScaledClock(scale=3600, real_origin=datetime.now(UTC), business_origin=night)
    acceptances(system, 1, quiet_hours=QuietHours(dtime(21), dtime(8), "Asia/Shanghai"))
    means = Slow()
    with desk(system, clock=clock, means=means):
        # Two at night in Shanghai: six seconds until eight.
        eventually(lambda: rows(system, "try_at > clock_timestamp() + interval '3 seconds'") == [True])
        assert means.got == []
        assert rows(system, "attempts") == [0]
        eventually(lambda: rows(system, "state") == ["sent"], why="it was never sent")


def test_an_older_proof_never_follows_a_newer_one(system: System) -> None:
    acceptances(system, 1)
    with system.database() as connection:
        (taken,) = store.lease_due(connection, MEANS, lease=60, limit=5)
        sent = taken.as_settled("sent", datetime.now(UTC))
        store.settle(connection, [sent])
        assert store.unchanged(connection, [sent]) == [sent]
        # A bounce has come, and the next means has begun.
        connection.execute("update notifier.notice set turn = turn + 1, state = 'queued' where id = %s", (sent.id,))
        assert store.unchanged(connection, [sent]) == []
        connection.execute("delete from notifier.notice where id = %s", (sent.id,))
