"""A notice that a desk has taken, for tests; any field can be another."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from services.notifier.domain.leased_notice import LeasedNotice
from services.notifier.domain.obsolescence import TicketSnapshot

NOW = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)


def taken(address: str = "a@x", *, over: int = 3, **changes: Any) -> LeasedNotice:
    """Return a notice by mail to a unit."""
    fields = {
        "id": uuid4(),
        "event_id": uuid4(),
        "ticket_id": uuid4(),
        "ticket_number": "TS1",
        "audience": "unit.network",
        "template": "warning",
        "language": "zh",
        "means": "mail",
        "address": address,
        "last_way": False,
        "turn": 0,
        "urgency": 1,
        "until": "always",
        "run": 1,
        "clock": None,
        "quiet_from": None,
        "quiet_until": None,
        "zone": None,
        "paper": False,
        "digest_over": over,
        "held_until": None,
        "context": {},
        "state": "queued",
        "attempts": 1,
        "begun_at": NOW,
        "leased_until": NOW,
        "waited": 0.0,
        "settled_at": None,
        "provider_id": None,
        "error": None,
        "standing": TicketSnapshot("handling", 1),
    }
    return LeasedNotice(**{**fields, **changes})
