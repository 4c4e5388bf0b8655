"""The core of the SLA monitor: assignments, snapshots and events in, due tickets and ticks out (DESIGN 4). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from schemas.action import Tick
from schemas.command import Actor, Command
from services.domain.ids import command_id
from services.domain.sla.thresholds import PAST
from services.sla_monitor.domain.schedule import Schedule, ScheduledTicket

NAME = "sla_monitor"
ACTOR = Actor(kind="service", name=NAME)


@dataclass(frozen=True, slots=True)
class AssignmentChange:
    """How an assignment differs from the one before, and what has to be loaded for it.

    Attributes:
        generation: number of the assignment. A snapshot that was loaded for an older generation than its partition's
            is out of date.
        kept: partitions that were watched before, each with the offset at which reading goes on.
        added: partitions whose deadlines have to be loaded.
        removed: partitions that another monitor watches now.

    """

    generation: int
    kept: Mapping[int, int]
    added: frozenset[int]
    removed: frozenset[int]


@dataclass(slots=True)
class _WatchedPartition:
    """State of one partition.

    Attributes:
        generation: the assignment that added it.
        next_offset: offset of the next event to read; None until the end of its events is known.

    """

    generation: int
    next_offset: int | None = None


class PartitionTracker:
    """The partitions that one monitor watches, how far it has read their events, and the schedule of their tickets.

    While a rebalance is in progress a monitor has no partitions as far as its group is concerned. It goes on with
    those that it had until it gets the new assignment: a surplus tick changes nothing, a missing one is late. A
    partition that it keeps need not be loaded again, since it reads on where it had stopped.
    """

    def __init__(self, schedule: Schedule | None = None) -> None:
        self.schedule = schedule if schedule is not None else Schedule()
        self._watched: dict[int, _WatchedPartition] = {}
        self._generation = 0

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that are watched."""
        return frozenset(self._watched)

    def next_offset(self, partition: int) -> int | None:
        """Return the offset of the next event of a watched partition; None until its end is known."""
        return self._watched[partition].next_offset

    def assign(self, partitions: Iterable[int]) -> AssignmentChange:
        """Take over a new assignment and drop the partitions that are not in it."""
        self._generation += 1
        assigned = frozenset(partitions)
        removed, added = self.partitions - assigned, assigned - self.partitions
        for number in removed:
            del self._watched[number]
        self.schedule.drop(set(removed))
        kept = {
            number: watched.next_offset for number, watched in self._watched.items() if watched.next_offset is not None
        }
        for number in added:
            self._watched[number] = _WatchedPartition(self._generation)
        return AssignmentChange(self._generation, kept, added, removed)

    def reload(self, partitions: Iterable[int]) -> AssignmentChange:
        """Watch partitions anew of whose events some were missed: their deadlines have to be loaded again.

        Those whose end is not known yet are being loaded already.
        """
        lost = [number for number in partitions if number in self._watched and self.next_offset(number) is not None]
        everything = self.partitions
        self.assign(everything - set(lost))
        return self.assign(everything)

    def still_assigned(self, partitions: Iterable[int], generation: int) -> set[int]:
        """Return those of the partitions that have been watched since that assignment without a break."""
        return {
            number
            for number in partitions
            if number in self._watched and self._watched[number].generation == generation
        }

    def start_loading(self, ends: Mapping[int, int], generation: int) -> set[int]:
        """Read the events of added partitions from their ends on; a snapshot of what was before has to follow.

        Returns:
            those of the partitions that are still assigned.

        """
        current = self.still_assigned(ends, generation)
        for number in current:
            self._watched[number].next_offset = ends[number]
        self.schedule.start_loading(current)
        return current

    def apply_snapshot(self, entries: Sequence[ScheduledTicket], generation: int) -> int:
        """Apply rows of a snapshot that was loaded for an assignment; returns how many were new.

        Rows of a partition that was lost and assigned again since are left out: a ticket that has no deadline any more
        is in no later snapshot, so nothing would say that its old row is out of date.
        """
        current = self.still_assigned({entry.partition for entry in entries}, generation)
        return sum(self.schedule.update(entry) for entry in entries if entry.partition in current)

    def finish_loading(self, partitions: Iterable[int], generation: int) -> set[int]:
        """Mark the snapshot of partitions as complete; returns those of them that are still assigned."""
        current = self.still_assigned(partitions, generation)
        self.schedule.finish_loading(current)
        return current

    def apply_events(self, partition: int, entries: Iterable[ScheduledTicket], *, next_offset: int) -> None:
        """Apply events of a partition; ignored when the partition is not watched, or its end is not known yet."""
        watched = self._watched.get(partition)
        if watched is None or watched.next_offset is None:
            return
        for entry in entries:
            self.schedule.update(entry)
        watched.next_offset = next_offset

    def take_due(self, now: float, limit: int) -> list[ScheduledTicket]:
        """Return up to `limit` tickets that are due, nearest deadline first; each is returned once."""
        return self.schedule.take_due(now, limit)

    def put_back(self, entries: Sequence[ScheduledTicket]) -> None:
        """Make tickets due again whose tick the broker did not acknowledge."""
        self.schedule.put_back(entries)


def tick(entry: ScheduledTicket, now: datetime) -> Command:
    """Return the tick of a due ticket; its id is the same whichever monitor sends it, and however often."""
    ticket = UUID(bytes=entry.ticket)
    return Command(
        id=command_id(ticket, "tick", entry.version, f"{entry.at:.6f}"),
        ticket_id=ticket,
        # If the clock was set back since the ticket was due, a tick at `now` would find nothing due.
        at=max(now, datetime.fromtimestamp(entry.at, UTC) + PAST),
        actor=ACTOR,
        action=Tick(),
    )
