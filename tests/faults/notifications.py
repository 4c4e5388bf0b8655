"""`make faults-notifications`: kills notifier and callback at every crash point; nothing may be lost or doubled.

A notice that was handed over and not yet saved may be handed over again, under the same id; how often after each death
is counted by providers that forget nothing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
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
from duban import system_connection
from services.notifier import subscribers
from services.notifier.delivery_worker import UNSAVED_LETTERS
from services.notifier.domain import webhook
from tests.builders import eventually
from tests.faults.providers import Providers, repeats

SCALE, ORIGIN = 60.0, "2026-03-12T09:00:00+08:00"
TOLD = (
    "before_save",
    "after_save",
    "before_offset_commit",
    "before_send",
    "after_send",
    "before_settle",
    "after_settle",
)
PLANNED = ("before_save", "after_save", "before_offset_commit")
ASKED = ("before_ask", "after_ask", "after_mark")
POINTS = (
    *(("notifier", each) for each in (*TOLD, "mid_publish", "webhook_answered")),
    *(("callback", each) for each in (*PLANNED, *ASKED)),
)
DIES_WITHIN = 30.0
SETTLED = {"outcome": "已退费", "explanation": "系统重复计费", "agreed": True, "cause": "系统错误", "owner": "billing"}
OPEN = """
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
HOOKS = "select event_id::text from notifier.hook"
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


class Rounds:
    """A system whose notifier and callback are ours to kill."""

    def __init__(self, stack: Stack, http: httpx.Client, providers: Providers, seed: int) -> None:
        self._stack = stack
        self._http = http
        self._providers = providers
        self._chance = Random(seed)
        self._numbers = count(1)
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._reported: set[str] = set()
        self._deaths: list[float] = []
        self.died: Counter[str] = Counter()

    def start(self, service: str) -> None:
        """Start a service, or start it again."""
        with (self._stack.folder.logs / f"{service}-killed.log").open("ab") as log:
            self._workers[service] = subprocess.Popen(
                [sys.executable, "-m", f"services.{service}"],
                env=self._stack.environment(service),
                stdout=log,
                stderr=log,
            )

    def end(self) -> None:
        """End both services."""
        for each in self._workers.values():
            each.kill()
            each.wait()

    def play(self, rounds: int) -> None:
        """Kill so many times, at every point about equally often, in an order that the seed decides."""
        points = [POINTS[number % len(POINTS)] for number in range(rounds)]
        self._chance.shuffle(points)
        for service, point in points:
            file = self._stack.folder.crash_points / service
            new = file.with_suffix(".new")
            new.write_text(point, encoding="utf-8")
            new.replace(file)
            until = time.monotonic() + DIES_WITHIN
            while self._workers[service].poll() is None:
                if time.monotonic() > until:
                    raise AssertionError(f"{service} never came to {point}")
                self._act(point)
                self._wait(service, 1.5)
            self.died[f"{service} {point}"] += 1
            if service == "notifier":
                self._deaths.append(time.time())
            self.start(service)

    def _act(self, point: str) -> None:
        """Do what brings a service to a point: contacts answered on the spot, a gateway's reports, a due plan."""
        for _ in range(self._chance.randrange(1, 4)):
            number = next(self._numbers)
            mail = {"email": f"wang{number}@mail.example", "preferred_means": "mail"} if number % 3 == 0 else {}
            body = {
                "channel": "store",
                "message_id": f"m{number}",
                "customer": {"phone": f"138{number:08d}", "name": "王"} | mail,
                # Nothing urgent: whose service is cut off is called by a person, not asked in writing.
                "text": "宽带网速很慢",
                "settlement": SETTLED,
            }
            assert self._http.post("/v1/contacts", json=body).status_code == 202
        self._report()
        if point in ASKED:
            with psycopg.connect(self._stack.database_url()) as connection:
                connection.execute(
                    "update callback.plan set due_at = now() - interval '10 years' where (ticket_id, run) in"
                    " (select ticket_id, run from callback.plan where due_at > '2026-01-01' order by random() limit 2)"
                )

    def _report(self) -> None:
        """Let the gateway say that an SMS has arrived, by our id or by its own, perhaps before it is saved as sent."""
        for id_ in list(self._providers.sms)[-2:]:
            if id_ not in self._reported:
                self._reported.add(id_)
                named = {"id": id_} if len(self._reported) % 2 else {"provider_id": f"sms-{id_}"}
                assert self._http.post("/v1/receipts", json=named | {"state": "delivered"}).status_code == 202

    def _wait(self, service: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._workers[service].poll() is None:
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait until everything that is due was told and asked."""

        def open_() -> bool:
            with psycopg.connect(self._stack.database_url()) as connection:
                row = connection.execute(OPEN).fetchone()
            return row is not None and row[0] == 0

        eventually(open_, within=120, why="something stays open")
        time.sleep(3)
        eventually(open_, within=60, why="something stays open")

    def problems(self) -> tuple[list[str], dict[str, int]]:
        """Return what is wrong, and what was counted."""
        with psycopg.connect(self._stack.database_url()) as connection:
            notices = connection.execute(NOTICES).fetchall()
            plans = connection.execute(PLANS).fetchall()
            unplanned = connection.execute(UNPLANNED).fetchone()
            events = [id_ for (id_,) in connection.execute(HOOKS).fetchall()]
        sms, mail = self._providers.sms, self._providers.mail()
        handed = sms.keys() | mail.keys()
        found = [f"notice {id_} is {state} and no provider got it" for id_, state, _ in notices if id_ not in handed]
        found += [
            f"notice {id_} is {state}, and its gateway said that it arrived"
            for id_, state, means in notices
            if id_ in self._reported and means == "sms" and state != "delivered"
        ]
        found += [f"event {id_} was not received by webhook" for id_ in events if not self._providers.hooks[id_]]
        found += [
            f"ticket {ticket}: asked {attempts}, its plan says {planned}"
            for ticket, planned, attempts in plans
            if attempts != list(range(1, planned + 1))
        ]
        if unplanned is not None and unplanned[0]:
            found.append(f"{unplanned[0]} answered tickets without a plan")
        again = {"sms": repeats(sms, self._deaths), "mail": repeats(mail, self._deaths)}
        found += [
            f"{count} letters by {means} were handed over again "
            + (
                "though nothing had died"
                if death < 0
                else f"after death {death}, more than the {UNSAVED_LETTERS} it explains"
            )
            for means, deaths in again.items()
            for death, count in deaths.items()
            if death < 0 or count > UNSAVED_LETTERS
        ]
        counted = {
            "notices": len(notices),
            "by mail": len(mail),
            "reported": len(self._reported),
            "webhooks": len(events),
            "handed over again": sum(each.total() for each in again.values()),
            "at most after one death": max((count for each in again.values() for count in each.values()), default=0),
            "plans": len(plans),
        }
        return found, counted


@contextmanager
def rounds(seed: int) -> Iterator[Rounds]:
    """Start a system without notifier and callback of its own."""
    with ExitStack() as cleanup:
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="duban-telling-"))
        providers = Providers(Path(folder))
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
        headers = {"Authorization": f"Bearer {system_connection.ensure_local_sender(stack)}"}
        http = cleanup.enter_context(httpx.Client(base_url=stack.intake_url, headers=headers, timeout=60))
        eventually(lambda: http.get("/v1/tickets", params={"number": "x"}).status_code == 200, within=30)
        with psycopg.connect(stack.database_url()) as connection:
            receiver = f"http://127.0.0.1:{providers.hooks_port}/"
            subscribers.add(connection, "crm", receiver, ["accepted", "answered"], webhook.new_secret())
        made = Rounds(stack, http, providers, seed)
        cleanup.callback(made.end)
        for each in ("notifier", "callback"):
            made.start(each)
        yield made


def main() -> None:
    """Play rounds; exit code 1 when a notice was lost, or a callback lost or doubled."""
    parser = argparse.ArgumentParser(prog="make faults-notifications", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    told = parser.parse_args()
    with rounds(told.seed) as made:
        made.play(told.rounds)
        made.settle()
        found, counted = made.problems()
    print(f"seed {told.seed}: {sum(made.died.values())} times killed: {dict(sorted(made.died.items()))}")
    print(f"{counted}")
    for each in found:
        print(each)
    if found:
        sys.exit(1)


if __name__ == "__main__":
    main()
