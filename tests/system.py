"""The real system as tests see it: started once per run, on the embedded stores or on containers (STACK=containers)."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg
from pydantic import SecretStr

from deploy.local import Stack
from deploy.local.plan import StackOptions
from deploy.local.ports import free_port
from duban import system_connection
from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.ledger import store
from services.shared.postgres.database import Database
from services.shared.runtime import deployment
from services.shared.runtime.clock import Clock
from services.shared.runtime.settings import KafkaSettings
from tests.builders import CENTRE, eventually

SCALE = 1000.0
ORIGIN = "2026-03-12T09:00:00+08:00"
_unique = count(1)


@dataclass
class System:
    """One running system.

    Attributes:
        stack: its processes.
        http: a client of intake with a key that may do everything.
        containers: the stores' containers by name; empty when they are embedded.

    """

    stack: Stack
    http: httpx.Client
    key: str
    clock: Clock
    containers: dict[str, Any] = field(default_factory=dict)

    @property
    def kafka(self) -> KafkaSettings:
        """How to reach the broker."""
        return KafkaSettings(bootstrap_servers=self.stack.bootstrap_servers)

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection]:
        """Give a connection that may read everything."""
        with psycopg.connect(self.stack.database_url(), autocommit=True) as connection:
            yield connection

    def pool(self) -> Database:
        """Return a pool like a service's own."""
        return Database(SecretStr(self.stack.database_url()), name="tests", size=2)

    @staticmethod
    def fresh() -> tuple[str, str]:
        """Return a message id and a phone that no other test uses."""
        number = next(_unique)
        return f"t{time.time_ns()}-{number}", f"139{(os.getpid() * 1000 + number) % 10**8:08d}"

    def submission(self, text: str = "家里宽带网速很慢，已经一个星期了", **changes: Any) -> dict[str, Any]:
        """Return a contact as a sender writes it, of a customer that nobody else is."""
        message_id, phone = self.fresh()
        body = {"channel": "web", "message_id": message_id, "customer": {"phone": phone, "name": "李"}, "text": text}
        return body | changes

    def put(self, body: dict[str, Any], *, wait: float = 20, key: str = "") -> dict[str, Any]:
        """Put a contact in, with another key if need be, and return the answer, with its ticket."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = self.http.post("/v1/contacts", params={"wait": wait}, json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def opened(self, text: str = "家里宽带网速很慢，已经一个星期了", **changes: Any) -> str:
        """Put a contact in and return its ticket's number."""
        told = self.put(self.submission(text, **changes))
        assert told["state"] == "ticket", told
        return str(told["ticket"]["number"])

    def dispatch(self, number: str, unit: str) -> dict[str, Any]:
        """Let the centre send a ticket to a unit."""
        return self._command(number, {"type": "dispatch", "unit": unit}, CENTRE, "")

    def do(
        self, number: str, action: str, *, unit: str | None = CENTRE, key: str = "", **fields: Any
    ) -> dict[str, Any]:
        """Let somebody of a unit, or the customer, send a command; returns what was decided."""
        return self._command(number, {"type": action, **fields}, unit, key)

    def _command(self, number: str, action: dict[str, Any], unit: str | None, key: str) -> dict[str, Any]:
        actor = {"kind": "unit", "name": unit, "unit": unit} if unit else {"kind": "customer", "name": "customer"}
        answer = self.http.post(
            f"/v1/tickets/{number}/commands",
            params={"wait": 20},
            json={"action": action, "actor": actor},
            headers={"Idempotency-Key": key or self.fresh()[0]},
        )
        assert answer.status_code == 202, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def story(self, number: str) -> tuple[Ticket, list[TicketEvent]]:
        """Return a ticket with its events."""
        with self.database() as connection:
            found = store.story(connection, number)
        assert found is not None, number
        return found

    def until_event(self, number: str, type_: str, *, within: float = 30) -> TicketEvent:
        """Wait for an event of a ticket and return it."""

        def look() -> TicketEvent | None:
            return next((each for each in self.story(number)[1] if each.type == type_), None)

        found = eventually(look, within=within, why=f"{number} has no event {type_} within {within} s")
        assert found is not None
        return found

    def received(self, means: str) -> list[dict[str, Any]]:
        """Return what the gateway of SMS or the mail server got."""
        file: Path = self.stack.folder.received / f"{'smtp' if means == 'mail' else means}.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []

    @contextmanager
    def outage(self, name: str) -> Iterator[None]:
        """Let the broker (kafka) or the database (postgres) be away while the block runs."""
        if name in self.containers:
            container = self.containers[name].get_wrapped_container()
            container.stop(timeout=10)
            try:
                yield
            finally:
                container.start()
            return
        self.stack.hold(name)
        try:
            yield
        finally:
            self.stack.release(name)

    def until_ready(self) -> None:
        """Wait until every service says that it is ready."""
        waited_for: dict[str, str] = {}

        def ready() -> bool:
            waited_for.clear()
            for name, port in self.stack.state.operations.items():
                try:
                    answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
                except httpx.HTTPError as error:
                    waited_for[name] = type(error).__name__
                else:
                    if not answer.is_success:
                        waited_for[name] = answer.text
            return not waited_for

        try:
            eventually(ready, within=90)
        except AssertionError:
            raise AssertionError(f"not ready again: {waited_for}") from None


@contextmanager
def running(data: Path, *, scale: float = SCALE) -> Iterator[System]:
    """Start the system that tests share, and stop it."""
    with ExitStack() as cleanup:
        containers: dict[str, Any] = {}
        options = StackOptions(
            data=data, scale=scale, origin=ORIGIN if scale != 1 else "", stop_with_parent=True, http_port=free_port()
        )
        if os.environ.get("STACK") == "containers":
            from tests import containers as stores  # noqa: PLC0415 - only where containers are asked for

            containers, options = cleanup.enter_context(stores.running(options))
        stack = cleanup.enter_context(Stack.start(options))
        key = system_connection.ensure_local_sender(stack)
        pool = Database(SecretStr(stack.database_url()), name="tests", size=1)
        clock = deployment.read(pool, "test")
        pool.close()
        http = cleanup.enter_context(
            httpx.Client(base_url=stack.intake_url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        )
        eventually(
            lambda: http.get("/v1/tickets", params={"number": "x"}).status_code == 200, why="the key is not known"
        )
        yield System(stack, http, key, clock, containers)
