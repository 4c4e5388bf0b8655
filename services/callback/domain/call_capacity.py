"""What the teams that call customers can do: each centre of a pack so many calls in an hour (R5.3). Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from services.callback.domain.calling_hours import CallingHours, CallSlot

HOUR = timedelta(hours=1)

Team = tuple[str, str]
"""A pack and one of its centres: whoever is in charge of a ticket calls its customer (DECISIONS 26)."""


class CallCapacity:
    """How many calls each team has in each full hour (UTC).

    Args:
        planned: tells what is planned so far; asked once, when the first call is to be placed.

    """

    def __init__(self, planned: Callable[[], Mapping[tuple[Team, datetime], int]] = dict) -> None:
        self._planned = planned
        self._counts: dict[tuple[Team, datetime], int] | None = None

    def place(self, team: Team, hours: CallingHours, wanted: CallSlot) -> CallSlot:
        """Return the first time from the wanted one on in whose hour the team has a call to spare, and take it."""
        if self._counts is None:
            self._counts = dict(self._planned())
        turn = wanted
        while self._counts.get((team, _hour(turn.due_at)), 0) >= hours.rule.calls_per_hour:
            turn = hours.within(_hour(turn.due_at) + HOUR)
        key = (team, _hour(turn.due_at))
        self._counts[key] = self._counts.get(key, 0) + 1
        return turn


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
