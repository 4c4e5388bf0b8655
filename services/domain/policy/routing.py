"""routing.toml: kind, validity, tier, signals, priority and department of a contact (R3.1-R3.5, R3.8-R3.10). Pure."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.domain.policy.base import Cited, Code, Label, Name, PolicyPart
from services.domain.policy.conditions import When

Signal = Literal["importance", "severity", "breadth", "urgency"]


class KeywordRule(Cited):
    """A rule that applies by a keyword in the text, or by a condition; exactly one of both is given."""

    words: tuple[Name, ...] = ()
    when: When | None = None

    @model_validator(mode="after")
    def _words_or_condition(self) -> Self:
        if bool(self.words) == (self.when is not None):
            raise ValueError("give exactly one of `words` and `when`")
        return self


class KindRule(KeywordRule):
    """What makes a contact of another kind than the default (R3.2); the first rule that applies decides."""

    kind: Code
    origin: Code | None = None
    """Origin of an appeal that this rule recognises (R3.8)."""


class FollowUpRule(Cited):
    """Keywords by which a customer asks about an earlier matter without saying what it is about (R2.4)."""

    words: Annotated[tuple[Name, ...], Field(min_length=1)]


class ValidityRule(KeywordRule):
    """What makes a contact something other than a valid complaint (R3.2); the first rule that applies decides."""

    validity: Code


class OpeningRule(KeywordRule):
    """Whether a case is opened (R2.9): the first rule that applies decides; without one, it is opened."""

    name: Name
    opening: Literal["opened", "not_opened", "unsure"]


class CentreRule(Cited):
    """Which complaint centre is in charge (R3.9); the first rule whose conditions hold decides."""

    name: Name
    when: When
    unit: Code


class TierRule(Cited):
    """Which tier a contact gets (R3.3); the first rule whose conditions hold decides."""

    name: Name
    when: When = When()
    tier: Code


class SignalRule(KeywordRule):
    """What raises a signal of the priority (R3.4)."""

    name: Name
    signal: Signal


UNCLASSIFIED = frozenset({"unit", "late", "settled"})
"""Facts about a ticket that are no part of its classification."""


class AlertRule(Cited):
    """Units that are notified at once of such a ticket (R3.10)."""

    name: Name
    when: When
    units: Annotated[tuple[Code, ...], Field(min_length=1)]


class PriorityRule(Cited):
    """Which signals together make a priority (DECISIONS 15); the first rule whose signals are all raised decides."""

    name: Name
    all: tuple[Signal, ...]
    priority: Annotated[int, Field(ge=1, le=3)]


class DepartmentRule(Cited):
    """Which department gets a ticket (R3.5); the first rule whose conditions hold decides."""

    name: Name
    when: When
    unit: Code


class CustomerLevels(Cited):
    """Customer levels that count as VIP, as the carrier names them."""

    levels: tuple[Name, ...]


class RoutingPolicy(PolicyPart):
    """The content of routing.toml."""

    kinds: tuple[Code, ...]
    """The first is the default."""
    kind: tuple[KindRule, ...] = ()
    follow_up: tuple[FollowUpRule, ...] = ()
    """Without any, only a text that names its subject counts as a reminder."""
    validities: tuple[Code, ...] = ("valid",)
    """Validities that an assessment may find; the first is the default."""
    validity: tuple[ValidityRule, ...] = ()
    opening: tuple[OpeningRule, ...] = ()
    origins: tuple[Code, ...] = ()
    """Origins that an appeal may have."""
    alerts: Annotated[tuple[AlertRule, ...], Field(alias="alert")] = ()
    titles: Mapping[Code, Label]
    """Titles of kinds and tiers."""
    centres: Annotated[tuple[CentreRule, ...], Field(alias="centre")] = ()
    vip: CustomerLevels
    tiers: Annotated[tuple[TierRule, ...], Field(alias="tier")]
    signals: Annotated[tuple[SignalRule, ...], Field(alias="signal")]
    priorities: Annotated[tuple[PriorityRule, ...], Field(alias="priority")]
    departments: Annotated[tuple[DepartmentRule, ...], Field(alias="department")]

    @model_validator(mode="after")
    def _ends_with_a_default(self) -> Self:
        if self.tiers[-1].when != When():
            raise ValueError("the last tier rule must have no conditions, so that every contact gets a tier")
        if self.priorities[-1].all:
            raise ValueError("the last priority rule must need no signal, so that every contact gets a priority")
        return self
