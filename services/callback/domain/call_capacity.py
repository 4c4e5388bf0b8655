"""The capacity of the teams that call customers: a number of calls per hour for each centre of a pack (R5.3). Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from services.callback.domain.calling_hours import CallingHours, CallSlot

HOUR = timedelta(hours=1)

Team = tuple[str, str]
"""Names of a pack and one of its centres: the centre in charge of a ticket calls its customer (DECISIONS 26)."""


class CallCapacity:
    """Counts the calls that each team has in each full hour (UTC).

    Args:
        planned: returns the calls that are planned so far; called once, when the first slot is reserved.

    """

    def __init__(self, planned: Callable[[], Mapping[tuple[Team, datetime], int]] = dict) -> None:
        self._planned = planned
        self._counts: dict[tuple[Team, datetime], int] | None = None

    def reserve(self, team: Team, hours: CallingHours, wanted: CallSlot) -> CallSlot:
        """Reserve a call for a team and return its slot: the first from the wanted one on whose hour is not full."""
        if self._counts is None:
            self._counts = dict(self._planned())
        slot = wanted
        while self._counts.get((team, _hour(slot.due_at)), 0) >= hours.rule.calls_per_hour:
            slot = hours.next_slot(_hour(slot.due_at) + HOUR)
        key = (team, _hour(slot.due_at))
        self._counts[key] = self._counts.get(key, 0) + 1
        return slot


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
