"""The actors that can crash: ledgers and SLA monitors with their memory. They run the real domain code."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from schemas.action import Tick
from schemas.command import Actor, Command
from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.domain.ids import command_id
from services.ledger.batch_rows import archive_day
from services.ledger.domain.decide import decide
from services.shared.runtime.clock_skew import ClockSkewDetector
from services.sla_monitor.domain.partition_tracker import PartitionTracker, tick
from services.sla_monitor.domain.schedule import NEVER, Schedule, ScheduledTicket
from tests.builders import MORNING, PACK
from tests.sim.world import World, partition

SWEEP_AFTER = timedelta(seconds=30)


@dataclass
class SimulatedLedger:
    """A ledger; after a rebalance two of them may handle the same partition for a moment.

    Attributes:
        next_offsets: offset of the next command, by partition; forgotten in a crash.
        running: the command in progress, by partition: a generator that pauses after each step.

    """

    world: World
    next_offsets: dict[int, int] = field(default_factory=dict)
    running: dict[int, Iterator[None]] = field(default_factory=dict)

    def step(self, number: int, rng: random.Random) -> None:
        """Do the next step for a partition's commands: load and decide, save, publish, or commit; or crash."""
        if number not in self.running:
            self.running[number] = self._work(number, rng)
        # `self` as the default of `next` marks the end of the generator.
        if next(self.running[number], self) is self:
            self.running.pop(number, None)

    def crash(self) -> None:
        """Lose the memory."""
        self.next_offsets.clear()
        self.running.clear()

    def _work(self, number: int, rng: random.Random) -> Iterator[None]:
        offset = self.next_offsets.get(number, self.world.committed[number])
        if offset >= len(self.world.commands[number]):
            return
        command, position = self.world.commands[number][offset], (number, offset)
        ticket = self.world.tickets.get(command.ticket_id)
        stored = self.world.decided.get(command.id)
        if stored is None:
            result = decide(ticket, command, PACK, self.world.now, number=f"T{len(self.world.tickets)}")
            # The ticket may be out of date by the time of the save.
            yield
            if self._crashes(rng, "before the save"):
                return
            if not self.world.save(ticket, command, position, result.events):
                self.world.fault("lost a race")
                return
            stored = self.world.decided[command.id]
        yield
        if self._crashes(rng, "after the save"):
            return
        if stored.position == position:
            for event in stored.events:
                self.world.events[number].append(event)
                yield
                if self._crashes(rng, "while publishing", share=0.02):
                    return
        self.next_offsets[number] = offset + 1
        if not self._crashes(rng, "before the commit"):
            self.world.committed[number] = max(self.world.committed[number], offset + 1)

    def _crashes(self, rng: random.Random, where: str, share: float = 0.03) -> bool:
        if rng.random() >= share:
            return False
        self.world.fault(f"ledger crashed {where}")
        self.crash()
        return True

    def sweep(self) -> None:
        """Send ticks for tickets that are overdue, as the sweeper does."""
        for ticket in list(self.world.tickets.values()):
            at = ticket.next_action_at
            if at is not None and at < self.world.now - SWEEP_AFTER:
                self._send_tick(ticket)

    def archive(self) -> None:
        """Send ticks for tickets whose day for the archive has come, as the sweeper does."""
        for ticket in list(self.world.tickets.values()):
            if ticket.archive_at is not None and archive_day(ticket.archive_at) <= self.world.now.date():
                self._send_tick(ticket)

    def _send_tick(self, ticket: Ticket) -> None:
        cause = command_id(ticket.id, "sweep", ticket.version, len(self.world.commands[partition(ticket.id)]))
        actor = Actor(kind="service", name="ledger")
        self.world.send(Command(id=cause, ticket_id=ticket.id, at=self.world.now, actor=actor, action=Tick()))


@dataclass
class SnapshotLoad:
    """A snapshot that is being loaded from a slow database.

    Attributes:
        generation: of the assignment that it is for.
        partitions: the partitions that it covers.
        rows: those that are not applied yet; None until the ends of the events are known.

    """

    generation: int
    partitions: frozenset[int]
    rows: list[ScheduledTicket] | None = None


@dataclass
class SimulatedMonitor:
    """A monitor with the real partition tracker and clock-skew detector, and what is on its way to and from it.

    Attributes:
        assigned: partitions that the group has assigned to it.
        up_to_date: whether it knows that assignment; until then it reads nothing and goes on with the one before.
        clock_error: by how much its wall clock is ahead.
        loads: snapshots that are being loaded.
        in_flight: ticks that the broker has neither acknowledged nor rejected yet.


    """

    world: World
    assigned: frozenset[int] = frozenset()
    up_to_date: bool = True
    clock_error: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        """Start a process with an empty memory."""
        self.tracker = PartitionTracker(Schedule(slack=3))
        self.loads: list[SnapshotLoad] = []
        self.in_flight: list[list[ScheduledTicket]] = []
        self.skew = ClockSkewDetector(self._wall, self._monotonic)
        self.trusted = False

    def assign(self, partitions: Iterable[int]) -> None:
        """Assign partitions in the group; the monitor learns of it later."""
        self.assigned, self.up_to_date = frozenset(partitions), False

    def learn_assignment(self) -> None:
        """Take over the group's assignment and start to load the added partitions."""
        self.up_to_date = True
        change = self.tracker.assign(self.assigned)
        if change.added:
            self.loads.append(SnapshotLoad(change.generation, change.added))

    def crash(self) -> None:
        """Lose the memory, and restart with the group's assignment."""
        self.__post_init__()
        self.learn_assignment()

    @property
    def busy(self) -> bool:
        """Whether something is on its way, or there are unread events."""
        return bool(self.loads or self.in_flight) or any(map(self._unread, self.tracker.partitions))

    def consume(self, rng: random.Random, limit: int = 20) -> None:
        """Apply some rows of a snapshot, and some events of some partitions."""
        if self.loads:
            self._load(rng.choice(self.loads), rng.randrange(1, limit))
        readable = sorted(self.tracker.partitions) if self.up_to_date else []
        for number in rng.sample(readable, rng.randrange(len(readable) + 1)):
            if events := self._unread(number)[:limit]:
                next_offset = (self.tracker.next_offset(number) or 0) + len(events)
                self.tracker.apply_events(number, map(_to_entry, events), next_offset=next_offset)

    def _load(self, load: SnapshotLoad, count: int) -> None:
        if load.rows is None:
            ends = {number: len(self.world.events[number]) for number in load.partitions}
            current = self.tracker.start_loading(ends, load.generation)
            load.partitions, load.rows = frozenset(current), self._snapshot(current)
        elif load.rows:
            self.tracker.apply_snapshot(load.rows[:count], load.generation)
            del load.rows[:count]
        else:
            self.tracker.finish_loading(load.partitions, load.generation)
            self.loads.remove(load)

    def _snapshot(self, partitions: Iterable[int]) -> list[ScheduledTicket]:
        return sorted(
            _entry(each.id, each.version, each.next_action_at)
            for each in self.world.tickets.values()
            if partition(each.id) in partitions and each.next_action_at is not None
        )

    def _unread(self, number: int) -> list[TicketEvent]:
        next_offset = self.tracker.next_offset(number)
        return self.world.events[number][next_offset:] if next_offset is not None else []

    def send_ticks(self, rng: random.Random) -> None:
        """Send due ticks; those sent before are acknowledged, or lost and due again, or arrive twice."""
        now = self._now(rng)
        for entries in self.in_flight:
            self._deliver_ticks(entries, now, rng)
        self.in_flight.clear()
        if self.trusted and (due := self.tracker.take_due(now.timestamp(), 50)):
            self.in_flight.append(due)

    def _deliver_ticks(self, entries: list[ScheduledTicket], now: datetime, rng: random.Random) -> None:
        fate = rng.random()
        if fate < 0.1:
            self.world.fault("ticks not acknowledged")
            self.tracker.put_back(entries)
            return
        for entry in entries:
            self.world.send(tick(entry, now))
        if fate > 0.95:
            self.world.fault("ticks sent twice")
            for entry in entries:
                self.world.send(tick(entry, now))

    def _now(self, rng: random.Random) -> datetime:
        self.skew.observe(self._wall, self._monotonic, self._monotonic)
        if self.skew.needs_check and rng.random() < 0.7:
            self.skew.correct(self._wall, self._monotonic, self.world.now.timestamp())
            self.trusted = True
        return datetime.fromtimestamp(self._wall - self.skew.error, UTC)

    @property
    def _wall(self) -> float:
        return (self.world.now + self.clock_error).timestamp()

    @property
    def _monotonic(self) -> float:
        return (self.world.now - MORNING).total_seconds()


def _entry(ticket: UUID, version: int, at: datetime | None) -> ScheduledTicket:
    return ScheduledTicket(at.timestamp() if at is not None else NEVER, version, ticket.bytes, partition(ticket))


def _to_entry(event: TicketEvent) -> ScheduledTicket:
    return _entry(event.ticket_id, event.version, event.ticket.next_action_at)
