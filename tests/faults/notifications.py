"""`make faults-notifications`: kills notifier and callback at every crash point; nothing may be lost or doubled.

A notice that was handed over but not yet saved may be handed over again, under the same id. The providers record every
message, so that repeats after each crash can be counted.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from random import Random
from unittest.mock import patch

import httpx
import psycopg

from deploy.local import Stack
from deploy.local.plan import StackOptions
from deploy.local.ports import free_port
from duban import local_sender
from services.notifier import subscribers
from services.notifier.delivery_worker import UNSAVED_LETTERS
from services.notifier.domain import webhook
from tests.builders import eventually
from tests.faults.providers import RecordingProviders, repeats

SCALE, ORIGIN = 60.0, "2026-03-12T09:00:00+08:00"
NOTIFYING_POINTS = (
    "before_save",
    "after_save",
    "before_offset_commit",
    "before_send",
    "after_send",
    "before_settle",
    "after_settle",
)
PLANNING_POINTS = ("before_save", "after_save", "before_offset_commit")
DISPATCHING_POINTS = ("before_ask", "after_ask", "after_mark")
POINTS = (
    *(("notifier", point) for point in (*NOTIFYING_POINTS, "mid_publish", "webhook_answered")),
    *(("callback", point) for point in (*PLANNING_POINTS, *DISPATCHING_POINTS)),
)
CRASHED_WITHIN = 30.0
"""Real seconds in which a service must reach an armed crash point."""
SETTLEMENT = {
    "outcome": "已退费",
    "explanation": "系统重复计费",
    "agreed": True,
    "cause": "系统错误",
    "owner": "billing",
}
PENDING = """
select (select count(*) from notifier.notice
        where not published and (attempts > 0 or try_at < clock_timestamp()))
    + (select count(*) from notifier.report)
    + (select count(*) from notifier.hook where state = 'queued')
    + (select count(*) from callback.plan where due_at < '2026-01-01' and means <> 'phone')
    + (select count(*) from router.contact c left join ledger.ticket t on t.id = c.ticket_id where t.id is null)
"""
NOTICES = """
select id::text, state, means from notifier.notice
where audience = 'customer' and state <> 'obsolete' and (attempts > 0 or try_at < clock_timestamp())
"""
WEBHOOKS = "select event_id::text from notifier.hook"
PLANS = """
select p.ticket_id::text, p.attempts,
    array(select (e.body #>> '{details,attempt}')::int from ledger.event e
          where e.ticket_id = p.ticket_id and e.type = 'called_back' order by e.version)
from callback.plan p
"""
UNPLANNED = """
select count(*) from ledger.event e
where e.type = 'answered' and not exists (select from callback.plan p where p.ticket_id = e.ticket_id)
"""


class CrashRounds:
    """A system whose notifier and callback are started and killed by the rounds.

    Attributes:
        crashes: number of crashes by service and crash point.

    """

    def __init__(self, stack: Stack, http: httpx.Client, providers: RecordingProviders, seed: int) -> None:
        self._stack = stack
        self._http = http
        self._providers = providers
        self._rng = Random(seed)
        self._numbers = count(1)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._reported: set[str] = set()
        self._crash_times: list[float] = []
        self.crashes: Counter[str] = Counter()

    def start(self, service: str) -> None:
        """Start a service."""
        with (self._stack.folder.logs / f"{service}-killed.log").open("ab") as log:
            self._processes[service] = subprocess.Popen(
                [sys.executable, "-m", f"services.{service}"],
                env=self._stack.environment(service),
                stdout=log,
                stderr=log,
            )

    def kill_all(self) -> None:
        """Kill both services."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def play(self, rounds: int) -> None:
        """Crash a service in each round, at every point about equally often, in an order that the seed decides.

        Raises:
            AssertionError: a service does not reach its crash point.

        """
        points = [POINTS[number % len(POINTS)] for number in range(rounds)]
        self._rng.shuffle(points)
        for service, point in points:
            file = self._stack.folder.crash_points / service
            new = file.with_suffix(".new")
            new.write_text(point, encoding="utf-8")
            new.replace(file)
            until = time.monotonic() + CRASHED_WITHIN
            while self._processes[service].poll() is None:
                if time.monotonic() > until:
                    raise AssertionError(f"{service} did not reach crash point {point}")
                self._cause_work(point)
                self._wait_for_exit(service, 1.5)
            self.crashes[f"{service} {point}"] += 1
            if service == "notifier":
                self._crash_times.append(time.time())
            self.start(service)

    def _cause_work(self, point: str) -> None:
        """Cause what brings a service to a point: contacts answered on the spot, delivery reports, due callbacks."""
        for _ in range(self._rng.randrange(1, 4)):
            number = next(self._numbers)
            mail = {"email": f"wang{number}@mail.example", "preferred_means": "mail"} if number % 3 == 0 else {}
            body = {
                "channel": "store",
                "message_id": f"m{number}",
                "customer": {"phone": f"138{number:08d}", "name": "王"} | mail,
                # Nothing urgent: an urgent complaint would be followed by a call instead of an SMS.
                "text": "宽带网速很慢",
                "settlement": SETTLEMENT,
            }
            assert self._http.post("/v1/contacts", json=body).status_code == 202
        self._report_deliveries()
        if point in DISPATCHING_POINTS:
            with psycopg.connect(self._stack.database_url()) as connection:
                connection.execute(
                    "update callback.plan set due_at = now() - interval '10 years' where (ticket_id, run) in"
                    " (select ticket_id, run from callback.plan where due_at > '2026-01-01' order by random() limit 2)"
                )

    def _report_deliveries(self) -> None:
        """Report an SMS as delivered, by the notice's id or the gateway's own, perhaps before it is saved as sent."""
        for id_ in list(self._providers.sms)[-2:]:
            if id_ not in self._reported:
                self._reported.add(id_)
                identity = {"id": id_} if len(self._reported) % 2 else {"provider_id": f"sms-{id_}"}
                assert self._http.post("/v1/receipts", json=identity | {"state": "delivered"}).status_code == 202

    def _wait_for_exit(self, service: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._processes[service].poll() is None:
            time.sleep(0.05)

    def drain(self) -> None:
        """Wait until every due notice, report, webhook and callback was processed."""

        def drained() -> bool:
            with psycopg.connect(self._stack.database_url()) as connection:
                row = connection.execute(PENDING).fetchone()
            return row is not None and row[0] == 0

        eventually(drained, within=120, why="work stays pending")
        time.sleep(3)
        eventually(drained, within=60, why="work stays pending")

    def check(self) -> tuple[list[str], dict[str, int]]:
        """Return the problems found, and counts of what was checked."""
        with psycopg.connect(self._stack.database_url()) as connection:
            notices = connection.execute(NOTICES).fetchall()
            plans = connection.execute(PLANS).fetchall()
            unplanned = connection.execute(UNPLANNED).fetchone()
            events = [id_ for (id_,) in connection.execute(WEBHOOKS).fetchall()]
        sms, mail = self._providers.sms, self._providers.mail()
        repeated = {"sms": repeats(sms, self._crash_times), "mail": repeats(mail, self._crash_times)}
        problems = [
            *self._lost_notices(notices, sms.keys() | mail.keys()),
            *(f"event {id_} was not received by webhook" for id_ in events if not self._providers.webhooks[id_]),
            *_wrong_callbacks(plans, unplanned[0] if unplanned is not None else 0),
            *_unexplained_repeats(repeated),
        ]
        counts = [count for by_crash in repeated.values() for count in by_crash.values()]
        return problems, {
            "notices": len(notices),
            "by mail": len(mail),
            "reported": len(self._reported),
            "webhooks": len(events),
            "handed over again": sum(counts),
            "at most after one crash": max(counts, default=0),
            "plans": len(plans),
        }

    def _lost_notices(self, notices: list[tuple[str, str, str]], received: AbstractSet[str]) -> Iterator[str]:
        """Return notices that no provider received, and those whose delivery report was lost."""
        for id_, state, means in notices:
            if id_ not in received:
                yield f"notice {id_} is {state}, but no provider received it"
            if id_ in self._reported and means == "sms" and state != "delivered":
                yield f"notice {id_} is {state}, but its gateway reported it as delivered"


def _wrong_callbacks(plans: list[tuple[str, int, list[int]]], unplanned: int) -> Iterator[str]:
    for ticket, planned, attempts in plans:
        if attempts != list(range(1, planned + 1)):
            yield f"ticket {ticket} has callbacks {attempts}, but {planned} attempts by its plan"
    if unplanned:
        yield f"{unplanned} answered tickets have no callback plan"


def _unexplained_repeats(repeated: dict[str, Counter[int]]) -> Iterator[str]:
    for means, by_crash in repeated.items():
        for crash, number in by_crash.items():
            if crash < 0:
                yield f"{number} letters by {means} were handed over again without a crash"
            elif number > UNSAVED_LETTERS:
                yield f"{number} letters by {means} were handed over again after crash {crash}, not {UNSAVED_LETTERS}"


@contextmanager
def running_rounds(seed: int) -> Iterator[CrashRounds]:
    """Run a system while the block runs, with notifier and callback that the rounds kill."""
    with ExitStack() as cleanup:
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="duban-notifications-"))
        providers = RecordingProviders(Path(folder))
        cleanup.enter_context(providers.running())
        tuned = {
            "DUBAN_TUNE_SMS_URL": f"http://127.0.0.1:{providers.sms_port}/messages",
            "DUBAN_TUNE_SMTP_PORT": str(providers.smtp_port),
            "DUBAN_TUNE_WEBHOOK_PRIVATE": "true",
            "DUBAN_TUNE_LEASE": "5",
        }
        cleanup.enter_context(patch.dict(os.environ, tuned))
        options = StackOptions(
            data=Path(folder) / "data",
            services=("intake", "router", "ledger"),
            stop_with_parent=True,
            http_port=free_port(),
            scale=SCALE,
            origin=ORIGIN,
        )
        stack = cleanup.enter_context(Stack.start(options))
        headers = {"Authorization": f"Bearer {local_sender.ensure(stack)}", "X-Actor": "tests"}
        http = cleanup.enter_context(httpx.Client(base_url=stack.intake_url, headers=headers, timeout=60))
        eventually(lambda: http.get("/v1/tickets", params={"number": "x"}).status_code == 200, within=30)
        with psycopg.connect(stack.database_url()) as connection:
            receiver = f"http://127.0.0.1:{providers.webhook_port}/"
            subscribers.add(connection, "crm", receiver, ["accepted", "answered"], webhook.new_secret())
        rounds = CrashRounds(stack, http, providers, seed)
        cleanup.callback(rounds.kill_all)
        for service in ("notifier", "callback"):
            rounds.start(service)
        yield rounds


def main() -> None:
    """Play rounds; exit code 1 if a notice was lost, or a callback lost or doubled."""
    parser = argparse.ArgumentParser(prog="make faults-notifications", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="number of crashes")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    options = parser.parse_args()
    with running_rounds(options.seed) as rounds:
        rounds.play(options.rounds)
        rounds.drain()
        problems, counts = rounds.check()
    crashes = dict(sorted(rounds.crashes.items()))
    print(f"seed {options.seed}: {rounds.crashes.total()} crashes: {crashes}")
    print(counts)
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(1)


if __name__ == "__main__":
    main()
