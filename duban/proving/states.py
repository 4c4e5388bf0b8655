"""The state vector of a ticket: what its future depends on, and what texts, persons and times do not change.

A vector has parts (`views`). Facts stand in one part if a rule looks at them together: where a ticket is and one clock
with the facts that this clock depends on, what closing needs, who may act. Facts that no rule relates do not multiply.
"""

from collections.abc import Hashable, Iterator
from datetime import datetime, timedelta
from functools import cached_property

from duban.proving.fact_classes import FactClasses
from duban.proving.roles import Roles, closing_needs, conditions_of, ending_entries, needs
from schemas.ticket import OVER, SlaTimer, ThresholdState, Ticket
from services.domain.policy.clocks import INCOMPLETE, UNDER_WAY, ClockRule
from services.domain.policy.conditions import Facts
from services.domain.policy.outcome import CALLBACK, OUTCOME_PARTS
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import BREACH
from services.ledger.domain.suspension import REMINDER
from services.ledger.domain.timers import FACTS, SUSPENSION

LONG_CHAIN = 3
"""Units in the chain of dispatch from which on more make no difference."""
View = tuple[Hashable, ...]


class States:
    """Computes the state vector of tickets under a pack.

    Attributes:
        pack: the policy pack.
        roles: of its units.

    """

    def __init__(self, pack: Pack, roles: Roles) -> None:
        self.pack, self.roles = pack, roles
        self._by_clock = [(clock, FactClasses(conditions_of(clock, pack))) for clock in pack.limits.clocks]
        self._closing = FactClasses(each.when for each in pack.outcome.closing.also)
        self._authority = FactClasses(rule.when for rule in pack.authority.rules)
        self._ending = sorted(ending_entries(pack))
        self._needed_ends = sorted(ending_entries(pack) & closing_needs(pack))
        self._rest = sorted(needs(pack) - {*OUTCOME_PARTS, CALLBACK, *self._ending})

    def views(self, ticket: Ticket, waited: timedelta) -> Iterator[View]:
        """Yield the parts of a ticket's state vector.

        Args:
            ticket: as it stands.
            waited: how long it has waited in this run.

        """
        facts, place, wait = self.pack.facts_of(ticket), self._place(ticket), self._wait(ticket, waited)
        extension = self._extension(ticket)
        ladder = self.pack.outcome.rejection.then == "next_level"
        yield ("where", *self.where(ticket))
        level = ticket.level if ladder else 0
        yield ("back", ticket.status, ticket.centre, self.roles.role(ticket.handled_by), ticket.run > 1, level)
        yield ("wait", *place, *wait, bool(extension) and extension[0])
        yield ("extension", *place, *extension)
        yield ("form", *place, INCOMPLETE in ticket.flags, ticket.settlement is not None)
        yield self.closing(ticket, facts)
        yield self.who(ticket, facts)
        yield ("assistance", *place, bool(ticket.assisting))
        yield from self._clocks(ticket, facts, place, wait, extension)

    def _clocks(self, ticket: Ticket, facts: Facts, place: View, wait: View, extension: View) -> Iterator[View]:
        """Yield the parts of the vector about each clock that the ticket has or may have."""
        kind, timers = ticket.classification.kind, dict[str, list[SlaTimer]]()
        for timer in ticket.clocks:
            timers.setdefault(timer.name, []).append(timer)
        for clock, classes in self._by_clock:
            own = timers.get(clock.name)
            if own is None and clock.when.kind and kind not in clock.when.kind:
                continue
            state = self._clock(clock, own, ticket) if own is not None else "none"
            runs = clock.while_.holds(ticket, self.pack.kinds)
            yield (clock.name, *place, runs, classes.of(facts), self._marks(clock, ticket), state)
            if own is not None and any(each.stopped_at is None for each in own):
                yield from _going(clock, own[-1].rule, (*place, state), wait, extension)

    def where(self, ticket: Ticket) -> View:
        """Return where a ticket is: its status, its holder and its chain of dispatch, by role."""
        if ticket.status in OVER:
            return (ticket.status, ticket.centre)
        roles, chain = self.roles, ticket.dispatched_by
        return (
            ticket.status,
            ticket.centre,
            roles.role(ticket.unit),
            tuple(self._link(unit, ticket) for unit in chain[-2:]) if len(chain) <= LONG_CHAIN else "long",
        )

    def _link(self, unit: str, ticket: Ticket) -> str | None:
        """Return what a unit in the chain of dispatch is: the centre, one that a clock names, or another."""
        if unit == ticket.centre:
            return "centre"
        return self.roles.role(unit) if unit in self._chained else "another"

    @cached_property
    def _chained(self) -> frozenset[str]:
        return frozenset(unit for clock in self.pack.limits.clocks for unit in clock.while_.chain)

    def closing(self, ticket: Ticket, facts: Facts) -> View:
        """Return what closing a ticket depends on."""
        outcome, since = ticket.outcome, _began(ticket)
        return (
            "closing",
            ticket.status,
            ticket.centre,
            self._closing.of(facts),
            ticket.classification.founded is False or ticket.classification.opening == "not_opened",
            tuple(_made(ticket, name, since) for name in self._needed_ends),
            all(_made(ticket, name, since) for name in self._rest),
            outcome.result is not None and outcome.explanation is not None,
            outcome.agreement == "refused",
            ticket.survey is not None or ticket.callback_ended is not None,
        )

    def who(self, ticket: Ticket, facts: Facts) -> View:
        """Return what the rights on a ticket depend on."""
        return ("who", ticket.status, self.roles.role(ticket.unit), ticket.centre, self._authority.of(facts))

    def _place(self, ticket: Ticket) -> View:
        chain = ticket.dispatched_by
        if ticket.status in OVER:
            return (ticket.status, ticket.run > 1)
        return (
            ticket.status,
            ticket.unit == ticket.centre,
            min(len(chain), 2),
            bool(chain) and chain[-1] == ticket.centre,
            ticket.run > 1,
        )

    def _wait(self, ticket: Ticket, waited: timedelta) -> View:
        used_up = waited >= self._longest_wait
        if ticket.suspended is None:
            return (None, used_up, False)
        reminded = any(
            point.name == REMINDER and point.state is not ThresholdState.OPEN
            for timer in ticket.clocks
            if timer.name == SUSPENSION and timer.stopped_at is None
            for point in timer.thresholds
        )
        return (ticket.suspended, used_up, reminded)

    @cached_property
    def _longest_wait(self) -> timedelta:
        return self.pack.limits.suspension.at_most.length

    def _extension(self, ticket: Ticket) -> View:
        """Return how it stands with more time for the stage that runs."""
        timer = next((t for t in reversed(ticket.clocks) if t.stopped_at is None and t.name in self._extendable), None)
        if timer is None:
            return ()
        own = [each for each in ticket.extensions if (each.clock, each.run) == (timer.name, timer.run)]
        asked = next((each for each in own if each.state == "asked"), None)
        replied = ticket.progress_replied_at
        return (
            asked is not None,
            asked is not None and replied is not None and replied >= asked.asked_at,
            min(sum(each.state == "approved" for each in own), self.pack.limits.extension.per_stage),
        )

    @cached_property
    def _extendable(self) -> frozenset[str]:
        return frozenset(clock.name for clock in self.pack.limits.clocks if clock.extendable)

    def _marks(self, clock: ClockRule, ticket: Ticket) -> View:
        """Return the facts that a clock waits for, as they are since the run began."""
        since = _began(ticket) if clock.once != "ticket" else ticket.accepted_at
        anchor = (clock.anchor,) if clock.anchor in self._ending else ()
        return tuple(
            [
                FACTS[name](ticket, since) if name in FACTS else _made(ticket, name, since)
                for name in (*clock.after, *clock.until, *clock.until_all, *anchor)
            ]
        )

    def _clock(self, clock: ClockRule, timers: list[SlaTimer], ticket: Ticket) -> Hashable:
        """Return how it stands with a clock; where each assisting unit has its own, with those that run."""
        if clock.runs_for is not None:
            return tuple(sorted(self._state(clock, each, timers, ticket) for each in timers if each.stopped_at is None))
        return self._state(clock, timers[-1], timers, ticket)

    def _state(self, clock: ClockRule, timer: SlaTimer, timers: list[SlaTimer], ticket: Ticket) -> tuple[object, ...]:
        """Return the state of a clock: whether it runs, stands still or may go on, and whether it was exceeded."""
        if timer.ticket_run != ticket.run and clock.once != "ticket":
            return ("over",)
        exceeded = any(
            each.run == timer.run and point.name == BREACH and point.state is ThresholdState.FIRED
            for each in timers
            for point in each.thresholds
        )
        if timer.stopped_at is not None:
            again = ticket.status in UNDER_WAY and not clock.starts_anew
            return ("stopped", exceeded, again)
        going = "paused" if timer.paused_at is not None else "held" if timer.held else "running"
        return (going, exceeded, timer.exceeded, timer.committed)


def _began(ticket: Ticket) -> datetime:
    return ticket.reopened_at or ticket.accepted_at


def _made(ticket: Ticket, name: str, since: datetime) -> bool:
    made = ticket.entry_marks.get(name)
    return made is not None and made >= since


def _going(clock: ClockRule, rule: str, here: View, wait: View, extension: View) -> Iterator[View]:
    """Yield what matters only to a clock that runs or stands still: its limit, waits, and more time."""
    own = (wait[0], wait[2]) if clock.pauses_for else ()
    asked = extension[:2] if clock.extendable else ()
    yield ("limit of", clock.name, here[0], rule, here[-1], *own, *asked)
    if clock.pauses_for:
        yield ("wait of", clock.name, *here, wait[0])
    if clock.extendable:
        yield ("extension of", clock.name, *here, *asked)
