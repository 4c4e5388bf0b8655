"""Parses a contact in Duban's own JSON format: `POST /v1/contacts` and the lines of a batch. Pure."""

from collections.abc import Mapping
from typing import Any

from schemas.contact import Contact
from services.intake.domain.contact_builder import build_contact
from services.intake.domain.envelope import Envelope
from services.intake.domain.fields import InputErrors, parse_amount, parse_phone
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
    fields["amount_in_dispute"] = parse_amount(submission.get("amount_in_dispute"), "amount_in_dispute", errors)
    customer = submission.get("customer")
    if isinstance(customer, Mapping):
        fields["customer"] = _parse_customer(customer, errors)
    elif customer is None:
        fields["customer"] = {}
    message_id = submission.get("message_id")
    if message_id is not None and not isinstance(message_id, str):
        errors.add("message_id", "bad_id", "write the id as text: JSON numbers lose digits beyond 2^53")
        message_id = None
    elif not message_id and key == "":
        errors.add("message_id", "missing_id", "give the message its own id, or send an Idempotency-Key header")
    return build_contact(envelope, message_id or key, fields, errors, reach="customer.phone")


def _parse_customer(submitted: Mapping[str, Any], errors: InputErrors) -> dict[str, Any]:
    customer = dict(submitted)
    customer["average_spend"] = parse_amount(submitted.get("average_spend"), "customer.average_spend", errors)
    phone = submitted.get("phone")
    if isinstance(phone, str) and phone.strip():
        number = parse_phone(phone)
        customer["phone"] = number.number if number is not None else None
        if number is None:
            errors.flag("phone_invalid")
        elif number.extension is not None:
            customer["phone_extension"] = number.extension
    elif phone == "":
        customer["phone"] = None
    return customer
