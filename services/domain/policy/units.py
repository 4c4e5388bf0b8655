"""units.toml: the units and roles of the organisation (R7.5). Pure."""

from typing import Annotated, Literal

from pydantic import Field

from services.domain.policy.base import Cited, Code, Label, LevelCode, Name, PolicyPart, UnitCode
from services.domain.policy.references import Defines, Refers

UnitKind = Literal["channel", "centre", "remote", "owner", "handling", "supervisor", "leadership"]


class Unit(PolicyPart):
    """A unit or role of the organisation (R7.5)."""

    code: Annotated[Code, Defines(unique=False)]
    title: Label
    kind: UnitKind
    parent: UnitCode | None = None
    """The next level, which is notified of breaches."""
    person: Name | None = None
    email: Name | None = None
    phone: Name | None = None
    answers_customer: bool = False
    """Whether it may give the customer the final answer (R5.1)."""


ROLES = frozenset({"callback", "approver", "appeal_contact"})
"""What a person may be, besides a member of units; only `callback` gives a right by itself (DECISIONS 34)."""


class NamedPerson(Cited):
    """A person whom the pack names: approvers, contact persons, those who may grant compensation (R7.5).

    Whoever changes hands, such as the contact person for appeals, is changed here: each version of the pack is kept,
    and `duban policy diff` names the persons who come, go and change.
    """

    name: Name
    """As in `actor.name` of the commands that the person sends."""
    units: Annotated[tuple[UnitCode, ...], Field(min_length=1)]
    """The units for which the person acts."""
    roles: tuple[Annotated[Code, Refers("role")], ...] = ()
    """callback: calls customers back for the centre. approver: approves what the documents let nobody else approve.
    appeal_contact: keeps appeals flowing until they are closed (联系责任人)."""
    level: LevelCode | None = None
    """Level of authority to compensate, of outcome.toml (R3.6)."""


class Units(Cited):
    """The content of units.toml."""

    units: Annotated[tuple[Unit, ...], Field(alias="unit", min_length=1)]
    persons: Annotated[tuple[NamedPerson, ...], Field(alias="person")] = ()
