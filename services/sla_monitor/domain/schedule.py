"""The schedule: one heap entry per ticket, stale ones skipped when they come up (DESIGN 4). Pure.

A million tickets live here, so a ticket is one tuple that the heap and the table share, and its id sixteen bytes.
"""

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

NEVER = float("inf")
"""The time of a ticket that need not be looked at."""


class ScheduledTicket(NamedTuple):
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


SLACK = 1_000


class _PartitionHeap:
    """What is known of one partition's tickets: small enough to be put in order anew between two ticks.

    Attributes:
        known: the latest word on each ticket. One whose tick is on its way stays here until there is news of it.
        heap: what is to come, with entries that `known` has replaced.
        ended: tickets that an event ended while a snapshot was on its way, whose row may be older.
        loading: whether a snapshot is on its way.
        open: tickets that have a deadline to come.

    """

    __slots__ = ("ended", "heap", "known", "loading", "open", "slack")

    def __init__(self, slack: int) -> None:
        self.slack = slack
        self.known: dict[bytes, ScheduledTicket] = {}
        self.heap: list[ScheduledTicket] = []
        self.ended: set[bytes] = set()
        self.loading = True
        self.open = 0

    def learn(self, entry: ScheduledTicket) -> bool:
        known = self.known.get(entry.ticket)
        if known is not None and known.version >= entry.version:
            return False
        if entry.at != NEVER:
            self.push(entry)
        elif self.loading:
            self._keep(entry)
            self.ended.add(entry.ticket)
        elif known is not None:
            self.open -= known.at != NEVER
            del self.known[entry.ticket]
        return True

    def push(self, entry: ScheduledTicket) -> None:
        self._keep(entry)
        self.ended.discard(entry.ticket)
        if len(self.heap) > 2 * len(self.known) + self.slack:
            self.heap = [each for each in self.known.values() if each.at != NEVER]
            heapq.heapify(self.heap)
        else:
            heapq.heappush(self.heap, entry)

    def take(self) -> ScheduledTicket:
        entry = heapq.heappop(self.heap)
        self._keep(entry._replace(at=NEVER))
        return entry

    def head(self) -> float:
        heap, known = self.heap, self.known
        while heap and known.get(heap[0].ticket) is not heap[0]:
            heapq.heappop(heap)
        return heap[0].at if heap else NEVER

    def whole(self) -> None:
        self.loading = False
        for each in self.ended:
            del self.known[each]
        self.ended.clear()

    def _keep(self, entry: ScheduledTicket) -> None:
        before = self.known.get(entry.ticket)
        self.open += (entry.at != NEVER) - (before is not None and before.at != NEVER)
        self.known[entry.ticket] = entry


class Schedule:
    """Which ticket is due next. Work grows with what changes, never with what is open.

    Attributes:
        slack: stale entries that a heap may hold in any case.

    """

    def __init__(self, slack: int = SLACK) -> None:
        self.slack = slack
        self._parts: dict[int, _PartitionHeap] = {}

    def __len__(self) -> int:
        """Tickets that have a deadline to come."""
        return sum(each.open for each in self._parts.values())

    @property
    def size(self) -> int:
        """Entries of the heaps, the stale ones among them."""
        return sum(len(each.heap) for each in self._parts.values())

    def entries(self) -> Iterator[ScheduledTicket]:
        """Give every ticket that has a deadline to come."""
        return (entry for part in self._parts.values() for entry in part.known.values() if entry.at != NEVER)

    def begin(self, partitions: set[int]) -> None:
        """A snapshot of partitions is about to come: until its end an old row may follow a newer event."""
        for each in partitions:
            self._parts.setdefault(each, _PartitionHeap(self.slack)).loading = True

    def loaded(self, partitions: set[int]) -> None:
        """The snapshot is over: nothing old comes any more, so tickets that need no look are forgotten."""
        for each in partitions & self._parts.keys():
            self._parts[each].whole()

    def learn(self, entry: ScheduledTicket) -> bool:
        """Take in what a snapshot or an event says; False when something as new is known, or nobody asked."""
        part = self._parts.get(entry.partition)
        return part is not None and part.learn(entry)

    def head(self) -> float:
        """Return when the next ticket is due, NEVER when none is."""
        return min((each.head() for each in self._parts.values()), default=NEVER)

    def take_due(self, now: float, most: int) -> list[ScheduledTicket]:
        """Return tickets that are due, nearest deadline first, and forget that they are: once is enough."""
        due: list[ScheduledTicket] = []
        while len(due) < most:
            part = min(self._parts.values(), key=_PartitionHeap.head, default=None)
            if part is None or part.head() > now:
                break
            due.append(part.take())
        return due

    def put_back(self, entries: Iterable[ScheduledTicket]) -> None:
        """Make tickets due again whose tick the broker did not take, unless something newer is known by now."""
        for each in entries:
            part = self._parts.get(each.partition)
            known = part.known.get(each.ticket) if part is not None else None
            if part is not None and known is not None and known.version == each.version:
                part.push(each)

    def drop(self, partitions: set[int]) -> None:
        """Forget the tickets of partitions that somebody else watches now."""
        for each in partitions:
            self._parts.pop(each, None)
