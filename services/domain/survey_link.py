"""Links to the survey page: short enough for an SMS, signed, for one run of one ticket, over after a while. Pure."""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

VALID_FOR = timedelta(days=7)
"""The customer is asked within seven days of the answer (R5.3), and has as long to answer."""
_BODY = struct.Struct(">16sHI")
_MAC = 12
"""Bytes of the signature."""


@dataclass(frozen=True, slots=True)
class SurveyInvitation:
    """What a link says.

    Attributes:
        ticket_id: whose customer is asked.
        run: of the ticket; a reopening begins another.
        until: policy time after which the link is over.

    """

    ticket_id: UUID
    run: int
    until: datetime


def make_token(invitation: SurveyInvitation, secret: str) -> str:
    """Return the part of a link that says and proves what it is for."""
    body = _BODY.pack(invitation.ticket_id.bytes, invitation.run, int(invitation.until.timestamp()))
    return base64.urlsafe_b64encode(body + _signature(body, secret)).rstrip(b"=").decode()


def read_token(told: str, secret: str) -> SurveyInvitation | None:
    """Return what a link is for; None when it is not one of ours. Whether it is over is the caller's question."""
    try:
        whole = base64.urlsafe_b64decode(told + "=" * (-len(told) % 4))
    except (binascii.Error, ValueError):
        return None
    body, mac = whole[: _BODY.size], whole[_BODY.size :]
    if len(whole) != _BODY.size + _MAC or not hmac.compare_digest(mac, _signature(body, secret)):
        return None
    id_, run, until = _BODY.unpack(body)
    return SurveyInvitation(UUID(bytes=id_), run, datetime.fromtimestamp(until, UTC))


def _signature(body: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"survey/" + body, hashlib.sha256)[:_MAC]
