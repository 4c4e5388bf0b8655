"""Faults of monitors and stores, and proof that they occurred; long for `make faults-monitor`, short for the tests."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.builders import eventually
from tests.faults.rig import MonitorRig
from tests.load.deadline_statistics import DeadlineStatistics


@dataclass(frozen=True)
class ScenarioScale:
    """Numbers and durations of a scenario; durations in real seconds.

    Attributes:
        due: number of deadlines.
        lead: from planning the deadlines to the first of them.
        churn: how long monitors join and leave.
        churn_every: between two joins or leaves.
        frozen: how long a monitor is frozen; longer than its session timeout.
        outage: how long the broker or the database is stopped.
        no_monitor: how long no monitor runs.
        wrong_clock: how long each wrong time lasts.
        sweep_after: after a deadline until the sweeper decides it.

    """

    due: int
    lead: float
    churn: float
    churn_every: float
    frozen: float
    outage: float
    no_monitor: float
    wrong_clock: float
    sweep_after: float


LONG = ScenarioScale(
    due=6000,
    lead=10,
    churn=180,
    churn_every=5,
    frozen=25,
    outage=20,
    no_monitor=120,
    wrong_clock=40,
    sweep_after=30,
)
SHORT = ScenarioScale(
    due=120,
    lead=1,
    churn=4.5,
    churn_every=1.5,
    frozen=7.5,
    outage=1.5,
    no_monitor=3,
    wrong_clock=2,
    sweep_after=3,
)


@dataclass(frozen=True)
class ScenarioResult:
    """Outcome of a scenario.

    Attributes:
        deadlines: statistics of its deadlines.
        proof: evidence that the fault occurred; empty if it did not.

    """

    deadlines: DeadlineStatistics
    proof: list[str]

    @property
    def passed(self) -> bool:
        """Whether the fault occurred and did no harm."""
        return self.deadlines.correct and bool(self.proof)


def churn(rig: MonitorRig, scale: ScenarioScale, rng: random.Random, monitors: int) -> ScenarioResult:
    """Let monitors join, stop cleanly and be killed at random; at least one always runs."""
    for number in range(monitors):
        rig.start_monitor(number)
    rig.wait_until_loaded(0)
    loads_before = rig.count_logged("loaded")
    start = time.time() + scale.lead
    planned = rig.plan(scale.due, start, scale.churn)
    joined = left = killed = 0
    while time.time() < start + scale.churn:
        time.sleep(scale.churn_every)
        running = sorted(rig.monitors)
        if len(running) > 1 and (len(running) > monitors or rng.random() < 0.5):
            how = rng.choice((signal.SIGTERM, signal.SIGKILL))
            rig.stop_monitor(rng.choice(running), how)
            left += 1
            killed += how == signal.SIGKILL
        else:
            rig.start_monitor(next(number for number in range(monitors + 2) if number not in rig.monitors))
            joined += 1
    deadlines = rig.collect(planned, until=time.time() + 60)
    loads = rig.count_logged("loaded") - loads_before
    rig.kill_all()
    proof = [f"{joined} joined, {left} left ({killed} killed), timers were loaded {loads} times"]
    return ScenarioResult(deadlines, proof if joined + left and loads else [])


def freeze(rig: MonitorRig, scale: ScenarioScale, _: random.Random) -> ScenarioResult:
    """Freeze one of two monitors for longer than its session, then let it continue."""
    for number in range(2):
        rig.start_monitor(number)
    for number in range(2):
        rig.wait_until_loaded(number)
    start = time.time() + scale.lead
    duration = scale.frozen * 1.25
    planned = rig.plan(scale.due, start, duration)
    victim, other = rig.monitors[0], rig.monitors[1]
    loads_before = other.count_logged("loaded")
    time.sleep(max(start - time.time(), 0))
    victim.process.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    frozen = victim.frozen
    time.sleep(scale.frozen)
    # The broker decides how long after the end of the session the group rebalances.
    loads = eventually(lambda: other.count_logged("loaded") - loads_before, why="the other monitor took nothing over")
    victim.process.send_signal(signal.SIGCONT)
    deadlines = rig.collect(planned, until=start + duration + 60)
    alive = victim.process.poll() is None
    rig.kill_all()
    proof = [f"frozen for {scale.frozen:g} s, the other loaded {loads} times meanwhile; still running: {alive}"]
    return ScenarioResult(deadlines, proof if frozen else [])


def outage(rig: MonitorRig, scale: ScenarioScale, _: random.Random, name: str) -> ScenarioResult:
    """Stop the broker or the database and start it again while deadlines pass."""
    rig.start_monitor(0)
    rig.wait_until_loaded(0)
    start = time.time() + scale.lead
    planned = rig.plan(scale.due, start, scale.outage * 3)
    time.sleep(max(start + scale.outage * 0.5 - time.time(), 0))
    pid_before = rig.stack.state.processes[name].pid
    with rig.outage(name):
        time.sleep(scale.outage)
    eventually(lambda: name in rig.stack.state.processes, within=60)
    pid_after = rig.stack.state.processes[name].pid
    deadlines = rig.collect(planned, until=start + scale.outage * 3 + 90)
    rig.kill_all()
    proof = [f"{name} stopped for {scale.outage:g} s, another process since"]
    return ScenarioResult(deadlines, proof if pid_before != pid_after else [])


def no_monitor(rig: MonitorRig, scale: ScenarioScale, _: random.Random) -> ScenarioResult:
    """Kill every monitor, so that only the ledger's sweeper decides deadlines."""
    rig.start_monitor(0)
    rig.wait_until_loaded(0)
    rig.kill_all()
    start = time.time() + scale.lead
    planned = rig.plan(scale.due, start, scale.no_monitor)
    deadlines = rig.collect(planned, until=start + scale.no_monitor + scale.sweep_after + 60)
    swept = sum(seconds >= scale.sweep_after for seconds in deadlines.lateness)
    proof = [f"no monitor; {swept} of {len(planned)} decided {scale.sweep_after:g} s after their time or later"]
    return ScenarioResult(deadlines, proof if swept == len(planned) and not rig.monitors else [])


def wrong_clock(rig: MonitorRig, scale: ScenarioScale, _: random.Random) -> ScenarioResult:
    """Set a monitor's wall clock ten minutes forward, then ten minutes back, then right."""
    file: Path = rig.stack.folder.root / "clock"
    monitor = rig.start_monitor(0, clock_file=file)
    rig.wait_until_loaded(0)
    start = time.time() + scale.lead
    planned = rig.plan(scale.due, start, scale.wrong_clock * 3)
    for seconds in (600, -600, 0):
        time.sleep(max(start - time.time(), 0))
        file.write_text(str(seconds), encoding="ascii")
        time.sleep(scale.wrong_clock)
    deadlines = rig.collect(planned, until=start + scale.wrong_clock * 3 + 60)
    jumps = monitor.count_logged("clock_jumped")
    rig.kill_all()
    file.unlink()
    return ScenarioResult(deadlines, [f"the monitor detected {jumps} jumps of its clock"] if jumps >= 2 else [])


SCENARIOS: dict[str, Callable[[MonitorRig, ScenarioScale, random.Random], ScenarioResult]] = {
    "storm-2": partial(churn, monitors=2),
    "storm-3": partial(churn, monitors=3),
    "frozen": freeze,
    "broker": partial(outage, name="kafka"),
    "database": partial(outage, name="postgres"),
    "dead": no_monitor,
    "clock": wrong_clock,
}
MAX_LATENESS = {"storm-2": 10.0, "storm-3": 10.0}
"""Seconds that the lateness of 99 of 100 deadlines must not exceed."""
