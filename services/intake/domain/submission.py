"""Parses a contact in Duban's own JSON format: `POST /v1/contacts` and the lines of a batch. Pure."""

from collections.abc import Mapping
from typing import Any

from schemas.contact import Contact
from services.intake.domain.contact_builder import build_contact
from services.intake.domain.envelope import Envelope
from services.intake.domain.fields import MAX_TEXT_LENGTH, UNREAD_FLAG, InputErrors, is_rounded_id, parse_amount
from services.intake.domain.phones import read_phone_field
from services.intake.domain.times import parse_instant, parse_occurrence

RESERVED_FIELDS = frozenset({"id", "sender", "policy", "received_at", "raw"})
"""Fields of Contact that intake sets; a submission that holds one is rejected."""


def parse_contact(submission: Mapping[str, Any], envelope: Envelope, key: str | None = None) -> Contact:
    """Build a contact from a submission.

    Args:
        submission: the JSON object as sent.
        envelope: the message and what intake knows of its sender.
        key: the Idempotency-Key, which stands for a message id; empty: none was sent; None: the request cannot have
            one, because it holds several messages.

    Raises:
        InvalidPayload: something is wrong with the submission; holds every error at once (R2.5).

    """
    errors = InputErrors()
    for name in sorted(RESERVED_FIELDS & submission.keys()):
        errors.add(name, "bad_schema", "this field is set by Duban: leave it out")
    separate = RESERVED_FIELDS | {"message_id", "channel"}
    fields = {name: value for name, value in submission.items() if name not in separate}
    fields["contacted_at"] = parse_instant(submission.get("contacted_at"), "contacted_at", errors)
    if "occurred_at" in fields:
        fields |= parse_occurrence(fields.pop("occurred_at"), errors)
    as_written: dict[str, str] = {}
    fields["amount_in_dispute"] = _parse_amount(submission, "amount_in_dispute", as_written, errors)
    customer = submission.get("customer")
    if isinstance(customer, Mapping):
        fields["customer"] = _parse_customer(customer, as_written, errors)
    elif customer is None:
        fields["customer"] = {}
    details = submission.get("details")
    if as_written and (details is None or isinstance(details, Mapping)):
        fields["details"] = {**as_written, **(details or {})}
    message_id = _parse_message_id(submission.get("message_id"), key, errors)
    return build_contact(envelope, message_id, fields, errors, reach="customer.phone")


def _parse_message_id(value: Any, key: str | None, errors: InputErrors) -> str | None:
    if value is not None and not isinstance(value, str):
        errors.add("message_id", "bad_id", "write the id as text: JSON numbers lose digits beyond 2^53")
        return key
    if value and is_rounded_id(value):
        errors.add("message_id", "bad_id", "a spreadsheet has rounded this id: format its column as text")
    elif not value and key == "":
        errors.add("message_id", "missing_id", "give the message its own id, or send an Idempotency-Key header")
    return value or key


def _parse_customer(submitted: Mapping[str, Any], as_written: dict[str, str], errors: InputErrors) -> dict[str, Any]:
    customer = dict(submitted)
    customer["average_spend"] = _parse_amount(submitted, "average_spend", as_written, errors)
    phone = submitted.get("phone")
    if not isinstance(phone, str):
        return customer
    read = read_phone_field(phone)
    customer["phone"] = read.first.number if read.first is not None else None
    if read.first is not None and read.first.extension is not None:
        customer["phone_extension"] = read.first.extension
    if read.others:
        as_written["other_phones"] = "/".join(read.others)
    if read.flag is not None:
        errors.flag(read.flag)
        as_written["phone_as_written"] = phone.strip()[:MAX_TEXT_LENGTH]
    return customer


def _parse_amount(
    submitted: Mapping[str, Any], name: str, as_written: dict[str, str], errors: InputErrors
) -> str | None:
    """Parse an amount; one that cannot be read is kept as text, for it is no reason to refuse a complaint (R2.5)."""
    value = submitted.get(name)
    try:
        return parse_amount(value)
    except ValueError:
        errors.flag(UNREAD_FLAG)
        as_written[f"{name}_as_written"] = str(value)[:MAX_TEXT_LENGTH]
        return None
