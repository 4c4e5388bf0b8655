"""What can crash: ledgers and monitors, each with what it remembers. They use the real rules and the real schedule."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from schemas.command import Actor, Command, Tick
from schemas.event import TicketEvent
from services.domain.identity import command_id
from services.ledger.domain.decide import decide
from services.sla_monitor.domain.schedule import NEVER, Entry
from services.sla_monitor.domain.vigilance import TOLERANCE
from services.sla_monitor.domain.watch import Watch, tick
from tests.builders import PACK
from tests.sim.world import World, partition

SWEPT_AFTER = timedelta(seconds=30)
TOLERATED = timedelta(seconds=TOLERANCE)


@dataclass
class Ledger:
    """One owner of some partitions of commands; for a moment there may be two.

    Attributes:
        next: the next offset it reads, by partition; gone after a crash.

    """

    world: World
    next: dict[int, int] = field(default_factory=dict)

    def work(self, number: int, chance: random.Random) -> None:
        """Take one command through the delivery loop; it may die between any two steps."""
        offset = self.next.get(number, self.world.committed[number])
        if offset >= len(self.world.commands[number]):
            return
        command, position = self.world.commands[number][offset], (number, offset)
        # What it loads may be old by the time it saves.
        ticket = self.world.tickets.get(command.ticket_id)
        kept = self.world.decided.get(command.id)
        if kept is None:
            decided = decide(ticket, command, PACK, self.world.now, number=f"T{len(self.world.tickets)}")
            if self._dies(chance, "before the save"):
                return
            if not self.world.save(ticket, command, position, decided.events):
                self.world.fault("lost a race")
                return
            kept = self.world.decided[command.id]
        if self._dies(chance, "after the save"):
            return
        if kept.position == position:
            for event in kept.events:
                self.world.events[number].append(event)
                if self._dies(chance, "amid publishing", share=0.02):
                    return
        self.next[number] = offset + 1
        if not self._dies(chance, "before the commit"):
            self.world.committed[number] = max(self.world.committed[number], offset + 1)

    def _dies(self, chance: random.Random, where: str, share: float = 0.03) -> bool:
        if chance.random() >= share:
            return False
        self.world.fault(f"ledger died {where}")
        self.next.clear()
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
class Monitor:
    """One monitor, with the partitions that it thinks are its own.

    Attributes:
        given: partitions that the group has given it, which it may not have heard of yet.
        heard: whether it has; until then it reads nothing and goes on with what it had.
        rows: a snapshot on its way from a slow database.
        off: how wrong its clock is.

    """

    world: World
    watch: Watch = field(default_factory=Watch)
    given: frozenset[int] = frozenset()
    heard: bool = True
    rows: list[Entry] = field(default_factory=list)
    off: timedelta = timedelta(0)

    def give(self, partitions: Iterable[int]) -> None:
        """Let the group take away what it had, and decide what it gets."""
        self.given, self.heard = frozenset(partitions), False

    def hear(self) -> None:
        """Note the ends of the events of what is new, then ask for its clocks; they come later, in parts."""
        self.heard = True
        told = self.watch.assigned(self.given)
        self.watch.begin({each: len(self.world.events[each]) for each in told.new})
        for ticket in self.world.tickets.values():
            if partition(ticket.id) in told.new and ticket.next_action_at is not None:
                self.rows.append(_entry(ticket.id, ticket.version, ticket.next_action_at))
        self.rows.sort()

    def crash(self) -> None:
        """Lose everything, and begin anew with what the group has given it."""
        self.watch, self.rows = Watch(), []
        self.hear()

    @property
    def behind(self) -> bool:
        """Whether it has not read everything yet."""
        return bool(self.rows) or any(self._unread(each) for each in self.watch.partitions)

    def read(self, chance: random.Random, most: int = 20) -> None:
        """Take in some of the snapshot, and some of the events of some partitions."""
        part = chance.randrange(1, most)
        self.watch.rows(self.rows[:part])
        del self.rows[:part]
        if not self.rows:
            self.watch.loaded(self.watch.loading)
        mine = sorted(self.watch.partitions) if self.heard else []
        for number in chance.sample(mine, chance.randrange(len(mine) + 1)):
            events = self._unread(number)[:most]
            self.watch.events(number, map(_news, events), following=self.watch.following(number) + len(events))

    def _unread(self, number: int) -> list[TicketEvent]:
        return self.world.events[number][self.watch.following(number) :]

    def wake(self, chance: random.Random) -> None:
        """Send ticks for what is due; some are lost on the way and come again, some come twice."""
        # What is wrong by more is put right by the database's time (domain/vigilance.py).
        now = self.world.now + max(min(self.off, TOLERATED), -TOLERATED)
        for entry in self.watch.due(now.timestamp(), 50):
            due = tick(entry, now)
            what = chance.random()
            if what < 0.03:
                self.world.fault("tick not taken")
                self.watch.not_sent([entry])
                continue
            self.world.ask(due)
            if what > 0.97:
                self.world.fault("tick sent twice")
                self.world.ask(due)


def _entry(ticket: UUID, version: int, at: datetime | None) -> Entry:
    return Entry(at.timestamp() if at is not None else NEVER, version, ticket.bytes, partition(ticket))


def _news(event: TicketEvent) -> Entry:
    return _entry(event.ticket_id, event.version, event.ticket.next_action_at)
