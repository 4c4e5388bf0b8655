"""The schedule: one heap entry per ticket, stale ones skipped when they come up (DESIGN 4). Pure."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a ticket's clocks.

    Attributes:
        ticket_id: the ticket.
        partition: of tickets.events and tickets.commands, which are keyed alike.
        version: of the ticket; a higher one is newer.
        next_at: when the ticket next has to be looked at; None: never.

    """

    ticket_id: UUID
    partition: int
    version: int
    next_at: datetime | None


class Schedule:
    """Which ticket is due next. Work grows with what changes, never with what is open."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[int, int, float | None]] = {}
        self._heap: list[tuple[float, int, UUID]] = []

    def __len__(self) -> int:
        """Tickets that are known, with or without a next action."""
        return len(self._known)

    def learn(self, entry: Entry) -> bool:
        """Take in what a snapshot or an event says; False when something as new is known already."""
        known = self._known.get(entry.ticket_id)
        if known is not None and known[1] >= entry.version:
            return False
        at = entry.next_at.timestamp() if entry.next_at is not None else None
        self._known[entry.ticket_id] = (entry.partition, entry.version, at)
        if at is not None:
            heapq.heappush(self._heap, (at, entry.version, entry.ticket_id))
        return True

    def head(self) -> datetime | None:
        """Return when the next ticket is due."""
        while self._heap and not self._current(self._heap[0]):
            heapq.heappop(self._heap)
        return datetime.fromtimestamp(self._heap[0][0], UTC) if self._heap else None

    def take_due(self, now: datetime, most: int) -> list[Entry]:
        """Return tickets that are due, nearest deadline first, and forget that they are: once is enough."""
        due: list[Entry] = []
        limit = now.timestamp()
        while self._heap and len(due) < most and self._heap[0][0] <= limit:
            item = heapq.heappop(self._heap)
            if self._current(item):
                at, version, ticket_id = item
                partition = self._known[ticket_id][0]
                due.append(Entry(ticket_id, partition, version, datetime.fromtimestamp(at, UTC)))
                self._known[ticket_id] = (partition, version, None)
        return due

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Make tickets due again whose tick the broker did not take, unless something newer is known by now."""
        for each in entries:
            known = self._known.get(each.ticket_id)
            if known is None or known[1] != each.version or each.next_at is None:
                continue
            at = each.next_at.timestamp()
            self._known[each.ticket_id] = (each.partition, each.version, at)
            heapq.heappush(self._heap, (at, each.version, each.ticket_id))

    def drop(self, partitions: set[int]) -> None:
        """Forget the tickets of partitions that somebody else watches now."""
        self._known = {id_: known for id_, known in self._known.items() if known[0] not in partitions}

    def _current(self, item: tuple[float, int, UUID]) -> bool:
        at, version, ticket_id = item
        known = self._known.get(ticket_id)
        return known is not None and known[1] == version and known[2] == at
