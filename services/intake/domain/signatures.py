"""Verifies webhook signatures: the sender knew the secret and nobody changed the message. Pure.

Signatures are compared in constant time.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from services.intake.domain.fields import InputError, InputErrors, InvalidPayload
from services.intake.domain.form_data import parse_form
from services.intake.domain.times import parse_epoch, to_utc

MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""How far a signed timestamp may be from our clock, so that an intercepted message cannot be replayed later."""


def bad_signature(field: str, what_to_do: str) -> InputError:
    """Return the error of a message whose signature does not verify."""
    return InputError(field, "bad_signature", what_to_do)


def timestamp_error(timestamp: str, field: str, now: datetime) -> InputError | None:
    """Return the error of a signed timestamp that is too old or too far ahead, None when it is acceptable.

    Args:
        timestamp: seconds since 1970.
        field: name of the header or parameter that holds it.
        now: wall-clock time; signatures never use business time.

    """
    at = parse_epoch(timestamp, field, InputErrors(), unit=1)
    if at is not None and abs(to_utc(now) - at) <= MAX_CLOCK_DIFFERENCE:
        return None
    minutes = MAX_CLOCK_DIFFERENCE.seconds // 60
    message = f"the timestamp is not within {minutes} minutes of our time: set the clock, sign again, send again"
    return InputError(field, "stale", message)


def verify_twilio(secret: str, url: str, body: bytes, signature: str) -> bool:
    """Whether an SMS gateway signed URL and parameters: base64 HMAC-SHA1 of the URL and the sorted parameters."""
    try:
        parameters = parse_form(body)
    except InvalidPayload:
        return False
    content = url + "".join(f"{name}{parameters[name]}" for name in sorted(parameters))
    expected = base64.b64encode(hmac.new(secret.encode(), content.encode(), hashlib.sha1).digest())
    return hmac.compare_digest(expected, signature.encode())


def verify_hmac_sha256(secret: str, body: bytes, signature: str, *, timestamp: str | None) -> bool:
    """Whether a sender signed the body, and the timestamp if there is one, with hexadecimal HMAC-SHA256.

    Args:
        secret: the shared secret.
        body: the request body, unchanged.
        signature: as sent; a `sha256=` prefix is accepted.
        timestamp: signed in front of the body, joined by a dot; None: only the body is signed.

    """
    content = body if timestamp is None else timestamp.encode() + b"." + body
    expected = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.removeprefix("sha256=").encode())
