"""Finds the keywords of a policy in free text, in one pass and whatever the width, case or script (R3.1). Pure."""

import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Generic, TypeVar

from ahocorasick_rs import AhoCorasick

Owner = TypeVar("Owner", bound=Hashable)


@cache
def _simplified() -> Mapping[int, str]:
    pairs = resources.files("services.domain.policy").joinpath("traditional.txt").read_text(encoding="utf-8").split()
    return {ord(pair[0]): pair[1] for pair in pairs}


def fold(text: str) -> str:
    """Return a text in the form in which keywords are compared: half width, lower case, simplified characters."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return plain if plain.isascii() else plain.translate(_simplified())


class KeywordMatcher(Generic[Owner]):
    """Finds which owners, such as rules or types, have a keyword in a text.

    Several owners may share a keyword, and a text may hold keywords of several owners.

    Args:
        entries: the owners, each with its keywords.

    """

    def __init__(self, entries: Iterable[tuple[Owner, Iterable[str]]]) -> None:
        self._owners: list[Owner] = []
        patterns: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for position, (owner, keywords) in enumerate(entries):
            self._owners.append(owner)
            for keyword in keywords:
                patterns[fold(keyword)].append((position, keyword))
        self._patterns = list(patterns.values())
        self._automaton = AhoCorasick(list(patterns)) if patterns else None

    def find(self, text: str) -> dict[Owner, str]:
        """Return the owners that have a keyword in a text, each with the longest one as the policy writes it.

        The owners stand in the order of the entries, wherever their keywords stand in the text.
        """
        if self._automaton is None or not text:
            return {}
        longest: dict[int, str] = {}
        for index, _, _ in self._automaton.find_matches_as_indexes(fold(text), overlapping=True):
            for position, keyword in self._patterns[index]:
                if len(keyword) > len(longest.get(position, "")):
                    longest[position] = keyword
        return {self._owners[position]: longest[position] for position in sorted(longest)}
