"""A round of chaos: plays a day, kills every process at random moments and at crash points, then runs the checker."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import httpx

from demo import drain, summary
from demo.setup import SCALE, clock_origin, prepare_day
from deploy.local import Stack
from deploy.local.errors import LocalError
from deploy.local.plan import SERVICES, StackOptions
from deploy.tools.checkout import PROJECT
from services.notifier.delivery_worker import UNSAVED_LETTERS
from services.shared.runtime.crash_points import POINTS

REPLICAS = {service: 3 if service == "ledger" else 2 for service in SERVICES}
STORES = ("kafka", "postgres")
DECIDED_WITHIN = 10.0
"""Real seconds after which a due threshold must have been decided, once every service is ready."""
CRASHED_WITHIN = 150.0
"""Real seconds in which a service must reach an armed crash point; callback is idle from evening to morning."""
READY_WITHIN = 120.0
"""Real seconds that killed processes have to be ready again."""


@dataclass(frozen=True)
class RoundPlan:
    """What happens in a round.

    Attributes:
        contacts: number of customers.
        lasts: policy time that the day lasts at least.
        ends: policy time after which the day ends even if commands are still pending.
        replicas: number of processes of each service that has more than one; each of them is killed, and each store.
        points: services with the crash points at which they die.
        pause: longest time between two kills, in real seconds.
        scale: policy seconds in a real second.

    """

    contacts: int = 150
    lasts: timedelta = timedelta(hours=14)
    ends: timedelta = timedelta(hours=28)
    replicas: Mapping[str, int] = field(default_factory=lambda: REPLICAS)
    points: tuple[tuple[str, str], ...] = tuple(
        # hot_issues publishes only once a day; by then another of its points may be armed.
        (service, point)
        for service in SERVICES
        for point in POINTS
        if (service, point) != ("hot_issues", "mid_publish")
    )
    pause: float = 2.5
    scale: float = SCALE


def short_plan(seed: int) -> RoundPlan:
    """Return a plan of less than a minute: every process is killed once, and each service at one crash point."""
    rng = Random(f"short/{seed}")
    # Without mid_publish: in so short a day, a service may have nothing to publish.
    points = tuple((service, rng.choice(("before_save", "after_save", "before_offset_commit"))) for service in SERVICES)
    # At half the scale the day ends before the quiet hours, in which letters wait for the morning.
    return RoundPlan(
        replicas={},
        contacts=60,
        lasts=timedelta(hours=5),
        ends=timedelta(hours=6),
        points=points,
        pause=1.5,
        scale=SCALE / 2,
    )


@dataclass
class RoundResult:
    """Outcome of a round.

    Attributes:
        kills: number of processes killed.
        points: number of crash points reached.
        contacts: number of messages sent.
        problems: problems found by the checker, and crash points that were not reached.

    """

    kills: int = 0
    points: int = 0
    contacts: int = 0
    problems: list[str] = field(default_factory=list)


def play_round(data: Path, seed: int, plan: RoundPlan, log: Callable[[str], None]) -> RoundResult:
    """Play one round on an empty data folder.

    Args:
        data: the data folder.
        seed: seed of the day and of the kills.
        plan: what happens.
        log: receives a line for each kill.

    Raises:
        LocalError: the system does not become ready or does not drain.

    """
    result = RoundResult()
    options = StackOptions(
        data=data, scale=plan.scale, origin=clock_origin(plan.scale), replicas=plan.replicas, stop_with_parent=True
    )
    with Stack.start(options) as stack:
        day = prepare_day(stack, contacts=plan.contacts, seed=seed)
        day.driver.start()
        try:
            _kill_everything(stack, Random(f"chaos/{seed}"), plan, result, log)
            while day.clock.now() < day.start + plan.lasts:
                time.sleep(0.2)
            _wait_until_ready(stack)
            _wait_for(
                lambda: day.driver.pending == 0 or day.clock.now() > day.start + plan.ends,
                120,
                "the day does not end: commands are still pending",
            )
        finally:
            day.driver.stop()
        due_before = day.clock.now() - day.clock.business_span(DECIDED_WITHIN)
        drain.drain(stack)
        # Each kill may come between the handing over of letters and their saving.
        repeats = (result.kills + result.points) * UNSAVED_LETTERS
        arguments = (f"--due-before={due_before.isoformat()}", f"--repeats={repeats}")
        problems = summary.run_checker(stack, str(day.driver.accepted), *arguments)["problems"]
        assert isinstance(problems, list)
        result.problems += [str(problem) for problem in problems]
        result.problems += _verify_ledger(data)
        result.contacts = sum(day.driver.counts.sent.values())
    return result


def _kill_everything(
    stack: Stack, rng: Random, plan: RoundPlan, result: RoundResult, log: Callable[[str], None]
) -> None:
    """Kill everything that the plan names, in an order and at moments that the seed decides."""
    kills = [*stack.replicas(*SERVICES), *STORES]
    points = list(plan.points)
    rng.shuffle(kills)
    rng.shuffle(points)
    started = time.monotonic()

    def log_with_time(text: str) -> None:
        log(f"  {time.monotonic() - started:5.1f} s  {text}")

    arming = threading.Thread(target=_arm_crash_points, args=(stack, points, result, log_with_time), daemon=True)
    arming.start()
    for name in kills:
        time.sleep(rng.uniform(0.3, plan.pause))
        _wait_for(lambda name=name: stack.kill(name), READY_WITHIN, f"{name} does not run")  # type: ignore[misc]
        result.kills += 1
        log_with_time(f"kill -9 {name}")
    arming.join()


def _arm_crash_points(
    stack: Stack, points: list[tuple[str, str]], result: RoundResult, log: Callable[[str], None]
) -> None:
    """Let each service crash at its points, one after the other; all services in parallel."""
    services = [
        _ArmedService(stack.folder.crash_points / service, [point for name, point in points if name == service])
        for service in dict.fromkeys(service for service, _ in points)
    ]
    while any(service.points for service in services):
        for service in services:
            service.advance(result, log)
        time.sleep(0.05)


@dataclass
class _ArmedService:
    """Crash points of one service, armed one after the other.

    Attributes:
        file: file that arms a point; named after the service, which removes it when it crashes.
        points: points that are still to be reached, the armed one first.
        armed_at: monotonic time at which the first one was armed; None: it is not armed.

    """

    file: Path
    points: list[str]
    armed_at: float | None = None

    def advance(self, result: RoundResult, log: Callable[[str], None]) -> None:
        """Arm the next point if the armed one was reached or took too long."""
        if not self.points:
            return
        if self.armed_at is not None:
            if self.file.exists() and time.monotonic() - self.armed_at < CRASHED_WITHIN:
                return
            self._disarm(result, log)
        if self.points:
            # Written elsewhere and then moved, so that the service never reads half a name.
            new = self.file.with_suffix(".new")
            new.write_text(self.points[0], encoding="utf-8")
            new.replace(self.file)
            self.armed_at = time.monotonic()

    def _disarm(self, result: RoundResult, log: Callable[[str], None]) -> None:
        point = self.points.pop(0)
        self.armed_at = None
        if self.file.exists():
            self.file.unlink(missing_ok=True)
            result.problems.append(f"{self.file.name} never reached crash point {point}")
        else:
            result.points += 1
            log(f"{self.file.name} crashed at {point}")


def _wait_until_ready(stack: Stack) -> None:
    """Wait until every process runs and every service is ready."""

    def ready() -> bool:
        state = stack.state
        expected = (*state.operations, *STORES)
        if any(name not in state.processes or not state.processes[name].alive for name in expected):
            return False
        try:
            return all(
                httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).is_success for port in state.operations.values()
            )
        except httpx.HTTPError:
            return False

    _wait_for(ready, READY_WITHIN, "not every killed process became ready again")


def _wait_for(condition: Callable[[], bool], within: float, problem: str) -> None:
    until = time.monotonic() + within
    while not condition():
        if time.monotonic() > until:
            raise LocalError(problem)
        time.sleep(0.1)


def _verify_ledger(data: Path) -> list[str]:
    completed = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "duban", "ledger", "verify", "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    return (
        []
        if completed.returncode == 0
        else [f"ledger verify: {line}" for line in (completed.stdout + completed.stderr).splitlines()[-5:]]
    )
