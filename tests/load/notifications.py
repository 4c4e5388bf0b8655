"""`make bench-notifications`: notices per second with their records, beside a loop without storage.

The bare loop renders the same letters and sends them with the same clients to the same receivers. Ours has events:
it plans a notice for each while the first are being sent. Callbacks are planned from events too, every fifth as a call
with its place among the team's, and the others asked when they are due.
"""

import argparse
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psutil
import psycopg
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from deploy.local import Stack
from deploy.local.plan import StackOptions
from deploy.local.ports import free_port, is_listening
from deploy.tools.checkout import PROJECT
from schemas.contact import Customer
from schemas.event import TicketEvent
from services.callback.handlers import CallbackDispatcher, CallbackPlanner
from services.callback.metrics import CallbackMetrics
from services.notifier import store
from services.notifier.delivery_worker import DeliveryWorker
from services.notifier.domain.letters import TemplateLibrary
from services.notifier.domain.notices import Notice, plan_notices
from services.notifier.metrics import NotifierMetrics
from services.notifier.providers import Provider, SmsProvider, SmtpProvider
from services.notifier.settings import NotifierSettings
from services.shared.kafka.batch_consumer import Message
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Incoming
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.settings import KafkaSettings
from tests.builders import PACK, TicketScenario, contact, eventually, settlement

HANGING = "hangs"
DONE: LiteralString = "select count(*) from notifier.notice where state = 'sent' and published"
TRIED: LiteralString = "select count(*) from notifier.notice where means = 'hangs' and attempts > 0"
NOW_DUE: LiteralString = """
update callback.plan set due_at = now() - interval '1 hour', until_at = now() + interval '1 day' where means = 'sms'
"""
BATCH = 500
"""Events that a service takes at once."""
CALLED = 5
"""Every so manieth customer wants to be called."""
LETTERS = TemplateLibrary(PROJECT / "policies" / "letters")
ADDRESSES = {"sms": "+8613800000101", "mail": "li@mail.example", HANGING: "+8613800000102"}


class Hanging(SmsProvider):
    """A provider that never answers."""

    name = HANGING


def told(means: str, count: int) -> Iterator[Notice]:
    """Return the notices of so many tickets that are accepted."""
    event: TicketEvent = TicketScenario.opened().events[0]
    ways = ((means, ADDRESSES[means]),)
    for _ in range(count):
        (notice,) = plan_notices(event.replace(id=uuid4(), ticket_id=uuid4()), PACK)
        yield replace(notice, id=uuid4(), ways=ways)


def answered(means: str) -> TicketEvent:
    """Return the event of a ticket that was settled on the spot, of a customer with a wish."""
    customer = Customer(name="王", phone=ADDRESSES["sms"], preferred_means=means)
    scenario = TicketScenario.opened(contact(customer=customer, settlement=settlement()))
    return next(each for each in scenario.events if each.type == "answered")


class Bench:
    """Stores, receivers and settings."""

    def __init__(self, stack: Stack, settings: NotifierSettings, hanging: NotifierSettings) -> None:
        self._stack = stack
        self._settings = settings
        self._hanging = hanging

    def bare(self, count: int) -> float:
        """Return notices a second of a loop that renders and sends, for each means side by side."""
        whole = {means: list(told(means, count)) for means in ("sms", "mail")}

        def send(means: Provider) -> None:
            for each in whole[means.name]:
                means.send(ADDRESSES[means.name], LETTERS.render(each.template, each.language, each.context), each.id)
            means.close()

        return (
            2 * count / _timed([lambda: send(SmsProvider(self._settings)), lambda: send(SmtpProvider(self._settings))])
        )

    def ours(self, count: int) -> tuple[float, int]:
        """Return notices planned and sent a second while a third provider hangs, and how many of it were tried."""
        pool = Database(SecretStr(self._stack.database_url()), name="bench", size=7)
        self._queue(pool, HANGING, count)
        metrics = NotifierMetrics(CollectorRegistry())
        desks = [
            DeliveryWorker(each, self._settings, pool, LETTERS, SystemClock(), metrics)
            for each in (SmsProvider(self._settings), SmtpProvider(self._settings), Hanging(self._hanging))
        ]
        threads = [threading.Thread(target=each.run, daemon=True) for each in desks]
        began = time.monotonic()
        for each in threads:
            each.start()
        for left in range(count, 0, -BATCH):
            for means in ("sms", "mail"):
                self._queue(pool, means, min(BATCH, left))
        eventually(lambda: self._count(DONE) >= 2 * count, within=1800)
        spent = time.monotonic() - began
        tried = self._count(TRIED)
        for desk in desks:
            desk.stop()
        for thread in threads:
            thread.join()
        pool.close()
        with psycopg.connect(self._stack.database_url()) as connection:
            connection.execute("truncate notifier.attempt, notifier.notice")
        return 2 * count / spent, tried

    @staticmethod
    def _queue(pool: Database, means: str, count: int) -> None:
        with pool.transaction() as connection:
            store.queue(connection, [(each, 0) for each in told(means, count)], SystemClock())

    def planned(self, count: int) -> float:
        """Return callbacks planned a second, from the events of so many tickets that were answered."""
        events = [answered("phone"), *[answered("sms")] * (CALLED - 1)]
        record = Incoming(TicketEvent.TOPIC, 0, 0, None, None)
        planner = CallbackPlanner({"carrier": PACK}, SystemClock(), CallbackMetrics(CollectorRegistry()))
        began = time.monotonic()
        with psycopg.connect(self._stack.database_url()) as connection:
            for first in range(0, count, BATCH):
                told = (events[number % CALLED] for number in range(first, min(first + BATCH, count)))
                planner.handle([Message(record, _another(each)) for each in told], connection)
                connection.commit()
        return count / (time.monotonic() - began)

    def asked(self) -> float:
        """Return callbacks a second that are asked, once all are due: published as commands and marked."""
        with psycopg.connect(self._stack.database_url()) as connection:
            count = connection.execute(NOW_DUE).rowcount
        pool = Database(SecretStr(self._stack.database_url()), name="bench", size=2)
        metrics = CallbackMetrics(CollectorRegistry())
        asker = CallbackDispatcher({"carrier": PACK}, pool, SystemClock(), metrics, CrashPoints(None, "callback"))
        publisher = Publisher(self._settings.kafka, "bench")
        began = time.monotonic()
        while self._left():
            for _ in range(20):
                asker(publisher.publish)
        spent = time.monotonic() - began
        publisher.close()
        pool.close()
        return count / spent

    def _count(self, what: LiteralString) -> int:
        with psycopg.connect(self._stack.database_url()) as connection:
            row = connection.execute(what).fetchone()
        return int(row[0]) if row else 0

    def _left(self) -> bool:
        with psycopg.connect(self._stack.database_url()) as connection:
            row = connection.execute("select count(*) from callback.plan where due_at <= now()").fetchone()
        return row is not None and row[0] > 0


def _another(event: TicketEvent) -> TicketEvent:
    """Return the same event of another ticket."""
    id_ = uuid4()
    return event.replace(id=uuid4(), ticket_id=id_, ticket=event.ticket.replace(id=id_))


def _timed(works: list[Callable[[], None]]) -> float:
    threads = [threading.Thread(target=each) for each in works]
    began = time.monotonic()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return time.monotonic() - began


@contextmanager
def bench() -> Iterator[Bench]:
    """Start stores and receivers; the third provider is a port that nobody answers at."""
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="duban-telling-")))
        options = StackOptions(data=folder / "data", services=(), stop_with_parent=True, http_port=free_port())
        stack = cleanup.enter_context(Stack.start(options))
        ports = {}
        for name in ("sms", "smtp"):
            ports[name] = free_port()
            command = [sys.executable, "-m", f"deploy.receivers.{name}", str(ports[name]), str(folder / name)]
            process = cleanup.enter_context(subprocess.Popen(command, cwd=PROJECT))
            cleanup.callback(process.terminate)
            eventually(lambda name=name: is_listening(ports[name]))  # type: ignore[misc]
        silent = cleanup.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
        kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        url = f"http://127.0.0.1:{ports['sms']}/messages"
        settings = NotifierSettings(kafka=kafka, smtp_port=ports["smtp"], sms_url=url)
        away = NotifierSettings(kafka=kafka, sms_url=f"http://127.0.0.1:{silent.getsockname()[1]}/", provider_timeout=5)
        yield Bench(stack, settings, away)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-notifications", description=__doc__)
    parser.add_argument("--notices", type=int, default=100_000, help="in all, half of them mail")
    parser.add_argument("--callbacks", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    print(f"{platform.system()}, {os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB\n", flush=True)
    each = given.notices // 2
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, bench() as made:
        with redirect_stdout(nowhere):
            # A service's lines, written as it writes them, where nobody has to read them.
            logs.configure("notifier", "info")
        made.bare(500)
        bare, ours, tried = [], [], []
        for _ in range(given.rounds):
            bare.append(made.bare(each))
            rate, hung = made.ours(each)
            ours.append(rate)
            tried.append(hung)
        planned = made.planned(given.callbacks)
        asked = made.asked()
    loop, kept = statistics.median(bare), statistics.median(ours)
    print("| what | figure |\n|---|---|")
    print(f"| bare loop: letters rendered and sent, nothing kept | {loop:,.0f}/s |")
    print(f"| notices planned and sent with every record, a third provider hanging | {kept:,.0f}/s |")
    print(f"| share of the bare loop | {kept / loop:.2f} |")
    print(f"| notices of the hanging provider that were tried meanwhile, of {each:,} | {max(tried)} |")
    print(f"| callbacks planned, {given.callbacks:,} of them, every {CALLED}th as a call | {planned:,.0f}/s |")
    print(f"| due callbacks asked and marked | {asked:,.0f}/s |")


if __name__ == "__main__":
    main()
