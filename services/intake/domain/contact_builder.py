"""Builds a Contact from the fields that an adapter read, with the checks and flags that all channels share. Pure."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from schemas import validation_errors
from schemas.contact import Contact
from services.domain import mail_address
from services.domain.ids import contact_id
from services.intake.domain.envelope import Envelope
from services.intake.domain.fields import MAX_TEXT_LENGTH, InputErrors, InvalidPayload

_FORMULA = re.compile(r"^\s*[=+@-]")
_CHINESE = re.compile("[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]{2,}")
_TOO_LONG = re.compile(r"Expected (?P<kind>str|array|object) of length (?:<= |between \d+ and )(?P<most>\d+)")
_PATTERN = re.compile(r"Expected str matching regex '(?P<pattern>.*)'")
PATTERN_ADVICE: Mapping[str, str] = {
    r"^[A-Z]{3}$": "write a currency code of three capital letters, such as CNY",
    r"^\+[1-9][0-9]{4,14}$": "write the number in E.164, such as +8613800000101",
    r"^[0-9]{1,6}$": "write at most 6 digits, such as 802",
    r"^[^@\s]+@[^@\s]+$": "write a mail address, such as li@mail.example",
    r"^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$": "write a span of hours, such as 18:00-21:00",
    r"^(zh|en)$": "choose one of zh, en",
    r"^[0-9a-f]{64}$": "write the SHA-256 digest as 64 lower-case hexadecimal digits",
    r"^-?[0-9]{1,12}(\.[0-9]{1,2})?$": "write an amount, such as 120.50",
    r"^[a-z0-9][a-z0-9_.-]{0,63}$": "write at most 64 lower-case letters, digits and any of _ . -, such as web_form",
}
"""What to write instead, by the pattern of `Contact` that a value does not match."""
TIME_ADVICE = "write a time with its offset from UTC, such as 2026-03-12T09:00:00+08:00"
MIN_ENGLISH_WORDS = 4
"""Latin words from which a text without Chinese characters counts as English."""
_UNREAD_PHONE = frozenset({"phone_invalid", "phone_masked"})
_WHITESPACE = re.compile(r"\s+")


def build_contact(
    envelope: Envelope,
    message_id: str | None,
    fields: Mapping[str, Any],
    errors: InputErrors,
    *,
    reach: str | None,
    id_field: str = "message_id",
    source_paths: Mapping[str, str] | None = None,
) -> Contact:
    """Build the contact of one message, or report everything that is wrong with it.

    Args:
        envelope: the message and what intake knows of its sender.
        message_id: the channel's own id of the message.
        fields: fields of Contact that the adapter read.
        errors: what the adapter found wrong so far; gets the errors found here.
        reach: the sender's field that usually says how to reach the customer, named when nothing does; None: nobody is
            to be reached, as in historical data.
        id_field: the sender's field that holds the message id.
        source_paths: the sender's path of each contact field, for error messages; None: the sender uses our names.

    Raises:
        InvalidPayload: something is wrong with the message; holds every error at once (R2.5).

    """
    if not message_id and not any(error.field in {"message_id", id_field} for error in errors.found):
        errors.add(id_field, "missing_id", "give the message its own id")
    fields = _without_invalid_email(fields, errors)
    _check_content(fields, errors, reach)
    fields = _with_bounded_text(_with_language(fields), errors)
    values = {
        **{
            name: _normalise_whitespace(value) if name != "text" else value
            for name, value in fields.items()
            if value is not None
        },
        "id": contact_id(envelope.sender, envelope.channel, message_id or ""),
        "sender": envelope.sender,
        "channel": envelope.channel,
        "policy": envelope.policy,
        "message_id": message_id or "missing",
        "received_at": envelope.received_at,
        "flags": _merge_flags(fields.get("flags"), errors),
        "raw": envelope.raw(),
    }
    try:
        contact = Contact.from_plain(values)
    except msgspec.ValidationError:
        _add_schema_errors(values, errors, {"message_id": id_field, **(source_paths or {})}, own=source_paths is None)
    if errors.found:
        raise InvalidPayload(errors.found)
    return contact


def _add_schema_errors(
    values: Mapping[str, Any], errors: InputErrors, source_paths: Mapping[str, str], *, own: bool
) -> None:
    """Add an error for each field that Contact rejects; `own`: the sender uses our field names, so /docs helps."""
    known = {error.field for error in errors.found}
    for error in validation_errors.find_errors(Contact, values):
        field = _sender_path(error.field, source_paths)
        if field not in known:
            hint = "; see /docs for the fields" if own else ""
            errors.add(field, "bad_schema", describe_error(error.message) + hint)


def _sender_path(field: str, source_paths: Mapping[str, str]) -> str:
    """Translate a contact field's path into the sender's path: the longest known prefix is replaced."""
    head, rest = field, ""
    while head:
        if head in source_paths:
            return source_paths[head] + rest
        head, dot, last = head.rpartition(".")
        rest = f"{dot}{last}{rest}"
    return field


def describe_error(message: str) -> str:
    """Turn the message of a schema error into what to write instead."""
    too_long = _TOO_LONG.match(message)
    if too_long is not None:
        return f"write at most {too_long['most']} {'characters' if too_long['kind'] == 'str' else 'items'}"
    pattern = _PATTERN.match(message)
    if pattern is not None:
        plain = pattern["pattern"].replace("\\\\", "\\")
        return PATTERN_ADVICE.get(plain, f"write a text that matches {plain}")
    if message.startswith("Expected str") and ", got" in message:
        return "write this as text"
    if message.startswith("Invalid RFC3339"):
        return TIME_ADVICE
    return message


def _check_content(fields: Mapping[str, Any], errors: InputErrors, reach: str | None) -> None:
    """Report a contact whose customer cannot be reached, and flag what is missing or odd."""
    customer = fields.get("customer") or {}
    if not _is_reachable(customer):
        if reach is not None:
            unread = "the phone number given cannot be read; " if _UNREAD_PHONE & set(errors.flags) else ""
            advice = f"{unread}give a way to reach the customer: phone, mail, app identity or address"
            errors.add(reach, "missing_contact", advice)
    elif not customer.get("phone"):
        errors.flag("no_phone")
    text = fields.get("text") or ""
    if isinstance(text, str) and not text.strip():
        errors.flag("no_text")
        errors.flag("incomplete")
    elif isinstance(text, str) and _FORMULA.match(text):
        errors.flag("formula_text")


def _merge_flags(flags: Any, errors: InputErrors) -> Any:
    """Append intake's flags to the sender's; anything but a list of texts is left for the schema to reject."""
    flags = flags if flags is not None else ()
    if not isinstance(flags, list | tuple) or not all(isinstance(flag, str) for flag in flags):
        return flags
    return tuple(dict.fromkeys([*flags, *errors.flags]))


def _without_invalid_email(fields: Mapping[str, Any], errors: InputErrors) -> Mapping[str, Any]:
    """Remove and flag a mail address to which nothing can be sent; the raw message still holds it."""
    customer = fields.get("customer")
    email = customer.get("email") if isinstance(customer, Mapping) else None
    if not isinstance(customer, Mapping) or not isinstance(email, str) or mail_address.is_valid(email.strip()):
        return fields
    if email.strip():
        errors.flag("email_invalid")
    return {**fields, "customer": {**customer, "email": None}}


def _with_language(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Set the customer's language from the text when the sender gives none."""
    customer, text = fields.get("customer"), fields.get("text")
    if not isinstance(customer, Mapping) or customer.get("language") or not isinstance(text, str):
        return fields
    english = _CHINESE.search(text) is None and len(_LATIN.findall(text)) >= MIN_ENGLISH_WORDS
    return {**fields, "customer": {**customer, "language": "en"}} if english else fields


def _with_bounded_text(fields: Mapping[str, Any], errors: InputErrors) -> Mapping[str, Any]:
    """Cut and flag a text that is too long to be stored; the raw message still holds all of it."""
    text = fields.get("text")
    if not isinstance(text, str) or len(text) <= MAX_TEXT_LENGTH:
        return fields
    errors.flag("text_cut")
    return {**fields, "text": text[:MAX_TEXT_LENGTH]}


def _normalise_whitespace(value: Any) -> Any:
    """Strip every text in a value and replace runs of whitespace by one blank."""
    if isinstance(value, str):
        return _WHITESPACE.sub(" ", value).strip()
    if isinstance(value, Mapping):
        return {name: _normalise_whitespace(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normalise_whitespace(item) for item in value]
    return value


def _is_reachable(customer: Any) -> bool:
    if not isinstance(customer, Mapping):
        return False
    return any(customer.get(name) for name in ("phone", "email", "identity", "address"))
