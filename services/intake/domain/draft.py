"""A contact in the making: what every channel does alike once it knows its own words."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import faults as shape
from schemas.contact import Contact, Customer, Raw
from services.domain.identity import contact_id
from services.intake.domain.fields import Faults, Unusable, clean, unusable

LARGEST = 256 * 1024
"""Bytes of a contact (DESIGN 1)."""
_FORMULA = re.compile(r"^\s*[=+@-]")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What our door knows of a message, whatever it says.

    Attributes:
        sender: who sent it, by its key or its channel.
        channel: on which channel.
        policy: under which pack the sender's contacts run.
        received_at: when our door had it, in business time.
        media_type: of the body.
        body: the bytes as they came.

    """

    sender: str
    channel: str
    policy: str
    received_at: datetime
    media_type: str
    body: bytes


def json_object(body: bytes) -> dict[str, Any]:
    """Read a body that has to be one JSON object.

    Raises:
        Unusable: it is not; the reason says how.

    """
    if not body.strip():
        raise unusable("body", "empty", "the body is empty: send one JSON object")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise unusable("body", "bad_encoding", "JSON is UTF-8: encode the body so") from None
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise unusable("body", "bad_syntax", "the body is no complete JSON document") from None
    if not isinstance(told, dict):
        raise unusable("body", "bad_schema", "send one JSON object")
    cleaned: dict[str, Any] = clean(told)
    return cleaned


def finish(
    envelope: Envelope, message_id: str | None, said: Mapping[str, Any], faults: Faults, *, reach: str
) -> Contact:
    """Make the contact.

    Args:
        envelope: what our door knows.
        message_id: the channel's own id of the message.
        said: fields of Contact that the channel told.
        faults: what was found wrong so far.
        reach: name of the field by which the sender usually says how to reach the customer.

    Raises:
        Unusable: something is wrong with it; every fault is told at once (R2.5).

    """
    if not message_id and not any(each.field == "message_id" for each in faults.found):
        faults.add("message_id", "missing_id", "give the message its own id, or send an Idempotency-Key header")
    customer = said.get("customer") or {}
    if not _reachable(customer):
        faults.add(reach, "missing_contact", "give a way to reach the customer: phone, mail, app identity or address")
    elif not customer.get("phone"):
        faults.flag("no_phone")
    text = said.get("text") or ""
    if isinstance(text, str) and not text.strip():
        faults.flag("no_text")
        faults.flag("incomplete")
    elif isinstance(text, str) and _FORMULA.match(text):
        faults.flag("formula_text")
    raw = Raw(
        media_type=envelope.media_type,
        sha256=hashlib.sha256(envelope.body).hexdigest(),
        body=base64.b64encode(envelope.body).decode(),
    )
    id_ = contact_id(envelope.sender, envelope.channel, message_id or "")
    flags = tuple(dict.fromkeys([*said.get("flags", ()), *faults.flags]))
    whole = {
        **{name: _stripped(value) if name != "text" else value for name, value in said.items() if value is not None},
        "id": id_,
        "sender": envelope.sender,
        "channel": envelope.channel,
        "policy": envelope.policy,
        "message_id": message_id or "missing",
        "received_at": envelope.received_at,
        "flags": flags,
        "raw": raw,
    }
    known = {each.field for each in faults.found}
    for each in shape.every(Contact, whole):
        if each.field not in known:
            faults.add(each.field, "bad_schema", f"{each.message}; see /docs for the fields")
    if faults.found:
        raise Unusable(faults.found)
    return Contact.from_plain(whole)


def _stripped(value: Any) -> Any:
    """Return a value without the blanks that people leave around words."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Mapping):
        return {name: _stripped(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_stripped(each) for each in value]
    return value


def _reachable(customer: Any) -> bool:
    if not isinstance(customer, Mapping):
        return False
    return any(customer.get(name) for name in ("phone", "email", "identity", "address", "number"))


def record_key(customer: Customer, secret: str) -> bytes:
    """Return the record key of a contact: a keyed hash, so that no personal datum stands in it (DESIGN 1)."""
    first = customer.number or customer.phone or customer.identity or customer.address or customer.email or ""
    return hmac.new(secret.encode(), first.encode(), hashlib.sha256).hexdigest()[:32].encode()
