"""A contact in the making: what every channel does alike once it knows its own words."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from schemas import validation_errors as shape
from schemas.contact import Contact
from services.domain import mail_address
from services.domain.ids import contact_id
from services.intake.domain.envelope import Envelope
from services.intake.domain.fields import InputErrors, InvalidPayload

_FORMULA = re.compile(r"^\s*[=+@-]")
_CHINESE = re.compile("[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]{2,}")
_TOO_LONG = re.compile(r"Expected (?P<kind>str|array|object) of length (?:<= |between \d+ and )(?P<most>\d+)")
_PATTERN = re.compile(r"Expected str matching regex '\^(?P<pattern>.*)\$'")
MIN_ENGLISH_WORDS = 4
"""Latin words from which a text without a Chinese character is English."""
_SEPARATE = re.compile(r"\s+")


def build_contact(
    envelope: Envelope,
    message_id: str | None,
    said: Mapping[str, Any],
    errors: InputErrors,
    *,
    reach: str | None,
    id_field: str = "message_id",
    names: Mapping[str, str] | None = None,
) -> Contact:
    """Make the contact.

    Args:
        envelope: what our door knows.
        message_id: the channel's own id of the message.
        said: fields of Contact that the channel told.
        errors: what was found wrong so far.
        reach: name of the field by which the sender usually says how to reach the customer; None where nobody is to be
            reached, in history.
        id_field: name of the field that holds the id.
        names: where the contact's fields stand in the message; None: the message is in our own words.

    Raises:
        Unusable: something is wrong with it; every fault is told at once (R2.5).

    """
    if not message_id and not any(each.field in {"message_id", id_field} for each in errors.found):
        errors.add(id_field, "missing_id", "give the message its own id")
    said = _without_invalid_email(said, errors)
    _check_content(said, errors, reach)
    said = _with_language(said)
    whole = {
        **{
            name: _normalise_whitespace(value) if name != "text" else value
            for name, value in said.items()
            if value is not None
        },
        "id": contact_id(envelope.sender, envelope.channel, message_id or ""),
        "sender": envelope.sender,
        "channel": envelope.channel,
        "policy": envelope.policy,
        "message_id": message_id or "missing",
        "received_at": envelope.received_at,
        "flags": _merge_flags(said.get("flags"), errors),
        "raw": envelope.raw(),
    }
    try:
        contact = Contact.from_plain(whole)
    except msgspec.ValidationError:
        known = {each.field for each in errors.found}
        for each in shape.find_errors(Contact, whole):
            field = _sender_path(each.field, {"message_id": id_field, **(names or {})})
            if field not in known:
                more = "; see /docs for the fields" if names is None else ""
                errors.add(field, "bad_schema", _describe_error(each.message) + more)
    if errors.found:
        raise InvalidPayload(errors.found)
    return contact


def _sender_path(field: str, names: Mapping[str, str]) -> str:
    """Return a field's path as the sender knows it: the name of the longest part of it that has one, and the rest."""
    head, rest = field, ""
    while head:
        if head in names:
            return names[head] + rest
        head, dot, last = head.rpartition(".")
        rest = f"{dot}{last}{rest}"
    return field


def _describe_error(message: str) -> str:
    """Return what to write instead, of what a model expected."""
    longest = _TOO_LONG.match(message)
    if longest is not None:
        return f"write at most {longest['most']} {'characters' if longest['kind'] == 'str' else 'parts'}"
    if message.startswith("Expected str") and ", got" in message:
        return "write this as text"
    return _PATTERN.sub(r"write it in the form \g<pattern>", message)


def _check_content(said: Mapping[str, Any], errors: InputErrors, reach: str | None) -> None:
    """Note what is missing or odd."""
    customer = said.get("customer") or {}
    if not _reachable(customer):
        if reach is not None:
            told = "give a way to reach the customer: phone, mail, app identity or address"
            errors.add(reach, "missing_contact", told)
    elif not customer.get("phone"):
        errors.flag("no_phone")
    text = said.get("text") or ""
    if isinstance(text, str) and not text.strip():
        errors.flag("no_text")
        errors.flag("incomplete")
    elif isinstance(text, str) and _FORMULA.match(text):
        errors.flag("formula_text")


def _merge_flags(told: Any, errors: InputErrors) -> Any:
    """Return what was told with what was noticed; what is no list of words is left for the model to complain of."""
    told = told if told is not None else ()
    if not isinstance(told, list | tuple) or not all(isinstance(each, str) for each in told):
        return told
    return tuple(dict.fromkeys([*told, *errors.flags]))


def _without_invalid_email(said: Mapping[str, Any], errors: InputErrors) -> Mapping[str, Any]:
    """Return what was said without a mail address that no mail could go to; what was written stays in the original."""
    customer = said.get("customer")
    written = customer.get("email") if isinstance(customer, Mapping) else None
    if not isinstance(customer, Mapping) or not isinstance(written, str) or mail_address.is_valid(written.strip()):
        return said
    if written.strip():
        errors.flag("email_invalid")
    return {**said, "customer": {**customer, "email": None}}


def _with_language(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was said with the customer's language; where nobody told it, the text does."""
    customer, text = said.get("customer"), said.get("text")
    if not isinstance(customer, Mapping) or customer.get("language") or not isinstance(text, str):
        return said
    english = _CHINESE.search(text) is None and len(_LATIN.findall(text)) >= MIN_ENGLISH_WORDS
    return {**said, "customer": {**customer, "language": "en"}} if english else said


def _normalise_whitespace(value: Any) -> Any:
    """Return a value without the blanks that people leave around words, and with one blank between them."""
    if isinstance(value, str):
        return _SEPARATE.sub(" ", value).strip()
    if isinstance(value, Mapping):
        return {name: _normalise_whitespace(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_normalise_whitespace(each) for each in value]
    return value


def _reachable(customer: Any) -> bool:
    if not isinstance(customer, Mapping):
        return False
    return any(customer.get(name) for name in ("phone", "email", "identity", "address"))
