"""Base models of policy files: frozen, closed to unknown keys, each value with its source. Pure."""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Generic, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from services.domain.policy.references import Defines, Refers

Value = TypeVar("Value")

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""A short text for people to read."""

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
"""An identifier that other rules and records refer to: of a unit, a type, an SLA timer."""

NewCode = Annotated[Code, Defines()]
"""A code that is given here; no two in the same list are the same."""
UnitCode = Annotated[Code, Refers("unit")]
CalendarCode = Annotated[Code, Refers("calendar")]
KindCode = Annotated[Code, Refers("kind")]
TierCode = Annotated[Code, Refers("tier")]
OriginCode = Annotated[Code, Refers("origin")]
ValidityCode = Annotated[Code, Refers("validity")]
GroupCode = Annotated[Code, Refers("group")]
LevelCode = Annotated[Code, Refers("level")]
CoveredCode = Annotated[Code, Refers("covers")]
EntryCode = Annotated[Code, Refers("entry")]
Reader = Annotated[Code, Refers("reader")]


def check_zone(name: str) -> str:
    """Return the name of a time zone that there is.

    Raises:
        ValueError: there is none of that name.

    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}: write it as Asia/Shanghai") from error
    return name


ZoneName = Annotated[Name, AfterValidator(check_zone)]
"""The name of a time zone in the IANA database."""


class PolicyError(ValueError):
    """A policy file is missing or invalid; the message names the file, the key and what to do."""


class PolicyPart(BaseModel):
    """A part of a policy file; an unknown key is an error, except in a version that is read from the database."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "wd": timedelta(days=1),
    "mo": timedelta(days=30),
}


def _parse_span(value: object) -> object:
    """Parse `45m`, `24h`, `7d` (calendar days), `3wd` (working days) or `1mo` (calendar months)."""
    if isinstance(value, str):
        for unit in ("wd", "mo", "m", "h", "d"):
            number = value.removesuffix(unit)
            if number != value and number.isdigit():
                return {"amount": int(number), "unit": unit}
        raise ValueError(
            f"{value!r} is no length of time: write a whole number and one of m, h, d, wd or mo, such as 24h"
        )
    return value


class Span(PolicyPart):
    """A length of time as a policy states it: minutes and hours are exact, a calendar counts days and months."""

    amount: Annotated[int, Field(ge=0)]
    """0d and 0wd mean: on the same day."""
    unit: Literal["m", "h", "d", "wd", "mo"]
    """wd: working days; mo: calendar months."""

    @model_validator(mode="after")
    def _zero_only_in_days(self) -> Self:
        if not self.amount and self.unit in {"m", "h", "mo"}:
            raise ValueError("a length of zero: write 0d for the same day")
        return self

    @cached_property
    def length(self) -> timedelta:
        """The length in time, with 24 hours a day and 30 days a month: exact for m and h, nominal for d, wd and mo."""
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
    """A value, or a group of values, with its source: exactly one of `from` and `ours`.

    Attributes:
        from_: the place in the customer's documents.
        ours: why we chose it, where the documents say nothing.

    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    from_: Name | None = Field(default=None, alias="from")
    ours: Name | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.from_ is None) == (self.ours is None):
            raise ValueError(
                "give exactly one of `from` (the place in the customer's documents) and `ours` (the reason)"
            )
        return self

    @cached_property
    def _hash(self) -> int:
        return hash(tuple(getattr(self, name) for name in type(self).model_fields))

    def __hash__(self) -> int:
        # By value, but computed only once: rules are the keys of every text's keyword hits.
        return self._hash

    @property
    def source(self) -> str:
        """The source as people read it."""
        return self.from_ if self.from_ is not None else f"ours: {self.ours}"


class Worded(Cited):
    """A rule or type that is known by keywords."""

    phrases: tuple[Name, ...] = ()
    """Keywords that stand in the place that `from` names."""
    words: tuple[Name, ...] = ()
    """Keywords of ours: how people say it."""

    @model_validator(mode="after")
    def _phrases_have_a_document(self) -> Self:
        if self.phrases and self.from_ is None:
            raise ValueError("phrases are the words of a document: name it with `from`, or write them as `words`")
        return self

    @cached_property
    def keywords(self) -> tuple[str, ...]:
        """All keywords."""
        return (*self.phrases, *self.words)


class CitedValue(Cited, Generic[Value]):
    """One value with its source."""

    value: Value


class Label(PolicyPart):
    """A name in the languages of the user interface."""

    zh: Name
    en: Name
