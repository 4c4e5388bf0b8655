"""What our door knows of a message, whatever the message says; and what a channel makes of it."""

import base64
import dataclasses
import functools
import hashlib
import json
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import phonenumbers

from schemas.call import CallRecord
from schemas.contact import Contact, Raw
from schemas.non_ticket import NonTicket
from services.intake.domain import charsets
from services.intake.domain.fields import InputError, InvalidPayload, clean, invalid_payload, parse_whole_number

MAX_CONTACT_BYTES = 256 * 1024
"""Bytes of a contact (DESIGN 1), and of a message that is one contact in JSON, XML or a form."""
MAX_INLINE_BYTES = 64 * 1024
"""Bytes of a message that is kept inside its contact; a larger one is kept beside it, by reference."""
MAX_DEPTH = 32
"""Levels of lists and objects in a message."""

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(:)?|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """What has to be known of a channel beside its messages.

    Attributes:
        default_tz: zone of times without an offset.
        default_region: country of phone numbers without a country code.
        cdr_tz: zone of an Asterisk's call records; GMT with its `usegmtime=yes`, else the server's.
        columns: of a call record: 18 or 21; None finds out.
        charset: of files in this channel; None finds out.
        encode_values: a FreeSWITCH writes its variables URL-encoded; None finds out.
        app_id, token, encoding_aes_key: of a WeChat account.

    """

    default_tz: str = "Asia/Shanghai"
    default_region: str = "CN"
    cdr_tz: str | None = None
    columns: int | None = None
    charset: str | None = None
    encode_values: bool | None = None
    app_id: str | None = None
    token: str | None = None
    encoding_aes_key: str | None = None

    def with_settings(self, told: Mapping[str, object]) -> "ChannelConfig":
        """Return it with other values for some settings, which may be written as text.

        Raises:
            ValueError: there is no such setting, or it cannot have that value; the message says what to do.

        """
        names = {each.name for each in dataclasses.fields(self)}
        unknown = sorted(told.keys() - names)
        if unknown:
            raise ValueError(
                f"{unknown[0]}: there is no such setting of a channel; there are {', '.join(sorted(names))}"
            )
        values: dict[str, Any] = dict(told)
        if "columns" in values:
            values["columns"] = _checked(
                values, "columns", parse_whole_number(str(values["columns"])), "whole number", "18 or 21"
            )
        if "charset" in values:
            values["charset"] = _checked(
                values, "charset", charsets.for_file(str(values["charset"])), "charset", "utf-8 or gb18030"
            )
        if "default_region" in values:
            region = str(values["default_region"]).strip().upper()
            found = region if region in phonenumbers.SUPPORTED_REGIONS else None
            values["default_region"] = _checked(values, "default_region", found, "country's code of two letters", "CN")
        if "encode_values" in values:
            values["encode_values"] = str(values["encode_values"]).lower() in {"true", "1", "yes"}
        for name in ("default_tz", "cdr_tz"):
            if name in values:
                zone = str(values[name])
                values[name] = _checked(
                    values, name, zone if zone in _time_zones() else None, "time zone", "Asia/Shanghai or UTC"
                )
        return dataclasses.replace(self, **values)


def _checked(values: Mapping[str, Any], name: str, found: Any, kind: str, example: str) -> Any:
    if found is None:
        raise ValueError(f"{name}: {values[name]!r} is no {kind}; write one such as {example}")
    return found


@functools.cache
def _time_zones() -> set[str]:
    """Return the names of all time zones; finding them takes a walk through their files."""
    return zoneinfo.available_timezones()


@dataclass(slots=True)
class AttachmentBuffer:
    """Attachments of messages on their way to the store of attachments.

    Attributes:
        read_stored: reads what was stored under a name before, None when there is nothing.
        new: what this message brings, by reference; the door stores it before it acknowledges the message.

    """

    read_stored: Callable[[str], bytes | None] = lambda _: None
    new: dict[str, bytes] = field(default_factory=dict)

    def add(self, content: bytes) -> str:
        """Take an attachment and return its reference, which is the same for the same content."""
        reference = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.new[reference] = content
        return reference


@dataclass(frozen=True, slots=True)
class Envelope:
    """What our door knows of a message.

    Attributes:
        sender: who sent it, by its key or its channel.
        channel: on which channel.
        policy: under which pack the sender's contacts run.
        received_at: when our door had it, in business time.
        media_type: of the body.
        body: the bytes as they came.
        query: what stood behind the address.
        config: the channel's settings.
        attachments: where attachments go.

    """

    sender: str
    channel: str
    policy: str
    received_at: datetime
    media_type: str
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    config: ChannelConfig = field(default_factory=ChannelConfig)
    attachments: AttachmentBuffer = field(default_factory=AttachmentBuffer)

    @property
    def kind(self) -> str:
        """The media type alone, without parameters."""
        return self.media_type.partition(";")[0].strip().lower()

    def raw(self) -> Raw:
        """Return the message as it was received; a large one goes to the store of attachments."""
        digest = hashlib.sha256(self.body).hexdigest()
        media_type = clean(self.media_type)[:200].strip() or "application/octet-stream"
        if len(self.body) > MAX_INLINE_BYTES:
            return Raw(media_type=media_type, sha256=digest, reference=self.attachments.add(self.body))
        return Raw(media_type=media_type, sha256=digest, body=base64.b64encode(self.body).decode())


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """A part of a message that cannot be used.

    Attributes:
        errors: why, at least one.
        message_id: the channel's own id of it, when it can be read.
        body: its bytes.

    """

    errors: tuple[InputError, ...]
    message_id: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ParsedItem:
    """One thing that a message holds.

    Attributes:
        content: a contact, the record of a call, something that opens nothing, or what cannot be used.
        line: line or row of a file.

    """

    content: Contact | CallRecord | NonTicket | RejectedItem
    line: int | None = None


MessageParser = Callable[[Envelope], list[ParsedItem]]
"""Takes in one message of a channel; raises Unusable when nothing of it can be used."""


def decode_text(body: bytes, *, charset: str = "utf-8", what: str = "JSON is UTF-8: encode the body so") -> str:
    """Decode a body, strictly.

    Raises:
        Unusable: it is empty, or not in that encoding.

    """
    if not body.strip():
        raise invalid_payload("body", "empty", "the body is empty: send the message itself")
    try:
        return body.decode(charsets.for_file(charset) or "")
    except (ValueError, LookupError):
        raise invalid_payload("body", "bad_encoding", what) from None


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Read a body that has to be one JSON object.

    Raises:
        Unusable: it is not; the reason says how.

    """
    text = decode_text(body)
    try:
        told = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise _too_deep(text) from None
    except ValueError as error:
        cut = isinstance(error, json.JSONDecodeError) and error.pos >= len(text.rstrip()) - 1
        reason = "truncated" if cut or _open_string(error) else "bad_syntax"
        raise invalid_payload("body", reason, "the body is no complete JSON document: send all of it") from None
    if not isinstance(told, dict):
        raise invalid_payload("body", "bad_schema", "send one JSON object")
    if _depth(told) > MAX_DEPTH:
        raise _too_deep(text)
    return clean(told)


def _no_number(name: str) -> float:
    raise ValueError(name)


def _open_string(error: ValueError) -> bool:
    return isinstance(error, json.JSONDecodeError) and error.msg.startswith("Unterminated string")


def _depth(value: Any) -> int:
    deepest, left = 0, [(value, 1)]
    while left:
        each, depth = left.pop()
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
        inside = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        left.extend((part, depth + 1) for part in inside if isinstance(part, dict | list))
    return deepest


def _too_deep(text: str) -> InvalidPayload:
    """Name the field of the outermost object in which lists and objects are nested beyond the bound."""
    depth, name = 0, "body"
    for token in _TOKEN.finditer(text):
        mark = token[0][0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                break
        elif mark in "]}":
            depth -= 1
        elif token[2] and depth == 1:
            name = token[1][:100]
    return invalid_payload(
        name, "bad_schema", f"lists and objects are nested deeper than {MAX_DEPTH} levels: write it flat"
    )
