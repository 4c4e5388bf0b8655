"""What every part of a policy has in common: frozen, closed to unknown keys, and exact about what is wrong with it."""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

T = TypeVar("T")

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""A short text for people."""

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
"""A name that machines use: unit, type, clock."""


class PolicyPart(BaseModel):
    """A part of a policy as its files say it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "wd": timedelta(days=1),
    "mo": timedelta(days=30),
}


def _parse_span(value: object) -> object:
    """Read `45m`, `24h`, `7d` (plain days), `3wd` (working days) or `1mo` (calendar months)."""
    if isinstance(value, str):
        for unit in ("wd", "mo", "m", "h", "d"):
            number = value.removesuffix(unit)
            if number != value and number.isdigit():
                return {"amount": int(number), "unit": unit}
        raise ValueError(f"{value!r} is no length of time: write a whole number and m, h, d, wd or mo, such as 24h")
    return value


class Span(PolicyPart):
    """A length as the policy writes it: minutes and hours are exact, days and months are counted by the calendar."""

    amount: Annotated[int, Field(ge=0)]
    """0d and 0wd are the same day."""
    unit: Literal["m", "h", "d", "wd", "mo"]
    """wd: working days; mo: calendar months."""

    @model_validator(mode="after")
    def _only_days_may_be_none(self) -> Self:
        if not self.amount and self.unit in {"m", "h", "mo"}:
            raise ValueError("a limit of no time: write 0d for the same day")
        return self

    @cached_property
    def length(self) -> timedelta:
        """The length with a day as 24 hours and a month as 30 days: exact for m and h, nominal for d, wd and mo."""
        return self.amount * _UNITS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


Length = Annotated[Span, BeforeValidator(_parse_span)]
"""A length that a calendar counts."""


def _refuse_calendar_units(span: Span) -> Span:
    if span.unit in {"wd", "mo"}:
        raise ValueError(f"{span} needs a calendar, and this value has none: write hours or plain days, such as 7d")
    return span


ElapsedLength = Annotated[Length, AfterValidator(_refuse_calendar_units)]
"""A length that no calendar counts: minutes, hours, and days of 24 hours."""


class Cited(PolicyPart):
    """A value, or a group of values, with the place it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    from_: Name | None = Field(default=None, alias="from")
    ours: Name | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.from_ is None) == (self.ours is None):
            raise ValueError(
                "say either `from` (a place in the documents) or `ours` (and why), not both and not neither"
            )
        return self

    @property
    def source(self) -> str:
        """Where the value comes from, for people."""
        return self.from_ if self.from_ is not None else f"ours: {self.ours}"


class CitedValue(Cited, Generic[T]):
    """One value with its source."""

    value: T


class Label(PolicyPart):
    """A name in the languages of the user interface."""

    zh: Name
    en: Name
