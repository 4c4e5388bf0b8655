"""What can crash: ledgers and monitors, each with what it remembers. They use the real rules and the real watch."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from schemas.action import Tick
from schemas.command import Actor, Command
from schemas.event import TicketEvent
from services.domain.ids import command_id
from services.ledger.domain.decide import decide
from services.sla_monitor.domain.clock_skew import ClockSkewDetector
from services.sla_monitor.domain.partition_tracker import PartitionTracker, tick
from services.sla_monitor.domain.schedule import NEVER, Schedule, ScheduledTicket
from tests.builders import MORNING, PACK
from tests.sim.world import World, partition

SWEPT_AFTER = timedelta(seconds=30)


@dataclass
class Ledger:
    """One owner of some partitions of commands; for a moment there may be two.

    Attributes:
        next: the next offset it reads, by partition; gone after a crash.
        busy: the command that it is at, by partition, as a delivery loop that stops between any two steps.

    """

    world: World
    next: dict[int, int] = field(default_factory=dict)
    busy: dict[int, Iterator[None]] = field(default_factory=dict)

    def step(self, number: int, chance: random.Random) -> None:
        """Take the next step with a partition's commands: load and decide, save, publish, commit; or die."""
        if number not in self.busy:
            self.busy[number] = self._work(number, chance)
        if next(self.busy[number], self) is self:
            self.busy.pop(number, None)

    def die(self) -> None:
        """Forget everything."""
        self.next.clear()
        self.busy.clear()

    def _work(self, number: int, chance: random.Random) -> Iterator[None]:
        offset = self.next.get(number, self.world.committed[number])
        if offset >= len(self.world.commands[number]):
            return
        command, position = self.world.commands[number][offset], (number, offset)
        ticket = self.world.tickets.get(command.ticket_id)
        kept = self.world.decided.get(command.id)
        if kept is None:
            decided = decide(ticket, command, PACK, self.world.now, number=f"T{len(self.world.tickets)}")
            # What it has loaded may be old by the time it saves.
            yield
            if self._dies(chance, "before the save"):
                return
            if not self.world.save(ticket, command, position, decided.events):
                self.world.fault("lost a race")
                return
            kept = self.world.decided[command.id]
        yield
        if self._dies(chance, "after the save"):
            return
        if kept.position == position:
            for event in kept.events:
                self.world.events[number].append(event)
                yield
                if self._dies(chance, "amid publishing", share=0.02):
                    return
        self.next[number] = offset + 1
        if not self._dies(chance, "before the commit"):
            self.world.committed[number] = max(self.world.committed[number], offset + 1)

    def _dies(self, chance: random.Random, where: str, share: float = 0.03) -> bool:
        if chance.random() >= share:
            return False
        self.world.fault(f"ledger died {where}")
        self.die()
        return True

    def sweep(self) -> None:
        """Send ticks for clocks that nobody fired."""
        for ticket in list(self.world.tickets.values()):
            at = ticket.next_action_at
            if at is not None and at < self.world.now - SWEPT_AFTER:
                cause = command_id(ticket.id, "sweep", ticket.version, len(self.world.commands[partition(ticket.id)]))
                actor = Actor(kind="service", name="ledger")
                self.world.ask(Command(id=cause, ticket_id=ticket.id, at=self.world.now, actor=actor, action=Tick()))


@dataclass
class Load:
    """A snapshot on its way from a slow database.

    Attributes:
        run: the assignment that it is for.
        partitions: whose clocks it holds.
        rows: what has not come yet; None before the ends of the events are known.

    """

    run: int
    partitions: frozenset[int]
    rows: list[ScheduledTicket] | None = None


@dataclass
class Monitor:
    """One monitor: the real watch and the real vigilance, and what is on its way to and from it.

    Attributes:
        given: partitions that the group has given it, which it may not have heard of yet.
        heard: whether it has; until then it reads nothing and goes on with what it had.
        loads: snapshots on their way.
        flying: ticks that the broker has neither taken nor refused yet.
        off: how wrong its wall clock is.

    """

    world: World
    given: frozenset[int] = frozenset()
    heard: bool = True
    off: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        """Start a process that knows nothing."""
        self.watch = PartitionTracker(Schedule(slack=3))
        self.loads: list[Load] = []
        self.flying: list[list[ScheduledTicket]] = []
        self.vigilance = ClockSkewDetector(self._wall, self._monotonic)
        self.trusted = False

    def give(self, partitions: Iterable[int]) -> None:
        """Let the group take away what it had, and decide what it gets."""
        self.given, self.heard = frozenset(partitions), False

    def hear(self) -> None:
        """Learn what the group has decided; what is new has to be loaded."""
        self.heard = True
        told = self.watch.assigned(self.given)
        if told.new:
            self.loads.append(Load(told.run, told.new))

    def crash(self) -> None:
        """Lose everything, and begin anew with what the group has given it."""
        self.__post_init__()
        self.hear()

    @property
    def behind(self) -> bool:
        """Whether something is on its way, or it has not read everything yet."""
        return bool(self.loads or self.flying) or any(map(self._unread, self.watch.partitions))

    def read(self, chance: random.Random, most: int = 20) -> None:
        """Take in some of a snapshot, and some of the events of some partitions."""
        if self.loads:
            self._load(chance.choice(self.loads), chance.randrange(1, most))
        mine = sorted(self.watch.partitions) if self.heard else []
        for number in chance.sample(mine, chance.randrange(len(mine) + 1)):
            if events := self._unread(number)[:most]:
                following = (self.watch.following(number) or 0) + len(events)
                self.watch.events(number, map(_news, events), following=following)

    def _load(self, load: Load, part: int) -> None:
        if load.rows is None:
            current = self.watch.begin({each: len(self.world.events[each]) for each in load.partitions}, load.run)
            load.partitions, load.rows = frozenset(current), self._snapshot(current)
        elif load.rows:
            self.watch.rows(load.rows[:part])
            del load.rows[:part]
        else:
            self.watch.loaded(load.partitions, load.run)
            self.loads.remove(load)

    def _snapshot(self, partitions: Iterable[int]) -> list[ScheduledTicket]:
        return sorted(
            _entry(each.id, each.version, each.next_action_at)
            for each in self.world.tickets.values()
            if partition(each.id) in partitions and each.next_action_at is not None
        )

    def _unread(self, number: int) -> list[TicketEvent]:
        following = self.watch.following(number)
        return self.world.events[number][following:] if following is not None else []

    def wake(self, chance: random.Random) -> None:
        """Send what is due; what was sent before is taken, is lost on the way and comes again, or comes twice."""
        now = self._now(chance)
        for entries in self.flying:
            self._land(entries, now, chance)
        self.flying.clear()
        if self.trusted and (due := self.watch.due(now.timestamp(), 50)):
            self.flying.append(due)

    def _land(self, entries: list[ScheduledTicket], now: datetime, chance: random.Random) -> None:
        what = chance.random()
        if what < 0.1:
            self.world.fault("ticks not taken")
            self.watch.not_sent(entries)
            return
        for entry in entries:
            self.world.ask(tick(entry, now))
        if what > 0.95:
            self.world.fault("ticks sent twice")
            for entry in entries:
                self.world.ask(tick(entry, now))

    def _now(self, chance: random.Random) -> datetime:
        self.vigilance.look(self._wall, self._monotonic)
        if self.vigilance.doubtful and chance.random() < 0.7:
            self.vigilance.settle(self._wall, self._monotonic, self.world.now.timestamp())
            self.trusted = True
        return datetime.fromtimestamp(self._wall - self.vigilance.error, UTC)

    @property
    def _wall(self) -> float:
        return (self.world.now + self.off).timestamp()

    @property
    def _monotonic(self) -> float:
        return (self.world.now - MORNING).total_seconds()


def _entry(ticket: UUID, version: int, at: datetime | None) -> ScheduledTicket:
    return ScheduledTicket(at.timestamp() if at is not None else NEVER, version, ticket.bytes, partition(ticket))


def _news(event: TicketEvent) -> ScheduledTicket:
    return _entry(event.ticket_id, event.version, event.ticket.next_action_at)
