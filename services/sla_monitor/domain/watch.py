"""The monitor's core: assignments, snapshots, events and wake-ups in, ticks out (DESIGN 4). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.command import Actor, Command, Tick
from services.domain.identity import command_id
from services.sla_monitor.domain.schedule import Entry, Schedule

NAME = "sla_monitor"
ACTOR = Actor(kind="service", name=NAME)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a new assignment asks for.

    Attributes:
        kept: partitions that were watched before, each with the offset at which reading goes on.
        new: partitions whose clocks have to be loaded.
        lost: partitions that somebody else watches now.

    """

    kept: Mapping[int, int]
    new: frozenset[int]
    lost: frozenset[int]


class Watch:
    """Which tickets one monitor watches, and how far it has read of what is told of them.

    While its group settles, a monitor has no partition in the group's eyes. It goes on with those that it had until
    it is told which it has now: a tick too many changes nothing, one that nobody sends is late. What it keeps need
    not be loaded again, since it reads on where it had stopped.
    """

    def __init__(self) -> None:
        self.schedule = Schedule()
        self._next: dict[int, int] = {}
        self._loading: set[int] = set()

    @property
    def partitions(self) -> frozenset[int]:
        """What it watches."""
        return frozenset(self._next)

    @property
    def loading(self) -> frozenset[int]:
        """What it watches and has no whole snapshot of yet."""
        return frozenset(self._loading)

    def following(self, partition: int) -> int:
        """Return the offset of the next event it has to read."""
        return self._next[partition]

    def assigned(self, partitions: Iterable[int]) -> Assignment:
        """Forget what somebody else watches now; returns what is to be done about the rest."""
        now = frozenset(partitions)
        lost, new = self.partitions - now, now - self.partitions
        for each in lost:
            del self._next[each]
        self._loading -= lost
        self.schedule.drop(set(lost))
        return Assignment({each: self._next[each] for each in now - new}, new, lost)

    def begin(self, ends: Mapping[int, int]) -> None:
        """Watch new partitions from the ends of their events; a snapshot of what was before has to follow."""
        self._next |= ends
        self._loading |= ends.keys()
        self.schedule.begin(set(ends))

    def rows(self, entries: Iterable[Entry]) -> int:
        """Take in a part of a snapshot; returns how many rows were news."""
        return sum(self.schedule.learn(each) for each in entries)

    def loaded(self, partitions: Iterable[int]) -> None:
        """Note that a snapshot is whole."""
        over = self._loading.intersection(partitions)
        self._loading -= over
        self.schedule.loaded(over)

    def events(self, partition: int, entries: Iterable[Entry], *, following: int) -> None:
        """Take in events of a partition, and the offset of the one that follows them."""
        for each in entries:
            self.schedule.learn(each)
        if partition in self._next:
            self._next[partition] = following

    def due(self, now: float, most: int) -> list[Entry]:
        """Return tickets whose time has come, nearest deadline first; each once."""
        return self.schedule.take_due(now, most)

    def not_sent(self, entries: Sequence[Entry]) -> None:
        """Make tickets due again whose tick the broker did not take."""
        self.schedule.put_back(entries)


def tick(entry: Entry, now: datetime) -> Command:
    """Return the command that says that a ticket's time has come; the same whoever sends it, and however often."""
    ticket = UUID(bytes=entry.ticket)
    return Command(
        id=command_id(ticket, "tick", entry.version, f"{entry.at:.6f}"),
        ticket_id=ticket,
        at=now,
        actor=ACTOR,
        action=Tick(),
    )
