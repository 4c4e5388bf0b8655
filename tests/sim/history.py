"""One history: a seed, what it does to the system, and what has to hold in the end."""

import random
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from schemas.command import (
    Action,
    Actor,
    Answer,
    Claim,
    Command,
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
from schemas.ticket import ThresholdState
from services.domain.identity import command_id, ticket_id
from services.ledger.domain.evolve import evolve
from services.router.domain.classify import classify
from tests.builders import CENTRE, MORNING, PACK, contact
from tests.sim.actors import Ledger, Monitor
from tests.sim.world import PARTITIONS, World

STEPS = 250
SPANS = (1, 5, 60, 600, 3600, 6 * 3600, 30 * 3600)
"""Seconds by which time goes on."""
UNITS = (CENTRE, "network", "billing")
PROBLEM = timedelta(minutes=10)
"""By how much a clock goes wrong."""


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
        self._steps: list[tuple[Callable[[], None], int]] = [
            (self._opens, 10),
            (self._acts, 25),
            (self._decides, 60),
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
        self._rest()
        self._look()
        return self.world

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
        ledger = self.ledgers[self.chance.random() < 0.1]
        ledger.work(self.chance.randrange(PARTITIONS), self.chance)

    def _watches(self) -> None:
        monitor = self.chance.choice(self.monitors)
        monitor.read(self.chance)
        monitor.wake(self.chance)

    def _goes_on(self) -> None:
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
        monitor.off = self.chance.choice([PROBLEM, -PROBLEM, timedelta(0)])
        self.world.fault("clock jumped")

    def _sweeps(self) -> None:
        self.ledgers[0].sweep()

    # ---- what has to hold ----

    def _rest(self) -> None:
        """Let everybody but the sweeper work with right clocks until nothing is left to do."""
        quiet = random.Random(0)
        quiet.random = lambda: 0.5  # type: ignore[method-assign]  # nothing dies, nothing is lost any more
        for monitor in self.monitors:
            monitor.off = timedelta(0)
            monitor.hear()
        for _ in range(2000):
            before = (sum(map(len, self.world.commands)), sum(map(len, self.world.events)), tuple(self.world.committed))
            for number in range(PARTITIONS):
                while self.world.committed[number] < len(self.world.commands[number]):
                    self.ledgers[0].next.clear()
                    self.ledgers[0].work(number, quiet)
            for monitor in self.monitors:
                while monitor.behind:
                    monitor.read(quiet)
                monitor.wake(quiet)
            after = (sum(map(len, self.world.commands)), sum(map(len, self.world.events)), tuple(self.world.committed))
            if before == after:
                return
        raise AssertionError("the system does not come to rest")

    def _look(self) -> None:
        for id_, ticket in self.world.tickets.items():
            events = self.world.history[id_]
            assert [each.version for each in events] == list(range(1, len(events) + 1)), "a hole in the history"
            folded = None
            for event in events:
                folded = evolve(folded, event)
                if event.threshold is not None:
                    assert event.threshold.due_at <= event.recorded_at + timedelta(seconds=5), "decided early"
            assert folded == ticket, "the events do not make the ticket"
            for clock in ticket.clocks:
                for threshold in clock.thresholds:
                    if clock.running and threshold.state is ThresholdState.OPEN and not clock.held:
                        assert threshold.at > self.world.now, f"{clock.name} {threshold.name} was missed"
            published = [each for log in self.world.events for each in log if each.ticket_id == id_]
            first = list(dict.fromkeys(each.version for each in published))
            assert first == sorted(first), "events of a ticket are out of order"
            assert set(first) == {each.version for each in events}, "an event was never published"
