"""The table of limits of a clock: its rows, and the limit that a row sets for a ticket (R4.1)."""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import model_validator

from services.domain.policy.base import CalendarCode, Cited, Length, Name, PolicyPart, Span
from services.domain.policy.conditions import When


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
