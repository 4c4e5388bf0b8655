"""Builds leased notices for the notifier's tests; any field can be set."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from services.notifier.domain.leased_notice import LeasedNotice
from services.notifier.domain.obsolescence import TicketSnapshot

NOW = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)


def leased_notice(address: str = "a@x", *, digest_over: int = 3, **changes: Any) -> LeasedNotice:
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
        "generation": 0,
        "urgency": 1,
        "until": "always",
        "run": 1,
        "clock": None,
        "quiet_from": None,
        "quiet_until": None,
        "zone": None,
        "attach_pdf": False,
        "digest_over": digest_over,
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
        "snapshot": TicketSnapshot("handling", 1),
    }
    return LeasedNotice(**{**fields, **changes})
