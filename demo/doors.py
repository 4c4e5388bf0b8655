"""The doors that people use: HTTP, the channels' topics, files. What is answered 202 is written down at once."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from demo.contacts import export
from demo.message import PlannedMessage
from demo.timetable import NotAccepted
from deploy.local import Stack
from duban.file_import import FileImport
from services.intake.channel_registry import channels
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from services.shared.runtime.settings import KafkaSettings


@dataclass
class Counts:
    """What was done so far."""

    sent: Counter[str] = field(default_factory=Counter)
    """Messages by door."""
    acts: Counter[str] = field(default_factory=Counter)
    """Commands by action."""
    events: Counter[str] = field(default_factory=Counter)


class ChannelDoors:
    """Every door of one system.

    Attributes:
        accepted: file with what was answered 202, for the checker: one reference or command id a line.

    """

    def __init__(self, stack: Stack, key: str, stopped: Callable[[], bool]) -> None:
        self.accepted = stack.folder.root / "accepted.jsonl"
        self.counts = Counts()
        self._stack = stack
        self._stopped = stopped
        self._url = stack.intake_url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=self._url, headers=self._headers, timeout=15)
        self._publisher = Publisher(KafkaSettings(bootstrap_servers=stack.bootstrap_servers), "demo-channels")
        self._publishing = threading.Lock()
        self._writing = threading.Lock()

    def close(self) -> None:
        """Leave."""
        self._publisher.close()
        self._http.close()

    def put(self, bundle: list[PlannedMessage]) -> None:
        """Put messages in that come through one door at once.

        Raises:
            NotTaken, httpx.HTTPError, DubanError: it is closed just now.

        """
        door = bundle[0].door
        if door == "http":
            for each in bundle:
                self.contact(each.body)
        elif door == "batch":
            body = "".join(json.dumps(each.body, ensure_ascii=False) + "\n" for each in bundle).encode()
            answer = self._http.post("/v1/contacts/batch", content=body)
            if not answer.is_success:
                raise NotAccepted
            for line in answer.text.splitlines():
                self._write("reference", json.loads(line)["reference"])
        elif door == "file":
            self._import(bundle)
        else:
            records = [Outgoing(f"channel.{door}", each.name.encode(), each.body.encode(), []) for each in bundle]
            with self._publishing:
                self._publisher.publish(records, stopped=self._stopped)
        self.counts.sent[door] += len(bundle)

    def contact(self, body: dict[str, Any]) -> None:
        """Put one contact in; raises as `put`."""
        self._write("reference", self._post("/v1/contacts", body)["reference"])

    def command(self, number: str, actor: dict[str, Any], action: dict[str, Any], key: str) -> None:
        """Ask something of a ticket; raises as `put`."""
        body = {"action": action, "actor": actor}
        told = self._post(f"/v1/tickets/{number}/commands", body, {"Idempotency-Key": key})
        self._write("command", told["command"])
        self.counts.acts[action["type"]] += 1

    def report(self, body: dict[str, str]) -> None:
        """Report what became of a notice; raises as `put`."""
        self._post("/v1/receipts", body)

    def next_call(self, agent: str) -> dict[str, Any] | None:
        """Take the next call of the work list; None when none is due, or the door is closed."""
        try:
            answer = self._http.post("/v1/callbacks/next", params={"agent": agent})
        except httpx.HTTPError:
            return None
        found: dict[str, Any] | None = answer.json() if answer.status_code == httpx.codes.OK else None
        return found

    def page(self, link: str, form: dict[str, str]) -> None:
        """Send the form of a survey page; raises as `put`."""
        answer = self._http.post(link, data=form, headers={"Authorization": ""})
        if answer.is_server_error:
            raise NotAccepted

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self._http.post(path, content=json.dumps(body, ensure_ascii=False).encode(), headers=headers)
        if answer.status_code != httpx.codes.ACCEPTED:
            raise NotAccepted
        told: dict[str, Any] = answer.json()
        return told

    def _import(self, bundle: list[PlannedMessage]) -> None:
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
            for _ in FileImport(file, "store", client, table=channels()).run():
                pass

    def _write(self, kind: str, id_: str) -> None:
        with self._writing, self.accepted.open("a", encoding="utf-8") as file:
            file.write(json.dumps({kind: id_}) + "\n")
