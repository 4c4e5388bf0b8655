"""The facts on which clocks of a pack depend; an act that changes none of them moves no clock."""

from collections.abc import Iterator
from functools import cached_property

from duban.proving.findings import Finding
from duban.proving.steps import Step
from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.domain.policy.clocks import ClockRule
from services.domain.policy.conditions import When
from services.domain.policy.pack import Pack
from services.ledger.domain.timers import POLICY_APPLIED


class ClockFacts:
    """Compares the facts before and after a step.

    Attributes:
        pack: the policy pack.

    """

    def __init__(self, pack: Pack) -> None:
        self.pack = pack

    def unmoved(self, step: Step) -> Iterator[Finding]:
        """Yield the clocks that an act moves although it changes no fact on which a clock depends."""
        before, after = step.before, step.after
        if before.clocks == after.clocks or any(_is_by_time(event) for event in step.events):
            return
        if self._of(before) == self._of(after):
            moved = sorted({timer.name for timer in after.clocks if timer not in before.clocks})
            action = step.act.action.type
            yield Finding("unmoved", action, f"{action} changes no fact, and moves {', '.join(moved)}")

    def _of(self, ticket: Ticket) -> tuple[object, ...]:
        facts = self.pack.facts_of(ticket)
        return (
            *(ticket.status, ticket.unit, ticket.dispatched_by, ticket.run, ticket.suspended, ticket.assisting),
            *(ticket.contacted_at, ticket.wanted_by, ticket.form_completed_at, ticket.dispatched_at),
            *(ticket.claimed_at, ticket.progress_replied_at, ticket.survey, ticket.callback_ended),
            *(ticket.asking_ended_at, ticket.settlement, ticket.customer.network, facts.vip, ticket.entry_marks),
            tuple((each.clock, each.run, each.state) for each in ticket.extensions),
            tuple(getattr(facts, name) for name in self._asked),
        )

    @cached_property
    def _asked(self) -> tuple[str, ...]:
        clocks = self.pack.limits.clocks
        return tuple(sorted({name for clock in clocks for when in _conditions(clock) for name in when.looks_at}))


def _conditions(clock: ClockRule) -> Iterator[When]:
    yield clock.when
    if clock.unless is not None:
        yield clock.unless
    yield from (row.when for row in clock.limits)


def _is_by_time(event: TicketEvent) -> bool:
    return event.threshold is not None or event.type == POLICY_APPLIED
