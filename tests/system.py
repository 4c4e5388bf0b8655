"""The running system as tests use it, on the embedded stores or on containers (STACK=containers)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg
from pydantic import SecretStr

from demo import senders
from deploy.local import Stack
from deploy.local.plan import StackOptions
from deploy.local.ports import free_port
from deploy.tools.checkout import PROJECT
from duban import local_sender
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
_unique_numbers = count(1)


@dataclass
class System:
    """A running system.

    Attributes:
        stack: its processes.
        http: client of intake, with the local key, which stands for every unit.
        key: that key.
        keys: keys of the carrier's systems by sender, each for its own units (`demo.senders`).
        clock: source of its policy time.
        containers: containers of the stores by name; empty if the stores are embedded.

    """

    stack: Stack
    http: httpx.Client
    key: str
    keys: Mapping[str, str]
    clock: Clock
    containers: dict[str, Any] = field(default_factory=dict)

    @property
    def kafka(self) -> KafkaSettings:
        """Settings of a Kafka client."""
        return KafkaSettings(bootstrap_servers=self.stack.bootstrap_servers)

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection]:
        """Connect as the owner of the database while the block runs."""
        with psycopg.connect(self.stack.database_url(), autocommit=True) as connection:
            yield connection

    def database_pool(self) -> Database:
        """Return a connection pool, as services use it."""
        return Database(SecretStr(self.stack.database_url()), name="tests", size=2)

    @staticmethod
    def unique_ids() -> tuple[str, str]:
        """Return a message id and a phone number that no other test uses."""
        number = next(_unique_numbers)
        return f"t{time.time_ns()}-{number}", f"139{(os.getpid() * 1000 + number) % 10**8:08d}"

    def contact_body(self, text: str = "家里宽带网速很慢，已经一个星期了", **changes: Any) -> dict[str, Any]:
        """Return the body of a contact from a new customer; `changes` replace its fields."""
        message_id, phone = self.unique_ids()
        body = {"channel": "web", "message_id": message_id, "customer": {"phone": phone, "name": "李"}, "text": text}
        return body | changes

    def submit(self, body: dict[str, Any], *, wait: float = 20, key: str = "") -> dict[str, Any]:
        """Submit a contact and return the response, with the ticket if it is opened in time.

        Args:
            body: the contact.
            wait: real seconds to wait for the ticket.
            key: API key to use instead of this system's.

        """
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        response = self.http.post("/v1/contacts", params={"wait": wait}, json=body, headers=headers)
        assert response.status_code == 202, response.text
        payload: dict[str, Any] = response.json()
        return payload

    def headers(self, sender: str) -> dict[str, str]:
        """Return the header with the key of a sender of `demo.senders`."""
        return {"Authorization": f"Bearer {self.keys[sender]}"}

    def open_ticket(self, text: str = "家里宽带网速很慢，已经一个星期了", **changes: Any) -> str:
        """Submit a contact and return the number of the ticket that it opens."""
        response = self.submit(self.contact_body(text, **changes))
        assert response["state"] == "ticket", response
        return str(response["ticket"]["number"])

    def dispatch(self, number: str, unit: str) -> dict[str, Any]:
        """Dispatch a ticket to a unit, as the centre; returns the decision."""
        return self._command(number, {"type": "dispatch", "unit": unit}, CENTRE, "")

    def send_command(
        self, number: str, action: str, *, unit: str | None = CENTRE, key: str = "", **fields: Any
    ) -> dict[str, Any]:
        """Send a command and return the decision.

        Args:
            number: of the ticket.
            action: type of the action.
            unit: unit that sends it, with its own key; None: the customer, in the app.
            key: idempotency key; empty: a new one.
            **fields: fields of the action.

        """
        return self._command(number, {"type": action, **fields}, unit, key)

    def _command(self, number: str, action: dict[str, Any], unit: str | None, key: str) -> dict[str, Any]:
        body: dict[str, Any] = {"action": action, "actor": {"kind": "unit", "name": unit, "unit": unit}}
        if unit is None:
            customer = self.ticket_and_events(number)[0].customer
            body |= {"actor": {"kind": "customer"}, "customer": {"phone": customer.phone}}
        response = self.http.post(
            f"/v1/tickets/{number}/commands",
            params={"wait": 20},
            json=body,
            headers={"Idempotency-Key": key or self.unique_ids()[0], **self.headers(senders.sender_of_unit(unit))},
        )
        assert response.status_code == 202, response.text
        payload: dict[str, Any] = response.json()
        return payload

    def ticket_of_message(self, message_id: str) -> str | None:
        """Return the number of the ticket that a message was routed to; None if it is not routed yet."""
        query = (
            "select t.number from router.contact c join ledger.ticket t on t.id = c.ticket_id where c.message_id = %s"
        )
        with self.database() as connection:
            row = connection.execute(query, (message_id,)).fetchone()
        return row[0] if row is not None else None

    def ticket_and_events(self, number: str) -> tuple[Ticket, list[TicketEvent]]:
        """Return a ticket and its events, in order of version."""
        with self.database() as connection:
            found = store.ticket_with_events(connection, number)
        assert found is not None, number
        return found

    def wait_for_event(self, number: str, type_: str, *, within: float = 30) -> TicketEvent:
        """Wait until a ticket has an event of a type and return the first of them."""

        def first_of_type() -> TicketEvent | None:
            return next((event for event in self.ticket_and_events(number)[1] if event.type == type_), None)

        found = eventually(first_of_type, within=within, why=f"{number} has no event {type_} within {within} s")
        assert found is not None
        return found

    def duban(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on this system, with wide output."""
        return subprocess.run(
            [sys.executable, "-m", "duban", *arguments, "--data", str(self.stack.folder.root)],
            capture_output=True,
            text=True,
            check=False,
            cwd=PROJECT,
            env=os.environ | {"COLUMNS": "300"},
        )

    def received_messages(self, means: str) -> list[dict[str, Any]]:
        """Return the messages that the SMS gateway (sms) or the mail server (mail) received."""
        file: Path = self.stack.folder.received / f"{'smtp' if means == 'mail' else means}.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []

    @contextmanager
    def outage(self, name: str) -> Iterator[None]:
        """Stop the broker (kafka) or the database (postgres) while the block runs."""
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

    def wait_until_ready(self) -> None:
        """Wait until every service is ready again."""
        not_ready: dict[str, str] = {}

        def ready() -> bool:
            not_ready.clear()
            for name, port in self.stack.state.operations.items():
                try:
                    response = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
                except httpx.HTTPError as error:
                    not_ready[name] = type(error).__name__
                else:
                    if not response.is_success:
                        not_ready[name] = response.text
            return not not_ready

        try:
            eventually(ready, within=90)
        except AssertionError:
            raise AssertionError(f"not ready again: {not_ready}") from None


@contextmanager
def running_system(data: Path, *, scale: float = SCALE) -> Iterator[System]:
    """Run a system while the block runs.

    Args:
        data: an empty data folder.
        scale: policy seconds in a real second; 1 also means that policy time is real time.

    """
    with ExitStack() as cleanup:
        containers: dict[str, Any] = {}
        options = StackOptions(
            data=data, scale=scale, origin=ORIGIN if scale != 1 else "", stop_with_parent=True, http_port=free_port()
        )
        if os.environ.get("STACK") == "containers":
            from tests.containers import running_containers  # noqa: PLC0415 - testcontainers is only needed here

            containers, options = cleanup.enter_context(running_containers(options))
        stack = cleanup.enter_context(Stack.start(options))
        key = local_sender.ensure(stack)
        keys = senders.ensure_senders(stack)
        pool = Database(SecretStr(stack.database_url()), name="tests", size=1)
        clock = deployment.load_clock(pool, "test")
        pool.close()
        http = cleanup.enter_context(
            httpx.Client(
                base_url=stack.intake_url, headers={"Authorization": f"Bearer {key}", "X-Actor": "tests"}, timeout=60
            )
        )
        eventually(
            lambda: http.get("/v1/tickets", params={"number": "x"}).status_code == 200,
            why="intake does not know the key",
        )
        yield System(stack, http, key, keys, clock, containers)
