"""What a native message becomes, in the words of the channels' facts: outcome, reason, field and records."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from schemas.call import Call, CallRecord
from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.domain.ids import contact_digest
from services.intake.channel_registry import ChannelAdapter
from services.intake.domain.envelope import Envelope, ParsedItem, RejectedItem
from services.intake.domain.fields import InputError, InvalidPayload, parse_whole_number

NOT_ATTACHED = frozenset({"paper_form", "call"})
"""Evidence that is no attachment: the number of the form on which a hall took the complaint, the record of a call."""


@dataclass
class SeenMessages:
    """What was heard before: a second message under an id is a duplicate, and a form finds its call.

    Attributes:
        contacts: what tells each contact's body from another, by id.
        calls: what is known of each call, by the exchange's id.

    """

    contacts: dict[UUID, bytes] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)


def normalised(channel: ChannelAdapter, envelope: Envelope, memory: SeenMessages) -> dict[str, Any]:
    """Return what a message becomes."""
    try:
        heard = channel.parse(envelope)
    except InvalidPayload as error:
        return _refused(error.errors)
    told = [_record(each, memory) for each in heard]
    outcomes = {each["outcome"] for each in told}
    reasons = {each.get("reason") for each in told}
    whole: dict[str, Any] = {
        "outcome": outcomes.pop() if len(outcomes) == 1 else "mixed",
        "reason": None,
        "field": None,
    }
    if whole["outcome"] != "mixed" and len(reasons) == 1:
        whole["reason"] = reasons.pop()
    if whole["outcome"] == "refuse" and any(each.get("message_id") for each in told):
        whole |= {"outcome": "mixed", "reason": None}
    if whole["outcome"] == "refuse":
        return _refused(
            [fault for each in heard if isinstance(each.content, RejectedItem) for fault in each.content.errors]
        )
    whole["records"] = [each if whole["outcome"] == "mixed" else _without_outcome(each) for each in told]
    return whole


def _without_outcome(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in {"outcome", "reason"}}


def _refused(faults: list[InputError]) -> dict[str, Any]:
    first = faults[0]
    fields = dict.fromkeys(each.field for each in faults if each.reason == first.reason)
    messages = list(dict.fromkeys(each.message for each in faults))
    return {
        "outcome": "refuse",
        "reason": first.reason,
        "field": ",".join(fields),
        "what_to_do": messages,
        "records": [],
    }


def _record(heard: ParsedItem, memory: SeenMessages) -> dict[str, Any]:
    what = heard.content
    place = {"line": heard.line} if heard.line is not None else {}
    if isinstance(what, RejectedItem):
        told = _refused(list(what.errors))
        told.pop("records")
        return {"outcome": told.pop("outcome"), **place, "message_id": what.message_id, **told}
    if isinstance(what, CallRecord):
        call = what.call
        before = memory.calls.get(call.id)
        memory.calls[call.id] = call if before is None else before.merged(call)
        return {"outcome": "call_event" if before != call else "duplicate", **place, **call_facts(call)}
    if isinstance(what, NonTicket):
        outcome = "import" if what.contact is not None else "no_ticket"
        more = facts(what.contact) if what.contact is not None else {"message_id": what.message_id, **what.facts}
        return {"outcome": outcome, "reason": what.reason, **place, **more}
    contact = joined(what, memory.calls)
    told, digest = facts(contact), contact_digest(what)
    if contact.id in memory.contacts:
        return {"outcome": "duplicate", **place, "conflict": memory.contacts[contact.id] != digest, **told}
    memory.contacts[contact.id] = digest
    return {"outcome": "followup" if contact.follows else "ticket", **place, **told}


def joined(contact: Contact, calls: Mapping[str, Call]) -> Contact:
    """Return a contact with what is known of its call: it began when the call did."""
    call = calls.get(contact.call or "")
    return contact.replace(contacted_at=call.started_at or contact.contacted_at) if call is not None else contact


def call_facts(call: Call) -> dict[str, Any]:
    """Return the facts of a call."""
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
    """Return the facts of a contact."""
    customer = contact.customer
    files = [each for each in contact.evidence if each.kind not in NOT_ATTACHED]
    told: dict[str, Any] = {
        "message_id": None if "no_message_id" in contact.flags else contact.message_id,
        "phone": customer.phone,
        "phone_ext": customer.phone_extension,
        "contacted_at": _iso(contact.contacted_at or contact.contacted_on or contact.received_at),
        "occurred_at": _iso(contact.occurred_at or contact.occurred_on) or contact.details.get("occurred_local"),
        "text": contact.text,
        "attachments": max(len(files), _count(contact.details.get("attachments"))),
        "attachment_names": [each.name for each in files if each.name],
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
        "recording": next((each.reference for each in files if each.kind == "recording"), None),
        "ticket_ref": contact.follows,
        "flags": list(contact.flags),
    }
    details: dict[str, Any] = dict(contact.details)
    if "other_phones" in details:
        details["other_phones"] = details["other_phones"].split("/")
    return {**details, **told}


def _count(text: str | None) -> int:
    return parse_whole_number(text or "") or 0


def _iso(value: Any) -> str | None:
    return value.isoformat() if value is not None else None


def configured(envelope: Envelope, settings: Mapping[str, str]) -> Envelope:
    """Return an envelope with settings of the channel; `query.<name>` is a parameter of the address.

    Raises:
        ValueError: there is no such setting, or it cannot have that value; the message says what to do.

    """
    query = {name.removeprefix("query."): value for name, value in settings.items() if name.startswith("query.")}
    told = {name: value for name, value in settings.items() if not name.startswith("query.")}
    return dataclasses.replace(envelope, config=envelope.config.with_settings(told), query={**envelope.query, **query})
