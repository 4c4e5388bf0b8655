"""Plays a day on a running system: sends contacts, follows the events, acts as the people would, answers surveys.

Whatever it is told 202 for it writes down at once, for the checker; what is answered otherwise it sends again.
"""

import heapq
import itertools
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx

from demo.contacts import Planned, export
from demo.staff import react
from deploy.local import Stack
from duban.importing import Import
from schemas.event import TicketEvent
from services.intake.channel_table import channels
from services.shared import reading
from services.shared.clock import Clock
from services.shared.errors import DubanError
from services.shared.publisher import Publisher
from services.shared.records import Outgoing
from services.shared.settings import KafkaSettings

AGAIN = 0.5
"""Real seconds until something that was not taken is sent again."""
SENDERS = 6
_ASKED = re.compile(r"(?P<number>TS[0-9]{14}).*1(?:-| to )5", re.DOTALL)
_LINK = re.compile(r"https?://[!-~]+/s/[\w-]+")
QUESTIONS = ("process", "result", "staff")


@dataclass
class Counts:
    """What the driver has done so far."""

    sent: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    surveys: int = 0
    retries: int = 0


class Driver:
    """One day being played."""

    def __init__(
        self, stack: Stack, clock: Clock, key: str, planned: list[Planned], *, seed: int, start: datetime
    ) -> None:
        self.counts = Counts()
        self.accepted = stack.folder.root / "accepted.jsonl"
        """What was answered 202: one reference or command id a line."""
        self._stack = stack
        self._clock = clock
        self._seed = seed
        self._kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        self._url = stack.intake_url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=self._url, headers=self._headers, timeout=15)
        self._publisher = Publisher(self._kafka, "demo-channels")
        self._publishing = threading.Lock()
        self._writing = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=SENDERS, thread_name_prefix="people")
        self._stopping = threading.Event()
        self._asleep = threading.Event()
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._heap = threading.Lock()
        self._flying = 0
        self._threads = [
            threading.Thread(target=target, name=target.__name__, daemon=True)
            for target in (self._schedule, self._follow, self._read_phone)
        ]
        for each in _bundled(planned):
            self._at(start + each[0].after, partial(self._contact, each))

    def begin(self) -> None:
        """Begin the day."""
        for each in self._threads:
            each.start()

    @property
    def waiting(self) -> int:
        """Contacts and acts that are still to come, and those on their way."""
        return len(self._due) + self._flying

    def end(self) -> None:
        """End the day: what is on its way is finished, nothing new begins."""
        self._stopping.set()
        self._asleep.set()
        for each in self._threads:
            each.join(30)
        self._pool.shutdown(wait=True)
        self._publisher.close()
        self._http.close()

    # ---- time ----

    def _at(self, when: datetime, what: Callable[[], None]) -> None:
        real = time.monotonic() + self._clock.real_seconds(when - self._clock.now())
        with self._heap:
            heapq.heappush(self._due, (real, next(self._order), what))
        self._asleep.set()

    def _later(self, what: Callable[[], None]) -> None:
        self.counts.retries += 1
        with self._heap:
            heapq.heappush(self._due, (time.monotonic() + AGAIN, next(self._order), what))

    def _schedule(self) -> None:
        while not self._stopping.is_set():
            with self._heap:
                due = []
                while self._due and self._due[0][0] <= time.monotonic():
                    due.append(heapq.heappop(self._due)[2])
                self._flying += len(due)
                wait = min(self._due[0][0] - time.monotonic(), 0.2) if self._due else 0.2
            for each in due:
                self._pool.submit(self._run, each)
            self._asleep.clear()
            self._asleep.wait(max(wait, 0.001))

    def _run(self, what: Callable[[], None]) -> None:
        try:
            what()
        except (httpx.HTTPError, DubanError, _NotTaken):
            # The door was closed for a moment: people try again.
            if not self._stopping.is_set():
                self._later(what)
        finally:
            with self._heap:
                self._flying -= 1

    # ---- contacts ----

    def _contact(self, bundle: list[Planned]) -> None:
        door = bundle[0].door
        if door == "http":
            for each in bundle:
                told = self._post("/v1/contacts", json.dumps(each.body, ensure_ascii=False).encode())
                self._write("reference", told["reference"])
        elif door == "batch":
            body = "".join(json.dumps(each.body, ensure_ascii=False) + "\n" for each in bundle).encode()
            answer = self._http.post("/v1/contacts/batch", content=body)
            if not answer.is_success:
                raise _NotTaken
            for line in answer.text.splitlines():
                self._write("reference", json.loads(line)["reference"])
        elif door == "file":
            self._import(bundle)
        else:
            records = [Outgoing(f"channel.{door}", each.name.encode(), each.body.encode(), []) for each in bundle]
            with self._publishing:
                self._publisher.publish(records, stopped=self._stopping.is_set)
        self.counts.sent[door] += len(bundle)

    def _import(self, bundle: list[Planned]) -> None:
        file = self._stack.folder.root / f"export-{bundle[0].name}.csv"
        file.write_bytes(export([each.body for each in bundle]))

        def keep(answer: httpx.Response) -> None:
            if answer.is_success:
                answer.read()
                for line in answer.text.splitlines():
                    self._write("reference", json.loads(line)["reference"])

        with httpx.Client(
            base_url=self._url, headers=self._headers, timeout=15, event_hooks={"response": [keep]}
        ) as client:
            for _ in Import(file, "store", client, table=channels()).run():
                pass

    def _post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self._http.post(path, content=body, headers=headers)
        if answer.status_code != httpx.codes.ACCEPTED:
            raise _NotTaken
        told: dict[str, Any] = answer.json()
        return told

    def _write(self, kind: str, id_: str) -> None:
        with self._writing, self.accepted.open("a", encoding="utf-8") as file:
            file.write(json.dumps({kind: id_}) + "\n")

    # ---- people ----

    def _follow(self) -> None:
        seen: set[str] = set()
        for record in reading.follow(self._kafka, "tickets.events", self._stopping.is_set):
            event = TicketEvent.from_json(record.value or b"")
            if str(event.id) in seen:
                continue
            seen.add(str(event.id))
            self.counts.events[event.type] += 1
            for act in react(event, self._seed):
                self._at(event.at + act.after, partial(self._act, event.ticket.number, act.unit, act.action, act.key))

    def _act(self, number: str, unit: str | None, action: dict[str, Any], key: str) -> None:
        actor = (
            {"kind": "unit", "name": unit, "unit": unit}
            if unit is not None
            else {"kind": "customer", "name": "customer"}
        )
        body = json.dumps({"action": action, "actor": actor}, ensure_ascii=False).encode()
        told = self._post(f"/v1/tickets/{number}/commands", body, {"Idempotency-Key": key})
        self._write("command", told["command"])
        self.counts.acts[action["type"]] += 1

    def _read_phone(self) -> None:
        """Customers read the SMS that the gateway got, and most answer the survey."""
        file: Path = self._stack.folder.mail / "sms.jsonl"
        read = 0
        while not self._stopping.wait(0.2):
            if not file.exists():
                continue
            with file.open("rb") as opened:
                opened.seek(read)
                new = opened.read()
            whole = new[: new.rfind(b"\n") + 1]
            read += len(whole)
            for line in whole.decode().splitlines():
                self._survey(json.loads(line))

    def _survey(self, message: dict[str, str]) -> None:
        asked = _ASKED.search(message["text"])
        rng = Random(f"{self._seed}/{message['id']}")
        if asked is None or rng.random() < 0.2:
            return
        number = asked["number"]
        bad = rng.random() < 0.12
        scores = [rng.randint(1, 2) if bad else rng.choice((4, 5, 5, 5)) for _ in range(3)]
        comment = "拖了太久，问题还在" if bad else ""
        when = self._clock.now() + timedelta(hours=rng.uniform(0.2, 2.0))
        self.counts.surveys += 1
        link = _LINK.search(message["text"])
        if link is not None and rng.random() < 0.4:
            self._at(when, lambda: self._on_page(link[0], scores, comment))
        elif rng.random() < 0.7:
            self._at(when, lambda: self._by_sms(message, scores, comment))
        else:
            survey = dict(zip(QUESTIONS, scores, strict=True)) | ({"comment": comment} if comment else {})
            action = {"type": "answer_survey", "survey": survey}
            self._at(when, lambda: self._act(number, None, action, f"survey/{message['id']}"))

    def _on_page(self, link: str, scores: list[int], comment: str) -> None:
        form = dict(zip(QUESTIONS, map(str, scores), strict=True)) | {"comment": comment}
        if (
            self._http.post(link, data=form, headers={"Authorization": ""}).status_code
            >= httpx.codes.INTERNAL_SERVER_ERROR
        ):
            raise _NotTaken

    def _by_sms(self, message: dict[str, str], scores: list[int], comment: str) -> None:
        body = {
            "channel": "sms",
            "message_id": f"reply-{message['id']}",
            "customer": {"phone": message["to"]},
            "text": f"{' '.join(map(str, scores))} {comment}".strip(),
        }
        told = self._post("/v1/contacts", json.dumps(body, ensure_ascii=False).encode())
        self._write("reference", told["reference"])


class _NotTaken(Exception):
    """The door did not take it just now."""


def _bundled(planned: list[Planned]) -> list[list[Planned]]:
    """Put together what goes through a door at once: batches and files of the same moment."""
    bundles: list[list[Planned]] = []
    together: dict[tuple[str, timedelta], list[Planned]] = {}
    for each in planned:
        key = (each.door, each.after)
        if each.door in {"batch", "file"} and key in together:
            together[key].append(each)
            continue
        bundles.append([each])
        together[key] = bundles[-1]
    return bundles
