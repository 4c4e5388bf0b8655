"""limits.toml: every clock of a pack, and how far a limit may be moved (R4.1, R4.10, R4.11).

A clock belongs to a state: its rule says *while* what it runs, *until* which facts, from which *anchor* it counts,
and what a second visit to the state means (*once*, *carry*). No event starts or stops a clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from schemas.contact import Customer
from schemas.ticket import Status, Ticket
from services.domain.policy.base import (
    CalendarCode,
    Cited,
    CitedValue,
    Code,
    ElapsedLength,
    Label,
    Length,
    Name,
    NewCode,
    PolicyPart,
    Reader,
    Span,
)
from services.domain.policy.conditions import Facts, StateRule, When
from services.domain.policy.references import Refers
from services.domain.policy.units import UnitKind

FactCode = Annotated[Code, Refers("fact")]

FACTS = frozenset(
    {"form_completed", "dispatched", "claimed", "progress_replied", "answered", "surveyed", "asking_ended", "assisting"}
)
"""Facts of a ticket that a clock may wait for (`after`, `until`), beside the kinds of entries that the pack knows."""
ANCHORS = frozenset({"contact", "acceptance", "run", "stage", "condition", "request"})
"""Instants from which a clock may count, beside the kinds of entries that the pack knows."""
INCOMPLETE = "incomplete"
"""Flag of a contact whose form has to be completed within the form-filling limit (R2.5)."""
ASSISTING = "assisting"
"""Fact: a unit was asked to help and has not fed back yet. A clock may run once for each such unit."""
WITH_A_UNIT = frozenset({Status.DISPATCHED, Status.HANDLING})
"""Statuses in which a unit works on the ticket, and others may be asked to assist it."""
UNDER_WAY = frozenset({Status.ACCEPTED, Status.DISPATCHED, Status.HANDLING, Status.FED_BACK})
"""Statuses before the answer: a stage that was left may be entered again in the same run."""


class MoveRule(PolicyPart):
    """Moves a limit to so long after a fact where that is later; never sooner (DECISIONS 43)."""

    fact: Literal["asking_ended"]
    value: Length


class OutlastRule(Cited):
    """How long a stage may outlast the promise, where the documents let it (DECISIONS 1)."""

    by: Length
    """At most so long after the end of the promise, by the promise's calendar."""


class LimitRule(Cited):
    """One row of a table of limits: a length, a range (R4.1), an instant that a fact names, or both."""

    name: Name
    when: When = When()
    calendar: CalendarCode | None = None
    """Another calendar than the clock's, for this limit."""
    value: Length | None = None
    lower: Length | None = None
    upper: Length | None = None
    """Of a range, the lower bound is for those whom the policy names."""
    at: Literal["customer", "regulator"] | None = None
    """The instant that the customer, or the regulator's transfer, has named; it must lie after the start."""
    pick: Literal["sooner", "later"] = "sooner"
    """Which counts where there are both a length and an instant."""
    moved: MoveRule | None = None
    outlasts_promise: OutlastRule | None = None

    @model_validator(mode="after")
    def _value_or_range(self) -> Self:
        if (self.lower is None) != (self.upper is None):
            raise ValueError(f"limit {self.name}: a range has both `lower` and `upper`")
        if self.value is not None and self.lower is not None:
            raise ValueError(f"limit {self.name}: give `value`, or both `lower` and `upper`, not all three")
        if self.value is None and self.lower is None and self.at is None:
            raise ValueError(f"limit {self.name}: give `value`, or both `lower` and `upper`, or `at`")
        return self


class WarningRule(Cited):
    """When a clock warns, and whether acting in the stage makes the warning needless."""

    part: Annotated[float, Field(gt=0, lt=1)] | None = None
    """After this part of the limit."""
    after: Length | None = None
    """So long after the start, counted as the limit is."""
    unless_acted: bool = True
    notifies: tuple[Reader, ...]

    @model_validator(mode="after")
    def _part_or_length(self) -> Self:
        if (self.part is None) == (self.after is None):
            raise ValueError("a warning needs `part` of the limit, such as 0.9, or `after`, such as 10d: one of both")
        return self


class BreachRule(Cited):
    """What the end of a limit does, and how often the next level is told again (DECISIONS 9)."""

    does: Literal["supervise", "archive", "note"] = "supervise"
    """supervise: the limit is exceeded, a supervision order; archive: the ticket is put into the archive; note: it is
    put on record and nothing of ours was exceeded (DECISIONS 37)."""
    regrade: Annotated[Code, Refers("title")] | None = None
    """The tier that the ticket gets when the limit is exceeded (R4.7)."""
    notifies: tuple[Reader, ...] = ()
    escalate_every: Annotated[float, Field(gt=0)] | None = None
    """Part of the limit between two escalations after the breach."""
    escalations: Annotated[int, Field(ge=0, le=9)] = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of one clock of one ticket, with the rule that set it.

    Attributes:
        span: the length; None where an instant alone counts.
        at: the instant that the customer or the regulator has named.
        pick: which counts where there are both.


    """

    span: Span | None
    calendar: str
    rule: str
    source: str
    at: Literal["customer", "regulator"] | None = None
    pick: Literal["sooner", "later"] = "sooner"
    moved: MoveRule | None = None


class ClockRule(PolicyPart):
    """One clock of the policy: in which states it runs, from when it counts, what happens on the way (R4.1)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    name: NewCode
    title: Label
    when: When = When()
    """Tickets that have this clock."""
    unless: When | None = None
    """Tickets that do not have it although `when` holds."""
    outer: bool = False
    """The promise to the customer, which lasts over the stages."""
    runs_for: Annotated[Literal["assisting"] | None, Field(alias="each")] = None
    """Once for each assisting unit, from its request until it has fed back or is released (002-1 §2.4.4).

    `unit`, `person` and `next_level` are then those of the assisting unit, `holder` the unit that is responsible."""
    calendar: CalendarCode
    while_: Annotated[StateRule, Field(alias="while")]
    after: tuple[FactCode, ...] = ()
    """Facts, or kinds of entries, all of which it waits for."""
    until: tuple[FactCode, ...] = ()
    """Facts, or kinds of entries, any of which ends it; each counts since the scope (`once`) began."""
    until_all: tuple[FactCode, ...] = ()
    """Facts, or kinds of entries, which end it together."""
    anchor: Annotated[Code, Refers("anchor")] = "stage"
    """contact, acceptance, run, stage, condition, request, or a kind of entry: from when it counts (DECISIONS 5).

    contact and acceptance are those of the first run; of a later run it is the beginning of the run. stage: when the
    ticket entered its present stage; condition: the moment from which all conditions hold; request: when the assisting
    unit was asked."""
    once: Literal["ticket", "run", "visit"] = "run"
    """Within what it is the same clock: the ticket, a run of the ticket, or one visit to its state."""
    carry: Literal["sum", "wall", "fresh"] = "sum"
    """Of a second visit within that scope: the time used goes on (sum), the time away counts too (wall), or it
    starts anew (fresh)."""
    pauses_for: tuple[Annotated[Code, Refers("wait")], ...] = ()
    """What a suspension waits for (customer, other) while this clock stands still."""
    warnings: Annotated[tuple[WarningRule, ...], Field(max_length=9)] = ()
    breach: BreachRule
    limits: tuple[LimitRule, ...]
    """The first whose `when` holds counts."""
    extendable: bool = False
    stage: bool = True
    """Whether figures of the flow count it as a stage; a promise, a regrade and an archive never are (R6.1)."""

    @property
    def is_stage(self) -> bool:
        """Whether it limits one stage: form, review, handling, answer, callback (002-1 §2.4.2, §2.6.3a).

        The promise and the period after which a ticket is regraded span several stages, the archive is no work, and
        assisting units work while the stage of the holder goes on.
        """
        beside = self.outer or self.runs_for is not None
        return self.stage and not beside and self.breach.does == "supervise" and self.breach.regrade is None

    @model_validator(mode="after")
    def _each_only_beside_a_stage(self) -> Self:
        if self.runs_for is None:
            if self.anchor == "request":
                raise ValueError(f'clock {self.name}: anchor = "request" needs each = "assisting"')
            return self
        if ASSISTING not in self.after:
            # A version that does not know `each` then waits for a fact that never comes, instead of running it always.
            raise ValueError(f'clock {self.name}: write after = ["assisting"] beside each = "assisting"')
        if not WITH_A_UNIT.issuperset(self.while_.status):
            raise ValueError(f"clock {self.name}: units assist while the ticket is dispatched or handling, only then")
        if self.outer or self.extendable or self.breach.does != "supervise" or self.breach.regrade is not None:
            raise ValueError(
                f"clock {self.name}: the clock of an assisting unit is neither `outer` nor `extendable`, and its "
                "breach only supervises: the holder stays responsible"
            )
        return self

    def of_row(self, number: int, *, lower: bool) -> Limit:
        """Return the limit that one row of the table sets."""
        found = self._limits.get((number, lower))
        if found is None:
            row = self.limits[number]
            found = Limit(
                span=row.value or (row.lower if lower else row.upper),
                calendar=row.calendar or self.calendar,
                rule=f"{self.name}/{row.name}",
                source=row.source,
                at=row.at,
                pick=row.pick,
                moved=row.moved,
            )
            self._limits[number, lower] = found
        return found

    @cached_property
    def _limits(self) -> dict[tuple[int, bool], Limit]:
        """The limits that were asked for; there are two for each row at the most."""
        return {}

    @cached_property
    def starts_anew(self) -> bool:
        """Whether a second visit to its state begins with its whole limit."""
        return self.once == "visit" or self.carry == "fresh"

    @cached_property
    def always_wanted(self) -> bool:
        """Whether it runs for every ticket of the kinds and statuses that it names: nothing else is looked at."""
        state = StateRule(status=self.while_.status)
        of_kind = When(kind=self.when.kind)
        return self.runs_for is None and self.unless is None and self.while_ == state and self.when == of_kind

    @cached_property
    def named_only(self) -> bool:
        """Whether it exists only where the customer or the regulator has named an instant."""
        return all(row.value is None and row.lower is None for row in self.limits)

    @cached_property
    def waits_for_facts(self) -> bool:
        """Whether facts begin or end it."""
        return bool(self.after or self.until or self.until_all)

    def wanted(self, ticket: Ticket, facts: Facts, kinds: Mapping[str, UnitKind]) -> bool:
        """Whether it runs in the ticket's state, until its facts are looked at."""
        if not self.while_.holds(ticket, kinds) or not self.when.holds(facts):
            return False
        return self.unless is None or not self.unless.holds(facts)


class ExtensionRule(Cited):
    """How far and how often a stage may be extended (R4.10)."""

    per_stage: Annotated[int, Field(ge=0)]
    at_most: Annotated[float, Field(gt=0)]
    """Longest extension as a part of the limit that the stage had at first."""
    lapses_after: ElapsedLength
    needs_progress_reply: bool = True


class SuspensionRule(Cited):
    """How long a ticket may wait (R4.11)."""

    at_most: ElapsedLength
    """Of all waiting in one run of the ticket together (DECISIONS 11)."""
    reminder_after: ElapsedLength


def _unique_names(rules: tuple[ClockRule, ...]) -> tuple[ClockRule, ...]:
    names = [rule.name for rule in rules]
    if len(names) != len(set(names)):
        raise ValueError("two clocks of the pack have the same name")
    return rules


class ClockDefaults(PolicyPart):
    """What counts for every clock that says nothing else."""

    warnings: tuple[WarningRule, ...] = ()
    breach: BreachRule


OLD_FORM = {"starts_on", "stops_on", "starts_at", "restarts"}
"""Keys of the form before 0.2: a clock was started and stopped by events."""


class LimitPolicy(PolicyPart):
    """limits.toml: every clock of the pack."""

    usual: ClockDefaults | None = None

    clocks: Annotated[tuple[ClockRule, ...], Field(alias="clock"), AfterValidator(_unique_names)]
    lower_bound_for: CitedValue[tuple[Annotated[Code, Refers("network")], ...]]
    """Whom the lower bound of a range is for: `vip`, and networks in lower case such as `4g`."""
    extension: ExtensionRule
    suspension: SuspensionRule

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("clock"), list):
            return data
        for clock in data["clock"]:
            if isinstance(clock, dict) and (old := sorted(OLD_FORM & clock.keys())):
                raise ValueError(
                    f"clock {clock.get('name')}: {', '.join(old)} belong to the form before 0.2; write `while` (the "
                    "states in which it runs), `until` (facts that end it) and `anchor` (from when it counts) instead"
                )
        if not isinstance(data.get("usual"), dict):
            return data
        usual = {name: data["usual"][name] for name in ("warnings", "breach") if name in data["usual"]}
        return data | {"clock": [usual | clock for clock in data["clock"] if isinstance(clock, dict)]}

    @cached_property
    def by_name(self) -> Mapping[str, ClockRule]:
        """The clocks by their name."""
        return {rule.name: rule for rule in self.clocks}

    @cached_property
    def by_status(self) -> Mapping[Status, tuple[ClockRule, ...]]:
        """The clocks that may run in each status."""
        return {status: tuple(rule for rule in self.clocks if status in rule.while_.status) for status in Status}

    def candidates(self, status: Status, kind: str) -> Mapping[str, ClockRule]:
        """Return the clocks, by name, that a ticket of such a status and kind may have, but for those of `for_each`."""
        found = self._candidates.get((status, kind))
        if found is None:
            rules = [rule for rule in self.by_status[status] if rule.runs_for is None]
            found = {rule.name: rule for rule in rules if not rule.when.kind or kind in rule.when.kind}
            self._candidates[status, kind] = found
        return found

    @cached_property
    def _candidates(self) -> dict[tuple[Status, str], Mapping[str, ClockRule]]:
        """What was found: a pack has few kinds."""
        return {}

    @cached_property
    def for_each(self) -> tuple[ClockRule, ...]:
        """The clocks that run once for each assisting unit."""
        return tuple(rule for rule in self.clocks if rule.runs_for is not None)

    @cached_property
    def archives(self) -> frozenset[str]:
        """Names of the clocks at whose end a ticket is put into the archive."""
        return frozenset(rule.name for rule in self.clocks if rule.breach.does == "archive")

    @cached_property
    def outer(self) -> frozenset[str]:
        """Names of the clocks that are promises to the customer."""
        return frozenset(rule.name for rule in self.clocks if rule.outer)

    def limit(self, rule: ClockRule, facts: Facts, customer: Customer) -> Limit:
        """Return the limit of a clock for such a ticket.

        Raises:
            LookupError: no row of the clock's table applies; `duban policy check` finds that before it happens.

        """
        for number, row in enumerate(rule.limits):
            if row.when.holds(facts):
                lower = row.lower is not None and self._takes_lower(facts, customer)
                return rule.of_row(number, lower=lower)
        raise LookupError(
            f"clock {rule.name} has no limit for tier {facts.tier}, type {facts.business}/{facts.problem}"
        )

    def limit_or_none(self, rule: ClockRule, facts: Facts, customer: Customer) -> Limit | None:
        """Return the limit as `limit` does, None where no row applies."""
        try:
            return self.limit(rule, facts, customer)
        except LookupError:
            return None

    def _takes_lower(self, facts: Facts, customer: Customer) -> bool:
        named = self.lower_bound_for.value
        return ("vip" in named and facts.vip) or (customer.network or "").lower() in named
