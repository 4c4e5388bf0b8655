"""The schedule of deadlines: one heap entry per ticket, stale entries are skipped when they come up (DESIGN 4). Pure.

It holds a million tickets, so a ticket is one tuple that heap and table share, with an id of sixteen bytes.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

NEVER = float("inf")
"""The deadline of a ticket without one."""


class ScheduledTicket(NamedTuple):
    """The next deadline of a ticket.

    Attributes:
        at: the deadline, business time in seconds since 1970; NEVER if there is none.
        version: of the ticket; a higher one is newer.
        ticket: its id, sixteen bytes.
        partition: of tickets.events and tickets.commands, which have the same key.

    """

    at: float
    version: int
    ticket: bytes
    partition: int


SLACK = 1_000
REMEMBERED = 1_000
"""Tickets of a partition without a deadline whose version is kept: a ledger that has lost the partition may repeat an
old event of theirs late, which must not bring the deadline back."""


class _PartitionHeap:
    """The deadlines of one partition: small enough for its heap to be rebuilt between two ticks.

    Attributes:
        latest: the newest entry of each ticket. A ticket whose tick is being sent stays here, with NEVER as deadline.
        heap: the deadlines to come, including entries that `latest` has replaced.
        ended: the last tickets that have no deadline any more; during the load of a snapshot all of them, since their
            rows in it may be older.
        loading: whether a snapshot is being loaded.
        open: number of tickets that have a deadline to come.

    """

    __slots__ = ("ended", "heap", "latest", "loading", "open", "slack")

    def __init__(self, slack: int) -> None:
        self.slack = slack
        self.latest: dict[bytes, ScheduledTicket] = {}
        self.heap: list[ScheduledTicket] = []
        self.ended: deque[ScheduledTicket] = deque()
        self.loading = True
        self.open = 0

    def update(self, entry: ScheduledTicket) -> bool:
        latest = self.latest.get(entry.ticket)
        if latest is not None and latest.version >= entry.version:
            return False
        if entry.at != NEVER:
            self.push(entry)
        else:
            self._store(entry)
            self.ended.append(entry)
            if not self.loading:
                self._forget_ended()
        return True

    def push(self, entry: ScheduledTicket) -> None:
        self._store(entry)
        if len(self.heap) > 2 * len(self.latest) + self.slack:
            self.heap = [each for each in self.latest.values() if each.at != NEVER]
            heapq.heapify(self.heap)
        else:
            heapq.heappush(self.heap, entry)

    def pop(self) -> ScheduledTicket:
        entry = heapq.heappop(self.heap)
        self._store(entry._replace(at=NEVER))
        return entry

    def next_due(self) -> float:
        heap, latest = self.heap, self.latest
        while heap and latest.get(heap[0].ticket) is not heap[0]:
            heapq.heappop(heap)
        return heap[0].at if heap else NEVER

    def finish_loading(self) -> None:
        self.loading = False
        self._forget_ended()

    def _forget_ended(self) -> None:
        while len(self.ended) > REMEMBERED:
            entry = self.ended.popleft()
            if self.latest.get(entry.ticket) is entry:
                del self.latest[entry.ticket]

    def _store(self, entry: ScheduledTicket) -> None:
        before = self.latest.get(entry.ticket)
        self.open += (entry.at != NEVER) - (before is not None and before.at != NEVER)
        self.latest[entry.ticket] = entry


class Schedule:
    """The deadlines of all watched partitions. Its work grows with what changes, never with what is open.

    Attributes:
        slack: stale entries that a heap may hold before it is rebuilt.

    """

    def __init__(self, slack: int = SLACK) -> None:
        self.slack = slack
        self._heaps: dict[int, _PartitionHeap] = {}

    def __len__(self) -> int:
        """Return the number of tickets that have a deadline to come."""
        return sum(heap.open for heap in self._heaps.values())

    @property
    def size(self) -> int:
        """Entries of all heaps, stale ones included."""
        return sum(len(heap.heap) for heap in self._heaps.values())

    def entries(self) -> Iterator[ScheduledTicket]:
        """Yield every ticket that has a deadline to come."""
        return (entry for heap in self._heaps.values() for entry in heap.latest.values() if entry.at != NEVER)

    def start_loading(self, partitions: set[int]) -> None:
        """Expect a snapshot of partitions: until it is complete, an old row may follow a newer event."""
        for number in partitions:
            self._heaps.setdefault(number, _PartitionHeap(self.slack)).loading = True

    def finish_loading(self, partitions: set[int]) -> None:
        """Mark the snapshot as complete: no old rows follow, so only the last tickets without a deadline are kept."""
        for number in partitions & self._heaps.keys():
            self._heaps[number].finish_loading()

    def update(self, entry: ScheduledTicket) -> bool:
        """Apply a row or an event; returns False if its version is not newer, or its partition is not watched."""
        heap = self._heaps.get(entry.partition)
        return heap is not None and heap.update(entry)

    def next_due(self) -> float:
        """Return the nearest deadline, NEVER when there is none."""
        return min((heap.next_due() for heap in self._heaps.values()), default=NEVER)

    def take_due(self, now: float, limit: int) -> list[ScheduledTicket]:
        """Return up to `limit` tickets that are due, nearest deadline first; each is returned once."""
        due: list[ScheduledTicket] = []
        while len(due) < limit:
            heap = min(self._heaps.values(), key=_PartitionHeap.next_due, default=None)
            if heap is None or heap.next_due() > now:
                break
            due.append(heap.pop())
        return due

    def put_back(self, entries: Iterable[ScheduledTicket]) -> None:
        """Make tickets due again whose tick was not acknowledged, unless a newer version is known by now."""
        for entry in entries:
            heap = self._heaps.get(entry.partition)
            latest = heap.latest.get(entry.ticket) if heap is not None else None
            if heap is not None and latest is not None and latest.version == entry.version:
                heap.push(entry)

    def drop(self, partitions: set[int]) -> None:
        """Forget the tickets of partitions that another monitor watches now."""
        for number in partitions:
            self._heaps.pop(number, None)
