"""routing.toml: kind, validity, tier, signals, priority and department of a contact (R3.1-R3.5, R3.8-R3.10). Pure."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.domain.policy.base import (
    Cited,
    Code,
    GroupCode,
    KindCode,
    Label,
    Name,
    NewCode,
    OriginCode,
    PolicyPart,
    UnitCode,
    ValidityCode,
    Worded,
)
from services.domain.policy.conditions import When
from services.domain.policy.references import Knows, Refers

Signal = Literal["importance", "severity", "breadth", "urgency"]

ON_ARRIVAL = frozenset({"channel", "origin", "settled"})
"""What is known of a contact before its kind is."""
WITH_TYPE = ON_ARRIVAL | {
    *("kind", "vip", "business", "group", "problem"),
    *("roaming", "needs_headquarters", "has_evidence", "older_than"),
}
WITH_VALIDITY = WITH_TYPE | {"validity"}
WITH_SIGNALS = WITH_VALIDITY | {"signal"}
CLASSIFIED = WITH_SIGNALS | {"tier"}
"""What is known once a contact is classified; who holds the ticket and how it was judged comes only later."""


class KeywordRule(Worded):
    """A rule that applies by a keyword in the text, by a condition, or where both are given by both together."""

    when: When | None = None

    @model_validator(mode="after")
    def _words_or_condition(self) -> Self:
        if not self.keywords and self.when is None:
            raise ValueError("give `words`, `when` or both")
        return self


class KindRule(KeywordRule):
    """What makes a contact of another kind than the default (R3.2); the first rule that applies decides."""

    when: Annotated[When | None, Knows(ON_ARRIVAL)] = None
    kind: KindCode
    origin: OriginCode | None = None
    """Origin of an appeal that this rule recognises (R3.8)."""


class OriginRule(KeywordRule):
    """Where an appeal comes from, if its channel does not say (R3.8); the first rule that applies decides."""

    when: Annotated[When | None, Knows(ON_ARRIVAL)] = None
    origin: OriginCode


class FollowUpRule(Worded):
    """Keywords by which a customer asks about an earlier matter without saying what it is about (R2.4)."""

    words: Annotated[tuple[Name, ...], Field(min_length=1)]


class IgnoredWords(Worded):
    """Words that mean nothing, and take every shorter keyword within them away."""

    words: Annotated[tuple[Name, ...], Field(min_length=1)]


class ValidityRule(KeywordRule):
    """What makes a contact something other than a valid complaint (R3.2); the first rule that applies decides."""

    when: Annotated[When | None, Knows(WITH_TYPE)] = None
    validity: ValidityCode


class OpeningRule(KeywordRule):
    """Whether a case is opened (R2.9): the first rule that applies decides; without one, it is opened."""

    when: Annotated[When | None, Knows(WITH_VALIDITY)] = None
    name: Name
    opening: Literal["opened", "not_opened", "unsure"]


class CentreRule(Cited):
    """Which complaint centre is in charge (R3.9); the first rule whose conditions hold decides."""

    name: Name
    when: Annotated[When, Knows(CLASSIFIED)]
    unit: UnitCode


class TierRule(Cited):
    """Which tier a contact gets (R3.3); the first rule whose conditions hold decides."""

    name: Name
    when: Annotated[When, Knows(WITH_SIGNALS)] = When()
    tier: Annotated[Code, Refers("title")]


class SignalRule(KeywordRule):
    """What raises a signal of the priority (R3.4)."""

    not_beside: tuple[Name, ...] = ()
    """Keywords beside which it does not: a blind spot, what comes and goes, what the customer wants himself."""

    when: Annotated[When | None, Knows(WITH_VALIDITY)] = None
    unless: Annotated[When | None, Knows(WITH_VALIDITY)] = None
    """Contacts whose words do not count: what an appeal is called raises nothing (002-1 §4.2.4)."""
    not_of: tuple[GroupCode, ...] = ()
    """Business groups of which its keywords mean something else: a television without a signal."""
    name: Name
    signal: Signal

    @cached_property
    def exceptions(self) -> IgnoredWords | None:
        """The owner of the keywords in `not_beside`."""
        return IgnoredWords(words=self.not_beside, ours=f"exceptions of {self.name}") if self.not_beside else None


UNCLASSIFIED = frozenset({"unit", "late", "settled"})
"""Facts about a ticket that are no part of its classification."""


class AlertRule(Cited):
    """Units that are notified at once of such a ticket (R3.10)."""

    name: Name
    when: When
    units: Annotated[tuple[UnitCode, ...], Field(min_length=1)]


class PriorityRule(Cited):
    """Which signals together make a priority (DECISIONS 15); the first rule whose signals are all raised decides."""

    name: Name
    all: tuple[Signal, ...]
    priority: Annotated[int, Field(ge=1, le=3)]


class DepartmentRule(Cited):
    """Which department gets a ticket (R3.5); the first rule whose conditions hold decides."""

    name: Name
    when: Annotated[When, Knows(CLASSIFIED)]
    unit: UnitCode


class CustomerLevels(Cited):
    """Customer levels that count as VIP, as the carrier names them."""

    levels: tuple[Name, ...]


class RoutingPolicy(PolicyPart):
    """The content of routing.toml."""

    kinds: tuple[NewCode, ...]
    """The first is the default."""
    kind: tuple[KindRule, ...] = ()
    ignored: tuple[IgnoredWords, ...] = ()
    follow_up: tuple[FollowUpRule, ...] = ()
    """Without any, only a text that names its subject counts as a reminder."""
    validities: tuple[NewCode, ...] = ("valid",)
    """Validities that an assessment may find; the first is the default."""
    validity: tuple[ValidityRule, ...] = ()
    opening: tuple[OpeningRule, ...] = ()
    origins: tuple[NewCode, ...] = ()
    """Origins that an appeal may have."""
    origin: tuple[OriginRule, ...] = ()
    """Without one that applies, the origin is that of the kind's rule."""
    own_ticket: tuple[KindCode, ...] = ()
    """Kinds with limits of their own: such a contact never joins a ticket that is there (DECISIONS 42)."""
    channels: tuple[NewCode, ...] = ()
    """Channels of its own that the pack knows, beside those of `services.domain.channels`."""
    alerts: Annotated[tuple[AlertRule, ...], Field(alias="alert")] = ()
    titles: Mapping[Annotated[Code, Refers("titled")], Label]
    """Titles of kinds, validities, origins, tiers and channels of its own."""
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
