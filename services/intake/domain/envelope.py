"""The envelope of a message, the settings of its channel, and the items that parsing yields. Pure."""

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
"""Bytes of a contact (DESIGN 1), and of a message that is a single contact in JSON, XML or a form."""
MAX_INLINE_BYTES = 64 * 1024
"""Bytes of a message whose original is stored inside its contact; a larger one is stored as an attachment."""
MAX_DEPTH = 32
"""Levels of nested lists and objects in a JSON message."""

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(:)?|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """How the messages of a channel are to be read: what they do not say themselves.

    Attributes:
        default_tz: time zone of times without an offset.
        default_region: country of phone numbers without a country code, ISO 3166 alpha-2.
        cdr_tz: time zone of Asterisk call records: GMT with `usegmtime=yes`, else the server's; None: `default_tz`.
        columns: columns of an Asterisk call record, 18 or 21; None: either.
        charset: charset of the channel's files; None: detected.
        encode_values: whether FreeSWITCH writes its variables URL-encoded; None: they are decoded as if it did.
        app_id, token, encoding_aes_key: credentials of a WeChat account.

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

    def with_settings(self, settings: Mapping[str, object]) -> "ChannelConfig":
        """Return a copy with some settings changed; values may be given as text.

        Raises:
            ValueError: a setting is unknown or cannot have that value; the message names it and says what to do.

        """
        names = {setting.name for setting in dataclasses.fields(self)}
        unknown = sorted(settings.keys() - names)
        if unknown:
            raise ValueError(f"{unknown[0]}: unknown channel setting: choose one of {', '.join(sorted(names))}")
        values: dict[str, Any] = dict(settings)
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
            known = region if region in phonenumbers.SUPPORTED_REGIONS else None
            values["default_region"] = _checked(values, "default_region", known, "country code of two letters", "CN")
        if "encode_values" in values:
            values["encode_values"] = str(values["encode_values"]).lower() in {"true", "1", "yes"}
        for name in ("default_tz", "cdr_tz"):
            if name in values:
                zone = str(values[name])
                values[name] = _checked(
                    values, name, zone if zone in _time_zones() else None, "time zone", "Asia/Shanghai or UTC"
                )
        return dataclasses.replace(self, **values)


def _checked(values: Mapping[str, Any], name: str, parsed: Any, kind: str, example: str) -> Any:
    """Return the parsed value of a setting, or raise ValueError when there is none."""
    if parsed is None:
        raise ValueError(f"{name}: {values[name]!r} is not a {kind}: write one such as {example}")
    return parsed


@functools.cache
def _time_zones() -> set[str]:
    """Return the names of all time zones; cached, because finding them walks through the zone files."""
    return zoneinfo.available_timezones()


@dataclass(slots=True)
class AttachmentBuffer:
    """Collects the attachments that parsing finds, so that the caller can store them. Keeps the parsers pure.

    Attributes:
        read_stored: returns the attachment that was stored under a name earlier, None when there is none.
        new: attachments of this message by reference; stored before the message is acknowledged.

    """

    read_stored: Callable[[str], bytes | None] = lambda _: None
    new: dict[str, bytes] = field(default_factory=dict)

    def add(self, content: bytes) -> str:
        """Add an attachment and return its reference, a digest of the content."""
        reference = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.new[reference] = content
        return reference


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as received, with what intake knows of it independently of its content.

    Attributes:
        sender: name of the sender, from its key or its channel.
        channel: name of the channel.
        policy: policy pack under which the sender's contacts run.
        received_at: when intake received it, business time, with time zone.
        media_type: media type of the body, with its parameters.
        body: the bytes as received.
        query: query parameters of the request.
        config: settings of the channel.
        attachments: collects the message's attachments.

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
        """The media type in lower case, without parameters."""
        return self.media_type.partition(";")[0].strip().lower()

    def raw(self) -> Raw:
        """Return the original message for its contact; one larger than `MAX_INLINE_BYTES` becomes an attachment."""
        digest = hashlib.sha256(self.body).hexdigest()
        media_type = clean(self.media_type)[:200].strip() or "application/octet-stream"
        if len(self.body) > MAX_INLINE_BYTES:
            return Raw(media_type=media_type, sha256=digest, reference=self.attachments.add(self.body))
        return Raw(media_type=media_type, sha256=digest, body=base64.b64encode(self.body).decode())


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """A part of a message that was rejected while other parts may be accepted.

    Attributes:
        errors: why it was rejected, at least one.
        message_id: the channel's own id of it, when it can be read.
        body: its bytes.

    """

    errors: tuple[InputError, ...]
    message_id: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ParsedItem:
    """One item that a message or file holds.

    Attributes:
        content: a contact, a call record, a message that opens no ticket, or a rejected part.
        line: line or row in its file or sheet; None: the message is no file.
        sheet: name of its sheet in a workbook; empty in any other file.

    """

    content: Contact | CallRecord | NonTicket | RejectedItem
    line: int | None = None
    sheet: str = ""


MessageParser = Callable[[Envelope], list[ParsedItem]]
"""Parses one message of a channel; raises InvalidPayload when nothing of it can be used."""


def decode_text(body: bytes, *, charset: str = "utf-8", advice: str = "JSON is UTF-8: encode the body as UTF-8") -> str:
    """Decode a body strictly, without a byte order mark; `advice` is the error message for another charset.

    Raises:
        InvalidPayload: the body is empty or not valid in the charset.

    """
    if not body.strip():
        raise invalid_payload("body", "empty", "the body is empty: send the message itself")
    try:
        return body.decode(charsets.for_file(charset) or "").removeprefix("\ufeff")
    except (ValueError, LookupError):
        raise invalid_payload("body", "bad_encoding", advice) from None


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Parse a body that must be one JSON object, and remove control characters from its texts.

    Raises:
        InvalidPayload: the body is empty, cut, malformed, nested too deeply or no object.

    """
    text = decode_text(body)
    try:
        value = json.loads(text, parse_constant=_reject_constant)
    except RecursionError:
        raise _too_deep(text) from None
    except ValueError as error:
        cut = isinstance(error, json.JSONDecodeError) and error.pos >= len(text.rstrip()) - 1
        reason = "truncated" if cut or _is_unterminated_string(error) else "bad_syntax"
        raise invalid_payload("body", reason, "the body is not a complete JSON document: send all of it") from None
    if not isinstance(value, dict):
        raise invalid_payload("body", "bad_schema", "send one JSON object")
    if _depth(value) > MAX_DEPTH:
        raise _too_deep(text)
    return clean(value)


def _reject_constant(name: str) -> float:
    raise ValueError(name)


def _is_unterminated_string(error: ValueError) -> bool:
    return isinstance(error, json.JSONDecodeError) and error.msg.startswith("Unterminated string")


def _depth(value: Any) -> int:
    """Return the nesting depth of a JSON value; stops counting beyond `MAX_DEPTH`."""
    deepest, pending = 0, [(value, 1)]
    while pending:
        node, depth = pending.pop()
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        pending.extend((child, depth + 1) for child in children if isinstance(child, dict | list))
    return deepest


def _too_deep(text: str) -> InvalidPayload:
    """Return the error for nesting beyond `MAX_DEPTH`; names the field of the outermost object that holds it."""
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
        name, "bad_schema", f"lists and objects are nested deeper than {MAX_DEPTH} levels: flatten them"
    )
