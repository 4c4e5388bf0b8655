"""A steady small load: customers complain at every door, staff act on their tickets; each answer is recorded."""

import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import httpx

from demo import senders
from demo.message import contact_body
from demo.people import REMINDERS, SUBJECTS, person
from demo.scheduler import NotAccepted, TaskScheduler
from demo.staff import commands_after
from deploy.local import Stack
from schemas.event import TicketEvent
from services.shared.kafka import topic_reader
from services.shared.runtime.clock import Clock
from services.shared.runtime.settings import KafkaSettings

EVERY = 0.5
"""Real seconds between two contacts."""
REMINDED = 0.1
"""Share of contacts after which the same customer writes again."""
TIMEOUT = 20.0
"""Real seconds after which a caller gives up; no answer may take that long."""
UNREACHABLE = 0
"""Stands for a status where there was no answer."""


@dataclass(frozen=True)
class ObservedAnswer:
    """What a caller saw.

    Attributes:
        at: monotonic time of the request.
        status: HTTP status; UNREACHABLE: there was no answer.
        seconds: until the answer, in real time.
        error: type of the error; empty: there was an answer.

    """

    at: float
    status: int
    seconds: float
    error: str = ""


class SteadyLoad:
    """Contacts and commands at a steady rate, from `start` to `stop`; what was not accepted is sent again.

    Attributes:
        accepted: file with an accepted reference or command id a line, as JSON.
        answers: of every request so far.

    """

    def __init__(self, stack: Stack, clock: Clock, keys: Mapping[str, str], seed: int) -> None:
        self.accepted = stack.folder.root / "accepted.jsonl"
        self.answers: list[ObservedAnswer] = []
        self._stack = stack
        self._kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        self._clock = clock
        self._seed = seed
        self._rng = Random(f"load/{seed}")
        self._start = clock.now()
        self._scheduler = TaskScheduler(clock)
        self._headers = {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}
        doors = [f"http://127.0.0.1:{stack.state.ports[name]}" for name in stack.replicas("intake")]
        # A caller behind a load balancer: each request goes to the next door.
        self._doors = itertools.cycle([httpx.Client(base_url=url, timeout=TIMEOUT) for url in doors])
        self._numbers = itertools.count(1)
        self._file_lock = threading.Lock()
        self._stopping = threading.Event()
        self._paused = threading.Event()
        loops = (self._complain, self._act_on_events, self._scheduler.run)
        self._threads = [threading.Thread(target=loop, name=loop.__name__, daemon=True) for loop in loops]

    def start(self) -> None:
        """Start the load."""
        self.accepted.touch()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more."""
        self._stopping.set()
        self._scheduler.stop()
        for thread in self._threads:
            thread.join(30)
        self._scheduler.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Send nothing new while the block runs."""
        self._paused.set()
        try:
            yield
        finally:
            self._paused.clear()

    def submit(self, *bodies: dict[str, Any]) -> None:
        """Submit contacts at the same time, and each again until it is accepted."""
        for body in bodies:
            self._scheduler.schedule(self._clock.now(), partial(self._submit, body))

    def _submit(self, body: dict[str, Any]) -> None:
        answer = self._post("/v1/contacts", body, self._headers[senders.WEBSITE.name])
        if "reference" in answer:
            self._record("reference", answer["reference"])

    def _complain(self) -> None:
        while not self._stopping.wait(EVERY):
            if self._paused.is_set():
                continue
            number = next(self._numbers)
            customer, subject = person(number, self._rng), self._rng.choice(SUBJECTS)
            channel = self._rng.choice(("web", "app"))
            name = f"L{self._seed}-{number:06d}"
            body = contact_body(name, customer, subject.text, channel, subject.language)
            self.submit(body)
            if self._rng.random() < REMINDED:
                again = contact_body(f"{name}-2", customer, self._rng.choice(REMINDERS), "sms")
                self._scheduler.schedule(self._clock.now() + self._clock.business_span(5), partial(self._submit, again))

    def _act_on_events(self) -> None:
        seen: set[str] = set()
        for record in topic_reader.follow(self._kafka, "tickets.events", self._stopping.is_set):
            event = TicketEvent.from_json(record.value or b"")
            if str(event.id) in seen:
                continue
            seen.add(str(event.id))
            for command in commands_after(event, self._seed, self._start):
                phone = event.ticket.customer.phone or ""
                send = partial(
                    self._command, event.ticket.number, command.action, command.key, unit=command.unit, phone=phone
                )
                self._scheduler.schedule(event.at + command.after, send)

    def _command(self, number: str, action: dict[str, Any], key: str, *, unit: str | None, phone: str) -> None:
        if self._paused.is_set():
            raise NotAccepted
        body: dict[str, Any] = {"action": action, "actor": {"name": unit, "unit": unit}}
        if unit is None:
            body |= {"actor": {"kind": "customer"}, "customer": {"phone": phone}}
        headers = {"Idempotency-Key": key, **self._headers[senders.sender_of_unit(unit)]}
        answer = self._post(f"/v1/tickets/{number}/commands", body, headers)
        if "command" in answer:
            self._record("command", answer["command"])

    def _post(self, path: str, body: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        at = time.monotonic()
        try:
            with self._file_lock:
                door = next(self._doors)
            response = door.post(path, json=body, headers=headers)
        except httpx.HTTPError as error:
            self.answers.append(ObservedAnswer(at, UNREACHABLE, time.monotonic() - at, type(error).__name__))
            raise NotAccepted from error
        self.answers.append(ObservedAnswer(at, response.status_code, time.monotonic() - at))
        if response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise NotAccepted
        if response.status_code != httpx.codes.ACCEPTED:
            return {}  # something else was first, as after a withdrawal; asking again would not help
        payload: dict[str, Any] = response.json()
        return payload

    def _record(self, kind: str, id_: str) -> None:
        with self._file_lock, self.accepted.open("a", encoding="utf-8") as file:
            file.write(json.dumps({kind: id_}) + "\n")
