"""outcome.toml: closing, rejection, record entries, compensation, repeats, callback, survey and form. Pure."""

from collections.abc import Mapping
from datetime import time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.contact import Customer
from services.domain.policy.base import (
    CalendarCode,
    Cited,
    Code,
    CoveredCode,
    ElapsedLength,
    KindCode,
    Label,
    Length,
    LevelCode,
    Name,
    NewCode,
    OriginCode,
    PolicyPart,
    UnitCode,
    ValidityCode,
    ZoneName,
)
from services.domain.policy.conditions import Facts, When
from services.domain.policy.keyword_matcher import fold
from services.domain.policy.references import Defines, Refers

Requirement = Annotated[Code, Refers("requirement")]
MeansCode = Annotated[Code, Refers("means")]

CALLBACK = "callback"
"""A requirement for closing that is neither part of the outcome nor a record entry: the customer was called back."""
ASSISTANCE = "assistance"
"""Kind of the record entry that the feedback of an assisting unit makes in every pack."""
PHONE = "phone"
"""The means by which a person calls; every other is in writing."""
CALL_LEASE = timedelta(minutes=30)
"""How long a call is reserved for the person who took it."""
WHOLE = 100
"""Percent of a level's limit, if no condition holds."""
OUTCOME_PARTS = ("result", "explanation", "cause", "owner", "agreement")


class ExtraRequirement(Cited):
    """What certain tickets need in addition before they are closed."""

    when: When
    needs: tuple[Requirement, ...]


class ClosingRule(Cited):
    """What a ticket needs before it is closed (R5.2): parts of the outcome, `callback`, kinds of record entries."""

    needs: tuple[Requirement, ...]
    also: tuple[ExtraRequirement, ...] = ()
    refused_is_enough: bool = True
    """Whether a ticket may be closed although the customer refused the outcome, with that noted."""


class RejectionRule(Cited):
    """What follows when the customer rejects an outcome (R3.6, R4.5)."""

    then: Literal["state_position", "investigate_again", "next_level"] = "state_position"
    levels: tuple[UnitCode, ...] = ()
    """The units of the escalation ladder, lowest first; the first is above the unit that answers first."""


class EntryChoice(PolicyPart):
    """One value of a record entry."""

    code: NewCode
    title: Label
    amount: Annotated[int, Field(ge=0)] | None = None
    """Maximum in yuan, if the value is a penalty."""
    points: Annotated[int, Field(ge=0)] | None = None


class EntryRule(Cited):
    """A kind of entry that may be put on a ticket's record, and by whom."""

    kind: NewCode
    title: Label
    by: tuple[UnitCode, ...] = ()
    """Units that may record it; empty: any."""
    choices: tuple[EntryChoice, ...] = ()
    event: Annotated[Code, Defines(unique=False)] = "recorded"
    """Type of the event, for entries that start or stop an SLA timer."""
    validities: tuple[ValidityCode, ...] = ()
    """Validities by which the entry is made by itself, once a ticket is found to be so (R3.2)."""


class CompensationLevel(Cited):
    """How much a level of authority may grant (R3.6): in yuan, per case and per person and month."""

    level: NewCode
    title: Label
    case: Annotated[int, Field(ge=0)]
    month: Annotated[int, Field(ge=0)]
    covers: tuple[CoveredCode, ...] = ()
    """What of the pack's `covers` it may grant for; empty: all of it."""


class CompensationCondition(Cited):
    """A condition under which a level may grant another amount a case (R3.6): all that it names must hold.

    What is not known of a customer (tenure, spend, level) holds no condition that asks for it.
    """

    name: Name
    levels: tuple[LevelCode, ...] = ()
    """The levels of authority that it is about; empty: all."""
    covers: tuple[CoveredCode, ...] = ()
    """What is compensated; empty: anything that the pack covers."""
    when: When = When()
    customer_level: tuple[Name, ...] = ()
    """The customer's type or value, as the carrier's own systems name it."""
    tenure_below: Annotated[int, Field(ge=1)] | None = None
    """Months."""
    spend_from: Annotated[int, Field(ge=0)] | None = None
    spend_below: Annotated[int, Field(ge=1)] | None = None
    """Mean spend in yuan a month, from the one and below the other."""
    percent: Annotated[int, Field(ge=0, le=1000)]
    """Of what the level may grant in a case; 0: nothing, the unit that decides on higher amounts decides."""
    law: Name | None = None
    """The law or regulation that wants it, if one does."""

    @model_validator(mode="after")
    def _can_hold_and_matters(self) -> Self:
        if self.percent == WHOLE:
            raise ValueError(f"{self.name} changes nothing: write another percent than {WHOLE}, or leave it out")
        if self.spend_from is not None and self.spend_below is not None and self.spend_from >= self.spend_below:
            raise ValueError(f"{self.name} can never hold: spend_from ({self.spend_from}) is not below spend_below")
        return self

    def holds(self, level: str, covers: str, customer: Customer, facts: Facts) -> bool:
        """Return whether it holds for a grant of a level on a ticket with some facts."""
        return (
            (not self.levels or level in self.levels)
            and (not self.covers or covers in self.covers)
            and self._fits(customer)
            and self.when.holds(facts)
        )

    def _fits(self, customer: Customer) -> bool:
        if self.tenure_below is not None and not (
            customer.tenure_months is not None and customer.tenure_months < self.tenure_below
        ):
            return False
        if self.customer_level and fold(customer.level or "") not in self._customer_levels:
            return False
        if self.spend_from is None and self.spend_below is None:
            return True
        if customer.average_spend is None:
            return False
        spend = Decimal(customer.average_spend)
        return (self.spend_from or spend) <= spend and (self.spend_below is None or spend < self.spend_below)

    @cached_property
    def _customer_levels(self) -> frozenset[str]:
        return frozenset(map(fold, self.customer_level))


class CompensationRule(Cited):
    """Front-line authority to compensate (R3.6, DECISIONS 18)."""

    covers: tuple[NewCode, ...]
    short_tenure_months: Annotated[int, Field(ge=0)] = 0
    """A customer with fewer months of tenure gets at most half."""
    levels: Annotated[tuple[CompensationLevel, ...], Field(alias="level", min_length=1)]
    conditions: Annotated[tuple[CompensationCondition, ...], Field(alias="condition")] = ()
    """Of those that hold, the strictest counts; one that gives more counts only where none gives less."""
    beyond: UnitCode
    """The unit that decides on higher amounts."""

    def every_condition(self) -> tuple[CompensationCondition, ...]:
        """Return the conditions, with the one that `short_tenure_months` stands for."""
        if not self.short_tenure_months:
            return self.conditions
        short = CompensationCondition(
            name=f"below {self.short_tenure_months} months of tenure",
            tenure_below=self.short_tenure_months,
            percent=50,
            from_=self.from_,
            ours=self.ours,
        )
        return (short, *self.conditions)

    def condition_for(self, level: str, covers: str, customer: Customer, facts: Facts) -> CompensationCondition | None:
        """Return the condition that counts for a grant; None if the level's own limit counts."""
        holding = [each for each in self.every_condition() if each.holds(level, covers, customer, facts)]
        strictest = min(holding, key=lambda condition: condition.percent, default=None)
        if strictest is None or strictest.percent < WHOLE:
            return strictest
        return max(holding, key=lambda condition: condition.percent)


class SecondComplaint(Cited):
    """A further complaint of a kind after an answer on the same subject becomes another kind (DECISIONS 7)."""

    kind: KindCode
    becomes: KindCode
    origin: OriginCode
    within: ElapsedLength


class RepeatRule(Cited):
    """When a repeat contact reopens an old ticket (R2.4, DECISIONS 17)."""

    reopen_within: ElapsedLength
    dispute_words: tuple[Name, ...]
    second: SecondComplaint | None = None


class CallScript(Cited):
    """The script of a callback (R5.3); the first whose conditions hold is used."""

    name: Name
    when: When = When()
    text: Label


class CallbackRule(Cited):
    """When and how the customer is called back or surveyed (R5.3)."""

    first_after: ElapsedLength
    first_after_vip: ElapsedLength
    hours_from: time
    hours_until: time
    """A customer with contact hours of their own is called in the hours that both have in common."""
    zones: Mapping[Name, ZoneName] = Field(default_factory=dict)
    """Time zones of places that differ from the pack's, by a part of the place's name."""
    holidays: CalendarCode | None = None
    """The calendar on the first day of whose holidays nobody is called; None: holidays do not matter."""
    attempts: Annotated[int, Field(ge=1)]
    retry_after: ElapsedLength
    means: MeansCode
    """phone: a person calls every customer who has a number."""
    in_writing: MeansCode = "sms"
    """How customers are surveyed who should be called, but have no phone or were not reached by the last attempt."""
    by_phone: tuple[When, ...] = ()
    """Whom a person calls (R5.3), besides customers who prefer a call or a visit."""
    calls_per_hour: Annotated[int, Field(ge=1)] = 60
    """Capacity of the team of each centre; further calls move to later hours."""
    scripts: Annotated[tuple[CallScript, ...], Field(alias="script")] = ()
    never_for: tuple[ValidityCode, ...] = ()
    """Validities of tickets that are not called back."""

    @property
    def written_means(self) -> str:
        """The means by which customers are surveyed in writing."""
        return self.in_writing if self.means == PHONE else self.means

    @model_validator(mode="after")
    def _check_hours_and_means(self) -> Self:
        if self.hours_from >= self.hours_until:
            raise ValueError(
                f"hours_from ({self.hours_from:%H:%M}) is not before hours_until ({self.hours_until:%H:%M}), "
                "so nobody could ever be called: write the beginning and the end of one day's hours"
            )
        if self.in_writing == PHONE:
            raise ValueError("in_writing is for customers whom nobody calls: write sms or mail")
        return self


class SurveyRule(Cited):
    """Which survey scores count as satisfied and as dissatisfied (R5.4, DECISIONS 20)."""

    satisfied_from: Annotated[int, Field(ge=1, le=5)]
    dissatisfied_to: Annotated[int, Field(ge=1, le=5)]


class AppealBarRule(Cited):
    """How long after a matter occurred a regulator accepts an appeal about it (DECISIONS 37)."""

    name: NewCode
    when: When = When()
    calendar: CalendarCode
    value: Length


class FormField(PolicyPart):
    """One field of the registration form (R2.8)."""

    path: Annotated[Name, Refers("field")]
    """Path of a field of the contact, such as customer.name."""
    title: Label
    required: bool = False


class RegistrationForm(Cited):
    """The registration form of the pack (R2.8)."""

    title: Label
    fields: Annotated[tuple[FormField, ...], Field(alias="field", min_length=1)]


class OutcomePolicy(PolicyPart):
    """The content of outcome.toml."""

    closing: ClosingRule
    rejection: RejectionRule
    entries: Annotated[tuple[EntryRule, ...], Field(alias="entry")] = ()
    compensation: CompensationRule | None = None
    repeat: RepeatRule
    callback: CallbackRule
    survey: SurveyRule
    form: RegistrationForm
    appeal_bars: Annotated[tuple[AppealBarRule, ...], Field(alias="appeal_bar")] = ()
    """The first whose `when` holds counts; without any, none is known."""
