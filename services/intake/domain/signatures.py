"""Signatures of webhooks: who sent this knew the secret, and nobody changed it. Compared in constant time."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from services.intake.domain.channels.sms import form
from services.intake.domain.fields import InputError, InputErrors, InvalidPayload
from services.intake.domain.times import epoch, in_utc

FRESH = timedelta(minutes=5)
"""How far a signed time may be from ours, so that what was overheard cannot be sent again."""


def wrong(field: str, what_to_do: str) -> InputError:
    """Return the fault of a message that is not signed as its channel signs."""
    return InputError(field, "bad_signature", what_to_do)


def stale(stamp: str, field: str, now: datetime) -> InputError | None:
    """Return the fault of a signed time that is too far from ours.

    Args:
        stamp: seconds since 1970.
        field: where it stood.
        now: real time; signatures are never of business time.

    """
    at = epoch(stamp, field, InputErrors(), unit=1)
    if at is not None and abs(in_utc(now) - at) <= FRESH:
        return None
    told = f"it is no time within {FRESH.seconds // 60} minutes of ours: set the clock, sign anew, send it again"
    return InputError(field, "stale", told)


def twilio(secret: str, url: str, body: bytes, told: str) -> bool:
    """Whether an SMS gateway signed address and parameters: HMAC-SHA1 over the address and the sorted parameters."""
    try:
        parameters = form(body)
    except InvalidPayload:
        return False
    content = url + "".join(f"{name}{parameters[name]}" for name in sorted(parameters))
    expected = base64.b64encode(hmac.new(secret.encode(), content.encode(), hashlib.sha1).digest())
    return hmac.compare_digest(expected, told.encode())


def hmac_sha256(secret: str, body: bytes, told: str, *, timestamp: str | None) -> bool:
    """Whether a sender signed the body, with the time in front when it sends one: hexadecimal HMAC-SHA256.

    Args:
        secret: what both know.
        body: as it came.
        told: the signature, perhaps with `sha256=` in front.
        timestamp: what stands before the body, joined by a dot; None: the body alone is signed.

    """
    content = body if timestamp is None else timestamp.encode() + b"." + body
    expected = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), told.removeprefix("sha256=").encode())
