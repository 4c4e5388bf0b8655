"""Adapter for messages to a WeChat official account: XML, plain or encrypted (safe mode), signed (R2.1). Pure."""

import base64
import binascii
import hashlib
import hmac
import struct
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.channels.non_ticket import build_non_ticket
from services.intake.domain.envelope import ChannelConfig, Envelope, ParsedItem, decode_text
from services.intake.domain.fields import (
    InputError,
    InputErrors,
    bounded_reference,
    clean,
    invalid_payload,
)
from services.intake.domain.mapping import ChannelMapping
from services.intake.domain.phone_mentions import writers_phone
from services.intake.domain.signatures import bad_signature, timestamp_error

ACKNOWLEDGEMENT = "success"
"""The response that stops WeChat from sending a message again."""
_BLOCK_BYTES = 16
_LENGTH_BYTES = 4
_MAX_PADDING = 32
_KEY_BYTES = 32
_EVIDENCE_KINDS = {"image": "picture", "voice": "recording", "video": "video", "shortvideo": "video"}
"""Kinds of evidence by the type of a message that holds a file."""


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Parse one message; an event such as a subscription becomes a non-ticket.

    Raises:
        InvalidPayload: no contact can be built from it.

    """
    message = _fields(_parse_xml(envelope.body))
    if "Encrypt" in message:
        decrypted = _decrypt(message["Encrypt"], envelope.config)
        message = _fields(_parse_xml(decrypted))
    kind = message.get("MsgType", "")
    if kind == "event":
        id_ = f"{message.get('FromUserName', '')}:{message.get('CreateTime', '')}"
        return [ParsedItem(build_non_ticket(envelope, id_, "event", facts={"event": message.get("Event", "")}))]
    errors = InputErrors()
    text = message.get("Content") or message.get("Recognition") or message.get("Label") or ""
    customer = writers_phone(text, envelope.config.default_region, errors)
    overrides: dict[str, Any] = {"text": text, "customer": customer}
    reference = message.get("MediaId") or message.get("PicUrl", "")
    if kind in _EVIDENCE_KINDS and bounded_reference(reference, errors):
        overrides["evidence"] = [{"kind": _EVIDENCE_KINDS[kind], "reference": reference}]
    return [ParsedItem(MappedChannel(mapping).build(message, envelope, errors=errors, overrides=overrides))]


def compute_signature(token: str, *parts: str) -> str:
    """Return the account's signature of some texts: SHA-1 of the sorted texts and the token."""
    return hashlib.sha1("".join(sorted((token, *parts))).encode(), usedforsecurity=False).hexdigest()


def signature_error(envelope: Envelope, now: datetime) -> InputError | None:
    """Return why the signature of a message is not accepted, None when it is.

    The signature of a plain message does not cover its text, so an account in safe mode accepts no plain messages.

    Args:
        envelope: the message; an empty body is the echo request with which WeChat verifies the webhook's address.
        now: wall-clock time.

    Raises:
        InvalidPayload: the body is not an XML document.

    """
    query, token = envelope.query, envelope.config.token or ""
    parts = [query.get("timestamp", ""), query.get("nonce", "")]
    name = "signature"
    if envelope.body and (envelope.config.encoding_aes_key or query.get("encrypt_type") == "aes"):
        name = "msg_signature"
        encrypted = _fields(_parse_xml(envelope.body)).get("Encrypt")
        if query.get("encrypt_type") != "aes" or not encrypted:
            return bad_signature(
                "encrypt_type", "this account is in safe mode: send the message encrypted, with encrypt_type=aes"
            )
        parts.append(encrypted)
    if not token or not hmac.compare_digest(compute_signature(token, *parts).encode(), query.get(name, "").encode()):
        return bad_signature(name, "sign with the account's token")
    return timestamp_error(query.get("timestamp", ""), "timestamp", now)


def _parse_xml(body: bytes) -> Element:
    decode_text(body, advice="XML without a declaration is UTF-8: encode the body as UTF-8")
    if b"<!DOCTYPE" in body[:4096].upper():
        raise invalid_payload("body", "xml_entity", "a DOCTYPE is not accepted: leave it out")
    try:
        document: Element = fromstring(body, forbid_dtd=True)
    except DefusedXmlException:
        raise invalid_payload("body", "xml_entity", "a DOCTYPE is not accepted: leave it out") from None
    except (ParseError, ValueError, LookupError) as error:
        cut = isinstance(error, ParseError) and b"</xml>" not in body[-64:]
        raise invalid_payload(
            "body", "truncated" if cut else "bad_syntax", "this is not a complete XML document: send all of it"
        ) from None
    return document


def _fields(document: Element) -> dict[str, str]:
    return {element.tag: clean((element.text or "").strip()) for element in document}


def _decrypt(encrypted: str, config: ChannelConfig) -> bytes:
    """Decrypt safe mode (AES-CBC): 16 random bytes, the length, the message, the account's id, padding."""
    if not config.encoding_aes_key:
        raise invalid_payload(
            "Encrypt", "bad_schema", "safe mode needs the account's encoding_aes_key in the channel's settings"
        )
    undecryptable = invalid_payload(
        "Encrypt", "bad_schema", "it cannot be decrypted with the account's key: check encoding_aes_key and app_id"
    )
    try:
        key = base64.b64decode(config.encoding_aes_key + "=", validate=True)
        content = base64.b64decode(encrypted, validate=True)
    except (binascii.Error, ValueError):
        raise undecryptable from None
    if len(key) != _KEY_BYTES or not content or len(content) % _BLOCK_BYTES:
        raise undecryptable
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:_BLOCK_BYTES])).decryptor()
    plain = decryptor.update(content) + decryptor.finalize()
    padding = plain[-1]
    if not 1 <= padding <= _MAX_PADDING:
        raise undecryptable
    plain = plain[_BLOCK_BYTES:-padding]
    (length,) = struct.unpack(">I", plain[:_LENGTH_BYTES].rjust(_LENGTH_BYTES, b"\0"))
    message, account = plain[_LENGTH_BYTES : _LENGTH_BYTES + length], plain[_LENGTH_BYTES + length :]
    if len(message) != length or (config.app_id and account.decode("utf-8", "replace") != config.app_id):
        raise undecryptable
    return message
