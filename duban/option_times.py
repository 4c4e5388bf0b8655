"""Reads the times and time zones that options give, each error with the option that it is about."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from services.domain.policy.base import check_zone
from services.shared.runtime.errors import DubanError


def parse_instant(text: str, *, option: str, zone: str) -> datetime:
    """Return the instant that an option gives.

    Args:
        text: a day, which begins then, or a time, in ISO 8601.
        option: with its dashes, for the error.
        zone: name of the time zone in which it is, unless it has an offset.

    Raises:
        DubanError: it is no time.

    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise DubanError(f"{option}: {text!r} is no time: write it as 2026-03-01 or 2026-03-01T09:30") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(zone))


def _checked(zone: str) -> str:
    try:
        return check_zone(zone)
    except ValueError as error:
        raise DubanError(f"--zone: {error}") from None


Zone = Annotated[str, typer.Option("--zone", callback=_checked, help="time zone of the times shown")]
"""The option of a command that shows times."""
