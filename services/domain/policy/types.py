"""types.toml: the business and problem types of a pack, and the keywords that name them (R3.1, R3.8). Pure."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated

from pydantic import Field

from services.domain.policy.base import Code, GroupCode, KindCode, Label, NewCode, PolicyPart, Worded
from services.domain.policy.references import Refers

_PARTS = re.compile("[/、]")
WORD, LETTER, LETTERS = 1.0, 0.1, 6
"""Weight of a keyword, of each of its letters, and how many of these count."""
PHRASE = 0.3
"""What a phrase of the documents has more."""
FALLBACK = 0.7
"""Factor for a type that counts where no other of its group does."""
INCIDENTAL = 0.6
"""Factor for places, channels and persons, which texts name beside their subject."""


class BusinessGroup(PolicyPart):
    """A group of business types."""

    code: NewCode
    title: Label
    kinds: tuple[KindCode, ...] = ()
    """Kinds of contacts that use this group; empty: all kinds that no other group lists (R3.8)."""


class _Type(Worded):
    """What both kinds of types have: their title is a keyword, and so is each of its parts."""

    code: NewCode
    title: Label

    @cached_property
    def keywords(self) -> tuple[str, ...]:
        """All keywords, the title among them."""
        parts = (part for label in (self.title.zh, self.title.en) for part in (label, *_PARTS.split(self.title.zh)))
        return tuple(dict.fromkeys((*self.phrases, *self.words, *parts)))

    @cached_property
    def weights(self) -> Mapping[str, float]:
        """How much each keyword speaks for it: long ones more, and what the documents say."""
        return {
            word: (WORD + LETTER * min(len(word), LETTERS) + (PHRASE if word in self.phrases else 0)) * self.factor
            for word in self.keywords
        }

    @property
    def factor(self) -> float:
        """Factor of its weights."""
        return 1.0


class BusinessType(_Type):
    """A business type, with the keywords by which a text names it."""

    group: GroupCode
    incidental: bool = False
    """A place, a channel or a person, which texts name beside their subject: it counts less."""
    fallback: bool = False
    """It counts only where no other type of its group does."""

    @property
    def factor(self) -> float:
        """Factor of its weights."""
        return INCIDENTAL if self.incidental else FALLBACK if self.fallback else 1.0


class ProblemType(_Type):
    """A problem type, with the business groups it belongs to and the keywords by which a text names it."""

    groups: tuple[GroupCode, ...]

    about: tuple[Annotated[Code, Refers("business")], ...] = ()
    """Business types that such a problem is mostly about: it speaks for them."""


class TypeCatalogue(PolicyPart):
    """The content of types.toml."""

    groups: Annotated[tuple[BusinessGroup, ...], Field(alias="group")]
    business: tuple[BusinessType, ...]
    problem: tuple[ProblemType, ...]
