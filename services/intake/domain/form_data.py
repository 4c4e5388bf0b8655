"""Parses application/x-www-form-urlencoded bodies, as SMS gateways and telephone exchanges post them. Pure."""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from services.intake.domain.fields import invalid_payload

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MAX_NAME_IN_ERROR = 100
"""Characters of a field's name in an error."""


def parse_form(body: bytes) -> dict[str, Any]:
    """Parse a form strictly: UTF-8 with complete percent escapes. Values are returned as sent, not cleaned.

    A signature covers the values as sent, so control characters must not be removed here.

    Raises:
        InvalidPayload: the body is empty, cut, malformed or not UTF-8; names the field where it is known.

    """
    if not body.strip():
        raise invalid_payload("body", "empty", "the body is empty: send the form")
    parts = body.strip().split(b"&")
    form: dict[str, Any] = {}
    for number, part in enumerate(parts, start=1):
        name, separator, value = part.partition(b"=")
        escape = _BROKEN_ESCAPE.search(part)
        if escape is not None or not separator:
            at_end = number == len(parts) and (not separator or escape is None or escape.start() >= len(part) - 2)
            reason, problem = ("truncated", "the form ends early") if at_end else ("bad_syntax", "this is not a form")
            raise invalid_payload("body", reason, f"{problem}: send the whole application/x-www-form-urlencoded body")
        form[_decode(name, field=name)] = _decode(value, field=name)
    return form


def _decode(part: bytes, *, field: bytes) -> str:
    try:
        return unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        name = field.decode("ascii", "replace")[:_MAX_NAME_IN_ERROR] or "body"
        raise invalid_payload(name, "bad_encoding", "the value is not UTF-8: encode the form as UTF-8") from None
