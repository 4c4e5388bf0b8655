"""Adapter for tickets of other carriers and CRMs: the create request of TMF621 Trouble Ticket v5 (R2.1). Pure."""

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
"""Fields that TMF621 requires in a create request."""
STATUSES = frozenset({"acknowledged", "rejected", "pending", "held", "inProgress", "cancelled", "closed", "resolved"})
"""Statuses of TMF621."""


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Parse one create request.

    Raises:
        InvalidPayload: no contact can be built from it.

    """
    errors = InputErrors()
    body = parse_json_object(envelope.body)
    ticket = FieldReader(body, errors)
    for name in REQUIRED:
        if not ticket.text(name):
            errors.add(name, "bad_schema", "the field is missing: TMF621 requires it in a create request")
    status = ticket.text("status")
    if status is not None and status not in STATUSES:
        errors.add("status", "bad_schema", f"choose one of {', '.join(sorted(STATUSES))}")
    external_ids = [_external_id(identifier) for identifier in ticket.parts("externalIdentifier")]
    attachments = [_read_attachment(attachment, envelope, errors) for attachment in ticket.parts("attachment")]
    details = _read_details(ticket, external_ids)
    if not external_ids:
        errors.flag("no_message_id")
    message_id = external_ids[0] if external_ids else hashlib.sha256(envelope.body).hexdigest()
    evidence = [attachment for attachment in attachments if attachment is not None]
    overrides: dict[str, Any] = {"evidence": evidence, "details": details}
    values = {**body, "characteristic": _characteristics(ticket), "customer": _customer(ticket)}
    return [
        ParsedItem(
            MappedChannel(mapping).build(values, envelope, errors=errors, overrides=overrides, message_id=message_id)
        )
    ]


def _read_details(ticket: FieldReader, external_ids: list[str]) -> dict[str, str]:
    """Return what only TMF621 knows: a second external id, a related ticket and the notes."""
    details: dict[str, str] = {}
    if len(external_ids) > 1:
        details["earlier_id"] = external_ids[1]
    for relationship in ticket.parts("troubleTicketRelationship"):
        if number := relationship.text("id"):
            details["related_ticket"] = number
    if notes := [text for note in ticket.parts("note") if (text := note.text("text"))]:
        details["notes"] = "\n".join(notes)
    return details


def _external_id(identifier: FieldReader) -> str:
    return "/".join(part for part in (identifier.text("owner"), identifier.text("id")) if part)


def _characteristics(ticket: FieldReader) -> dict[str, Any]:
    """Return the characteristics by name, for the mapping's path `characteristic`."""
    parts = ticket.parts("troubleTicketCharacteristic")
    return {name: part.values.get("value") for part in parts if (name := part.text("name"))}


def _customer(ticket: FieldReader) -> Mapping[str, Any]:
    """Return the party with the role customer, else the first party, for the mapping's path `customer`."""
    parties = ticket.parts("relatedParty")
    chosen = next((party for party in parties if party.text("role") == "customer"), parties[0] if parties else None)
    return chosen.part("partyOrPartyRole").values if chosen is not None else {}


def _read_attachment(attachment: FieldReader, envelope: Envelope, errors: InputErrors) -> dict[str, Any] | None:
    """Return an attachment as evidence: its content is stored, without content its link is kept; None: neither."""
    content = attachment.text("content")
    if content is None:
        link = attachment.text("url") or attachment.text("href") or attachment.text("id")
        reference = bounded_reference(link, errors) if link else None
        return {"kind": "attachment", "reference": reference} if reference else None
    try:
        decoded = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        errors.add(f"{attachment.path}content", "bad_attachment", "write the complete content as base64")
        return None
    return {
        "kind": "attachment",
        "reference": envelope.attachments.add(decoded),
        "media_type": attachment.text("mimeType"),
        "size": len(decoded),
        "sha256": hashlib.sha256(decoded).hexdigest(),
    }
