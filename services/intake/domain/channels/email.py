"""Adapter for mail (RFC 5322); bounces and automatic replies become non-tickets, never tickets (R2.1). Pure."""

import dataclasses
import hashlib
from typing import Any

from services.intake.domain.channels.mail_message import ParsedMail
from services.intake.domain.channels.non_ticket import build_non_ticket
from services.intake.domain.contact_builder import build_contact
from services.intake.domain.envelope import AttachmentBuffer, Envelope, ParsedItem
from services.intake.domain.fields import MAX_TEXT_LENGTH, InputErrors, InvalidPayload, invalid_payload
from services.intake.domain.mapping import ChannelMapping
from services.intake.domain.phone_mentions import writers_phone

MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024
"""Bytes of an attachment; a larger one is only named in the contact."""
MAX_ATTACHMENTS = 50
"""Attachments of a mail that are stored."""
EXECUTABLE_SUFFIXES = (".exe", ".scr", ".bat", ".cmd", ".com", ".js", ".vbs", ".ps1", ".jar", ".msi", ".lnk", ".hta")
"""Suffixes of files that run when opened; they are not stored, only named in the contact."""


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:  # noqa: ARG001 - the fields of a mail are fixed
    """Parse one mail into a contact or a non-ticket.

    Raises:
        InvalidPayload: the mail is empty, too complex to read, or has no sender.

    """
    if not envelope.body.strip():
        raise invalid_payload("body", "empty", "the mail is empty: send its text")
    if ParsedMail.exceeds_limits(envelope.body):
        message = "the mail has too many lines or parts: send its content as attached files"
        raise invalid_payload("body", "too_large", message)
    try:
        return _parse_mail(ParsedMail(envelope.body), envelope)
    except InvalidPayload:
        raise
    except Exception as error:
        message = f"the mail cannot be read ({type(error).__name__}): send it again from another program"
        raise invalid_payload("body", "bad_syntax", message) from error


def _parse_mail(mail: ParsedMail, envelope: Envelope) -> list[ParsedItem]:
    message_id = mail.message_id
    id_ = message_id or hashlib.sha256(envelope.body).hexdigest()
    if mail.is_bounce:
        return [ParsedItem(build_non_ticket(envelope, id_, "bounce", facts=mail.bounce_report()))]
    if mail.is_automatic:
        return [ParsedItem(build_non_ticket(envelope, id_, "auto_reply"))]
    errors = InputErrors()
    if message_id is None:
        errors.flag("no_message_id")
    contacted_at = mail.date
    if contacted_at is None:
        errors.flag("bad_date")
    if mail.truncated:
        errors.flag("truncated")
    text = mail.text
    customer = _read_customer(mail, text, envelope.config.default_region, errors)
    if mail.text_truncated or len(text) > MAX_TEXT_LENGTH:
        errors.flag("text_cut")
    evidence, left_out = _collect_attachments(mail, envelope.attachments, errors)
    _, sent_from = mail.sender
    details = {
        "subject": mail.subject,
        "in_reply_to": mail.in_reply_to,
        "sent_from": sent_from if sent_from != customer["email"] else None,
        "attachments_left_out": ", ".join(left_out),
    }
    fields: dict[str, Any] = {
        "contacted_at": contacted_at,
        "customer": customer,
        "text": text[:MAX_TEXT_LENGTH],
        "evidence": evidence,
        "follows": mail.ticket_number,
        "details": {key: value[:MAX_TEXT_LENGTH] for key, value in details.items() if value},
    }
    # The complete mail is stored with the contact, attachments included.
    complete = dataclasses.replace(envelope, media_type="message/rfc822")
    return [ParsedItem(build_contact(complete, id_, fields, errors, reach="From", id_field="Message-ID"))]


def _read_customer(mail: ParsedMail, text: str, region: str, errors: InputErrors) -> dict[str, Any]:
    """Return the author, at the address that answers should go to, with the phone that the text names."""
    name, address = mail.sender
    _, reply_to = mail.reply_to
    return {"name": name, "email": reply_to or address, **writers_phone(text, region, errors)}


def _collect_attachments(
    mail: ParsedMail, buffer: AttachmentBuffer, errors: InputErrors
) -> tuple[list[dict[str, Any]], list[str]]:
    """Store the attachments; returns the evidence for the contact, and the names of those that were left out."""
    evidence: list[dict[str, Any]] = []
    left_out: list[str] = []
    for attachment in mail.attachments():
        if (
            len(evidence) >= MAX_ATTACHMENTS
            or len(attachment.content) > MAX_ATTACHMENT_BYTES
            or attachment.name.lower().endswith(EXECUTABLE_SUFFIXES)
        ):
            left_out.append(attachment.name[:100])
            errors.flag("attachment_left_out")
            continue
        evidence.append(
            {
                "kind": "attachment",
                "reference": buffer.add(attachment.content),
                "name": attachment.name[:200],
                "media_type": attachment.media_type[:200],
                "size": len(attachment.content),
                "sha256": hashlib.sha256(attachment.content).hexdigest(),
            }
        )
    return evidence, left_out
