"""types.toml and routing.toml: what a contact is about, how far up it has to go, and who gets it (R3.1-R3.5)."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.domain.policy.base import Cited, Code, Label, Name, PolicyPart
from services.domain.policy.conditions import When

Signal = Literal["importance", "severity", "breadth", "urgency"]


class KeywordRule(Cited):
    """A rule that decides by a word in the text, or by a condition."""

    words: tuple[Name, ...] = ()
    when: When | None = None

    @model_validator(mode="after")
    def _words_or_condition(self) -> Self:
        if bool(self.words) == (self.when is not None):
            raise ValueError("give `words` or `when`, not both and not neither")
        return self


class KindRule(KeywordRule):
    """What makes a contact another kind than the default (R3.2)."""

    kind: Code
    origin: Code | None = None
    """Where an appeal that this rule knows is from (R3.8)."""


class FollowUpRule(Cited):
    """Words by which a customer asks how an earlier matter stands, without saying what it is about (R2.4)."""

    words: Annotated[tuple[Name, ...], Field(min_length=1)]


class ValidityRule(KeywordRule):
    """What makes a contact something else than a valid complaint (R3.2)."""

    validity: Code


class OpeningRule(KeywordRule):
    """When a case is opened or not (R2.9); the first that decides counts, no rule: it is opened."""

    name: Name
    opening: Literal["opened", "not_opened", "unsure"]


class CentreRule(Cited):
    """Which complaint centre is in charge; the first whose conditions hold (R3.9)."""

    name: Name
    when: When
    unit: Code


class TierRule(Cited):
    """One rule of the tier (R3.3); the first whose conditions hold decides."""

    name: Name
    when: When = When()
    tier: Code


class SignalRule(KeywordRule):
    """What raises a signal (R3.4)."""

    name: Name
    signal: Signal


class AlertRule(Cited):
    """Who hears of such a ticket at once (R3.10)."""

    name: Name
    when: When
    units: Annotated[tuple[Code, ...], Field(min_length=1)]


class PriorityRule(Cited):
    """Which signals together make a priority; the first whose signals are all there decides (DECISIONS 15)."""

    name: Name
    all: tuple[Signal, ...]
    priority: Annotated[int, Field(ge=1, le=3)]


class DepartmentRule(Cited):
    """Who gets what (R3.5); the first whose conditions hold decides."""

    name: Name
    when: When
    unit: Code


class CustomerLevels(Cited):
    """Names of customer levels."""

    levels: tuple[Name, ...]


class RoutingPolicy(PolicyPart):
    """routing.toml."""

    kinds: tuple[Code, ...]
    """The first is the default."""
    kind: tuple[KindRule, ...] = ()
    follow_up: tuple[FollowUpRule, ...] = ()
    """Without one, only what names its subject counts as a reminder."""
    validities: tuple[Code, ...] = ("valid",)
    """What a complaint may be found to be; the first is the default."""
    validity: tuple[ValidityRule, ...] = ()
    opening: tuple[OpeningRule, ...] = ()
    origins: tuple[Code, ...] = ()
    """Where an appeal may be from."""
    alerts: Annotated[tuple[AlertRule, ...], Field(alias="alert")] = ()
    titles: Mapping[Code, Label]
    """Names of kinds and tiers for people."""
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
