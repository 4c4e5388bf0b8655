"""One history: a seed, what it does to the system, and what has to hold in the end."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from schemas.action import (
    Answer,
    Claim,
    Dispatch,
    FeedBack,
    Note,
    Open,
    Reopen,
    RequestExtension,
    Resume,
    Suspend,
    Withdraw,
)
from schemas.command import Action, Actor, Command
from schemas.ticket import ThresholdState
from services.domain.ids import command_id, ticket_id
from services.ledger.domain.evolve import evolve
from services.router.domain.classify import classify
from services.sla_monitor.domain.clock_skew import TOLERANCE
from tests.builders import CENTRE, MORNING, PACK, contact
from tests.sim.actors import Ledger, Monitor
from tests.sim.world import PARTITIONS, World

STEPS = 450
SPANS = (1, 5, 60, 600, 3600, 6 * 3600, 30 * 3600)
"""Seconds by which time goes on."""
UNITS = (CENTRE, "network", "billing")
PROBLEM = timedelta(minutes=10)
"""By how much a clock goes wrong."""
UNNOTICED = timedelta(seconds=TOLERANCE) / 2
"""So little that a monitor need not notice it."""
LATER = (timedelta(minutes=1), timedelta(days=2), timedelta(days=40), timedelta(days=1500))
"""What time goes on by in the end, when nothing goes wrong any more: warnings, limits, callbacks, archive."""


class History:
    """Everything that happens under one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = World(MORNING)
        self.ledgers = [Ledger(self.world), Ledger(self.world)]
        self.monitors = [Monitor(self.world), Monitor(self.world)]
        self.monitors[0].give(range(PARTITIONS))
        self.monitors[0].hear()
        self._number = 0
        self._early = timedelta(0)
        self._steps: list[tuple[Callable[[], None], int]] = [
            (self._opens, 10),
            (self._acts, 25),
            (self._decides, 200),
            (self._watches, 40),
            (self._goes_on, 25),
            (self._crashes, 3),
            (self._rebalances, 4),
            (self._hears, 4),
            (self._clock_goes_wrong, 2),
            (self._sweeps, 3),
            (self._repeats, 3),
        ]

    def run(self) -> World:
        """Do everything, let the system come to rest, and look.

        Raises:
            AssertionError: something that has to hold does not.

        """
        steps, weights = zip(*self._steps, strict=True)
        for step in self.chance.choices(steps, weights, k=STEPS):
            step()
        self._comes_right()
        self._rest()
        self._look()
        for span in LATER:
            # To the very moment of the next deadline, then on by a span.
            for now in (self._next_deadline(), self.world.now + span):
                self.world.now = max(now, self.world.now)
                # What comes due now is decided while a monitor that has just begun still loads.
                self._crashes()
                for step in self.chance.choices((self._watches, self._decides), (1, 3), k=60):
                    step()
                self._rest()
                self._look()
        return self.world

    def _next_deadline(self) -> datetime:
        ats = (each.next_action_at for each in self.world.tickets.values())
        return min((at for at in ats if at is not None), default=self.world.now)

    # ---- what happens ----

    def _opens(self) -> None:
        self._number += 1
        first = contact(f"s{self._number}", at=self.world.now)
        action = Open(contact=first, classification=classify(first, PACK))
        self._ask(ticket_id(first.id), action, Actor(kind="service", name="router"))

    def _acts(self) -> None:
        if not self.world.tickets:
            return
        chance = self.chance
        ticket = chance.choice(list(self.world.tickets.values()))
        soon = self.world.now + timedelta(hours=chance.randrange(1, 48))
        actions: list[Action] = [
            Note(text="n"),
            Dispatch(unit=chance.choice(UNITS)),
            Claim(person="p"),
            FeedBack(result="r", cause="c", owner="network"),
            Answer(explanation="e", result="r", cause="c", owner="network", agreement="agreed"),
            RequestExtension(explanation="e", committed_until=soon),
            Suspend(waiting_for="customer", reason="r"),
            Resume(),
            Reopen(reason="r"),
            Withdraw(reason="r"),
        ]
        action = chance.choice(actions)
        unit = ticket.unit or CENTRE
        self._ask(ticket.id, action, Actor(kind="unit", name=unit, unit=unit))

    def _ask(self, ticket: UUID, action: Action, actor: Actor) -> None:
        self._number += 1
        cause = command_id("sim", self._number)
        self.world.ask(
            Command(id=cause, ticket_id=ticket, at=self.world.now, actor=actor, policy="carrier", action=action)
        )

    def _repeats(self) -> None:
        """A sender sends once more what it has sent before."""
        sent = [each for log in self.world.commands for each in log]
        if sent:
            self.world.fault("command sent twice")
            self.world.ask(self.chance.choice(sent))

    def _decides(self) -> None:
        # Usually the first ledger; a zombie has its turn as well.
        ledger = self.ledgers[self.chance.random() < 0.2]
        ledger.step(self.chance.randrange(PARTITIONS), self.chance)

    def _watches(self) -> None:
        monitor = self.chance.choice(self.monitors)
        monitor.read(self.chance)
        monitor.wake(self.chance)

    def _goes_on(self) -> None:
        """Time goes on; now and then to just before a deadline."""
        close = self._next_deadline() - timedelta(seconds=2 * self.chance.random())
        if close > self.world.now and self.chance.random() < 0.3:
            self.world.now = close
        else:
            self.world.now += timedelta(seconds=self.chance.choice(SPANS) * self.chance.random())

    def _crashes(self) -> None:
        self.world.fault("monitor killed")
        self.chance.choice(self.monitors).crash()

    def _rebalances(self) -> None:
        """The group shares the partitions out anew; some monitors hear of it later and go on with what they had."""
        self.world.fault("rebalance")
        owners = [self.chance.choice(self.monitors) for _ in range(PARTITIONS)]
        for monitor in self.monitors:
            monitor.give(number for number, owner in enumerate(owners) if owner is monitor)
            if self.chance.random() < 0.6:
                monitor.hear()
        one, other = (each.watch.partitions for each in self.monitors)
        if one & other:
            self.world.fault("two monitors at once")
        if len(one | other) < PARTITIONS:
            self.world.fault("a partition without a monitor")

    def _hears(self) -> None:
        """A monitor is told which partitions it has."""
        self.chance.choice(self.monitors).hear()

    def _clock_goes_wrong(self) -> None:
        monitor = self.chance.choice(self.monitors)
        monitor.off = self.chance.choice([PROBLEM, -PROBLEM, UNNOTICED, timedelta(0)])
        if monitor.off == UNNOTICED:
            self._early = UNNOTICED
        self.world.fault("clock jumped")

    def _sweeps(self) -> None:
        self.ledgers[0].sweep()

    # ---- what has to hold ----

    def _comes_right(self) -> None:
        """Clocks are put right, and everybody hears what the group has decided."""
        for monitor in self.monitors:
            monitor.off = timedelta(0)
            monitor.hear()
        for ledger in self.ledgers:
            ledger.die()

    def _rest(self) -> None:
        """Let everybody but the sweeper work until nothing is left to do."""
        quiet = random.Random(0)
        quiet.random = lambda: 0.5  # type: ignore[method-assign]  # nothing dies, nothing is lost any more
        for _ in range(2000):
            before = self._progress()
            for number in range(PARTITIONS):
                while self.world.committed[number] < len(self.world.commands[number]):
                    self.ledgers[0].step(number, quiet)
            for monitor in self.monitors:
                monitor.wake(quiet)
                while monitor.behind:
                    monitor.read(quiet)
                    monitor.wake(quiet)
            if before == self._progress():
                return
        raise AssertionError("the system does not come to rest")

    def _progress(self) -> tuple[int, int, int]:
        return sum(map(len, self.world.commands)), sum(map(len, self.world.events)), sum(self.world.committed)

    def _look(self) -> None:
        assert max(self.world.fired.values(), default=timedelta(0)) <= self._early, "decided early"
        for id_, ticket in self.world.tickets.items():
            events = self.world.history[id_]
            assert [each.version for each in events] == list(range(1, len(events) + 1)), "a hole in the history"
            folded = None
            for event in events:
                folded = evolve(folded, event)
            assert folded == ticket, "the events do not make the ticket"
            at = ticket.next_action_at
            assert at is None or at > self.world.now, "not decided although everybody works"
            for clock in ticket.clocks:
                for threshold in clock.thresholds:
                    if clock.running and threshold.state is ThresholdState.OPEN and not clock.held:
                        assert threshold.at > self.world.now, f"{clock.name} {threshold.name} was missed"
            published = [each for log in self.world.events for each in log if each.ticket_id == id_]
            first = list(dict.fromkeys(each.version for each in published))
            assert first == sorted(first), "events of a ticket are out of order"
            assert set(first) == {each.version for each in events}, "an event was never published"
        watched = [entry for monitor in self.monitors for entry in monitor.watch.schedule.entries()]
        open_ = {each.id.bytes: each.next_action_at for each in self.world.tickets.values() if each.next_action_at}
        assert {each.ticket: datetime.fromtimestamp(each.at, UTC) for each in watched} == open_, "a ghost or a gap"
        assert len(watched) == len(open_), "watched by two"
