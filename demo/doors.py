"""Sends the day's messages through every door: HTTP, channel topics and file imports.

Each reference or command id that intake accepts (202) is appended to a file, so that the checker can look for it.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from demo import senders
from demo.contacts import hall_export
from demo.message import PlannedMessage
from demo.scheduler import NotAccepted
from deploy.local import Stack
from duban.file_import import FileImport
from services.intake.channel_registry import channels
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from services.shared.runtime.settings import KafkaSettings


@dataclass
class Counts:
    """Numbers of what was sent and seen so far.

    Attributes:
        sent: messages by door.
        commands: commands by action.
        refused: commands by action that the door refused, because their unit may not do that now.
        events: ticket events by type.

    """

    sent: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)


class ChannelDoors:
    """Clients of all doors of one system; each method may be called from any thread.

    Attributes:
        accepted: file with an accepted reference or command id a line, as JSON.
        counts: numbers of what was sent so far.

    """

    def __init__(self, stack: Stack, keys: Mapping[str, str], stopped: Callable[[], bool]) -> None:
        self.accepted = stack.folder.root / "accepted.jsonl"
        self.counts = Counts()
        self._stack = stack
        self._stopped = stopped
        self._url = stack.intake_url
        self._headers = {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}
        self._http = httpx.Client(base_url=self._url, timeout=15)
        self._publisher = Publisher(KafkaSettings(bootstrap_servers=stack.bootstrap_servers), "demo-channels")
        self._publish_lock = threading.Lock()
        self._file_lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        self._publisher.close()
        self._http.close()

    def submit(self, bundle: list[PlannedMessage]) -> None:
        """Submit messages that pass one door together.

        Raises:
            NotAccepted: intake refused them now.
            httpx.HTTPError: intake could not be reached.
            DubanError: the broker could not be reached.

        """
        door = bundle[0].door
        if door == "http":
            for message in bundle:
                self.submit_contact(message.body)
        elif door == "batch":
            body = "".join(json.dumps(message.body, ensure_ascii=False) + "\n" for message in bundle).encode()
            response = self._http.post("/v1/contacts/batch", content=body, headers=self._headers[senders.WEBSITE.name])
            if not response.is_success:
                raise NotAccepted
            self._record_references(response)
        elif door == "file":
            self._import(bundle)
        else:
            records = [
                Outgoing(f"channel.{door}", message.name.encode(), message.body.encode(), []) for message in bundle
            ]
            with self._publish_lock:
                self._publisher.publish(records, should_stop=self._stopped)
        self.counts.sent[door] += len(bundle)

    def submit_contact(self, body: dict[str, Any]) -> None:
        """Submit one contact; raises as `submit`."""
        self._record("reference", self._post("/v1/contacts", body, senders.WEBSITE.name)["reference"])

    def send_command(
        self, number: str, action: dict[str, Any], key: str, *, unit: str | None, person: str = "", phone: str = ""
    ) -> None:
        """Send a command for a ticket; raises as `submit`.

        Args:
            number: of the ticket.
            action: the action.
            key: Idempotency-Key.
            unit: that acts, by its own key; None: the customer, in the app.
            person: who acts for the unit.
            phone: of the customer.

        """
        body: dict[str, Any] = {"action": action, "actor": {"name": person or unit, "unit": unit}}
        if unit is None:
            body |= {"actor": {"kind": "customer"}, "customer": {"phone": phone}}
        headers = {"Idempotency-Key": key, **self._headers[senders.sender_of_unit(unit)]}
        response = self._http.post(f"/v1/tickets/{number}/commands", json=body, headers=headers)
        if response.status_code == httpx.codes.FORBIDDEN:
            # Something else was first, as after a withdrawal; asking again would not help.
            self.counts.refused[action["type"]] += 1
            return
        self._record("command", _accepted(response)["command"])
        self.counts.commands[action["type"]] += 1

    def report_delivery(self, body: dict[str, str]) -> None:
        """Send a provider's delivery report; raises as `submit`."""
        self._post("/v1/receipts", body, senders.GATEWAY.name)

    def next_call(self, agent: str, sender: str) -> dict[str, Any] | None:
        """Take the next call from a sender's work list; None if none is due or intake cannot be reached."""
        try:
            response = self._http.post("/v1/callbacks/next", params={"agent": agent}, headers=self._headers[sender])
        except httpx.HTTPError:
            return None
        call: dict[str, Any] | None = response.json() if response.status_code == httpx.codes.OK else None
        return call

    def submit_survey_page(self, link: str, form: dict[str, str]) -> None:
        """Submit the form of a survey page; raises as `submit`."""
        response = self._http.post(link, data=form)
        if response.is_server_error:
            raise NotAccepted

    def _post(self, path: str, body: dict[str, Any], sender: str) -> dict[str, Any]:
        content = json.dumps(body, ensure_ascii=False).encode()
        return _accepted(self._http.post(path, content=content, headers=self._headers[sender]))

    def _import(self, bundle: list[PlannedMessage]) -> None:
        file = self._stack.folder.root / f"export-{bundle[0].name}.csv"
        file.write_bytes(hall_export([message.body for message in bundle]))

        def record(response: httpx.Response) -> None:
            if response.is_success:
                response.read()
                self._record_references(response)

        with httpx.Client(
            base_url=self._url,
            headers=self._headers[senders.HALLS.name],
            timeout=15,
            event_hooks={"response": [record]},
        ) as client:
            for _ in FileImport(file, "store", client, table=channels()).run():
                pass

    def _record_references(self, response: httpx.Response) -> None:
        for line in response.text.splitlines():
            self._record("reference", json.loads(line)["reference"])

    def _record(self, kind: str, id_: str) -> None:
        with self._file_lock, self.accepted.open("a", encoding="utf-8") as file:
            file.write(json.dumps({kind: id_}) + "\n")


def _accepted(response: httpx.Response) -> dict[str, Any]:
    if response.status_code != httpx.codes.ACCEPTED:
        raise NotAccepted
    payload: dict[str, Any] = response.json()
    return payload
