"""One round: a day runs, everything is killed at random moments and at every named point, then the checker looks."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import httpx

from demo import drain, summary
from demo.setup import SCALE, open_day, origin
from deploy.local import Stack
from deploy.local.errors import LocalError
from deploy.local.plan import SERVICES, StackOptions
from deploy.tools.checkout import PROJECT
from services.shared.runtime.crash_points import POINTS

KILLED = (*SERVICES, "kafka", "postgres")
REACHED_WITHIN = 150.0
"""Real seconds within which a service has to come to an armed point: callback rests from evening to morning."""
READY_WITHIN = 120.0


@dataclass(frozen=True)
class RoundPlan:
    """How hard a round is.

    Attributes:
        contacts: customers of the day.
        lasts: policy time that the day goes on at least.
        ends: policy time after which nobody does anything more, even if somebody meant to.
        kills: what is killed at a random moment.
        points: service and named point at which it dies.
        pause: longest real time between two strikes, in seconds.
        scale: policy seconds in a second.

    """

    contacts: int = 150
    lasts: timedelta = timedelta(hours=14)
    ends: timedelta = timedelta(hours=28)
    kills: tuple[str, ...] = KILLED
    points: tuple[tuple[str, str], ...] = tuple(
        # A day has one hot issue, which is published once: by then another point may be armed.
        (service, point)
        for service in SERVICES
        for point in POINTS
        if (service, point) != ("hot_issues", "mid_publish")
    )
    pause: float = 2.5
    scale: float = SCALE


def short(seed: int) -> RoundPlan:
    """Return a plan that takes less than a minute: everything is killed once, each service at one more point."""
    rng = Random(f"short/{seed}")
    # In so short a day a service may have nothing to publish, so it would never come to that point.
    points = tuple((service, rng.choice(("before_save", "after_save", "before_offset_commit"))) for service in SERVICES)
    # At this pace it is over before the evening, when letters begin to wait for the morning.
    return RoundPlan(
        contacts=60, lasts=timedelta(hours=5), ends=timedelta(hours=6), points=points, pause=1.5, scale=SCALE / 2
    )


@dataclass
class RoundResult:
    """What a round did and found."""

    kills: int = 0
    points: int = 0
    contacts: int = 0
    problems: list[str] = field(default_factory=list)


def play(data: Path, seed: int, plan: RoundPlan, say: Callable[[str], None]) -> RoundResult:
    """Play one round on an empty data folder.

    Raises:
        LocalError: the system does not come back.

    """
    outcome = RoundResult()
    with Stack.start(
        StackOptions(data=data, scale=plan.scale, origin=origin(plan.scale), stop_with_parent=True)
    ) as stack:
        today = open_day(stack, contacts=plan.contacts, seed=seed)
        today.driver.begin()
        try:
            _strike(stack, Random(f"chaos/{seed}"), plan, outcome, say)
            while today.clock.now() < today.start + plan.lasts:
                time.sleep(0.2)
            _recovered(stack)
            _until(
                lambda: today.driver.waiting == 0 or today.clock.now() > today.start + plan.ends,
                120,
                "the day does not end",
            )
        finally:
            today.driver.end()
        drain.settle(stack)
        found = summary.check(stack, str(today.driver.accepted))
        problems = found["problems"]
        assert isinstance(problems, list)
        outcome.problems += [str(each) for each in problems]
        outcome.problems += _verify(data)
        outcome.contacts = sum(today.driver.counts.sent.values())
    return outcome


def _strike(stack: Stack, rng: Random, plan: RoundPlan, outcome: RoundResult, say: Callable[[str], None]) -> None:
    """Kill everything that the plan names, in an order and at moments that the seed decides."""
    kills = list(plan.kills)
    points = list(plan.points)
    rng.shuffle(kills)
    rng.shuffle(points)
    began = time.monotonic()
    arming = threading.Thread(target=_arm, args=(stack, points, outcome, say, began), daemon=True)
    arming.start()
    for name in kills:
        time.sleep(rng.uniform(0.3, plan.pause))
        _until(lambda name=name: stack.kill(name), READY_WITHIN, f"{name} does not run")  # type: ignore[misc]
        outcome.kills += 1
        say(f"  {time.monotonic() - began:5.1f} s  kill -9 {name}")
    arming.join()


def _arm(
    stack: Stack, points: list[tuple[str, str]], outcome: RoundResult, say: Callable[[str], None], began: float
) -> None:
    """Let each service die at its points, one point of a service after the other, all services side by side."""
    waiting = {service: [point for name, point in points if name == service] for service, _ in points}
    since: dict[str, float] = {}
    while any(waiting.values()):
        for service, left in waiting.items():
            file = stack.folder.crash_points / service
            if not left or (service in since and file.exists() and time.monotonic() - since[service] < REACHED_WITHIN):
                continue
            if service in since:
                point = left.pop(0)
                if file.exists():
                    file.unlink(missing_ok=True)
                    outcome.problems.append(f"{service} never came to {point}")
                else:
                    outcome.points += 1
                    say(f"  {time.monotonic() - began:5.1f} s  {service} died at {point}")
                del since[service]
            if left:
                # Written whole and then moved, so that the service never reads half a name.
                new = file.with_suffix(".new")
                new.write_text(left[0], encoding="utf-8")
                new.replace(file)
                since[service] = time.monotonic()
        time.sleep(0.05)


def _recovered(stack: Stack) -> None:
    """Wait until every process runs and every service says that it is ready."""

    def ready() -> bool:
        state = stack.state
        if any(name not in state.processes or not state.processes[name].alive for name in KILLED):
            return False
        try:
            return all(
                httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).is_success for port in state.operations.values()
            )
        except httpx.HTTPError:
            return False

    _until(ready, READY_WITHIN, "not everything came back")


def _until(condition: Callable[[], bool], within: float, problem: str) -> None:
    until = time.monotonic() + within
    while not condition():
        if time.monotonic() > until:
            raise LocalError(problem)
        time.sleep(0.1)


def _verify(data: Path) -> list[str]:
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "duban", "ledger", "verify", "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    return (
        []
        if done.returncode == 0
        else [f"ledger verify: {line}" for line in (done.stdout + done.stderr).splitlines()[-5:]]
    )
