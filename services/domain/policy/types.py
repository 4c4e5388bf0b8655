"""types.toml: the business and problem types of a pack, and the keywords that name them (R3.1, R3.8). Pure."""

from typing import Annotated

from pydantic import Field

from services.domain.policy.base import Cited, GroupCode, KindCode, Label, Name, NewCode, PolicyPart


class BusinessGroup(PolicyPart):
    """A group of business types."""

    code: NewCode
    title: Label
    kinds: tuple[KindCode, ...] = ()
    """Kinds of contacts that use this group; empty: all kinds that no other group lists (R3.8)."""


class BusinessType(Cited):
    """A business type, with the keywords by which a text names it."""

    code: NewCode
    group: GroupCode
    title: Label
    words: tuple[Name, ...] = ()


class ProblemType(Cited):
    """A problem type, with the business groups it belongs to and the keywords by which a text names it."""

    code: NewCode
    groups: tuple[GroupCode, ...]
    title: Label
    words: tuple[Name, ...] = ()


class TypeCatalogue(PolicyPart):
    """The content of types.toml."""

    groups: Annotated[tuple[BusinessGroup, ...], Field(alias="group")]
    business: tuple[BusinessType, ...]
    problem: tuple[ProblemType, ...]
