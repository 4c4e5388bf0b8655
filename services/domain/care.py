"""outcome.toml: closing, rejection, record, authority to compensate, repeats, callback, survey, form."""

from datetime import time, timedelta
from typing import Annotated, Literal

from pydantic import Field

from services.domain.part import Code, Name, Part
from services.domain.policy import Label, Length, Marked, When

CALLBACK = "callback"
"""What closing may need that is neither part of the outcome nor an entry: the customer was asked."""
CALL_TAKES = timedelta(minutes=30)
"""How long a call that somebody has taken is left to them."""
OUTCOME = ("result", "explanation", "cause", "owner", "agreement")


class MoreNeeded(Marked):
    """What some tickets need beyond the rest before they are closed."""

    when: When
    needs: tuple[Code, ...]


class ClosingRule(Marked):
    """What a ticket needs before it is closed (R5.2): parts of the outcome, `callback`, kinds of entries."""

    needs: tuple[Code, ...]
    also: tuple[MoreNeeded, ...] = ()
    refused_is_enough: bool = True
    """A customer who refuses is told the position frankly; then the ticket is closed with that noted."""


class RejectionRule(Marked):
    """What follows when the customer rejects an outcome (R3.6, R4.5)."""

    then: Literal["state_position", "investigate_again", "next_level"] = "state_position"
    levels: tuple[Code, ...] = ()
    """The units of the ladder, the first above whoever answers first."""


class Choice(Part):
    """One value of an entry."""

    code: Code
    title: Label
    amount: Annotated[int, Field(ge=0)] | None = None
    """Yuan, at the most, where the value is a penalty."""
    points: Annotated[int, Field(ge=0)] | None = None


class EntryRule(Marked):
    """A kind of entry that may be put on record, and by whom."""

    kind: Code
    title: Label
    by: tuple[Code, ...] = ()
    """Units that may; empty: any."""
    choices: tuple[Choice, ...] = ()
    event: Code = "recorded"
    """Type of the event, for entries that start or stop a clock."""


class AuthorityRule(Marked):
    """How much a level may grant (R3.6): yuan a case and yuan a month of one person."""

    level: Code
    title: Label
    case: Annotated[int, Field(ge=0)]
    month: Annotated[int, Field(ge=0)]


class CompensationRule(Marked):
    """Front-line authority to compensate (R3.6, DECISIONS 18)."""

    covers: tuple[Code, ...]
    short_tenure_months: Annotated[int, Field(ge=0)] = 0
    """A customer of fewer months gets at most half."""
    levels: Annotated[tuple[AuthorityRule, ...], Field(alias="level", min_length=1)]
    beyond: Code
    """The unit that decides on more."""


class SecondComplaint(Marked):
    """A further complaint of a kind after an answer on the same subject becomes another kind (DECISIONS 7)."""

    kind: Code
    becomes: Code
    origin: Code
    within: Length


class RepeatRule(Marked):
    """When a repeat contact joins an old ticket (R2.4, DECISIONS 17)."""

    reopen_within: Length
    dispute_words: tuple[Name, ...]
    second: SecondComplaint | None = None


class CallbackRule(Marked):
    """When and how the customer is asked (R5.3)."""

    first_after: Length
    first_after_vip: Length
    hours_from: time
    hours_until: time
    attempts: Annotated[int, Field(ge=1)]
    retry_after: Length
    means: Code
    by_phone: tuple[When, ...] = ()
    """Whom a person calls (R5.3); who asks for a call gets one too."""
    calls_per_hour: Annotated[int, Field(ge=1)] = 60
    """What the callback team can do; more move to the next hours."""
    never_for: tuple[Code, ...] = ()
    """Validities and statuses that are not called back."""


class SurveyRule(Marked):
    """How answers are scored (R5.4, DECISIONS 20)."""

    satisfied_from: Annotated[int, Field(ge=1, le=5)]
    dissatisfied_to: Annotated[int, Field(ge=1, le=5)]


class FormField(Part):
    """One field of the registration form (R2.8)."""

    path: Name
    """Of the contact, such as customer.name."""
    title: Label
    required: bool = False


class Form(Marked):
    """The registration form of the pack (R2.8)."""

    title: Label
    fields: Annotated[tuple[FormField, ...], Field(alias="field", min_length=1)]


class Care(Part):
    """outcome.toml."""

    closing: ClosingRule
    rejection: RejectionRule
    entries: Annotated[tuple[EntryRule, ...], Field(alias="entry")] = ()
    compensation: CompensationRule | None = None
    repeat: RepeatRule
    callback: CallbackRule
    survey: SurveyRule
    form: Form
