"""What a policy pack says, as typed data: the shapes of `policies/<pack>/*.toml`, with `timing` and `routing`.

No pack is named in code.

Every value says where it stands in the customer's documents (`from`) or that it is ours and why (`ours`), R8.1.
"""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Generic, Literal, Self, TypeVar

from msgspec import Struct
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from services.domain.part import Code, Name, Part

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


class Span(Part):
    """A length as the policy writes it: minutes and hours are exact, days are counted by the calendar."""

    amount: Annotated[int, Field(ge=0)]
    """0d and 0wd are the same day."""
    unit: Literal["m", "h", "d", "wd"]

    @model_validator(mode="after")
    def _only_days_may_be_none(self) -> Self:
        if not self.amount and self.unit in {"m", "h"}:
            raise ValueError("a limit of no time: write 0d for the same day")
        return self

    @cached_property
    def length(self) -> timedelta:
        """The length with a day as 24 hours: exact for m and h, nominal for d and wd."""
        return self.amount * _UNITS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


Length = Annotated[Span, BeforeValidator(_parse_span)]


class Marked(Part):
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


class Sourced(Marked, Generic[T]):
    """One value with its source."""

    value: T


class Label(Part):
    """A name in the languages of the user interface."""

    zh: Name
    en: Name


class Facts(Struct, frozen=True):
    """What the conditions of rules look at."""

    kind: str
    channel: str
    vip: bool
    tier: str | None = None
    business: str | None = None
    group: str | None = None
    problem: str | None = None
    origin: str | None = None
    validity: str = "valid"
    signals: frozenset[str] = frozenset()
    unit: str | None = None
    roaming: bool = False
    settled: bool = False
    needs_headquarters: bool = False
    late: bool = False
    founded: bool | None = None
    liability: str | None = None
    has_evidence: bool = False
    age: timedelta | None = None


SPECIAL = frozenset({"signal", "older_than"})
"""Conditions that are no comparison with one fact."""


class When(Part):
    """Conditions of a rule; all that are given must hold, each list is one-of."""

    tier: tuple[Code, ...] = ()
    kind: tuple[Code, ...] = ()
    business: tuple[Code, ...] = ()
    group: tuple[Code, ...] = ()
    problem: tuple[Code, ...] = ()
    channel: tuple[Code, ...] = ()
    origin: tuple[Code, ...] = ()
    validity: tuple[Code, ...] = ()
    unit: tuple[Code, ...] = ()
    """Who holds the ticket."""
    signal: tuple[Code, ...] = ()
    """Any of these signals was raised."""
    vip: bool | None = None
    roaming: bool | None = None
    """The customer is outside the home region and says so."""
    settled: bool | None = None
    """The accepting channel has answered on the spot."""
    needs_headquarters: bool | None = None
    late: bool | None = None
    """A promise to the customer was exceeded."""
    founded: bool | None = None
    """Somebody judged that reason and demand hold, or that they do not."""
    liability: tuple[Code, ...] = ()
    has_evidence: bool | None = None
    """A photo, a scan or a recording came with the contact."""
    older_than: Length | None = None
    """The matter is that much older than the contact; holds only where it is known when it occurred."""

    def holds(self, facts: Facts) -> bool:
        """Whether the rule applies."""
        for name, wanted in self._wanted:
            if getattr(facts, name) not in wanted:
                return False
        if self.signal and facts.signals.isdisjoint(self.signal):
            return False
        return self.older_than is None or (facts.age is not None and facts.age > self.older_than.length)

    @cached_property
    def _wanted(self) -> tuple[tuple[str, frozenset[object]], ...]:
        """What is looked at, and what it has to be one of."""
        given = ((name, getattr(self, name)) for name in type(self).model_fields if name not in SPECIAL)
        return tuple(
            (name, frozenset(told) if isinstance(told, tuple) else frozenset({told}))
            for name, told in given
            if told not in ((), None)
        )


class Unit(Part):
    """A unit or role of the organisation (R7.5)."""

    code: Code
    title: Label
    kind: Literal["channel", "centre", "remote", "owner", "handling", "supervisor", "leadership"]
    parent: Code | None = None
    """The next level, told at breach."""
    person: Name | None = None
    email: Name | None = None
    phone: Name | None = None
    answers_customer: bool = False
    """Whether it may talk to the customer (R5.1)."""


class Units(Marked):
    """units.toml."""

    units: Annotated[tuple[Unit, ...], Field(alias="unit", min_length=1)]


class Head(Part):
    """pack.toml: the pack's name, version, home zone and the centre that owns what nobody else does."""

    name: Code
    version: Name
    title: Label
    zone: Name
    centre: Code
    supervisor: Code
