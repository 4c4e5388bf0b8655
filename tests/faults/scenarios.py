"""What goes wrong, how, and what shows that it did; long for `make faults-monitor`, short for the tests."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.builders import eventually
from tests.faults.rig import Rig
from tests.load.outcome import Outcome


@dataclass(frozen=True)
class Size:
    """How much of it.

    Attributes:
        due: deadlines in each scenario.
        lead: seconds between the planning of deadlines and the first of them.
        storm: seconds of joining and leaving.
        every: seconds between two of them.
        frozen: seconds that a monitor is stopped, longer than the session timeout.
        away: seconds without a broker or a database.
        dead: seconds without any monitor.
        wrong: seconds that a clock is wrong.
        swept: seconds after which the sweeper acts.

    """

    due: int
    lead: float
    storm: float
    every: float
    frozen: float
    away: float
    dead: float
    wrong: float
    swept: float


LONG = Size(due=6000, lead=10, storm=180, every=5, frozen=25, away=20, dead=120, wrong=40, swept=30)
SHORT = Size(due=120, lead=1, storm=4.5, every=1.5, frozen=7.5, away=1.5, dead=3, wrong=2, swept=3)

Proof = list[str]


@dataclass(frozen=True)
class Result:
    """How a scenario ended.

    Attributes:
        outcome: what became of its deadlines.
        proof: what shows that the fault happened; an empty one is a failure of its own.

    """

    outcome: Outcome
    proof: Proof

    @property
    def sound(self) -> bool:
        """Whether the fault happened and did no harm."""
        return self.outcome.sound and bool(self.proof)


def storm(rig: Rig, size: Size, chance: random.Random, workers: int) -> Result:
    """Let monitors join and leave, killed or asked to, never fewer than one."""
    for number in range(workers):
        rig.join(number)
    rig.loaded(0)
    before = rig.said("loaded")
    start = time.time() + size.lead
    told = rig.plan(size.due, start, size.storm)
    joined = left = killed = 0
    while time.time() < start + size.storm:
        time.sleep(size.every)
        present = sorted(rig.workers)
        if len(present) > 1 and (len(present) > workers or chance.random() < 0.5):
            how = chance.choice((signal.SIGTERM, signal.SIGKILL))
            rig.leave(chance.choice(present), how)
            left += 1
            killed += how == signal.SIGKILL
        else:
            rig.join(next(number for number in range(workers + 2) if number not in rig.workers))
            joined += 1
    outcome = rig.outcome(told, until=time.time() + 60)
    loads = rig.said("loaded") - before
    rig.all_leave()
    proof = [f"{joined} joined, {left} left ({killed} killed), clocks were loaded {loads} times"]
    return Result(outcome, proof if joined + left and loads else [])


def frozen(rig: Rig, size: Size, _: random.Random) -> Result:
    """Stop one of two monitors for longer than a session, then let it go on as if nothing had been."""
    for number in range(2):
        rig.join(number)
    for number in range(2):
        rig.loaded(number)
    start = time.time() + size.lead
    told = rig.plan(size.due, start, size.frozen * 1.25)
    victim, other = rig.workers[0], rig.workers[1]
    loads = other.said("loaded")
    time.sleep(max(start - time.time(), 0))
    victim.process.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    stopped = victim.frozen
    time.sleep(size.frozen)
    # How long after the session's end the group notices is the broker's business.
    taken_over = eventually(lambda: other.said("loaded") - loads, why="the other took nothing over")
    victim.process.send_signal(signal.SIGCONT)
    outcome = rig.outcome(told, until=start + size.frozen * 1.25 + 60)
    alive = victim.process.poll() is None
    rig.all_leave()
    proof = [f"stopped for {size.frozen:g} s, the other loaded {taken_over} times meanwhile; went on: {alive}"]
    return Result(outcome, proof if stopped else [])


def bounce(rig: Rig, size: Size, _: random.Random, name: str) -> Result:
    """Let the broker or the database go away and come back while deadlines pass."""
    rig.join(0)
    rig.loaded(0)
    start = time.time() + size.lead
    told = rig.plan(size.due, start, size.away * 3)
    time.sleep(max(start + size.away * 0.5 - time.time(), 0))
    before = rig.stack.state.processes[name].pid
    with rig.away(name):
        time.sleep(size.away)
    eventually(lambda: name in rig.stack.state.processes, within=60)
    after = rig.stack.state.processes[name].pid
    outcome = rig.outcome(told, until=start + size.away * 3 + 90)
    rig.all_leave()
    return Result(outcome, [f"{name} away for {size.away:g} s, another process since"] if before != after else [])


def broker(rig: Rig, size: Size, chance: random.Random) -> Result:
    """Let the broker go away and come back."""
    return bounce(rig, size, chance, "kafka")


def database(rig: Rig, size: Size, chance: random.Random) -> Result:
    """Let the database go away and come back."""
    return bounce(rig, size, chance, "postgres")


def dead(rig: Rig, size: Size, _: random.Random) -> Result:
    """Kill every monitor: the ledger's sweeper has to do alone."""
    rig.join(0)
    rig.loaded(0)
    rig.all_leave()
    start = time.time() + size.lead
    told = rig.plan(size.due, start, size.dead)
    outcome = rig.outcome(told, until=start + size.dead + size.swept + 60)
    # A threshold that is decided gets a new row of its clock, so the sweeper shows in how late everything is.
    swept = sum(each >= size.swept for each in outcome.late)
    proof = [f"no monitor; {swept} of {len(told)} decided {size.swept:g} s after their time or later"]
    return Result(outcome, proof if swept == len(told) and not rig.workers else [])


def wrong_clock(rig: Rig, size: Size, _: random.Random) -> Result:
    """Put a monitor's wall clock ten minutes forward, then ten minutes back, then right."""
    file: Path = rig.stack.folder.root / "clock"
    worker = rig.join(0, clock=file)
    rig.loaded(0)
    start = time.time() + size.lead
    told = rig.plan(size.due, start, size.wrong * 3)
    for seconds in (600, -600, 0):
        time.sleep(max(start - time.time(), 0))
        file.write_text(str(seconds), encoding="ascii")
        time.sleep(size.wrong)
    outcome = rig.outcome(told, until=start + size.wrong * 3 + 60)
    jumps = worker.said("clock_jumped")
    rig.all_leave()
    file.unlink()
    return Result(outcome, [f"the monitor saw {jumps} jumps of its clock"] if jumps >= 2 else [])


def storm_of_two(rig: Rig, size: Size, chance: random.Random) -> Result:
    """Let two monitors join and leave."""
    return storm(rig, size, chance, 2)


def storm_of_three(rig: Rig, size: Size, chance: random.Random) -> Result:
    """Let three monitors join and leave."""
    return storm(rig, size, chance, 3)


SCENARIOS: dict[str, Callable[[Rig, Size, random.Random], Result]] = {
    "storm-2": storm_of_two,
    "storm-3": storm_of_three,
    "frozen": frozen,
    "broker": broker,
    "database": database,
    "dead": dead,
    "clock": wrong_clock,
}
LATEST = {"storm-2": 10.0, "storm-3": 10.0}
"""Seconds below which 99 of 100 have to stay."""
