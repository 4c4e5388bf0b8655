"""Standard Webhooks: signatures and secrets, retry delays, which responses and which addresses are accepted. Pure."""

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

from schemas.event import TicketEvent
from schemas.unknown_fields import encode

TYPE_PREFIX = "duban.ticket."
"""Prefix of an event's type in the type of a message."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - the form of a secret, not one
SECRET_BYTES = 32
SHORTEST_SECRET, LONGEST_SECRET = 24, 64
"""Bytes of a secret that the standard allows."""
RETRY_DELAYS = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Real seconds before the second to the tenth attempt: about three days in all."""
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
JITTER = 0.2
"""Share by which a delay is longer, at the most, so that a receiver that recovers is not hit by all retries at once."""
LONGEST_RETRY_AFTER = 86_400.0

GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that is routed on the internet (RFC 4291)."""
NAT64 = IPv6Network("64:ff9b::/96")
"""The last 32 bits are the IPv4 address that is called (RFC 6052)."""
TUNNELS = (IPv6Network("2001::/32"), IPv6Network("2002::/16"))
"""Teredo and 6to4, both obsolete: they carry an IPv4 address."""

GONE = 410
OK = range(200, 300)
REDIRECT = range(300, 400)

Verdict = Literal["delivered", "again", "gone"]


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The response of a receiver to one message, or why there was none.

    Attributes:
        status: of HTTP; None: there was no response.
        retry_after: its header Retry-After, if any.
        error: why there was no response.

    """

    status: int | None
    retry_after: str | None = None
    error: str = ""

    @property
    def verdict(self) -> Verdict:
        """What to do with the message; a redirect is not followed, so it counts as a failure."""
        if self.status is not None and self.status in OK:
            return "delivered"
        return "gone" if self.status == GONE else "again"

    @property
    def summary(self) -> str:
        """The response in a few words, for people."""
        if self.status is None:
            return self.error
        return f"answered {self.status}" + (", a redirect, which is not followed" if self.status in REDIRECT else "")


def new_secret() -> str:
    """Return a new random secret in the form of the standard."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def decode_secret(secret: str) -> bytes:
    """Return the key bytes of a secret.

    Raises:
        ValueError: it is not in the form of the standard.

    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"a secret is {SECRET_PREFIX} and base64") from error
    if not SHORTEST_SECRET <= len(key) <= LONGEST_SECRET:
        raise ValueError(f"a secret has {SHORTEST_SECRET} to {LONGEST_SECRET} bytes, not {len(key)}")
    return key


def signed_headers(id_: str, at: datetime, body: bytes, valid_secrets: Iterable[str]) -> dict[str, str]:
    """Return the headers of a message, with a signature by each valid secret.

    Args:
        id_: id of the message, the same in every attempt.
        at: real time of the attempt.
        body: the message as it is sent.
        valid_secrets: in the form of the standard.

    Raises:
        ValueError: a secret is not in that form.

    """
    timestamp = str(int(at.timestamp()))
    content = b".".join((id_.encode(), timestamp.encode(), body))
    signatures = [
        base64.b64encode(hmac.digest(decode_secret(secret), content, hashlib.sha256)).decode()
        for secret in valid_secrets
    ]
    return {
        "content-type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def payload(event: TicketEvent) -> bytes:
    """Return the body of the message about an event."""
    return encode({"type": f"{TYPE_PREFIX}{event.type}", "timestamp": event.at, "data": event})


def parse_event_types(names: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the event types that a subscriber asks for, without prefix and repetitions.

    Args:
        names: such as accepted or duban.ticket.accepted.
        known: every event type that there is.

    Raises:
        ValueError: there is no event type of that name; the message lists those that there are.

    """
    types = [name.strip().removeprefix(TYPE_PREFIX) for name in names]
    for type_ in types:
        if type_ not in known:
            raise ValueError(f"there is no event {type_!r}: choose one of {', '.join(sorted(known))}")
    return list(dict.fromkeys(types))


def is_subscribed(event_type: str, types: Iterable[str]) -> bool:
    """Whether a subscriber to these event types gets events of a type; no types at all mean every type."""
    types = tuple(types)
    return not types or event_type in types


def retry_delay(attempts: int, response: WebhookResponse, chance: float, now: datetime) -> float | None:
    """Return the real seconds until the next attempt; None when there is none.

    Args:
        attempts: made so far, at least 1.
        response: to the last attempt; its Retry-After lengthens the delay.
        chance: from 0 to 1, for the jitter.
        now: real time.

    """
    if attempts >= MAX_ATTEMPTS:
        return None
    planned = RETRY_DELAYS[attempts - 1] * (1 + JITTER * chance)
    return max(planned, min(_retry_after_seconds(response.retry_after, now), LONGEST_RETRY_AFTER))


def _retry_after_seconds(header: str | None, now: datetime) -> float:
    """Return the seconds of a header Retry-After in either of its forms; 0.0 when it cannot be parsed."""
    if not header:
        return 0.0
    text = header.strip()
    # isdigit is true of digits of other scripts too, which float may not take.
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp(), 0.0)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is on the public internet: no subscriber may use us to reach a private network.

    Of IPv6 only global unicast counts. An IPv4 address embedded in one is judged as that address; tunnels that hide
    one are refused.
    """
    if isinstance(address, IPv6Address):
        embedded = address.ipv4_mapped or (IPv4Address(address.packed[-4:]) if address in NAT64 else None)
        if embedded is None:
            tunnelled = any(address in network for network in TUNNELS)
            return address in GLOBAL_UNICAST and not tunnelled and address.is_global
        address = embedded
    return address.is_global and not address.is_multicast
