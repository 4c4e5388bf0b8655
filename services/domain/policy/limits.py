"""limits.toml: every clock of a pack, and how far a limit may be moved (R4.1, R4.10, R4.11)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from schemas.contact import Customer
from services.domain.policy.base import Cited, CitedValue, Code, Label, Length, Name, PolicyPart, Span
from services.domain.policy.conditions import Facts, When


class LimitRule(Cited):
    """One row of a table of limits: a value, or a range whose lower bound is for those the policy names (R4.1)."""

    name: Name
    when: When = When()
    calendar: Code | None = None
    """Another calendar than the clock's, for this limit."""
    or_customers: bool = False
    """The customer's own limit counts when it is sooner."""
    value: Length | None = None
    lower: Length | None = None
    upper: Length | None = None

    @model_validator(mode="after")
    def _value_or_range(self) -> Self:
        if (self.value is None) == (self.lower is None or self.upper is None):
            raise ValueError(f"limit {self.name}: give `value`, or both `lower` and `upper`")
        return self


class WarningRule(Cited):
    """When a clock warns, as a part of its limit, and whether acting in the stage makes the warning needless."""

    part: Annotated[float, Field(gt=0, lt=1)]
    unless_acted: bool = True
    notifies: tuple[Code, ...]


class BreachRule(Cited):
    """What the end of a limit does, and how often the next level is told again (DECISIONS 9)."""

    does: Literal["supervise", "archive"] = "supervise"
    """supervise: the limit is exceeded, a supervision order; archive: the ticket is put into the archive."""
    regrade: Code | None = None
    """The tier that the ticket gets when the limit is exceeded (R4.7)."""
    notifies: tuple[Code, ...] = ()
    escalate_every: Annotated[float, Field(gt=0)] | None = None
    """Part of the limit between two escalations after the breach."""
    escalations: Annotated[int, Field(ge=0, le=9)] = 0


class ClockRule(PolicyPart):
    """One limit of the policy: what starts and stops it, by which calendar, what happens on the way (R4.1)."""

    name: Code
    title: Label
    when: When = When()
    """Tickets that have this clock."""
    outer: bool = False
    """The promise to the customer, which lasts over the stages."""
    calendar: Code
    starts_on: tuple[Code, ...]
    """Types of ticket events that start it, such as accepted or dispatched."""
    starts_at: Literal["contact", "event"] = "event"
    """contact: when the customer contacted us; event: when the starting event happened (DECISIONS 5)."""
    restarts: bool = True
    """Whether a start while it runs begins a new run; otherwise it goes on."""
    stops_on: tuple[Code, ...]
    pauses_for: tuple[Code, ...] = ()
    """What a suspension waits for (customer, other) while this clock stands still."""
    warnings: Annotated[tuple[WarningRule, ...], Field(max_length=9)] = ()
    breach: BreachRule
    limits: tuple[LimitRule, ...]
    """The first whose `when` holds counts."""
    extendable: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of one clock of one ticket, with the rule that said so."""

    span: Span
    calendar: str
    rule: str
    source: str
    or_customers: bool = False


class ExtensionRule(Cited):
    """How far and how often a stage may be extended (R4.10)."""

    per_stage: Annotated[int, Field(ge=0)]
    at_most: Annotated[float, Field(gt=0)]
    """Longest extension as a part of the old limit."""
    lapses_after: Length
    needs_progress_reply: bool = True


class SuspensionRule(Cited):
    """How long a ticket may wait (R4.11)."""

    at_most: Length
    reminder_after: Length


def _unique_names(rules: tuple[ClockRule, ...]) -> tuple[ClockRule, ...]:
    names = [rule.name for rule in rules]
    if len(names) != len(set(names)):
        raise ValueError("two clocks of the pack have the same name")
    return rules


class ClockDefaults(PolicyPart):
    """What counts for every clock that says nothing else."""

    warnings: tuple[WarningRule, ...] = ()
    breach: BreachRule


class LimitPolicy(PolicyPart):
    """limits.toml: every clock of the pack."""

    usual: ClockDefaults | None = None

    clocks: Annotated[tuple[ClockRule, ...], Field(alias="clock"), AfterValidator(_unique_names)]
    lower_bound_for: CitedValue[tuple[Code, ...]]
    """Whom the lower bound of a range is for: `vip`, and networks in lower case such as `4g`."""
    extension: ExtensionRule
    suspension: SuspensionRule

    @model_validator(mode="before")
    @classmethod
    def _as_usual(cls, told: Any) -> Any:
        if isinstance(told, dict) and isinstance(told.get("usual"), dict) and isinstance(told.get("clock"), list):
            usual = {name: told["usual"][name] for name in ("warnings", "breach") if name in told["usual"]}
            return told | {"clock": [usual | each for each in told["clock"] if isinstance(each, dict)]}
        return told

    @cached_property
    def turned_by(self) -> Mapping[str, tuple[ClockRule, ...]]:
        """The clocks that each type of event starts or stops."""
        types = {type_ for rule in self.clocks for type_ in (*rule.starts_on, *rule.stops_on)}
        return {
            type_: tuple(rule for rule in self.clocks if type_ in rule.starts_on or type_ in rule.stops_on)
            for type_ in types
        }

    @cached_property
    def by_name(self) -> Mapping[str, ClockRule]:
        """The clocks by their name."""
        return {rule.name: rule for rule in self.clocks}

    @cached_property
    def outer(self) -> frozenset[str]:
        """Names of the clocks that are promises to the customer."""
        return frozenset(rule.name for rule in self.clocks if rule.outer)

    def limit(self, rule: ClockRule, facts: Facts, customer: Customer) -> Limit:
        """Return the limit of a clock for such a ticket.

        Raises:
            LookupError: no row of the clock's table applies; `duban policy check` finds that before it happens.

        """
        for row in rule.limits:
            if row.when.holds(facts):
                span = row.value
                if row.lower is not None and row.upper is not None:
                    span = row.lower if self._takes_lower(facts, customer) else row.upper
                assert span is not None
                return Limit(
                    span, row.calendar or rule.calendar, f"{rule.name}/{row.name}", row.source, row.or_customers
                )
        raise LookupError(
            f"clock {rule.name} has no limit for tier {facts.tier}, type {facts.business}/{facts.problem}"
        )

    def _takes_lower(self, facts: Facts, customer: Customer) -> bool:
        named = self.lower_bound_for.value
        return ("vip" in named and facts.vip) or (customer.network or "").lower() in named
