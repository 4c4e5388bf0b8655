"""Hashes of the evidence and links of a ticket, so that one that was added long ago is not added again. Pure.

DECISIONS 38: the ticket itself keeps the marks of the latest only.
"""

import hashlib
from collections.abc import Iterator
from uuid import UUID

from schemas.event import TicketChange

HASH_LENGTH = 16
"""Bytes of a hash; the upgrade of older databases computes the same in SQL."""


def evidence_item(reference: str) -> bytes:
    """Return the hash of evidence with this reference."""
    return _hash(f"evidence/{reference}")


def link_item(ticket_id: UUID, kind: str) -> bytes:
    """Return the hash of a link of this kind to a ticket."""
    return _hash(f"link/{ticket_id}/{kind}")


def added_items(event: TicketChange) -> Iterator[bytes]:
    """Yield the hashes of the evidence and links that an event holds, those that were there before it included."""
    for evidence in event.changes.get("evidence", ()):
        yield evidence_item(evidence.reference)
    for link in event.changes.get("links", ()):
        yield link_item(link.ticket_id, link.kind)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:HASH_LENGTH]
