"""Tickets of other carriers and CRMs, shaped as the create request of TMF621 Trouble Ticket v5 (R2.1)."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.envelope import Envelope, ParsedItem, parse_json_object
from services.intake.domain.fields import FieldReader, InputErrors, bounded_reference
from services.intake.domain.mapping import ChannelMapping

REQUIRED = ("description", "severity", "ticketType", "@type")
STATUSES = frozenset({"acknowledged", "rejected", "pending", "held", "inProgress", "cancelled", "closed", "resolved"})


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Hear one create request.

    Raises:
        Unusable: nothing can be made of it.

    """
    errors = InputErrors()
    body = parse_json_object(envelope.body)
    told = FieldReader(body, errors)
    for name in REQUIRED:
        if not told.text(name):
            errors.add(name, "bad_schema", "TMF621 requires this field in a create request")
    status = told.text("status")
    if status is not None and status not in STATUSES:
        errors.add("status", "bad_schema", f"TMF621 knows {', '.join(sorted(STATUSES))}")
    systems = [_external(each) for each in told.parts("externalIdentifier")]
    evidence = [_attachment(each, envelope, errors) for each in told.parts("attachment")]
    more: dict[str, Any] = {"evidence": [each for each in evidence if each is not None], "details": {}}
    if len(systems) > 1:
        more["details"]["earlier_id"] = systems[1]
    for each in told.parts("troubleTicketRelationship"):
        if number := each.text("id"):
            more["details"]["related_ticket"] = number
    if notes := [each.text("text") for each in told.parts("note") if each.text("text")]:
        more["details"]["notes"] = "\n".join(str(each) for each in notes)
    if not systems:
        errors.flag("no_message_id")
    message_id = systems[0] if systems else hashlib.sha256(envelope.body).hexdigest()
    values = {**body, "characteristic": _characteristics(told), "customer": _customer(told)}
    return [ParsedItem(MappedChannel(mapping).build(values, envelope, errors=errors, more=more, message_id=message_id))]


def _external(each: FieldReader) -> str:
    return "/".join(part for part in (each.text("owner"), each.text("id")) if part)


def _characteristics(told: FieldReader) -> dict[str, Any]:
    parts = told.parts("troubleTicketCharacteristic")
    return {name: each.values.get("value") for each in parts if (name := each.text("name"))}


def _customer(told: FieldReader) -> Mapping[str, Any]:
    """Return the party whom the ticket is about: its customer, or the first one named."""
    parties = told.parts("relatedParty")
    chosen = next((each for each in parties if each.text("role") == "customer"), parties[0] if parties else None)
    return chosen.part("partyOrPartyRole").values if chosen is not None else {}


def _attachment(each: FieldReader, envelope: Envelope, errors: InputErrors) -> dict[str, Any] | None:
    content = each.text("content")
    if content is None:
        told = each.text("url") or each.text("href") or each.text("id")
        where = bounded_reference(told, errors) if told else None
        return {"kind": "attachment", "reference": where} if where else None
    try:
        plain = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        errors.add(f"{each.path}content", "bad_attachment", "write the content as base64, all of it")
        return None
    return {
        "kind": "attachment",
        "reference": envelope.attachments.add(plain),
        "media_type": each.text("mimeType"),
        "size": len(plain),
        "sha256": hashlib.sha256(plain).hexdigest(),
    }
