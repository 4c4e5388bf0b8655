"""W3C trace context: everything that happens to a ticket, from its first contact on, belongs to one trace."""

import re
import secrets
from uuid import UUID

HEADER = "traceparent"
_VALID = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def accept_or_start(header: str | None) -> str:
    """Return the trace context that a caller sent; starts a new trace when there is no valid one."""
    if header is not None and _VALID.fullmatch(header):
        return header
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def parse(header: bytes | None) -> str | None:
    """Return the trace context of a record's header; None when there is no valid one."""
    text = header.decode("ascii", "replace") if header is not None else ""
    return text if _VALID.fullmatch(text) else None


def child(trace: str, id_: UUID) -> str:
    """Return the context of a record caused within a trace: its span id is derived from the record's id."""
    match = _VALID.fullmatch(trace)
    assert match is not None, trace
    span = id_.hex[-16:]
    return f"00-{match[1]}-{span if span.strip('0') else '1'.zfill(16)}-{match[2]}"
