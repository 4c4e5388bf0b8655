"""Webhooks as Standard Webhooks asks for them: what is signed, when it is tried again, what an answer means. Pure."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Literal

import msgspec

from schemas.event import TicketEvent

TYPE_PREFIX = "duban.ticket."
"""Before an event's own type in the type of a message."""
PREFIX = "whsec_"
SECRET_BYTES = 32
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret that the standard allows."""
WAITS = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Real seconds before the second to the tenth attempt: about three days in all."""
ATTEMPTS = len(WAITS) + 1
JITTER = 0.2
"""Share by which a wait is longer at the most, so that receivers that come back are not hit at once."""
LONGEST_RETRY_AFTER = 86_400.0

GIVEN_OUT = IPv6Network("2000::/3")
"""All of IPv6 that is routed on the internet (RFC 4291)."""
BY_WAY_OF_A_TRANSLATOR = IPv6Network("64:ff9b::/96")
"""NAT64: the last 32 bits are the IPv4 address that is called (RFC 6052)."""
TUNNELS = (IPv6Network("2001::/32"), IPv6Network("2002::/16"))
"""Teredo and 6to4: they carry an IPv4 address, and nobody needs them any more."""

GONE = 410
OK = range(200, 300)
REDIRECT = range(300, 400)

Verdict = Literal["delivered", "again", "gone"]


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """What a receiver said.

    Attributes:
        status: of HTTP; None: it did not answer.
        retry_after: its header, if any.
        trouble: why there was no answer.

    """

    status: int | None
    retry_after: str | None = None
    trouble: str = ""

    @property
    def verdict(self) -> Verdict:
        """What follows from it; a redirect is not followed, so it is a failure like others."""
        if self.status is not None and self.status in OK:
            return "delivered"
        return "gone" if self.status == GONE else "again"

    @property
    def told(self) -> str:
        """It in a few words."""
        if self.status is None:
            return self.trouble
        return f"answered {self.status}" + (", a redirect, which is not followed" if self.status in REDIRECT else "")


def new_secret() -> str:
    """Return a new secret in the standard's form."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key(secret: str) -> bytes:
    """Return the bytes of a secret.

    Raises:
        ValueError: it is not in the standard's form.

    """
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"a secret is {PREFIX} and base64") from error
    if not SHORTEST <= len(found) <= LONGEST:
        raise ValueError(f"a secret has {SHORTEST} to {LONGEST} bytes, not {len(found)}")
    return found


def signed(id_: str, at: datetime, body: bytes, valid: Iterable[str]) -> dict[str, str]:
    """Return the headers of a message, with a signature for each valid secret."""
    timestamp = str(int(at.timestamp()))
    content = b".".join((id_.encode(), timestamp.encode(), body))
    signatures = [base64.b64encode(hmac.digest(key(each), content, hashlib.sha256)).decode() for each in valid]
    return {
        "content-type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }


def payload(event: TicketEvent) -> bytes:
    """Return the body of the message about an event."""
    told = {"type": f"{TYPE_PREFIX}{event.type}", "timestamp": event.at, "data": event}
    return msgspec.json.encode(told)


def chosen(types: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the types that a subscriber wants, as events have them; a message's type is one of these after a prefix.

    Args:
        types: such as accepted or duban.ticket.accepted.
        known: every type that there is.

    Raises:
        ValueError: there is none of that name; tells which there are.

    """
    plain = [each.strip().removeprefix(TYPE_PREFIX) for each in types]
    for each in plain:
        if each not in known:
            raise ValueError(f"there is no event {each!r}: choose of {', '.join(sorted(known))}")
    return list(dict.fromkeys(plain))


def wanted(event_type: str, chosen: Iterable[str]) -> bool:
    """Whether a subscriber wants events of a type; one who chose none wants all."""
    chosen = tuple(chosen)
    return not chosen or event_type in chosen


def wait(attempts: int, answer: WebhookResponse, chance: float, now: datetime) -> float | None:
    """Return the real seconds until the next attempt; None when there is none.

    Args:
        attempts: made so far, at least 1.
        answer: to the last of them; its Retry-After lengthens the wait.
        chance: from 0 to 1, for the jitter.
        now: real time.

    """
    if attempts >= ATTEMPTS:
        return None
    planned = WAITS[attempts - 1] * (1 + JITTER * chance)
    return max(planned, min(_asked(answer.retry_after, now), LONGEST_RETRY_AFTER))


def _asked(header: str | None, now: datetime) -> float:
    """Return the seconds of a Retry-After, in either of its forms; 0.0 when it makes no sense."""
    if not header:
        return 0.0
    text = header.strip()
    # Other scripts have digits that are no numbers to us.
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp(), 0.0)


def public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the open internet: nobody may use us to reach what is behind our walls.

    Of IPv6 only what is given out to the internet counts. An IPv4 address within one counts as that address; tunnels
    that hide one are refused.
    """
    if isinstance(address, IPv6Address):
        within = address.ipv4_mapped or (
            IPv4Address(address.packed[-4:]) if address in BY_WAY_OF_A_TRANSLATOR else None
        )
        if within is None:
            hidden = any(address in each for each in TUNNELS)
            return address in GIVEN_OUT and not hidden and address.is_global
        address = within
    return address.is_global and not address.is_multicast
