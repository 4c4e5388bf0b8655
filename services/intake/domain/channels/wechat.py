"""Messages to a WeChat official account: XML, plain or in safe mode, with the account's signature (R2.1)."""

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
    find_phones,
    invalid_payload,
)
from services.intake.domain.mapping import ChannelMapping
from services.intake.domain.signatures import bad_signature, timestamp_error

ACKNOWLEDGEMENT = "success"
"""What stops the account from sending a message again."""
_BLOCK_BYTES = 16
_LENGTH_BYTES = 4
_MAX_PADDING = 32
_KEY_BYTES = 32
_EVIDENCE_KINDS = {"image": "picture", "voice": "recording", "video": "video", "shortvideo": "video"}


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Hear one message.

    Raises:
        Unusable: nothing can be made of it.

    """
    told = _fields(_parse_xml(envelope.body))
    if "Encrypt" in told:
        inside = _decrypt(told["Encrypt"], envelope.config)
        told = _fields(_parse_xml(inside))
    kind = told.get("MsgType", "")
    if kind == "event":
        id_ = f"{told.get('FromUserName', '')}:{told.get('CreateTime', '')}"
        return [ParsedItem(build_non_ticket(envelope, id_, "event", facts={"event": told.get("Event", "")}))]
    errors = InputErrors()
    text = told.get("Content") or told.get("Recognition") or told.get("Label") or ""
    numbers = find_phones(text, envelope.config.default_region)
    if len(numbers) > 1:
        errors.flag("phone_ambiguous")
    more: dict[str, Any] = {"text": text, "customer": {}}
    if len(numbers) == 1:
        more["customer"] = {"phone": numbers[0].number, "phone_extension": numbers[0].extension}
    where = (
        bounded_reference(told.get("MediaId") or told.get("PicUrl", ""), errors) if kind in _EVIDENCE_KINDS else None
    )
    if where:
        more["evidence"] = [{"kind": _EVIDENCE_KINDS[kind], "reference": where}]
    return [ParsedItem(MappedChannel(mapping).build(told, envelope, errors=errors, more=more))]


def compute_signature(token: str, *parts: str) -> str:
    """Return the account's signature of some texts."""
    return hashlib.sha1("".join(sorted((token, *parts))).encode(), usedforsecurity=False).hexdigest()


def signature_error(envelope: Envelope, now: datetime) -> InputError | None:
    """Return why a message is not the account's, None when it is.

    The signature of a plain message does not cover its text, so an account with a key for safe mode takes no plain one.

    Args:
        envelope: of the message; without a body, of the echo by which an account proves the address.
        now: real time.

    Raises:
        Unusable: it is no XML document.

    """
    query, token = envelope.query, envelope.config.token or ""
    parts = [query.get("timestamp", ""), query.get("nonce", "")]
    name = "signature"
    if envelope.body and (envelope.config.encoding_aes_key or query.get("encrypt_type") == "aes"):
        name = "msg_signature"
        sealed = _fields(_parse_xml(envelope.body)).get("Encrypt")
        if query.get("encrypt_type") != "aes" or not sealed:
            return bad_signature(
                "encrypt_type", "this account is in safe mode: send the message sealed, encrypt_type=aes"
            )
        parts.append(sealed)
    if not token or not hmac.compare_digest(compute_signature(token, *parts).encode(), query.get(name, "").encode()):
        return bad_signature(name, "sign with the account's token")
    return timestamp_error(query.get("timestamp", ""), "timestamp", now)


def _parse_xml(body: bytes) -> Element:
    decode_text(body, what="XML without a declaration is UTF-8: encode the body so")
    if b"<!DOCTYPE" in body[:4096].upper():
        raise invalid_payload("body", "xml_entity", "a DOCTYPE is not taken: leave it out")
    try:
        document: Element = fromstring(body, forbid_dtd=True)
    except DefusedXmlException:
        raise invalid_payload("body", "xml_entity", "a DOCTYPE is not taken: leave it out") from None
    except (ParseError, ValueError, LookupError) as error:
        cut = isinstance(error, ParseError) and b"</xml>" not in body[-64:]
        raise invalid_payload(
            "body", "truncated" if cut else "bad_syntax", "this is no complete XML document"
        ) from None
    return document


def _fields(document: Element) -> dict[str, str]:
    return {each.tag: clean((each.text or "").strip()) for each in document}


def _decrypt(sealed: str, config: ChannelConfig) -> bytes:
    """Open safe mode: 16 random bytes, the length, the message, the account's id, padding."""
    if not config.encoding_aes_key:
        raise invalid_payload(
            "Encrypt", "bad_schema", "safe mode needs the account's encoding_aes_key in the channel's settings"
        )
    wrong = invalid_payload(
        "Encrypt", "bad_schema", "it does not open with the account's key: check encoding_aes_key and app_id"
    )
    try:
        key = base64.b64decode(config.encoding_aes_key + "=", validate=True)
        content = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    if len(key) != _KEY_BYTES or not content or len(content) % _BLOCK_BYTES:
        raise wrong
    opener = Cipher(algorithms.AES(key), modes.CBC(key[:_BLOCK_BYTES])).decryptor()
    plain = opener.update(content) + opener.finalize()
    padding = plain[-1]
    if not 1 <= padding <= _MAX_PADDING:
        raise wrong
    plain = plain[_BLOCK_BYTES:-padding]
    (length,) = struct.unpack(">I", plain[:_LENGTH_BYTES].rjust(_LENGTH_BYTES, b"\0"))
    message, account = plain[_LENGTH_BYTES : _LENGTH_BYTES + length], plain[_LENGTH_BYTES + length :]
    if len(message) != length or (config.app_id and account.decode("utf-8", "replace") != config.app_id):
        raise wrong
    return message
