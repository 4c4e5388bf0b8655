"""The monitor's core: assignments, snapshots, events and wake-ups in, ticks out (DESIGN 4). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from schemas.action import Tick
from schemas.command import Actor, Command
from services.domain.ids import command_id
from services.sla_monitor.domain.schedule import Schedule, ScheduledTicket

NAME = "sla_monitor"
ACTOR = Actor(kind="service", name=NAME)


@dataclass(frozen=True, slots=True)
class PartitionLoad:
    """What a new assignment asks for.

    Attributes:
        run: its number; what is loaded under an older one than its partition's is too late.
        kept: partitions that were watched before, each with the offset at which reading goes on.
        new: partitions whose clocks have to be loaded.
        lost: partitions that somebody else watches now.

    """

    run: int
    kept: Mapping[int, int]
    new: frozenset[int]
    lost: frozenset[int]


@dataclass(slots=True)
class _Partition:
    """One partition.

    Attributes:
        run: the assignment that it came with.
        following: offset of the next event to read; None until the end of its events is known.

    """

    run: int
    following: int | None = None


class PartitionTracker:
    """Which tickets one monitor watches, and how far it has read of what is told of them.

    While its group settles, a monitor has no partition in the group's eyes. It goes on with those that it had until
    it is told which it has now: a tick too many changes nothing, one that nobody sends is late. What it keeps need
    not be loaded again, since it reads on where it had stopped.
    """

    def __init__(self, schedule: Schedule | None = None) -> None:
        self.schedule = schedule if schedule is not None else Schedule()
        self._shares: dict[int, _Partition] = {}
        self._run = 0

    @property
    def partitions(self) -> frozenset[int]:
        """What it watches."""
        return frozenset(self._shares)

    def following(self, partition: int) -> int | None:
        """Return the offset of the next event of a partition that it watches; None when it has not begun to read."""
        return self._shares[partition].following

    def assigned(self, partitions: Iterable[int]) -> PartitionLoad:
        """Forget what somebody else watches now; returns what is to be done about the rest."""
        self._run += 1
        now = frozenset(partitions)
        lost, new = self.partitions - now, now - self.partitions
        for each in lost:
            del self._shares[each]
        self.schedule.drop(set(lost))
        begun = {each: share.following for each, share in self._shares.items()}
        for each in new:
            self._shares[each] = _Partition(self._run)
        return PartitionLoad(self._run, {each: at for each, at in begun.items() if at is not None}, new, lost)

    def current(self, partitions: Iterable[int], run: int) -> set[int]:
        """Return those partitions that are watched since that assignment and were not given away meanwhile."""
        return {each for each in partitions if each in self._shares and self._shares[each].run == run}

    def begin(self, ends: Mapping[int, int], run: int) -> set[int]:
        """Watch new partitions from the ends of their events; a snapshot of what was before has to follow.

        Returns:
            those of them that are still watched since that assignment.

        """
        current = self.current(ends, run)
        for each in current:
            self._shares[each].following = ends[each]
        self.schedule.begin(current)
        return current

    def rows(self, entries: Iterable[ScheduledTicket]) -> int:
        """Take in a part of a snapshot; returns how many rows were news. An old one does no harm: its version tells."""
        return sum(self.schedule.learn(each) for each in entries)

    def loaded(self, partitions: Iterable[int], run: int) -> set[int]:
        """Note that a snapshot is whole; returns the partitions that it was for and that are still watched."""
        current = self.current(partitions, run)
        self.schedule.loaded(current)
        return current

    def events(self, partition: int, entries: Iterable[ScheduledTicket], *, following: int) -> None:
        """Take in events of a partition, and the offset of the one that follows them."""
        share = self._shares.get(partition)
        if share is None or share.following is None:
            return
        for each in entries:
            self.schedule.learn(each)
        share.following = following

    def due(self, now: float, most: int) -> list[ScheduledTicket]:
        """Return tickets whose time has come, nearest deadline first; each once."""
        return self.schedule.take_due(now, most)

    def not_sent(self, entries: Sequence[ScheduledTicket]) -> None:
        """Make tickets due again whose tick the broker did not take."""
        self.schedule.put_back(entries)


def tick(entry: ScheduledTicket, now: datetime) -> Command:
    """Return the command that says that a ticket's time has come; the same whoever sends it, and however often."""
    ticket = UUID(bytes=entry.ticket)
    return Command(
        id=command_id(ticket, "tick", entry.version, f"{entry.at:.6f}"),
        ticket_id=ticket,
        # A clock that was put back since it was due must not make the tick come to nothing.
        at=max(now, datetime.fromtimestamp(entry.at, UTC)),
        actor=ACTOR,
        action=Tick(),
    )
