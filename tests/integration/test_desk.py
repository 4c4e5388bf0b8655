"""A desk of the notifier with a real mail server that hangs, and comes back."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from deploy.local.process import accepts, free_port
from schemas.event import TicketEvent
from services.notifier import store
from services.notifier.desk import Desk
from services.notifier.domain.letters import Letters
from services.notifier.domain.notices import Notice, notices
from services.notifier.means import Mail
from services.notifier.metrics import NotifierMetrics
from services.notifier.settings import NotifierSettings
from services.shared.clock import Clock, ScaledClock, SystemClock
from services.shared.settings import PROJECT
from tests.builders import PACK, Tale, eventually
from tests.system import System

MEANS = "mail-of-a-test"
"""A means of its own, so that the running notifier does not take its notices."""


class TestMail(Mail):
    """Mail under another name."""

    __test__ = False
    name = MEANS


def acceptance() -> Notice:
    events: list[TicketEvent] = Tale.opened().events
    told = next(each for event in events for each in notices(event, PACK) if each.template == "acceptance")
    return replace(told, id=uuid4(), event_id=uuid4(), ways=((MEANS, "customer@example.org"),), until="always")


@contextmanager
def desk(system: System, port: int, clock: Clock | None = None) -> Iterator[None]:
    settings = NotifierSettings(kafka=system.kafka, smtp_port=port, provider_timeout=0.3, first_retry=0.2)
    letters = Letters(PROJECT / "policies" / "letters")
    metrics = NotifierMetrics(CollectorRegistry())
    with closing(system.pool()) as pool:
        working = Desk(TestMail(settings), settings, pool, letters, clock or SystemClock(), metrics)
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
            eventually(lambda: accepts(port), why="the mail server does not start")
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
        eventually(lambda: accepts(port), why="the mail server does not start")
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
