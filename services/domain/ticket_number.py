"""Ticket numbers: how the ledger makes them, and how they are found in a text. Pure."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

PATTERN = r"TS[0-9]{14,27}"
"""TS, the business date, and a running number: six digits, or as many as it needs, at most the 19 of a bigint."""
_IN_TEXT = re.compile(rf"(?<![A-Za-z0-9]){PATTERN}(?![0-9])")


def format_ticket_number(running: int, at: datetime, zone: str) -> str:
    """Return the number of a ticket.

    Args:
        running: its running number, unique among all tickets; never cut.
        at: when it was accepted.
        zone: of its pack; says which day that is.

    """
    return f"TS{at.astimezone(ZoneInfo(zone)):%Y%m%d}{running:06d}"


def find_ticket_numbers(text: str) -> list[str]:
    """Return every ticket number that stands in a text, in order."""
    return _IN_TEXT.findall(text)
