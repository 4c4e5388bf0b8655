"""What of a pack has happened during a search; what never did is dead."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from duban.proving.findings import Finding
from duban.proving.steps import Step
from schemas import action as actions
from schemas.customer_actions import Apologise
from schemas.event import TicketEvent
from services.domain.policy.clocks import ClockRule
from services.domain.policy.pack import Pack
from services.ledger.domain.lifecycle import LIFECYCLE, name_of


@dataclass
class Coverage:
    """Actions, entries, clocks and thresholds that have happened.

    Attributes:
        pack: the policy pack.
        happened: each by its name, as `clock promise` or `breach of promise`.

    """

    pack: Pack
    happened: set[str] = field(default_factory=set)

    def add(self, step: Step) -> None:
        """Add what a step has done."""
        action = step.act.action
        if step.refusal is None and step.crash is None:
            self.happened.add(f"action {action.type}")
            if isinstance(action, actions.RecordEntry):
                self.happened.add(f"entry {action.kind}")
        self.add_events(step.events)

    def add_events(self, events: Sequence[TicketEvent]) -> None:
        """Add the clocks that events have begun, and the thresholds that came."""
        for event in events:
            self.happened.update(f"clock {timer.name}" for timer in event.clocks)
            if event.threshold is not None:
                self.happened.add(f"{event.threshold.threshold} of {event.threshold.clock}")

    def dead(self) -> Iterator[Finding]:
        """Yield what can never happen, except what the pack rules out on purpose."""
        for name in self._expected():
            if name not in self.happened:
                yield Finding("dead", name, f"it never happens: {name}")

    def _expected(self) -> Iterator[str]:
        pack = self.pack
        ruled_out = set(self._ruled_out())
        yield from (f"action {name_of(action)}" for action in LIFECYCLE if action not in ruled_out)
        yield from (f"entry {kind}" for kind in pack.entries)
        for clock in pack.limits.clocks:
            yield f"clock {clock.name}"
            yield from (f"{name} of {clock.name}" for name in _thresholds(clock))

    def _ruled_out(self) -> Iterator[type[object]]:
        """Yield the actions that a pack rules out; the door and the router alone open tickets."""
        pack, limits = self.pack, self.pack.limits
        yield actions.Open
        if pack.outcome.rejection.then == "state_position":
            yield actions.Reject
        if pack.outcome.compensation is None:
            yield actions.Compensate
        if not pack.entries:
            yield actions.RecordEntry
        if not pack.notices.apologies:
            yield Apologise
        if not limits.extension.per_stage or not any(clock.extendable for clock in limits.clocks):
            yield from (actions.RequestExtension, actions.ApproveExtension, actions.DenyExtension)


def _thresholds(clock: ClockRule) -> Iterator[str]:
    same_day = any(row.value is not None and not row.value.amount for row in clock.limits)
    if clock.breach.does != "archive" and not same_day:
        yield from ("warning" if number == 1 else f"warning_{number}" for number in range(1, len(clock.warnings) + 1))
    yield "breach"
    if clock.breach.escalate_every is not None:
        yield from (f"escalation_{number}" for number in range(1, clock.breach.escalations + 1))
