"""phrases.toml: how people greet, thank, urge, dispute and refer to an earlier matter, in every pack (R2.4). Pure."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from pydantic import Field

from services.domain.policy.base import Cited, Name, PolicyPart
from services.domain.policy.keyword_matcher import fold

LONGEST_COURTESY = 40
"""Characters up to which a text may be nothing but a greeting or thanks."""


class PhraseList(Cited):
    """Phrases that mean the same in any trade."""

    meaning: Name
    """What a text with one of them does; it tells apart two lists with the same phrases."""
    words: Annotated[tuple[Name, ...], Field(min_length=1)]


class Phrases(PolicyPart):
    """The content of phrases.toml; a list that is missing never matches.

    `greeting` and `acknowledgement` count only where a text consists of nothing else; every other list counts wherever
    one of its phrases stands.
    """

    greeting: PhraseList | None = None
    acknowledgement: PhraseList | None = None
    particles: PhraseList | None = None
    """What may stand between greetings and thanks without meaning anything."""
    resolved: PhraseList | None = None
    reservation: PhraseList | None = None
    """Says that not all is well after all, so that the text is no mere news."""
    withdrawal: PhraseList | None = None
    opt_out: PhraseList | None = None
    supplement: PhraseList | None = None
    another_matter: PhraseList | None = None
    urging: PhraseList | None = None
    neglect: PhraseList | None = None
    """Says that nobody came or answered: urges where the text is short or refers to an earlier matter."""
    earlier: PhraseList | None = None
    dispute: PhraseList | None = None
    """Beside the words that a pack has of its own (`dispute_words` in outcome.toml)."""
    recurrence: PhraseList | None = None
    """Disputes an outcome unless the text praises it."""
    praise: PhraseList | None = None
    relative: PhraseList | None = None
    grievance: PhraseList | None = None
    """Makes a complaint of what asks or suggests (R3.2)."""
    direct_appeal: PhraseList | None = None

    @property
    def found_anywhere(self) -> tuple[PhraseList, ...]:
        """The lists whose phrases count wherever they stand in a text."""
        lists = (getattr(self, name) for name in type(self).model_fields if name not in WHOLE_TEXT)
        return tuple(each for each in lists if each is not None)

    def is_greeting(self, folded: str) -> bool:
        """Return whether a folded text (`keyword_matcher.fold`) consists of greetings alone."""
        return self._greeting is not None and self._greeting.matches(folded)

    def is_courtesy(self, folded: str) -> bool:
        """Return whether a folded text consists of acknowledgements, thanks and greetings alone."""
        return self._courtesy is not None and self._courtesy.matches(folded)

    @cached_property
    def _greeting(self) -> "_Only | None":
        return _only(self.greeting, self.particles)

    @cached_property
    def _courtesy(self) -> "_Only | None":
        return _only(self.acknowledgement, self.greeting, self.particles)


WHOLE_TEXT = frozenset({"greeting", "acknowledgement", "particles"})
"""Lists that are not looked for wherever they stand."""


@dataclass(frozen=True, slots=True)
class _Only:
    """What a text consists of that holds nothing but phrases of some lists, and a meant one among them."""

    whole: re.Pattern[str]
    meant: re.Pattern[str]

    def matches(self, folded: str) -> bool:
        if not 0 < len(folded) <= LONGEST_COURTESY:
            return False
        return self.whole.fullmatch(folded) is not None and self.meant.search(folded) is not None


def _only(meant: PhraseList | None, *fillers: PhraseList | None) -> _Only | None:
    if meant is None:
        return None
    lists = [_either(each) for each in (meant, *fillers) if each is not None]
    # Atomic: a text that does not fit is refused without trying every way of dividing it.
    return _Only(re.compile(rf"(?>{'|'.join(lists)}|[\W_])++"), re.compile(lists[0]))


def _either(phrases: PhraseList) -> str:
    words = sorted({fold(word) for word in phrases.words}, key=len, reverse=True)
    return "|".join(rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word) for word in words)
