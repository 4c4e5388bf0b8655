"""The commands that this process accepted last, one for each ticket: the ledger may not have decided them yet."""

import time
from collections.abc import Callable
from uuid import UUID

KEPT_SECONDS = 60.0
"""Real seconds for which a command counts as perhaps not decided yet."""


class AcceptedCommands:
    """The last command to each ticket that was accepted within the last minute.

    The ledger decides the commands of a ticket in their order, so when the last one is decided, all are.

    Args:
        now: returns monotonic real time in seconds.

    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last: dict[UUID, tuple[UUID, float]] = {}

    def __len__(self) -> int:
        return len(self._last)

    def add(self, ticket: UUID, command: UUID) -> None:
        """Note a command that was accepted; it is the ticket's last one now."""
        now = self._now()
        self._last.pop(ticket, None)
        self._last[ticket] = (command, now)
        # In the order of acceptance, so the oldest comes first.
        while now - self._last[oldest := next(iter(self._last))][1] >= KEPT_SECONDS:
            del self._last[oldest]

    def last(self, ticket: UUID) -> UUID | None:
        """Return the last command to a ticket that may still be undecided; None if there is none."""
        command, accepted_at = self._last.get(ticket, (None, 0.0))
        return command if self._now() - accepted_at < KEPT_SECONDS else None
