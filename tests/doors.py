"""Samples through the real doors of a running system: webhook, SMTP, topic and import; what came of each, as facts."""

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
from duban.sample_check import beside, envelope
from duban.system_connection import LOCAL_SENDER
from schemas.action import Open, Remind
from schemas.call import Call, CallRecord
from schemas.command import Command
from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.intake.channel_registry import channels
from services.intake.domain.channels import wechat
from services.intake.domain.envelope import ParsedItem, RejectedItem
from services.intake.domain.fields import InvalidPayload
from services.shared.kafka import dead_letter_admin as box
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from services.shared.kafka.topic_reader import ConsumerLag
from tests.builders import eventually
from tests.system import System

TABLE = channels()
TOKEN = "sampletoken"
"""Of the WeChat account in channels.toml."""
OF_SENDERS = frozenset({"default_tz", "default_region", "cdr_tz", "columns", "charset", "encode_values"})


class Doors:
    """Sends samples in and tells what they became."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._key = system.key
        self._lag = ConsumerLag(system.kafka, {"router": [Contact.TOPIC]})

    def send(self, path: Path, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Send one sample by its own door and return what it became."""
        for scan in _scans(path, sample):
            content = beside(path)(scan)
            if content is not None:
                self._system.http.put(f"/v1/attachments/{scan}", content=content).raise_for_status()
        before = self._known(path, sample)
        transport = sample.get("transport", "http")
        refused = {
            "http": self._webhook,
            "mailbox": self._mail,
            "topic": self._topic,
            "file": self._import,
        }[transport](path, sample)
        return self._outcome(path, sample, before, refused)

    def _webhook(self, path: Path, sample: Mapping[str, Any]) -> list[dict[str, Any]]:
        config = sample.get("config", {})
        told = {name: str(value) for name, value in config.items() if name in OF_SENDERS}
        told |= signed_now(path, config.get("query", {}))
        # A signed webhook comes without a key.
        headers = {"Content-Type": sample["content_type"]}
        if "query" in config:
            headers["Authorization"] = ""
        answer = self._system.http.post(
            f"/v1/channels/{sample['channel']}", params=told, content=path.read_bytes(), headers=headers
        )
        if answer.is_success:
            results = [] if answer.text == "success" else answer.json().get("results", [])
            return [error for each in results for error in each.get("errors", [])]
        assert answer.status_code == 400, answer.text
        errors: list[dict[str, Any]] = answer.json()["errors"]
        return errors

    def _mail(self, path: Path, sample: Mapping[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG002
        with smtplib.SMTP("127.0.0.1", self._system.stack.state.ports["mail"], timeout=30) as smtp:
            smtp.sendmail("someone@mail.example", ["complaint@carrier.example"], path.read_bytes())
        return []

    def _topic(self, path: Path, sample: Mapping[str, Any]) -> list[dict[str, Any]]:
        whole = envelope(path, sample)
        pieces = TABLE[sample["channel"]].split(whole) if whole.body else None
        values = [each.body for each in pieces] if pieces is not None else [whole.body]
        publisher = Publisher(self._system.kafka, "samples")
        publisher.publish([Outgoing(f"channel.{sample['channel']}", b"k", each or None, []) for each in values])
        publisher.close()
        if sample["outcome"] != "refuse":
            return []

        def letter() -> box.StoredDeadLetter | None:
            letters = box.letters(self._system.kafka)
            return next((each for each in letters if each.value == whole.body), None)

        found = eventually(letter, why=f"{path.name} is in no dead letter")
        assert found is not None
        return [{"field": found.told["field"], "reason": found.told["reason"]}]

    def _import(self, path: Path, sample: Mapping[str, Any]) -> list[dict[str, Any]]:
        folder = self._system.stack.folder.root / "samples"
        folder.mkdir(exist_ok=True)
        copy = folder / path.name
        copy.write_bytes(path.read_bytes())
        config = sample.get("config", {})
        told = {name: str(value) for name, value in config.items() if name in OF_SENDERS}
        with httpx.Client(
            base_url=self._system.stack.intake_url, headers={"Authorization": f"Bearer {self._key}"}, timeout=30
        ) as client:
            work = FileImport(copy, sample["channel"], client, table=TABLE, settings=told, anew=True)
            try:
                list(work.run())
            except Exception as error:
                cause = error.__cause__
                if isinstance(cause, InvalidPayload):
                    return [{"field": each.field, "reason": each.reason} for each in cause.errors]
                raise
        return list(_report(work.report))

    def _heard(self, path: Path, sample: Mapping[str, Any]) -> list[ParsedItem]:
        try:
            return TABLE[sample["channel"]].parse(self._envelope(path, sample))
        except InvalidPayload:
            return []

    def _envelope(self, path: Path, sample: Mapping[str, Any]) -> Any:
        by_key = sample.get("transport", "http") in {"http", "file"} and "query" not in sample.get("config", {})
        return dataclasses.replace(envelope(path, sample), sender=LOCAL_SENDER if by_key else sample["channel"])

    def _known(self, path: Path, sample: Mapping[str, Any]) -> set[UUID | str]:
        """Return what of a sample is known before it is sent: contacts by id, calls that it tells nothing new of."""
        whats = [each.content for each in self._heard(path, sample)]
        known: set[UUID | str] = {each.id for each in whats if isinstance(each, Contact) and self._routed(each.id)}
        return known | {each.call.id for each in whats if isinstance(each, CallRecord) and self._call(each.call)}

    def _routed(self, id_: UUID) -> tuple[str, Contact] | None:
        with self._system.database() as connection:
            row = connection.execute(
                "select disposition, commands::text from router.contact where id = %s", (id_,)
            ).fetchone()
        if row is None:
            return None
        action = msgspec.json.decode(row[1], type=list[Command])[0].action
        assert isinstance(action, Open | Remind)
        return row[0], action.contact

    def _outcome(
        self, path: Path, sample: Mapping[str, Any], before: set[UUID | str], refused: list[dict[str, Any]]
    ) -> dict[str, Any]:
        records = [
            {"line": each.line, **self._record(each.content, path, before)}
            for each in self._heard(path, sample)
            if not isinstance(each.content, RejectedItem)
        ]
        records += [{"outcome": "refuse", **each} for each in refused]
        outcomes = {each["outcome"] for each in records}
        whole = outcomes.pop() if len(outcomes) == 1 else "mixed"
        if sample["outcome"] == "mixed" and whole == "refuse":
            # A list of which every row was refused; the door does not tell it from a file that is none.
            whole = "mixed"
        first = records[0] if records else {}
        same = (str(each.get("field")) for each in refused if each.get("reason") == refused[0].get("reason"))
        fields = ",".join(dict.fromkeys(same)) or None
        return {"outcome": whole, "reason": first.get("reason"), "field": fields, "records": records}

    def _record(self, what: Any, path: Path, before: set[UUID | str]) -> dict[str, Any]:
        if isinstance(what, Contact):
            found = eventually(lambda: self._routed(what.id), why=f"{path.name}: nothing was routed")
            assert found is not None
            told = facts(found[1])
            if what.id in before:
                return {"outcome": "duplicate", "conflict": self._conflict(what.id), **told}
            return {"outcome": "followup" if found[1].follows else "ticket", **told}
        if isinstance(what, NonTicket):
            kept = eventually(lambda: self._kept(what.id), why=f"{path.name}: nothing was kept")
            assert kept is not None
            outcome = "import" if kept.contact is not None else "no_ticket"
            more = facts(kept.contact) if kept.contact is not None else {"message_id": kept.message_id, **kept.facts}
            return {"outcome": outcome, "reason": kept.reason, **more}
        call = eventually(lambda: self._call(what.call), why=f"{path.name}: no call")
        assert call is not None
        return {"outcome": "duplicate" if call.id in before else "call_event", **call_facts(call)}

    def _conflict(self, id_: UUID) -> bool:
        """Whether the router found another body under a contact's id."""
        eventually(lambda: self._lag.look()["router"] == 0, why="the router is behind")
        letters = box.letters(self._system.kafka)
        return any(each.told["reason"] == "conflict" and str(id_).encode() in each.value for each in letters)

    def _kept(self, id_: UUID) -> NonTicket | None:
        with self._system.database() as connection:
            row = connection.execute("select body::text from router.kept where id = %s", (id_,)).fetchone()
        return NonTicket.from_json(row[0]) if row is not None else None

    def _call(self, told: Call) -> Call | None:
        """Return what is known of a call, once it holds what a record tells of it."""
        with self._system.database() as connection:
            row = connection.execute("select call::text from router.call where id = %s", (told.id,)).fetchone()
        known = Call.from_json(row[0]) if row is not None else None
        return known if known is not None and known.merged(told) == known else None


def signed_now(path: Path, query: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a sealed message of WeChat with the time of now: what was signed long ago is refused."""
    if "msg_signature" not in query:
        return dict(query)
    sealed = re.search(r"<Encrypt>(?:<!\[CDATA\[)?([^<\]]+)", path.read_text(encoding="utf-8"))
    stamp = {"timestamp": str(int(time.time())), "nonce": query["nonce"]}
    signature = wechat.compute_signature(TOKEN, *stamp.values(), sealed[1] if sealed is not None else "")
    return {**query, **stamp, "msg_signature": signature}


def _scans(path: Path, sample: Mapping[str, Any]) -> list[str]:
    if sample["channel"] != "letter_fax":
        return []
    told = msgspec.json.decode(path.read_bytes())
    return [each["file"] for each in told.get("scans", [])]


def _report(report: Path) -> Iterator[dict[str, Any]]:
    if report.exists():
        with report.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file) if report.suffix == ".csv" else map(json.loads, file)
            for row in rows:
                # Several faults of a row are told together; the first reason is what the manifest names.
                yield {"line": int(row["_row"]), "field": row["_field"], "reason": row["_reason"].partition(",")[0]}
