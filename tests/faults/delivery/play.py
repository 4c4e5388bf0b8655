"""Plays one fault: injects it under load, waits for the recovery, runs the checker, and judges what happened."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from deploy.local.plan import service_of
from tests.faults.delivery.fault import READINESS_SECONDS, CannotInject, Fault
from tests.faults.delivery.load import UNREACHABLE, ObservedAnswer
from tests.faults.delivery.readiness import ReadinessChange
from tests.faults.delivery.rig import DeliveryRig

WARM_UP = 2.0
"""Real seconds of undisturbed load before a fault."""
SETTLED_FOR = 1.0
"""Real seconds for which the system has to stay recovered."""
GIVE_UP = 150.0
"""Real seconds after which a system that does not recover is given up."""


@dataclass
class Played:
    """What happened in a fault; times in real seconds.

    Attributes:
        fault: the fault.
        lasted: how long it really lasted.
        answers: of the callers while it lasted.
        changes: of the readiness pages from its beginning to the recovery, with seconds since its beginning.
        recovered_after: seconds from its end until all was well; infinite: it did not recover.
        lost: number of messages lost.
        problems: everything that should not have been.
        missing: why the machine cannot inject it; empty: it was injected.

    """

    fault: Fault
    lasted: float = 0.0
    answers: list[ObservedAnswer] = field(default_factory=list)
    changes: list[ReadinessChange] = field(default_factory=list)
    recovered_after: float = math.inf
    lost: int = 0
    problems: list[str] = field(default_factory=list)
    missing: str = ""

    @property
    def statuses(self) -> Counter[str]:
        """Number of answers by status, `no answer` for none."""
        return Counter("no answer" if each.status == UNREACHABLE else str(each.status) for each in self.answers)

    def latency(self, share: float) -> float:
        """Return the seconds within which a share of the requests was answered."""
        seconds = sorted(answer.seconds for answer in self.answers)
        return seconds[min(int(share * len(seconds)), len(seconds) - 1)] if seconds else 0.0


def play(rig: DeliveryRig, fault: Fault) -> Played:
    """Play a fault and return what happened."""
    played = Played(fault)
    restarts = dict(rig.stack.state.restarts)
    time.sleep(WARM_UP)
    began = time.monotonic()
    try:
        with ExitStack() as injection:
            injection.enter_context(fault.inject(rig))
            time.sleep(fault.seconds)
            during = rig.readiness.changes(began)
        ended = time.monotonic()
    except CannotInject as error:
        played.missing = str(error)
        return played
    except AssertionError as error:
        ended = time.monotonic()
        during = rig.readiness.changes(began)
        played.problems.append(str(error))
    played.lasted = ended - began
    _wait_for_recovery(rig, played, ended)
    # A request belongs to the fault if it began before its end and was answered after its beginning.
    played.answers = [each for each in list(rig.load.answers) if each.at <= ended and each.at + each.seconds >= began]
    played.changes = [
        ReadinessChange(change.at - began, change.process, change.text) for change in rig.readiness.changes(began)
    ]
    played.problems += _judge_answers(played)
    played.problems += _judge_readiness(played, during, began, ended)
    for name in fault.expect.restarts:
        if rig.stack.state.restarts.get(name, 0) <= restarts.get(name, 0):
            played.problems.append(f"{name} was not started again")
    try:
        played.lost, problems = rig.check()
        played.problems += problems
    except AssertionError as error:
        played.problems.append(str(error))
    return played


def _wait_for_recovery(rig: DeliveryRig, played: Played, ended: float) -> None:
    since = ends = None
    while time.monotonic() - ended < GIVE_UP:
        ends = ends or rig.ends()
        if ends is None or not rig.recovered(ends):
            since = None
        elif since is None:
            since = time.monotonic()
        elif time.monotonic() - since >= SETTLED_FOR:
            played.recovered_after = since - ended
            break
        time.sleep(0.2)
    if played.recovered_after == math.inf:
        played.problems.append(f"did not recover: not ready {rig.readiness.not_ready()}, unread {rig.unread(ends)}")
    elif played.recovered_after > played.fault.expect.recovered_within:
        within = played.fault.expect.recovered_within
        played.problems.append(f"recovered after {played.recovered_after:.1f} s, not within {within:g} s")


def _judge_answers(played: Played) -> Iterator[str]:
    expect = played.fault.expect
    # 403 and 409 are answers to commands that come too late for their ticket.
    allowed = {202, 403, 409} | ({503} if expect.refused else set()) | ({UNREACHABLE} if expect.unreachable else set())
    for status, count in played.statuses.items():
        if (UNREACHABLE if status == "no answer" else int(status)) not in allowed:
            errors = Counter(each.error for each in played.answers if each.status == UNREACHABLE)
            yield f"callers saw {status} {count} times {dict(errors) if status == 'no answer' else ''}".rstrip()
    slow = [each.seconds for each in played.answers if each.seconds > expect.answered_within]
    if slow:
        yield f"{len(slow)} requests took up to {max(slow):.1f} s, not {expect.answered_within:g} s"


def _judge_readiness(played: Played, during: list[ReadinessChange], began: float, ended: float) -> Iterator[str]:
    expect = played.fault.expect
    for service in expect.not_ready:
        yield from _judge_notice(service, played, during, began, ended)
    for change in during:
        if service_of(change.process) in expect.stays_ready and not change.ready:
            yield f"{change.process} was not ready after {change.at - began:.1f} s: {change.text or 'no answer'}"


def _judge_notice(
    service: str, played: Played, during: list[ReadinessChange], began: float, ended: float
) -> Iterator[str]:
    """Judge whether a service's pages said in time that the fault began, and that it was over."""
    noticed = [change.at - began for change in during if service_of(change.process) == service and not change.ready]
    if not noticed:
        yield f"no {service} ever said that it is not ready"
        return
    if min(noticed) > READINESS_SECONDS:
        yield f"{service} said only after {min(noticed):.1f} s that it is not ready"
    changes = [change for change in played.changes if service_of(change.process) == service and change.ready]
    back = [change.at + began - ended for change in changes if change.at + began > ended]
    if back and max(back) > READINESS_SECONDS and not played.fault.expect.restarts:
        yield f"{service} was ready again only {max(back):.1f} s after the end"
