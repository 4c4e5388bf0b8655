"""Trace context (W3C): a ticket's whole life, from the door to its last event, is one trace."""

import re
import secrets
from uuid import UUID

HEADER = "traceparent"
_VALID = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def accepted(told: str | None) -> str:
    """Return the context that a caller sent, or a new one when it sent none that is valid."""
    if told is not None and _VALID.fullmatch(told):
        return told
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def of(told: bytes | None) -> str | None:
    """Return the context of a record, None when it has none that is valid."""
    text = told.decode("ascii", "replace") if told is not None else ""
    return text if _VALID.fullmatch(text) else None


def child(trace: str, id_: UUID) -> str:
    """Return the context of what follows: the same trace, a span of its own; the same record always has the same."""
    found = _VALID.fullmatch(trace)
    assert found is not None, trace
    span = id_.hex[-16:]
    return f"00-{found[1]}-{span if span.strip('0') else '1'.zfill(16)}-{found[2]}"
