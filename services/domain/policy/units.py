"""units.toml: the units and roles of the organisation (R7.5). Pure."""

from typing import Annotated, Literal

from pydantic import Field

from services.domain.policy.base import Cited, Code, Label, Name, PolicyPart

UnitKind = Literal["channel", "centre", "remote", "owner", "handling", "supervisor", "leadership"]


class Unit(PolicyPart):
    """A unit or role of the organisation (R7.5)."""

    code: Code
    title: Label
    kind: UnitKind
    parent: Code | None = None
    """The next level, which is notified of breaches."""
    person: Name | None = None
    email: Name | None = None
    phone: Name | None = None
    answers_customer: bool = False
    """Whether it may give the customer the final answer (R5.1)."""


class Units(Cited):
    """The content of units.toml."""

    units: Annotated[tuple[Unit, ...], Field(alias="unit", min_length=1)]
