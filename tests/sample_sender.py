"""Sends samples through the doors of a running system (webhook, SMTP, topic, import) and returns what each became."""

import csv
import dataclasses
import json
import re
import smtplib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec

from duban.file_import import FileImport
from duban.normalisation import call_facts, facts
from duban.sample_check import build_envelope, read_beside
from duban.system_connection import LOCAL_SENDER
from schemas.action import AddContact, Open, Remind
from schemas.call import Call, CallRecord
from schemas.command import Command
from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.intake.channel_registry import channels
from services.intake.domain.channels import wechat
from services.intake.domain.envelope import ParsedItem, RejectedItem
from services.intake.domain.fields import InvalidPayload
from services.shared.kafka import dead_letter_admin
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from services.shared.kafka.topic_reader import ConsumerLag
from tests.builders import eventually
from tests.system import System

TABLE = channels()
TOKEN = "sampletoken"
"""Token of the WeChat account in channels.toml."""
SENDER_SETTINGS = frozenset({"default_tz", "default_region", "cdr_tz", "columns", "charset", "encode_values"})
"""Settings of a sample's configuration that the sender gives with each message."""


class SampleSender:
    """Sends samples to a system and waits for their outcomes."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._key = system.key
        self._lag = ConsumerLag(system.kafka, {"router": [Contact.TOPIC]})

    def send(self, path: Path, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Send a sample through its own door and return its outcome, in the form of the manifest."""
        for scan in _scans(path, sample):
            content = read_beside(path)(scan)
            if content is not None:
                self._system.http.put(f"/v1/attachments/{scan}", content=content).raise_for_status()
        known = self._known_before(path, sample)
        transport = sample.get("transport", "http")
        send = {
            "http": self._send_webhook,
            "mailbox": self._send_mail,
            "topic": self._publish,
            "file": self._import,
        }[transport]
        return self._outcome(path, sample, known, refusals=send(path, sample))

    def _send_webhook(self, path: Path, sample: Mapping[str, Any]) -> list[dict[str, Any]]:
        config = sample.get("config", {})
        parameters = {name: str(value) for name, value in config.items() if name in SENDER_SETTINGS}
        parameters |= signed_now(path, config.get("query", {}))
        # A signed webhook has no API key.
        headers = {"Content-Type": sample["content_type"]}
        if "query" in config:
            headers["Authorization"] = ""
        response = self._system.http.post(
            f"/v1/channels/{sample['channel']}", params=parameters, content=path.read_bytes(), headers=headers
        )
        if response.is_success:
            results = [] if response.text == "success" else response.json().get("results", [])
            return [error for result in results for error in result.get("errors", [])]
        assert response.status_code == 400, response.text
        errors: list[dict[str, Any]] = response.json()["errors"]
        return errors

    def _send_mail(self, path: Path, sample: Mapping[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG002
        with smtplib.SMTP("127.0.0.1", self._system.stack.state.ports["mail"], timeout=30) as smtp:
            smtp.sendmail("someone@mail.example", ["complaint@carrier.example"], path.read_bytes())
        return []

    def _publish(self, path: Path, sample: Mapping[str, Any]) -> list[dict[str, Any]]:
        whole = build_envelope(path, sample)
        pieces = TABLE[sample["channel"]].split(whole) if whole.body else None
        values = [part.body for part in pieces] if pieces is not None else [whole.body]
        publisher = Publisher(self._system.kafka, "samples")
        publisher.publish([Outgoing(f"channel.{sample['channel']}", b"k", value or None, []) for value in values])
        publisher.close()
        if sample["outcome"] != "refuse":
            return []

        def dead_letter() -> dead_letter_admin.StoredDeadLetter | None:
            letters = dead_letter_admin.unresolved(self._system.kafka)
            return next((letter for letter in letters if letter.value == whole.body), None)

        found = eventually(dead_letter, why=f"{path.name} is in no dead letter")
        assert found is not None
        return [{"field": found.details["field"], "reason": found.details["reason"]}]

    def _import(self, path: Path, sample: Mapping[str, Any]) -> list[dict[str, Any]]:
        folder = self._system.stack.folder.root / "samples"
        folder.mkdir(exist_ok=True)
        copy = folder / path.name
        copy.write_bytes(path.read_bytes())
        config = sample.get("config", {})
        settings = {name: str(value) for name, value in config.items() if name in SENDER_SETTINGS}
        with httpx.Client(
            base_url=self._system.stack.intake_url, headers={"Authorization": f"Bearer {self._key}"}, timeout=30
        ) as client:
            file_import = FileImport(copy, sample["channel"], client, table=TABLE, settings=settings, anew=True)
            try:
                list(file_import.run())
            except Exception as error:
                cause = error.__cause__
                if isinstance(cause, InvalidPayload):
                    return [{"field": problem.field, "reason": problem.reason} for problem in cause.errors]
                raise
        return list(_refused_rows(file_import.report))

    def _parse(self, path: Path, sample: Mapping[str, Any]) -> list[ParsedItem]:
        try:
            return TABLE[sample["channel"]].parse(self._envelope(path, sample))
        except InvalidPayload:
            return []

    def _envelope(self, path: Path, sample: Mapping[str, Any]) -> Any:
        by_key = sample.get("transport", "http") in {"http", "file"} and "query" not in sample.get("config", {})
        return dataclasses.replace(build_envelope(path, sample), sender=LOCAL_SENDER if by_key else sample["channel"])

    def _known_before(self, path: Path, sample: Mapping[str, Any]) -> set[UUID | str]:
        """Return the ids of the sample's contacts that are routed already, and of its calls that it adds nothing to."""
        parsed = [item.content for item in self._parse(path, sample)]
        contacts: set[UUID | str] = {each.id for each in parsed if isinstance(each, Contact) and self._routed(each.id)}
        return contacts | {each.call.id for each in parsed if isinstance(each, CallRecord) and self._call(each.call)}

    def _routed(self, id_: UUID) -> tuple[str, Contact] | None:
        """Return the disposition of a contact and the contact as the router passed it on; None if it is not routed."""
        with self._system.database() as connection:
            row = connection.execute(
                "select disposition, commands::text from router.contact where id = %s", (id_,)
            ).fetchone()
        if row is None:
            return None
        action = msgspec.json.decode(row[1], type=list[Command])[0].action
        assert isinstance(action, Open | Remind | AddContact)
        return row[0], action.contact

    def _outcome(
        self, path: Path, sample: Mapping[str, Any], known: set[UUID | str], *, refusals: list[dict[str, Any]]
    ) -> dict[str, Any]:
        records = [
            {"line": item.line, **self._record(item.content, path, known)}
            for item in self._parse(path, sample)
            if not isinstance(item.content, RejectedItem)
        ]
        records += [{"outcome": "refuse", **refusal} for refusal in refusals]
        outcomes = {record["outcome"] for record in records}
        whole = outcomes.pop() if len(outcomes) == 1 else "mixed"
        if sample["outcome"] == "mixed" and whole == "refuse":
            # Every row was refused: the response is the same as for a file that cannot be read.
            whole = "mixed"
        first = records[0] if records else {}
        reason = refusals[0].get("reason") if refusals else None
        fields = (str(refusal.get("field")) for refusal in refusals if refusal.get("reason") == reason)
        return {
            "outcome": whole,
            "reason": first.get("reason"),
            "field": ",".join(dict.fromkeys(fields)) or None,
            "records": records,
        }

    def _record(self, parsed: Any, path: Path, known: set[UUID | str]) -> dict[str, Any]:
        """Wait until a parsed item has been processed and return its outcome and facts."""
        if isinstance(parsed, Contact):
            return self._contact_record(parsed, path, known)
        if isinstance(parsed, NonTicket):
            kept = eventually(lambda: self._kept(parsed.id), why=f"{path.name}: the message was not kept")
            assert kept is not None
            outcome = "import" if kept.contact is not None else "no_ticket"
            more = facts(kept.contact) if kept.contact is not None else {"message_id": kept.message_id, **kept.facts}
            return {"outcome": outcome, "reason": kept.reason, **more}
        call = eventually(lambda: self._call(parsed.call), why=f"{path.name}: the call was not stored")
        assert call is not None
        return {"outcome": "duplicate" if call.id in known else "call_event", **call_facts(call)}

    def _contact_record(self, contact: Contact, path: Path, known: set[UUID | str]) -> dict[str, Any]:
        routed = eventually(lambda: self._routed(contact.id), why=f"{path.name}: the contact was not routed")
        assert routed is not None
        found = facts(routed[1])
        if contact.id in known:
            return {"outcome": "duplicate", "conflict": self._conflict(contact.id), **found}
        return {"outcome": "followup" if routed[1].follows else "ticket", **found}

    def _conflict(self, id_: UUID) -> bool:
        """Return whether the router rejected another body under a contact's id."""
        eventually(lambda: self._lag.measure()["router"] == 0, why="the router is behind")
        letters = dead_letter_admin.unresolved(self._system.kafka)
        return any(letter.details["reason"] == "conflict" and str(id_).encode() in letter.value for letter in letters)

    def _kept(self, id_: UUID) -> NonTicket | None:
        with self._system.database() as connection:
            row = connection.execute("select body::text from router.kept where id = %s", (id_,)).fetchone()
        return NonTicket.from_json(row[0]) if row is not None else None

    def _call(self, call: Call) -> Call | None:
        """Return the stored call once it holds everything that a record of it has; None before."""
        with self._system.database() as connection:
            row = connection.execute("select call::text from router.call where id = %s", (call.id,)).fetchone()
        known = Call.from_json(row[0]) if row is not None else None
        return known if known is not None and known.merged(call) == known else None


def signed_now(path: Path, query: Mapping[str, str]) -> dict[str, str]:
    """Return the query of an encrypted WeChat message, signed at the present time: old signatures are refused."""
    if "msg_signature" not in query:
        return dict(query)
    sealed = re.search(r"<Encrypt>(?:<!\[CDATA\[)?([^<\]]+)", path.read_text(encoding="utf-8"))
    stamp = {"timestamp": str(int(time.time())), "nonce": query["nonce"]}
    signature = wechat.compute_signature(TOKEN, *stamp.values(), sealed[1] if sealed is not None else "")
    return {**query, **stamp, "msg_signature": signature}


def _scans(path: Path, sample: Mapping[str, Any]) -> list[str]:
    if sample["channel"] != "letter_fax":
        return []
    body = msgspec.json.decode(path.read_bytes())
    return [scan["file"] for scan in body.get("scans", [])]


def _refused_rows(report: Path) -> Iterator[dict[str, Any]]:
    if report.exists():
        with report.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file) if report.suffix == ".csv" else map(json.loads, file)
            for row in rows:
                # A row may have several errors; the manifest names the first reason, and the row without its sheet.
                line = int(str(row["_row"]).rpartition("!")[2])
                yield {"line": line, "field": row["_field"], "reason": row["_reason"].partition(",")[0]}
