"""The schedule: one heap entry per ticket, stale ones skipped when they come up (DESIGN 4). Pure.

A million tickets live here, so a ticket is one tuple that the heap and the table share, and its id sixteen bytes.
"""

import heapq
from collections.abc import Iterable
from typing import NamedTuple

NEVER = float("inf")
"""The time of a ticket that need not be looked at."""


class Entry(NamedTuple):
    """What is known of a ticket's clocks.

    Attributes:
        at: when the ticket next has to be looked at, business time in seconds since 1970; NEVER: not at all.
        version: of the ticket; a higher one is newer.
        ticket: its id, sixteen bytes.
        partition: of tickets.events and tickets.commands, which are keyed alike.

    """

    at: float
    version: int
    ticket: bytes
    partition: int


class Schedule:
    """Which ticket is due next. Work grows with what changes, never with what is open."""

    def __init__(self) -> None:
        self._known: dict[bytes, Entry] = {}
        self._heap: list[Entry] = []
        self._loading: set[int] = set()

    def __len__(self) -> int:
        """Tickets that are known."""
        return len(self._known)

    @property
    def size(self) -> int:
        """Entries of the heap, the stale ones among them."""
        return len(self._heap)

    def begin(self, partitions: set[int]) -> None:
        """A snapshot of partitions is about to come: until its end an old row may follow a newer event."""
        self._loading |= partitions

    def loaded(self, partitions: set[int]) -> None:
        """The snapshot is over: nothing old comes any more, so tickets that need no look are forgotten."""
        self._loading -= partitions
        idle = [id_ for id_, each in self._known.items() if each.at == NEVER and each.partition in partitions]
        for id_ in idle:
            del self._known[id_]

    def learn(self, entry: Entry) -> bool:
        """Take in what a snapshot or an event says; False when something as new is known already."""
        known = self._known.get(entry.ticket)
        if known is not None and known.version >= entry.version:
            return False
        if entry.at != NEVER:
            self._known[entry.ticket] = entry
            heapq.heappush(self._heap, entry)
        elif entry.partition in self._loading:
            self._known[entry.ticket] = entry
        elif known is not None:
            del self._known[entry.ticket]
        return True

    def head(self) -> float:
        """Return when the next ticket is due, NEVER when none is."""
        heap, known = self._heap, self._known
        while heap and known.get(heap[0].ticket) is not heap[0]:
            heapq.heappop(heap)
        return heap[0].at if heap else NEVER

    def take_due(self, now: float, most: int) -> list[Entry]:
        """Return tickets that are due, nearest deadline first, and forget that they are: once is enough."""
        due: list[Entry] = []
        heap, known = self._heap, self._known
        while heap and len(due) < most and heap[0].at <= now:
            item = heapq.heappop(heap)
            if known.get(item.ticket) is item:
                due.append(item)
                known[item.ticket] = item._replace(at=NEVER)
        return due

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Make tickets due again whose tick the broker did not take, unless something newer is known by now."""
        for each in entries:
            known = self._known.get(each.ticket)
            if known is not None and known.version == each.version:
                self._known[each.ticket] = each
                heapq.heappush(self._heap, each)

    def drop(self, partitions: set[int]) -> None:
        """Forget the tickets of partitions that somebody else watches now."""
        self._loading -= partitions
        self._known = {id_: each for id_, each in self._known.items() if each.partition not in partitions}
        self._heap = [each for each in self._heap if each.partition not in partitions]
        heapq.heapify(self._heap)
