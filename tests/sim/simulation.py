"""One run of the simulation: random steps and faults from a seed, then the checks of what must hold."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from duban.simulated_actor import simulated_actor
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
from schemas.command import Action, Command
from services.domain.classify import classify
from services.domain.ids import command_id, ticket_id
from services.shared.runtime.clock_skew import TOLERANCE
from tests.builders import CENTRE, MORNING, PACK, contact
from tests.sim import invariants
from tests.sim.actors import SimulatedLedger, SimulatedMonitor
from tests.sim.world import PARTITIONS, World

STEPS = 450
TIME_STEPS = (1, 5, 60, 600, 3600, 6 * 3600, 30 * 3600)
"""Seconds by which time advances."""
UNITS = (CENTRE, "network", "billing")
CLOCK_ERROR = timedelta(minutes=10)
"""Error of a wall clock that a monitor has to detect."""
UNDETECTED_ERROR = timedelta(seconds=TOLERANCE) / 2
"""Error of a wall clock within the tolerance."""
FINAL_SPANS = (timedelta(minutes=1), timedelta(days=2), timedelta(days=40), timedelta(days=1500))
"""By how much time advances in the end, without faults: enough for warnings, limits, callbacks and archiving."""


class Simulation:
    """All steps of one seed; two simulations of the same seed do the same."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = World(MORNING)
        self.ledgers = [SimulatedLedger(self.world), SimulatedLedger(self.world)]
        self.monitors = [SimulatedMonitor(self.world), SimulatedMonitor(self.world)]
        self.monitors[0].assign(range(PARTITIONS))
        self.monitors[0].learn_assignment()
        self._number = 0
        self._tolerance = timedelta(0)
        self._steps: list[tuple[Callable[[], None], int]] = [
            (self._open_ticket, 10),
            (self._send_command, 25),
            (self._step_ledger, 200),
            (self._step_monitor, 40),
            (self._advance_time, 25),
            (self._crash_monitor, 3),
            (self._rebalance, 4),
            (self._deliver_assignment, 4),
            (self._skew_clock, 2),
            (self._sweep, 3),
            (self._resend_command, 3),
        ]

    def run(self) -> World:
        """Do the random steps, let the system settle, check it, and let time advance to the end of all tickets.

        Raises:
            AssertionError: an invariant does not hold.

        """
        steps, weights = zip(*self._steps, strict=True)
        for step in self.rng.choices(steps, weights, k=STEPS):
            step()
        self._end_faults()
        self._settle()
        invariants.check(self.world, self.monitors, self._tolerance)
        for span in FINAL_SPANS:
            # To the very moment of the next deadline, then on by the span.
            for now in (self._next_deadline(), self.world.now + span):
                self.world.now = max(now, self.world.now)
                # What is due now is decided while a monitor that has just restarted is still loading.
                self._crash_monitor()
                for step in self.rng.choices((self._step_monitor, self._step_ledger), (1, 3), k=60):
                    step()
                self._settle()
                invariants.check(self.world, self.monitors, self._tolerance)
        return self.world

    def _next_deadline(self) -> datetime:
        deadlines = (ticket.next_action_at for ticket in self.world.tickets.values())
        return min((at for at in deadlines if at is not None), default=self.world.now)

    # ---- random steps ----

    def _open_ticket(self) -> None:
        self._number += 1
        first = contact(f"s{self._number}", at=self.world.now)
        action = Open(contact=first, classification=classify(first, PACK))
        self._send(ticket_id(first.id), action, None)

    def _send_command(self) -> None:
        if not self.world.tickets:
            return
        rng = self.rng
        ticket = rng.choice(list(self.world.tickets.values()))
        soon = self.world.now + timedelta(hours=rng.randrange(1, 48))
        actions: list[Action] = [
            Note(text="n"),
            Dispatch(unit=rng.choice(UNITS)),
            Claim(person="p"),
            FeedBack(result="r", cause="c", owner="network"),
            Answer(explanation="e", result="r", cause="c", owner="network", agreement="agreed"),
            RequestExtension(explanation="e", committed_until=soon),
            Suspend(waiting_for="customer", reason="r"),
            Resume(),
            Reopen(reason="r"),
            Withdraw(reason="r", evidence="calls/1"),
        ]
        action = rng.choice(actions)
        self._send(ticket.id, action, rng.choice((ticket.unit, CENTRE)))

    def _send(self, ticket: UUID, action: Action, unit: str | None) -> None:
        self._number += 1
        actor, authority = simulated_actor(action, "carrier", unit)
        self.world.send(
            Command(
                id=command_id("sim", self._number),
                ticket_id=ticket,
                at=self.world.now,
                actor=actor,
                policy="carrier",
                action=action,
                authority=authority,
            )
        )

    def _resend_command(self) -> None:
        """Let a sender repeat a command."""
        sent = [command for partition in self.world.commands for command in partition]
        if sent:
            self.world.fault("command sent twice")
            self.world.send(self.rng.choice(sent))

    def _step_ledger(self) -> None:
        # Usually the first ledger; sometimes the one that has lost its partitions and does not know it yet.
        ledger = self.ledgers[self.rng.random() < 0.2]
        ledger.step(self.rng.randrange(PARTITIONS), self.rng)

    def _step_monitor(self) -> None:
        monitor = self.rng.choice(self.monitors)
        monitor.consume(self.rng)
        monitor.send_ticks(self.rng)

    def _advance_time(self) -> None:
        """Let time advance; now and then to just before a deadline."""
        close = self._next_deadline() - timedelta(seconds=2 * self.rng.random())
        if close > self.world.now and self.rng.random() < 0.3:
            self.world.now = close
        else:
            self.world.now += timedelta(seconds=self.rng.choice(TIME_STEPS) * self.rng.random())

    def _crash_monitor(self) -> None:
        self.world.fault("monitor killed")
        self.rng.choice(self.monitors).crash()

    def _rebalance(self) -> None:
        """Assign the partitions anew; some monitors learn of it later and go on with what they had."""
        self.world.fault("rebalance")
        owners = [self.rng.choice(self.monitors) for _ in range(PARTITIONS)]
        for monitor in self.monitors:
            monitor.assign(number for number, owner in enumerate(owners) if owner is monitor)
            if self.rng.random() < 0.6:
                monitor.learn_assignment()
        one, other = (monitor.tracker.partitions for monitor in self.monitors)
        if one & other:
            self.world.fault("two monitors at once")
        if len(one | other) < PARTITIONS:
            self.world.fault("a partition without a monitor")

    def _deliver_assignment(self) -> None:
        """Let a monitor learn of the group's assignment."""
        self.rng.choice(self.monitors).learn_assignment()

    def _skew_clock(self) -> None:
        monitor = self.rng.choice(self.monitors)
        monitor.clock_error = self.rng.choice([CLOCK_ERROR, -CLOCK_ERROR, UNDETECTED_ERROR, timedelta(0)])
        if monitor.clock_error == UNDETECTED_ERROR:
            self._tolerance = UNDETECTED_ERROR
        self.world.fault("clock jumped")

    def _sweep(self) -> None:
        self.ledgers[0].sweep()
        self.ledgers[0].archive()

    # ---- the end ----

    def _end_faults(self) -> None:
        """Correct the clocks, and let every monitor learn of the group's assignment."""
        for monitor in self.monitors:
            monitor.clock_error = timedelta(0)
            monitor.learn_assignment()
        for ledger in self.ledgers:
            ledger.crash()

    def _settle(self) -> None:
        """Let ledger and monitors work, with nothing of the sweeper but the archive, until nothing is left to do."""
        no_faults = random.Random(0)
        no_faults.random = lambda: 0.5  # type: ignore[method-assign]  # above the probability of every fault
        for _ in range(2000):
            before = self._progress()
            self.ledgers[0].archive()
            for number in range(PARTITIONS):
                while self.world.committed[number] < len(self.world.commands[number]):
                    self.ledgers[0].step(number, no_faults)
            for monitor in self.monitors:
                monitor.send_ticks(no_faults)
                while monitor.busy:
                    monitor.consume(no_faults)
                    monitor.send_ticks(no_faults)
            if before == self._progress():
                return
        raise AssertionError("the system does not settle")

    def _progress(self) -> tuple[int, int, int]:
        return sum(map(len, self.world.commands)), sum(map(len, self.world.events)), sum(self.world.committed)
