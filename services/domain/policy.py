"""What a policy pack says, as typed data: the shapes of `policies/<pack>/*.toml`. No pack is named in code.

Every value says where it stands in the customer's documents (`from`) or that it is ours and why (`ours`), R8.1.
"""

from datetime import time, timedelta
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from schemas.base import Model
from schemas.contact import Code, Customer, Name
from schemas.ticket import Classification, PolicyVersion, Tier

T = TypeVar("T")

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "wd": timedelta(days=1)}


def _parse_span(value: object) -> object:
    """Read `45m`, `24h`, `7d` (plain days) or `3wd` (working days)."""
    if isinstance(value, str):
        for unit in ("wd", "m", "h", "d"):
            number = value.removesuffix(unit)
            if number != value and number.isdigit():
                return {"amount": int(number), "unit": unit}
        raise ValueError(f"{value!r} is no length of time: write a whole number and m, h, d or wd, such as 24h")
    return value


class Span(Model):
    """A length as the policy writes it: minutes and hours are exact, days are counted by the calendar."""

    amount: Annotated[int, Field(gt=0)]
    unit: Literal["m", "h", "d", "wd"]

    @property
    def length(self) -> timedelta:
        """The length with a day as 24 hours: exact for m and h, nominal for d and wd."""
        return self.amount * _UNITS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


Length = Annotated[Span, BeforeValidator(_parse_span)]


class Marked(Model):
    """A value, or a group of values, with the place it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    from_: Name | None = Field(default=None, alias="from")
    ours: Name | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.from_ is None) == (self.ours is None):
            raise ValueError("say either `from` (a place in the documents) or `ours` (and why), not both and not neither")
        return self

    @property
    def source(self) -> str:
        """Where the value comes from, for people."""
        return self.from_ if self.from_ is not None else f"ours: {self.ours}"


class Sourced(Marked, Generic[T]):
    """One value with its source."""

    value: T


class Label(Model):
    """A name in the languages of the user interface."""

    zh: Name
    en: Name


class When(Model):
    """Conditions of a rule; all that are given must hold, each list is one-of."""

    tier: tuple[Tier, ...] = ()
    kind: tuple[Code, ...] = ()
    business: tuple[Code, ...] = ()
    group: tuple[Code, ...] = ()
    problem: tuple[Code, ...] = ()
    vip: bool | None = None
    channel: tuple[Code, ...] = ()

    def holds(self, classification: Classification, *, group: str | None, channel: str) -> bool:
        """Whether the rule applies to such a ticket."""
        told = classification
        return (
            (not self.tier or told.tier in self.tier)
            and (not self.kind or told.kind in self.kind)
            and (not self.business or told.business_type in self.business)
            and (not self.group or group in self.group)
            and (not self.problem or told.problem_type in self.problem)
            and (self.vip is None or self.vip is told.vip)
            and (not self.channel or channel in self.channel)
        )


class LimitRule(Marked):
    """One row of a table of limits: a value, or a range whose lower bound is for those the policy names (R4.1)."""

    name: Code
    when: When = When()
    value: Length | None = None
    lower: Length | None = None
    upper: Length | None = None

    @model_validator(mode="after")
    def _value_or_range(self) -> Self:
        if (self.value is None) == (self.lower is None or self.upper is None):
            raise ValueError(f"limit {self.name}: give `value`, or both `lower` and `upper`")
        return self


class WarningRule(Marked):
    """When a clock warns, as a part of its limit, and whether acting in the stage makes the warning needless."""

    part: Annotated[float, Field(gt=0, lt=1)]
    unless_acted: bool = True
    notifies: tuple[Code, ...]


class BreachRule(Marked):
    """What a breach does, and how often the next level is told again (DECISIONS 9)."""

    notifies: tuple[Code, ...]
    escalate_every: Annotated[float, Field(gt=0)] | None = None
    """Part of the limit between two escalations after the breach."""
    escalations: Annotated[int, Field(ge=0, le=9)] = 0


class ClockRule(Model):
    """One limit of the policy: what starts and stops it, by which calendar, what happens on the way (R4.1)."""

    name: Code
    title: Label
    outer: bool = False
    """The promise to the customer, which lasts over the stages."""
    calendar: Code
    starts_on: tuple[Code, ...]
    """Types of ticket events that start it, such as accepted or dispatched."""
    starts_at: Literal["contact", "event"] = "event"
    """contact: when the customer contacted us; event: when the starting event happened (DECISIONS 5)."""
    stops_on: tuple[Code, ...]
    pauses_for: tuple[Code, ...] = ()
    """What a suspension waits for (customer, other) while this clock stands still."""
    warnings: tuple[WarningRule, ...] = ()
    breach: BreachRule
    limits: tuple[LimitRule, ...]
    """The first whose `when` holds counts."""
    extendable: bool = False


class Limit(Model):
    """The limit of one clock of one ticket, with the rule that said so."""

    span: Span
    rule: Name
    source: Name


class Unit(Model):
    """A unit or role of the organisation (R7.5)."""

    code: Code
    title: Label
    kind: Literal["channel", "centre", "remote", "owner", "handling", "supervisor"]
    parent: Code | None = None
    """The next level, told at breach."""
    person: Name | None = None
    email: Name | None = None
    phone: Name | None = None
    answers_customer: bool = False
    """Whether it may talk to the customer (R5.1)."""


class ExtensionRule(Marked):
    """How far and how often a stage may be extended (R4.10)."""

    per_stage: Annotated[int, Field(ge=0)]
    at_most: Annotated[float, Field(gt=0)]
    """Longest extension as a part of the old limit."""
    lapses_after: Length
    needs_progress_reply: bool = True


class SuspensionRule(Marked):
    """How long a ticket may wait (R4.11)."""

    at_most: Length
    reminder_after: Length


class ClosingRule(Marked):
    """What a ticket needs before it is closed (R5.2)."""

    needs: tuple[Literal["result", "explanation", "cause", "owner", "agreement"], ...]
    refused_is_enough: bool = True
    """A customer who refuses is told the position frankly; then the ticket is closed with that noted."""


class RepeatRule(Marked):
    """When a repeat contact joins an old ticket (R2.4, DECISIONS 17)."""

    reopen_within: Length
    dispute_words: tuple[Name, ...]


class CallbackRule(Marked):
    """When and how the customer is asked (R5.3)."""

    first_after: Length
    first_after_vip: Length
    hours_from: time
    hours_until: time
    attempts: Annotated[int, Field(ge=1)]
    retry_after: Length
    means: Code
    never_for: tuple[Code, ...] = ()
    """Validities and statuses that are not called back."""


class SurveyRule(Marked):
    """How answers are scored (R5.4, DECISIONS 20)."""

    satisfied_from: Annotated[int, Field(ge=1, le=5)]
    dissatisfied_to: Annotated[int, Field(ge=1, le=5)]


def _nested_unique(rules: tuple[ClockRule, ...]) -> tuple[ClockRule, ...]:
    names = [rule.name for rule in rules]
    if len(names) != len(set(names)):
        raise ValueError("two clocks of the pack have the same name")
    return rules


class Timing(Model):
    """limits.toml: every clock of the pack."""

    clocks: Annotated[tuple[ClockRule, ...], Field(alias="clock"), AfterValidator(_nested_unique)]
    lower_bound_for: Sourced[tuple[Code, ...]]
    """Whom the lower bound of a range is for: `vip`, and networks in lower case such as `4g`."""
    extension: ExtensionRule
    suspension: SuspensionRule

    def limit(self, rule: ClockRule, told: Classification, *, customer: Customer, group: str | None, channel: str) -> Limit:
        """Return the limit of a clock for such a ticket.

        Raises:
            LookupError: no row of the clock's table applies; `duban policy check` finds that before it happens.

        """
        for row in rule.limits:
            if row.when.holds(told, group=group, channel=channel):
                span = row.value
                if row.lower is not None and row.upper is not None:
                    span = row.lower if self._takes_lower(told, customer) else row.upper
                assert span is not None
                return Limit(span=span, rule=f"{rule.name}/{row.name}", source=row.source)
        raise LookupError(f"clock {rule.name} has no limit for tier {told.tier}, type {told.business_type}/{told.problem_type}")

    def _takes_lower(self, told: Classification, customer: Customer) -> bool:
        named = self.lower_bound_for.value
        return ("vip" in named and told.vip) or (customer.network or "").lower() in named


class Care(Model):
    """outcome.toml: closing, repeats, callback and survey."""

    closing: ClosingRule
    repeat: RepeatRule
    callback: CallbackRule
    survey: SurveyRule


class Head(Model):
    """pack.toml: the pack's name, version, home zone and the centre that owns what nobody else does."""

    name: Code
    version: Name
    title: Label
    zone: Name
    centre: Code
    supervisor: Code

    @property
    def reference(self) -> PolicyVersion:
        """What a ticket keeps of the policy that decided."""
        return PolicyVersion(pack=self.name, version=self.version)
