"""Parses a native message and describes the result as plain values: outcome, reason, field and records."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from schemas.call import Call, CallRecord
from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.domain.contact_codes import unknown_codes
from services.domain.ids import contact_digest
from services.domain.policy.pack import Pack
from services.intake.channel_registry import ChannelAdapter
from services.intake.domain.envelope import Envelope, ParsedItem, RejectedItem
from services.intake.domain.fields import InputError, InvalidPayload, parse_whole_number

NOT_ATTACHED = frozenset({"paper_form", "call"})
"""Kinds of evidence that are no attachment: the number of a paper form, the record of a call."""


@dataclass
class SeenMessages:
    """The messages of a run so far: they tell duplicates, and link a form with its call.

    Attributes:
        contacts: digest of each contact's body, by contact id.
        calls: what is known of each call, by the telephone system's id.

    """

    contacts: dict[UUID, bytes] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)


def normalise_message(
    channel: ChannelAdapter, envelope: Envelope, seen: SeenMessages, pack: Pack | None = None
) -> dict[str, Any]:
    """Return what a message is parsed into: outcome, reason, field and records.

    Args:
        channel: of the message.
        envelope: the message.
        seen: the messages before it.
        pack: the policy pack whose codes the records must name; None: they are not looked at.

    """
    try:
        items = channel.parse(envelope)
    except InvalidPayload as error:
        return _refusal(error.errors)
    records = [_record(item, seen) | _unknown(item, pack) for item in items]
    outcome = _common_outcome(records)
    if outcome == "refuse":
        rejected = [item.content for item in items if isinstance(item.content, RejectedItem)]
        return _refusal([error for content in rejected for error in content.errors])
    if outcome == "mixed":
        return {"outcome": outcome, "reason": None, "field": None, "records": records}
    reasons = {record.get("reason") for record in records}
    return {
        "outcome": outcome,
        "reason": reasons.pop() if len(reasons) == 1 else None,
        "field": None,
        "records": [_without_outcome(record) for record in records],
    }


def _unknown(item: ParsedItem, pack: Pack | None) -> dict[str, Any]:
    """Return the codes of a contact that its pack does not have, with those that there are."""
    if pack is None or not isinstance(item.content, Contact):
        return {}
    codes = [
        {"field": code.field, "value": code.value, "flag": code.flag, "allowed": list(code.known)}
        for code in unknown_codes(item.content, pack)
    ]
    return {"unknown_codes": codes} if codes else {}


def _common_outcome(records: list[dict[str, Any]]) -> str:
    """Return the outcome that all records have; mixed when they differ, or when refused ones have ids of their own."""
    outcomes = {str(record["outcome"]) for record in records}
    if len(outcomes) != 1 or (outcomes == {"refuse"} and any(record.get("message_id") for record in records)):
        return "mixed"
    return outcomes.pop()


def _without_outcome(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in {"outcome", "reason"}}


def _refusal(errors: list[InputError]) -> dict[str, Any]:
    first = errors[0]
    fields = dict.fromkeys(error.field for error in errors if error.reason == first.reason)
    messages = list(dict.fromkeys(error.message for error in errors))
    return {
        "outcome": "refuse",
        "reason": first.reason,
        "field": ",".join(fields),
        "what_to_do": messages,
        "records": [],
    }


def _record(item: ParsedItem, seen: SeenMessages) -> dict[str, Any]:
    content = item.content
    line = {"line": item.line} if item.line is not None else {}
    if isinstance(content, RejectedItem):
        refusal = _refusal(list(content.errors))
        refusal.pop("records")
        return {"outcome": refusal.pop("outcome"), **line, "message_id": content.message_id, **refusal}
    if isinstance(content, CallRecord):
        return _call_record(content.call, line, seen)
    if isinstance(content, NonTicket):
        outcome = "import" if content.contact is not None else "no_ticket"
        imported = content.contact
        more = facts(imported) if imported is not None else {"message_id": content.message_id, **content.facts}
        return {"outcome": outcome, "reason": content.reason, **line, **more}
    contact, digest = with_call_time(content, seen.calls), contact_digest(content)
    if contact.id in seen.contacts:
        conflict = seen.contacts[contact.id] != digest
        return {"outcome": "duplicate", **line, "conflict": conflict, **facts(contact)}
    seen.contacts[contact.id] = digest
    return {"outcome": "followup" if contact.follows else "ticket", **line, **facts(contact)}


def _call_record(call: Call, line: dict[str, int], seen: SeenMessages) -> dict[str, Any]:
    known = seen.calls.get(call.id)
    seen.calls[call.id] = call if known is None else known.merged(call)
    return {"outcome": "call_event" if known != call else "duplicate", **line, **call_facts(call)}


def with_call_time(contact: Contact, calls: Mapping[str, Call]) -> Contact:
    """Return a contact with the start of its call, if that is known, as the time of contact."""
    call = calls.get(contact.call or "")
    return contact.replace(contacted_at=call.started_at or contact.contacted_at) if call is not None else contact


def call_facts(call: Call) -> dict[str, Any]:
    """Return the fields of a call as plain values."""
    return {
        "call_id": call.id,
        "phone": call.phone,
        "started_at": _iso(call.started_at),
        "answered_at": _iso(call.answered_at),
        "ended_at": _iso(call.ended_at),
        "wait_s": call.waiting,
        "talk_s": call.talk,
        "operator": call.operator,
        "recording": call.recording,
        "end": call.ended_by,
        "rows": call.rows,
        "flags": ["phone_withheld"] if call.withheld else [],
    }


def facts(contact: Contact) -> dict[str, Any]:
    """Return the fields of a contact as plain values."""
    customer = contact.customer
    attachments = [item for item in contact.evidence if item.kind not in NOT_ATTACHED]
    fields: dict[str, Any] = {
        "message_id": None if "no_message_id" in contact.flags else contact.message_id,
        "phone": customer.phone,
        "phone_ext": customer.phone_extension,
        "contacted_at": _iso(contact.contacted_at or contact.contacted_on or contact.received_at),
        "occurred_at": _iso(contact.occurred_at or contact.occurred_on) or contact.details.get("occurred_local"),
        "text": contact.text,
        "attachments": max(len(attachments), _count(contact.details.get("attachments"))),
        "attachment_names": [item.name for item in attachments if item.name],
        "name": customer.name,
        "email": customer.email,
        "identity": customer.identity,
        "address": customer.address,
        "language": customer.language,
        "labels": list(contact.labels),
        "site": contact.site,
        "operator": contact.agent,
        "settled": contact.settlement is not None,
        "call_id": contact.call,
        "recording": next((item.reference for item in attachments if item.kind == "recording"), None),
        "ticket_ref": contact.follows,
        "flags": list(contact.flags),
    }
    details: dict[str, Any] = dict(contact.details)
    if "other_phones" in details:
        details["other_phones"] = details["other_phones"].split("/")
    return {**details, **fields}


def _count(text: str | None) -> int:
    return parse_whole_number(text or "") or 0


def _iso(value: Any) -> str | None:
    return value.isoformat() if value is not None else None


def with_settings(envelope: Envelope, settings: Mapping[str, str]) -> Envelope:
    """Return an envelope with settings of the channel; `query.<name>` sets a query parameter of the URL.

    Raises:
        ValueError: there is no such setting, or it has an invalid value; the message says what to do.

    """
    query = {name.removeprefix("query."): value for name, value in settings.items() if name.startswith("query.")}
    own = {name: value for name, value in settings.items() if not name.startswith("query.")}
    return dataclasses.replace(envelope, config=envelope.config.with_settings(own), query={**envelope.query, **query})
