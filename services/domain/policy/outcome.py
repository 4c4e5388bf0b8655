"""outcome.toml: closing, rejection, record, authority to compensate, repeats, callback, survey, form."""

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from services.domain.policy.base import Cited, Code, ElapsedLength, Label, Name, PolicyPart
from services.domain.policy.conditions import When

CALLBACK = "callback"
"""What closing may need that is neither part of the outcome nor an entry: the customer was asked."""
PHONE = "phone"
"""The means by which a person asks; every other is in writing."""
CALL_TAKES = timedelta(minutes=30)
"""How long a call that somebody has taken is left to them."""
OUTCOME = ("result", "explanation", "cause", "owner", "agreement")


class ExtraRequirement(Cited):
    """What some tickets need beyond the rest before they are closed."""

    when: When
    needs: tuple[Code, ...]


class ClosingRule(Cited):
    """What a ticket needs before it is closed (R5.2): parts of the outcome, `callback`, kinds of entries."""

    needs: tuple[Code, ...]
    also: tuple[ExtraRequirement, ...] = ()
    refused_is_enough: bool = True
    """A customer who refuses is told the position frankly; then the ticket is closed with that noted."""


class RejectionRule(Cited):
    """What follows when the customer rejects an outcome (R3.6, R4.5)."""

    then: Literal["state_position", "investigate_again", "next_level"] = "state_position"
    levels: tuple[Code, ...] = ()
    """The units of the ladder, the first above whoever answers first."""


class EntryChoice(PolicyPart):
    """One value of an entry."""

    code: Code
    title: Label
    amount: Annotated[int, Field(ge=0)] | None = None
    """Yuan, at the most, where the value is a penalty."""
    points: Annotated[int, Field(ge=0)] | None = None


class EntryRule(Cited):
    """A kind of entry that may be put on record, and by whom."""

    kind: Code
    title: Label
    by: tuple[Code, ...] = ()
    """Units that may; empty: any."""
    choices: tuple[EntryChoice, ...] = ()
    event: Code = "recorded"
    """Type of the event, for entries that start or stop a clock."""


class AuthorityRule(Cited):
    """How much a level may grant (R3.6): yuan a case and yuan a month of one person."""

    level: Code
    title: Label
    case: Annotated[int, Field(ge=0)]
    month: Annotated[int, Field(ge=0)]


class CompensationRule(Cited):
    """Front-line authority to compensate (R3.6, DECISIONS 18)."""

    covers: tuple[Code, ...]
    short_tenure_months: Annotated[int, Field(ge=0)] = 0
    """A customer of fewer months gets at most half."""
    levels: Annotated[tuple[AuthorityRule, ...], Field(alias="level", min_length=1)]
    beyond: Code
    """The unit that decides on more."""


class SecondComplaint(Cited):
    """A further complaint of a kind after an answer on the same subject becomes another kind (DECISIONS 7)."""

    kind: Code
    becomes: Code
    origin: Code
    within: ElapsedLength


class RepeatRule(Cited):
    """When a repeat contact joins an old ticket (R2.4, DECISIONS 17)."""

    reopen_within: ElapsedLength
    dispute_words: tuple[Name, ...]
    second: SecondComplaint | None = None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"there is no time zone {name!r}: write it as Asia/Shanghai") from error
    return name


class CallScript(Cited):
    """What a caller says (R5.3); the first whose conditions hold."""

    name: Name
    when: When = When()
    text: Label


class CallbackRule(Cited):
    """When and how the customer is asked (R5.3)."""

    first_after: ElapsedLength
    first_after_vip: ElapsedLength
    hours_from: time
    hours_until: time
    """Customers with hours of their own are asked in what both have in common."""
    zones: Mapping[Name, Annotated[Name, AfterValidator(_zone)]] = Field(default_factory=dict)
    """Zones of the places, by a part of their names, whose clocks differ from the pack's."""
    holidays: Code | None = None
    """The calendar on whose holidays' first days nobody is asked; none: every day is like the others."""
    attempts: Annotated[int, Field(ge=1)]
    retry_after: ElapsedLength
    means: Code
    """phone: a person calls everybody who has one."""
    in_writing: Code = "sms"
    """How those are asked whom `means` would call, without a phone or after the last call in vain."""
    by_phone: tuple[When, ...] = ()
    """Whom a person calls (R5.3); who asks for a call or a visit gets one too."""
    calls_per_hour: Annotated[int, Field(ge=1)] = 60
    """What the team of each centre can do; more move to the next hours."""
    scripts: Annotated[tuple[CallScript, ...], Field(alias="script")] = ()
    never_for: tuple[Code, ...] = ()
    """Validities and statuses that are not called back."""

    @property
    def written(self) -> str:
        """The means by which customers are asked in writing."""
        return self.in_writing if self.means == PHONE else self.means

    @model_validator(mode="after")
    def _asks_somebody(self) -> Self:
        if self.hours_from >= self.hours_until:
            raise ValueError(
                f"hours_from ({self.hours_from:%H:%M}) is not before hours_until ({self.hours_until:%H:%M}), "
                "so nobody could ever be asked: write the beginning and the end of one day's hours"
            )
        if self.in_writing == PHONE:
            raise ValueError("in_writing is how those are asked whom nobody calls: write sms or mail")
        return self


class SurveyRule(Cited):
    """How answers are scored (R5.4, DECISIONS 20)."""

    satisfied_from: Annotated[int, Field(ge=1, le=5)]
    dissatisfied_to: Annotated[int, Field(ge=1, le=5)]


class FormField(PolicyPart):
    """One field of the registration form (R2.8)."""

    path: Name
    """Of the contact, such as customer.name."""
    title: Label
    required: bool = False


class RegistrationForm(Cited):
    """The registration form of the pack (R2.8)."""

    title: Label
    fields: Annotated[tuple[FormField, ...], Field(alias="field", min_length=1)]


class OutcomePolicy(PolicyPart):
    """outcome.toml."""

    closing: ClosingRule
    rejection: RejectionRule
    entries: Annotated[tuple[EntryRule, ...], Field(alias="entry")] = ()
    compensation: CompensationRule | None = None
    repeat: RepeatRule
    callback: CallbackRule
    survey: SurveyRule
    form: RegistrationForm
