"""A contact that a sender writes in our own words: `POST /v1/contacts`, and lines of NDJSON."""

from collections.abc import Mapping
from typing import Any

from schemas.contact import Contact
from services.intake.domain.contact_builder import build_contact
from services.intake.domain.envelope import Envelope
from services.intake.domain.fields import InputErrors, parse_amount, parse_phone
from services.intake.domain.times import parse_instant, parse_occurrence

RESERVED_FIELDS = frozenset({"id", "sender", "policy", "received_at", "raw"})
"""Fields of Contact that our door sets; a sender who writes them is told."""


def parse_contact(told: Mapping[str, Any], envelope: Envelope, key: str | None = None) -> Contact:
    """Make a contact of a submission.

    Args:
        told: the JSON object.
        envelope: what our door knows.
        key: the Idempotency-Key, which stands for a message id; empty: none was sent; None: there can be none, because
            several messages come in one request.

    Raises:
        Unusable: something is wrong with it; every fault is told at once.

    """
    errors = InputErrors()
    for name in sorted(RESERVED_FIELDS & told.keys()):
        errors.add(name, "bad_schema", "this field is set by Duban: leave it out")
    said = {name: value for name, value in told.items() if name not in RESERVED_FIELDS | {"message_id", "channel"}}
    said["contacted_at"] = parse_instant(told.get("contacted_at"), "contacted_at", errors)
    if "occurred_at" in said:
        said |= parse_occurrence(said.pop("occurred_at"), errors)
    said["amount_in_dispute"] = parse_amount(told.get("amount_in_dispute"), "amount_in_dispute", errors)
    customer = told.get("customer")
    if isinstance(customer, Mapping):
        said["customer"] = _customer(customer, errors)
    elif customer is None:
        said["customer"] = {}
    message_id = told.get("message_id")
    if message_id is not None and not isinstance(message_id, str):
        errors.add("message_id", "bad_id", "write the id as text: numbers lose digits beyond 2^53")
        message_id = None
    elif not message_id and key == "":
        errors.add("message_id", "missing_id", "give the message its own id, or send an Idempotency-Key header")
    return build_contact(envelope, message_id or key, said, errors, reach="customer.phone")


def _customer(told: Mapping[str, Any], errors: InputErrors) -> dict[str, Any]:
    customer = dict(told)
    customer["average_spend"] = parse_amount(told.get("average_spend"), "customer.average_spend", errors)
    written = told.get("phone")
    if isinstance(written, str) and written.strip():
        number = parse_phone(written)
        customer["phone"] = number.number if number is not None else None
        if number is None:
            errors.flag("phone_invalid")
        elif number.extension is not None:
            customer["phone_extension"] = number.extension
    elif written == "":
        customer["phone"] = None
    return customer
