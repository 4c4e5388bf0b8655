"""SMS and MMS as a gateway posts them: a form with the sender's number, the text and links to pictures (R2.1)."""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.envelope import Envelope, ParsedItem
from services.intake.domain.fields import clean, unusable, whole_number
from services.intake.domain.mapping import ChannelMapping

_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MANY = 200


def hear(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Hear one message.

    Raises:
        Unusable: nothing can be made of it.

    """
    told: dict[str, Any] = clean(form(envelope.body))
    pictures = whole_number(told.get("NumMedia", "")) or 0
    told["media"] = [
        {"url": told[f"MediaUrl{number}"], "type": told.get(f"MediaContentType{number}")}
        for number in range(min(pictures, _MANY))
        if told.get(f"MediaUrl{number}")
    ]
    # The request tells no time, and a retry has to be the same message: when the customer wrote stays untold.
    return [ParsedItem(MappedChannel(mapping).drawn(told, envelope))]


def form(body: bytes) -> dict[str, Any]:
    """Read application/x-www-form-urlencoded, strictly: UTF-8, whole escapes. The texts are as they were sent.

    Raises:
        Unusable: it is none; names the field where it can.

    """
    if not body.strip():
        raise unusable("body", "empty", "the body is empty: send the form")
    parts = body.strip().split(b"&")
    told: dict[str, Any] = {}
    for number, part in enumerate(parts, start=1):
        name_, mark, value_ = part.partition(b"=")
        wrong = _ESCAPE.search(part)
        if wrong is not None or not mark:
            at_end = number == len(parts) and (not mark or wrong is None or wrong.start() >= len(part) - 2)
            reason, what = ("truncated", "the form ends in the middle") if at_end else ("bad_syntax", "this is no form")
            raise unusable("body", reason, f"{what}: send application/x-www-form-urlencoded, all of it")
        name, value = (_decoded(each, name_) for each in (name_, value_))
        told[name] = value
    return told


def _decoded(part: bytes, name: bytes) -> str:
    try:
        return unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        field = name.decode("ascii", "replace")[:100] or "body"
        raise unusable(field, "bad_encoding", "a form is UTF-8: encode the text so") from None
