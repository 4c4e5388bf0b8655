"""types.toml: the business types and problem types of a pack, and the words by which a text names them (R3.1, R3.8)."""

from typing import Annotated

from pydantic import Field

from services.domain.policy.base import Cited, Code, Label, Name, PolicyPart


class BusinessGroup(PolicyPart):
    """A group of business types."""

    code: Code
    title: Label
    kinds: tuple[Code, ...] = ()
    """The kinds of contacts that have this group in their tree; empty: those that no other group claims (R3.8)."""


class BusinessType(Cited):
    """A business type, with the words by which a text names it."""

    code: Code
    group: Code
    title: Label
    words: tuple[Name, ...] = ()


class ProblemType(Cited):
    """A problem type, with the business groups that know it and the words by which a text names it."""

    code: Code
    groups: tuple[Code, ...]
    title: Label
    words: tuple[Name, ...] = ()


class TypeCatalogue(PolicyPart):
    """types.toml."""

    groups: Annotated[tuple[BusinessGroup, ...], Field(alias="group")]
    business: tuple[BusinessType, ...]
    problem: tuple[ProblemType, ...]
