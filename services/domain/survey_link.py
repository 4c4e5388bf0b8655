"""Tokens of survey links: signed, short enough for an SMS, valid for one run of one ticket until they expire. Pure."""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

VALID_FOR = timedelta(days=7)
"""The customer is surveyed within seven days of the answer (R5.3), and has as long to reply."""
_BODY = struct.Struct(">16sHI")
_SIGNATURE_LENGTH = 12
"""Bytes."""


@dataclass(frozen=True, slots=True)
class SurveyInvitation:
    """The content of a survey link.

    Attributes:
        ticket_id: the ticket whose customer is surveyed.
        run: run of the ticket; a reopening begins another.
        until: policy time at which the link expires.

    """

    ticket_id: UUID
    run: int
    until: datetime


def make_token(invitation: SurveyInvitation, secret: str) -> str:
    """Return the signed token of an invitation, as it stands in the URL."""
    body = _BODY.pack(invitation.ticket_id.bytes, invitation.run, int(invitation.until.timestamp()))
    return base64.urlsafe_b64encode(body + _signature(body, secret)).rstrip(b"=").decode()


def read_token(token: str, secret: str) -> SurveyInvitation | None:
    """Return the invitation of a token, or None if its signature is not ours; the caller checks whether it expired."""
    try:
        signed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    body, signature = signed[: _BODY.size], signed[_BODY.size :]
    if len(signed) != _BODY.size + _SIGNATURE_LENGTH or not hmac.compare_digest(signature, _signature(body, secret)):
        return None
    id_, run, until = _BODY.unpack(body)
    return SurveyInvitation(UUID(bytes=id_), run, datetime.fromtimestamp(until, UTC))


def _signature(body: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"survey/" + body, hashlib.sha256)[:_SIGNATURE_LENGTH]
