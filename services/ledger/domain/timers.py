"""Compares the clocks a ticket should have with those it has: the only place that starts, ends, pauses or moves one.

Each event that changes a fact of a ticket is followed by one comparison (DESIGN 2). Nothing else touches the timers of
the policy's table; the waits of suspension and extension are begun by their actions and ended here. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.ticket import Extension, SlaTimer, Status, ThresholdState, Ticket
from services.domain.policy.clocks import ASSISTING, UNDER_WAY, ClockRule
from services.domain.policy.conditions import Facts
from services.domain.policy.pack import Pack
from services.domain.sla import timer as arithmetic
from services.domain.sla.thresholds import NOTHING, DeadlineCalendar

SUSPENSION = "suspension"
EXTENSION = "extension"
WAITS = frozenset({SUSPENSION, EXTENSION})
"""Timers that an action begins, outside the policy's table."""
POLICY_APPLIED = "policy_applied"
STAGES: Mapping[Status, str] = {
    Status.ACCEPTED: "with the centre",
    Status.DISPATCHED: "with a unit",
    Status.HANDLING: "with a unit",
    Status.FED_BACK: "fed back",
    Status.ANSWERED: "answered",
    Status.CLOSED: "over",
    Status.WITHDRAWN: "over",
    Status.ARCHIVED: "archived",
}
"""The stage of each status, for `stage_since`."""
LOOKED_AT = frozenset(
    {
        "status",
        "unit",
        "dispatched_by",
        "centre",
        "classification",
        "run",
        "suspended",
        "survey",
        "callback_ended",
        "asking_ended_at",
        "progress_replied_at",
        "form_completed_at",
        "dispatched_at",
        "claimed_at",
        "contacted_at",
        "wanted_by",
        "customer",
        "entries",
        "extensions",
        "settlement",
        "assisting",
    }
)
"""Fields of a ticket on which a clock may depend; an event that changes none of them changes no clock."""
LIMITED_BY = ("classification", "contacted_at", "wanted_by", "customer", "asking_ended_at")
"""Fields on which the length of a limit may depend."""


def _since(field: str) -> Callable[[Ticket, datetime], bool]:
    """Return whether a ticket's field names an instant that is not before the scope."""

    def holds(ticket: Ticket, since: datetime) -> bool:
        at: datetime | None = getattr(ticket, field)
        return at is not None and at >= since

    return holds


FACTS: Mapping[str, Callable[[Ticket, datetime], bool]] = {
    "form_completed": lambda ticket, _: ticket.form_completed_at is not None,
    "dispatched": _since("dispatched_at"),
    "claimed": _since("claimed_at"),
    "progress_replied": _since("progress_replied_at"),
    "answered": lambda ticket, _: ticket.status not in UNDER_WAY,
    "surveyed": lambda ticket, _: ticket.survey is not None,
    "asking_ended": lambda ticket, _: ticket.callback_ended is not None,
    ASSISTING: lambda ticket, _: bool(ticket.assisting),
}
"""What each fact of `services.domain.policy.clocks.FACTS` is on a ticket, since its scope began."""


@dataclass(slots=True)
class Comparison:
    """What should run, compared with what runs, after one event.

    Attributes:
        ticket: after the event, with the timers of before it.
        before: the ticket before the event.
        pack: the policy in force.
        at: when the event happened.
        by: its type.
        used: time that a timer which starts now had used in the system before.
        promises_only: whether only the promises to the customer are compared: another event follows at once.
        moves: whether something changed on which the length of a limit may depend, once it was asked.
        known_facts: what `facts` has made.

    """

    ticket: Ticket
    before: Ticket | None
    pack: Pack
    at: datetime
    by: str
    used: timedelta = NOTHING
    promises_only: bool = False
    moves: bool | None = None
    known_facts: Facts | None = None

    def changed(self) -> list[SlaTimer]:
        """Return every timer that starts, ends, pauses, goes on or gets another limit."""
        latest = {timer.name: timer for timer in self.ticket.clocks}
        rules = self.pack.limits.candidates(self.ticket.status, self.ticket.classification.kind)
        changed: list[SlaTimer] = []
        for name, rule in rules.items():
            timer = latest.get(name)
            if self.promises_only and not rule.outer:
                continue
            if timer is not None or self.ticket.wanted_by is not None or not rule.named_only:
                self._compare(rule, timer, changed)
        if not self.promises_only:
            self._compare_others(latest, rules, changed)
        return changed

    def _compare_others(
        self, latest: Mapping[str, SlaTimer], rules: Mapping[str, ClockRule], changed: list[SlaTimer]
    ) -> None:
        """Add what becomes of the clocks that may not run in the ticket's status, and of assisting units' own."""
        before, ticket = self.before, self.ticket
        if ticket.assisting or (before is not None and before.assisting):
            self._compare_assistance(changed)
            latest = {timer.name: timer for timer in ticket.clocks if timer.unit is None}
        leaves = before is None or (before.status, before.run) != (ticket.status, ticket.run)
        for name, timer in latest.items():
            if name not in rules and (timer.stopped_at is None or (leaves and _is_open(timer))):
                self._end(timer, changed)

    def _compare_assistance(self, changed: list[SlaTimer]) -> None:
        """Add what becomes of the clocks that run once for each assisting unit, each from the request to it."""
        ticket, limits = self.ticket, self.pack.limits
        latest = {(timer.name, timer.unit): timer for timer in ticket.clocks if timer.unit is not None}
        for (name, unit), timer in latest.items():
            if unit not in ticket.assisting:
                self._stop(timer, "assistance_ended", changed)
            elif all(rule.name != name for rule in limits.for_each):
                self._stop(timer, "not_in_policy", changed)
        for rule in limits.for_each:
            for unit in ticket.assisting:
                own = latest.get((rule.name, unit))
                if own is not None and own.stopped_at is not None and own.stopped_at <= self._asked_at(unit):
                    own = None  # of an earlier request to the same unit
                self._compare(rule, own, changed, unit)

    def _asked_at(self, unit: str) -> datetime:
        """Return when an assisting unit was asked; for a request of before that was kept, now."""
        return next((request.at for request in self.ticket.assistance_requests if request.unit == unit), self.at)

    def ended_waits(self) -> list[SlaTimer]:
        """Return the waits of suspension and extension that are over, ended."""
        changed: list[SlaTimer] = []
        for timer in self.ticket.clocks:
            if timer.name in WAITS and timer.stopped_at is None:
                self._end(timer, changed)
        return changed

    @property
    def facts(self) -> Facts:
        """What conditions of rules look at; made when the first of them asks."""
        if self.known_facts is None:
            self.known_facts = self.pack.facts_of(self.ticket)
        return self.known_facts

    def _compare(
        self, rule: ClockRule, timer: SlaTimer | None, changed: list[SlaTimer], unit: str | None = None
    ) -> None:
        """Add what becomes of a clock that may run in the ticket's status, for an assisting unit its own."""
        mine = timer
        if timer is not None and timer.ticket_run != self.ticket.run and rule.once != "ticket":
            mine = None
            self._stop(timer, "run_ended", changed)
        if not rule.always_wanted and not rule.wanted(self.ticket, self.facts, self.pack.kinds):
            if mine is not None:
                self._leave(rule, mine, changed, final=False)
        elif rule.waits_for_facts and not self._awaited(rule, mine):
            if mine is not None:
                self._leave(rule, mine, changed, final=True)
        elif mine is None or (mine.stopped_at is not None and rule.starts_anew):
            self._start(rule, timer, changed, unit)
        else:
            self._keep(rule, mine, changed)

    def _start(
        self, rule: ClockRule, earlier: SlaTimer | None, changed: list[SlaTimer], unit: str | None = None
    ) -> None:
        run = earlier.run + 1 if earlier is not None else 1
        if unit is not None:
            runs = (timer.run for timer in (*self.ticket.clocks, *changed) if timer.name == rule.name)
            run = 1 + max(runs, default=0)
        limit = self.pack.limits.limit(rule, self.facts, self.ticket.customer)
        calendar = self.pack.calendar(limit.calendar)
        timer = arithmetic.begin(
            rule,
            limit,
            calendar,
            at=self._anchor(rule, unit),
            run=run,
            ticket_run=self.ticket.run,
            used=NOTHING if rule.outer else self.used,
            instants=_instants(self.ticket),
            unit=unit,
        )
        if timer is None:
            return
        if self.by == POLICY_APPLIED:
            timer = arithmetic.missed(timer, rule, calendar, self.at)
        changed.append(arithmetic.pause(timer, self.at, calendar) if self._pauses(rule) else timer)

    def _keep(self, rule: ClockRule, timer: SlaTimer, changed: list[SlaTimer]) -> None:
        """Go on with a timer: carried on where it was stopped, paused or resumed, under the limit that counts now."""
        kept = timer
        if kept.stopped_at is not None:
            kept = arithmetic.carry_on(kept, self.at, self._calendar(kept), wall=rule.carry == "wall")
        if kept.paused_at is None:
            if self._pauses(rule):
                kept = arithmetic.pause(kept, self.at, self._calendar(kept))
        elif not self._pauses(rule):
            kept = arithmetic.resume(kept, self.at, self._calendar(kept))
        if self.ticket.extensions and (held := self._is_held(kept)) != kept.held:
            kept = kept.replace(held=held)
        if self.moves is None:
            self.moves = self._changes_limits()
        goes_on = timer.stopped_at is not None
        pair = self._relimited(rule, kept, goes_on=goes_on) if self.moves or goes_on else None
        if pair is None:
            if kept is not timer:
                changed.append(kept)
            return
        old, new = pair
        if self.by == POLICY_APPLIED:
            new = arithmetic.missed(new, rule, self._calendar(new), self.at)
        changed += (old, new)

    def _is_held(self, timer: SlaTimer) -> bool:
        """Whether an undecided extension holds its breach back (DECISIONS 29)."""
        return any(
            extension.state == "asked" and (extension.clock, extension.run) == (timer.name, timer.run)
            for extension in self.ticket.extensions
        )

    def _relimited(self, rule: ClockRule, timer: SlaTimer, *, goes_on: bool) -> tuple[SlaTimer, SlaTimer] | None:
        """Re-limit a timer (the one place that does), if a fact has changed on which its limit depends.

        Of one that goes on after it had ended, such a fact may have changed in between.
        """
        limit, start = self.pack.limits.limit(rule, self.facts, self.ticket.customer), None
        if rule.anchor == "contact" and self.ticket.run == 1:
            start = self.ticket.contacted_at
        before = self.before
        if before is not None and self.by != POLICY_APPLIED and start in {None, timer.started_at}:
            earlier = self.pack.limits.limit_or_none(rule, self.pack.facts_of(before), before.customer)
            named = (limit.at is not None or limit.moved is not None) and _instants(before) != _instants(self.ticket)
            since_then = goes_on and limit.rule != timer.rule
            if limit == earlier and not named and not since_then:
                return None
        return arithmetic.relimit(
            timer,
            rule,
            limit,
            self.pack.calendar(limit.calendar),
            at=self.at,
            by=self.by,
            start=start,
            instants=_instants(self.ticket),
        )

    def _changes_limits(self) -> bool:
        """Whether something changed on which the length of a limit may depend."""
        if self.by == POLICY_APPLIED:
            return True
        before, ticket = self.before, self.ticket
        return before is not None and any(
            getattr(before, name) is not getattr(ticket, name) and getattr(before, name) != getattr(ticket, name)
            for name in LIMITED_BY
        )

    def _leave(self, rule: ClockRule, timer: SlaTimer, changed: list[SlaTimer], *, final: bool) -> None:
        """End a timer; one whose stage may be entered again in this run keeps its open thresholds until then."""
        if not final and self.ticket.status in UNDER_WAY and not rule.starts_anew and not rule.outer:
            if timer.stopped_at is None:
                changed.append(
                    arithmetic.stop(
                        timer,
                        self.at,
                        by=self.by,
                        reason=arithmetic.STAGE_ENDED,
                        calendar=self._calendar(timer),
                        final=False,
                    )
                )
            return
        self._stop(timer, arithmetic.STAGE_ENDED, changed)

    def _stop(self, timer: SlaTimer, reason: str, changed: list[SlaTimer]) -> None:
        """End a timer for good, if that was not done yet."""
        if timer.stopped_at is None:
            changed.append(arithmetic.stop(timer, self.at, by=self.by, reason=reason, calendar=self._calendar(timer)))
        elif _is_open(timer):
            changed.append(arithmetic.close(timer, self.at, reason))

    def _end(self, timer: SlaTimer, changed: list[SlaTimer]) -> None:
        """End a timer that does not run in the status: of the policy's table, a wait, or of another version."""
        if timer.name == SUSPENSION:
            if self.ticket.suspended is None:
                self._stop(timer, "resumed", changed)
        elif timer.name == EXTENSION:
            if all(extension.state != "asked" for extension in self.ticket.extensions):
                self._stop(timer, "decided", changed)
        elif (rule := self.pack.limits.by_name.get(timer.name)) is None:
            self._stop(timer, "not_in_policy", changed)
        elif timer.ticket_run != self.ticket.run and rule.once != "ticket":
            self._stop(timer, "run_ended", changed)
        else:
            self._leave(rule, timer, changed, final=False)

    def _awaited(self, rule: ClockRule, timer: SlaTimer | None) -> bool:
        """Whether the facts that it waits for are there, and none that ends it."""
        since = self.ticket.accepted_at if rule.once == "ticket" else self._run_began
        if rule.once == "visit" and timer is not None and timer.stopped_at is None:
            since = max(since, timer.started_at)
        for name in rule.after:
            if not self._is_fact(name, since):
                return False
        for name in rule.until:
            if self._is_fact(name, since):
                return False
        return not rule.until_all or not all(self._is_fact(name, since) for name in rule.until_all)

    @property
    def _run_began(self) -> datetime:
        return self.ticket.reopened_at or self.ticket.accepted_at

    def _is_fact(self, name: str, since: datetime) -> bool:
        fact = FACTS.get(name)
        if fact is not None:
            return fact(self.ticket, since)
        made = self.ticket.entry_marks.get(name)
        return made is not None and made >= since

    def _anchor(self, rule: ClockRule, unit: str | None) -> datetime:
        """Return from when a clock counts (DECISIONS 5)."""
        if unit is not None and rule.anchor == "request":
            return self._asked_at(unit)
        ticket, first = self.ticket, self.ticket.run == 1 or rule.once == "ticket"
        if rule.anchor in {"contact", "acceptance"} and first:
            return ticket.contacted_at if rule.anchor == "contact" else ticket.accepted_at
        if rule.anchor in {"contact", "acceptance", "run"}:
            return self._run_began
        if rule.anchor == "stage":
            return ticket.stage_since or self.at
        return ticket.entry_marks.get(rule.anchor, self.at)

    def _pauses(self, rule: ClockRule) -> bool:
        return self.ticket.suspended is not None and self.ticket.suspended in rule.pauses_for

    def _calendar(self, timer: SlaTimer) -> DeadlineCalendar:
        return self.pack.calendar(timer.calendar)


def _instants(ticket: Ticket) -> arithmetic.Instants:
    return arithmetic.Instants(wanted_by=ticket.wanted_by, asking_ended=ticket.asking_ended_at)


def _is_open(timer: SlaTimer) -> bool:
    return any(point.state is ThresholdState.OPEN for point in timer.thresholds)


def depends_on(changes: Mapping[str, Any]) -> bool:
    """Whether an event that changes these fields may change a clock."""
    return not LOOKED_AT.isdisjoint(changes)


def lapsed_extensions(ticket: Ticket, changed: Sequence[SlaTimer]) -> tuple[Extension, ...]:
    """Return the ticket's extensions where a request lapses because its clock has ended; empty when none does."""
    ended = {(timer.name, timer.run) for timer in changed if timer.stopped_at is not None}
    going = {(timer.name, timer.run) for timer in changed if timer.stopped_at is None}
    found = tuple(
        extension.replace(state="lapsed")
        if extension.state == "asked" and (extension.clock, extension.run) in ended - going
        else extension
        for extension in ticket.extensions
    )
    return found if found != ticket.extensions else ()
