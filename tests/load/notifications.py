"""`make bench-notifications`: notices per second with their records, beside a loop without storage.

The loop renders the same letters and sends them with the same clients to the same receivers. The notifier plans a
notice for each event while earlier ones are sent. Callbacks are planned from events too, every fifth as a call within
the team's capacity; the others are sent by SMS when they are due.
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
from services.shared.kafka.batch_handling import Message
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Incoming
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.settings import KafkaSettings
from tests.builders import PACK, TicketScenario, contact, eventually, settlement

HANGING = "hangs"
"""Means of the provider that never answers."""
SENT: LiteralString = "select count(*) from notifier.notice where state = 'sent' and published"
TRIED: LiteralString = "select count(*) from notifier.notice where means = 'hangs' and attempts > 0"
MAKE_DUE: LiteralString = """
update callback.plan set due_at = now() - interval '1 hour', until_at = now() + interval '1 day' where means = 'sms'
"""
BATCH = 500
"""Events in a batch of a service."""
CALLED_EVERY = 5
"""One customer in so many prefers a call."""
LETTERS = TemplateLibrary(PROJECT / "policies" / "letters")
ADDRESSES = {"sms": "+8613800000101", "mail": "li@mail.example", HANGING: "+8613800000102"}


class HangingProvider(SmsProvider):
    """A provider that never answers."""

    name = HANGING


def acceptance_notices(means: str, count: int) -> Iterator[Notice]:
    """Return the notices to customers whose tickets were accepted."""
    event: TicketEvent = TicketScenario.opened().events[0]
    for _ in range(count):
        (notice,) = plan_notices(event.replace(id=uuid4(), ticket_id=uuid4()), PACK)
        yield replace(notice, id=uuid4(), ways=((means, ADDRESSES[means]),))


def answered_event(means: str) -> TicketEvent:
    """Return the event of an answer on the spot to a customer with a preferred means."""
    customer = Customer(name="王", phone=ADDRESSES["sms"], preferred_means=means)
    scenario = TicketScenario.opened(contact(customer=customer, settlement=settlement()))
    return next(event for event in scenario.events if event.type == "answered")


class NotificationBench:
    """Measures notifier and callback on running stores and receivers."""

    def __init__(self, stack: Stack, settings: NotifierSettings, hanging: NotifierSettings) -> None:
        self._stack = stack
        self._settings = settings
        self._hanging = hanging

    def measure_loop(self, count: int) -> float:
        """Return letters per second of a loop that only renders and sends, with SMS and mail in parallel."""
        notices = {means: list(acceptance_notices(means, count)) for means in ("sms", "mail")}

        def send(provider: Provider) -> None:
            for notice in notices[provider.name]:
                letter = LETTERS.render(notice.template, notice.language, notice.context)
                provider.send(ADDRESSES[provider.name], letter, notice.id)
            provider.close()

        sms, mail = SmsProvider(self._settings), SmtpProvider(self._settings)
        return 2 * count / _time_parallel([lambda: send(sms), lambda: send(mail)])

    def measure_notifier(self, count: int) -> tuple[float, int]:
        """Return notices planned and sent per second while a third provider hangs, and how many of that were tried."""
        pool = Database(SecretStr(self._stack.database_url()), name="bench", size=7)
        self._queue(pool, HANGING, count)
        metrics = NotifierMetrics(CollectorRegistry())
        workers = [
            DeliveryWorker(provider, self._settings, pool, LETTERS, SystemClock(), metrics)
            for provider in (SmsProvider(self._settings), SmtpProvider(self._settings), HangingProvider(self._hanging))
        ]
        threads = [threading.Thread(target=worker.run, args=(lambda: None,), daemon=True) for worker in workers]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for left in range(count, 0, -BATCH):
            for means in ("sms", "mail"):
                self._queue(pool, means, min(BATCH, left))
        eventually(lambda: self._count(SENT) >= 2 * count, within=1800)
        spent = time.monotonic() - started
        tried = self._count(TRIED)
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join()
        pool.close()
        with psycopg.connect(self._stack.database_url()) as connection:
            connection.execute("truncate notifier.attempt, notifier.notice")
        return 2 * count / spent, tried

    @staticmethod
    def _queue(pool: Database, means: str, count: int) -> None:
        with pool.transaction() as connection:
            store.queue(connection, [(notice, 0) for notice in acceptance_notices(means, count)], SystemClock())

    def measure_planning(self, count: int) -> float:
        """Return callbacks planned per second from the events of answered tickets."""
        events = [answered_event("phone"), *[answered_event("sms")] * (CALLED_EVERY - 1)]
        record = Incoming(TicketEvent.TOPIC, 0, 0, None, None)
        planner = CallbackPlanner({"carrier": PACK}, SystemClock(), CallbackMetrics(CollectorRegistry()))
        started = time.monotonic()
        with psycopg.connect(self._stack.database_url()) as connection:
            for first in range(0, count, BATCH):
                numbers = range(first, min(first + BATCH, count))
                messages = [Message(record, _of_new_ticket(events[number % CALLED_EVERY])) for number in numbers]
                planner.handle(messages, connection)
                connection.commit()
        return count / (time.monotonic() - started)

    def measure_dispatch(self) -> float:
        """Return due callbacks per second that are published as commands and marked as sent."""
        with psycopg.connect(self._stack.database_url()) as connection:
            count = connection.execute(MAKE_DUE).rowcount
        pool = Database(SecretStr(self._stack.database_url()), name="bench", size=2)
        metrics = CallbackMetrics(CollectorRegistry())
        dispatcher = CallbackDispatcher({"carrier": PACK}, pool, SystemClock(), metrics, CrashPoints(None, "callback"))
        publisher = Publisher(self._settings.kafka, "bench")
        started = time.monotonic()
        while self._any_due():
            for _ in range(20):
                dispatcher(publisher.publish)
        spent = time.monotonic() - started
        publisher.close()
        pool.close()
        return count / spent

    def _count(self, query: LiteralString) -> int:
        with psycopg.connect(self._stack.database_url()) as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def _any_due(self) -> bool:
        with psycopg.connect(self._stack.database_url()) as connection:
            row = connection.execute("select count(*) from callback.plan where due_at <= now()").fetchone()
        return row is not None and row[0] > 0


def _of_new_ticket(event: TicketEvent) -> TicketEvent:
    """Return a copy of an event with the id of a new ticket."""
    id_ = uuid4()
    return event.replace(id=uuid4(), ticket_id=id_, ticket=event.ticket.replace(id=id_))


def _time_parallel(functions: list[Callable[[], None]]) -> float:
    """Run functions in parallel threads and return the seconds until all have returned."""
    threads = [threading.Thread(target=function) for function in functions]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - started


@contextmanager
def running_bench() -> Iterator[NotificationBench]:
    """Run stores and receivers while the block runs; the third provider accepts connections but never answers."""
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="duban-notifications-")))
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
        hanging = NotifierSettings(
            kafka=kafka, sms_url=f"http://127.0.0.1:{silent.getsockname()[1]}/", provider_timeout=5
        )
        yield NotificationBench(stack, settings, hanging)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="make bench-notifications", description=__doc__)
    parser.add_argument("--notices", type=int, default=100_000, help="number of notices, half of them by mail")
    parser.add_argument("--callbacks", type=int, default=50_000, help="number of callbacks")
    parser.add_argument("--rounds", type=int, default=1, help="rounds of the notices")
    options = parser.parse_args()
    print(f"{platform.system()}, {os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB\n", flush=True)
    count = options.notices // 2
    with Path(os.devnull).open("w", encoding="utf-8") as devnull, running_bench() as bench:
        with redirect_stdout(devnull):
            # Log lines are formatted and written as in a service, but to the null device.
            logs.configure("notifier", "info")
        bench.measure_loop(500)
        loop_rates, rates, tried = [], [], []
        for _ in range(options.rounds):
            loop_rates.append(bench.measure_loop(count))
            rate, tried_once = bench.measure_notifier(count)
            rates.append(rate)
            tried.append(tried_once)
        planned = bench.measure_planning(options.callbacks)
        dispatched = bench.measure_dispatch()
    loop, notifier = statistics.median(loop_rates), statistics.median(rates)
    print("| what | figure |\n|---|---|")
    print(f"| loop: letters rendered and sent, nothing stored | {loop:,.0f}/s |")
    print(f"| notices planned and sent with every record, a third provider hanging | {notifier:,.0f}/s |")
    print(f"| share of the loop | {notifier / loop:.2f} |")
    print(f"| notices of the hanging provider that were tried meanwhile, of {count:,} | {max(tried)} |")
    print(f"| callbacks planned, {options.callbacks:,} of them, one in {CALLED_EVERY} as a call | {planned:,.0f}/s |")
    print(f"| due callbacks published and marked | {dispatched:,.0f}/s |")


if __name__ == "__main__":
    main()
