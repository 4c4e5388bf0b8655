"""The clocks of limits.toml: in which state each runs, from when it counts, and what happens on the way (R4.1).

A clock belongs to a state: its rule says *while* what it runs, *until* which facts, from which *anchor* it counts,
and what a second visit to the state means (*once*, *carry*). No event starts or stops a clock.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.ticket import Status, Ticket
from services.domain.policy.base import (
    CalendarCode,
    Cited,
    CitedValue,
    Code,
    Label,
    Length,
    NewCode,
    PolicyPart,
    Reader,
)
from services.domain.policy.conditions import Facts, StateRule, When
from services.domain.policy.limit_tables import Limit, LimitRule
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
    """What the end of a limit does, and how often the next level is informed again (DECISIONS 9)."""

    does: Literal["supervise", "archive", "note"] = "supervise"
    """supervise: the limit is exceeded, a supervision order; archive: the ticket is put into the archive; note: it is
    put on record and nothing of ours was exceeded (DECISIONS 37)."""
    regrade: Annotated[Code, Refers("title")] | None = None
    """The tier that the ticket gets when the limit is exceeded (R4.7)."""
    notifies: tuple[Reader, ...] = ()
    escalate_every: Annotated[float, Field(gt=0)] | None = None
    """Part of the limit between two escalations after the breach."""
    escalations: Annotated[int, Field(ge=0, le=9)] = 0


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
    limits: tuple[LimitRule, ...] = ()
    """The first whose `when` holds counts."""
    limits_of: CitedValue[Annotated[Code, Refers("clock")]] | None = None
    """Another clock of the pack, whose `limits` count here as well, instead of a table of its own."""
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

    @model_validator(mode="after")
    def _own_limits_or_another_s(self) -> Self:
        if bool(self.limits) == (self.limits_of is not None):
            raise ValueError(f"clock {self.name}: give `limits`, or `limits_of` with the clock whose limits they are")
        return self

    def with_limits_of(self, other: Self) -> Self:
        """Return this clock with the limits of another; each says why it counts here, as `limits_of` does."""
        if self.limits_of is None:
            return self
        source = {"from_": self.limits_of.from_, "ours": self.limits_of.ours}
        rows = tuple(row.model_copy(update=source) for row in other.limits)
        return self.model_copy(update={"limits": rows, "limits_of": None})

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
