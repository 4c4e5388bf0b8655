"""Finds the keywords of a policy in free text, in one pass and whatever the width, case or script (R3.1). Pure.

A keyword with a gap, such as `没…信号`, is found where both parts stand in one clause, at most `WIDEST_GAP` characters
apart.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Generic, NamedTuple, TypeVar

from ahocorasick_rs import AhoCorasick

from services.domain.policy.keyword_hits import NO_HITS, NOTHING_SLOT, Family, Hit, Hits, Reading, Use, is_part

Owner = TypeVar("Owner", bound=Hashable)

GAP = "…"
WIDEST_GAP = 8


@cache
def _simplified() -> Mapping[int, str]:
    pairs = resources.files("services.domain.policy").joinpath("traditional.txt").read_text(encoding="utf-8").split()
    return {ord(pair[0]): pair[1] for pair in pairs}


def fold(text: str) -> str:
    """Return a text in the form in which keywords are compared: half width, lower case, simplified characters."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return plain if plain.isascii() else plain.translate(_simplified())


class KeywordEntry(NamedTuple, Generic[Owner]):
    """An owner of keywords, such as a rule or a type.

    Attributes:
        family: what its keywords decide.
        words: its keywords, each with its weight.
        tree: which types it stands beside, from 0; a keyword of another tree never replaces one of its own.
        incidental: whether it is a place, a channel or a person.

    """

    owner: Owner
    family: Family
    words: Mapping[str, float]
    tree: int = 0
    incidental: bool = False


class KeywordMatcher(Generic[Owner]):
    """Finds which owners have a keyword in a text, and what it means where it stands.

    Several owners may share a keyword, and a text may hold keywords of several owners.

    Args:
        entries: the owners, each with its keywords.

    """

    def __init__(self, entries: Iterable[KeywordEntry[Owner]]) -> None:
        self._indexes: dict[str, int] = {}
        uses: dict[int, list[Use[Owner]]] = defaultdict(list)
        number = 0
        for position, (owner, family, words, tree, incidental) in enumerate(entries):
            slot = _slot(family, tree, position)
            for word, weight in words.items():
                first, gap, second = word.partition(GAP)
                before = self._index(first) if gap else -1
                use = Use(number, position, owner, family, slot, word, weight, incidental, before)
                uses[self._index(second or first)].append(use)
                number += 1
        patterns = list(self._indexes)
        self._uses = [tuple(uses[index]) for index in range(len(patterns))]
        self._edged = [any(edge.isascii() and edge.isalnum() for edge in (word[0], word[-1])) for word in patterns]
        self._firsts = frozenset(use.first for each in self._uses for use in each if use.first >= 0)
        self._automaton = AhoCorasick(patterns) if patterns else None

    def _index(self, word: str) -> int:
        return self._indexes.setdefault(fold(word), len(self._indexes))

    def find(self, text: str) -> Hits[Owner]:
        """Return what the keywords in a text mean; the owners stand in the order of the entries."""
        if self._automaton is None or not text:
            return NO_HITS
        folded = fold(text)
        found = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        if not found:
            return NO_HITS
        reading = Reading[Owner](folded)
        hits: list[Hit[Owner]] = []
        ends: dict[int, tuple[int, int]] = {}
        uses, edged, firsts = self._uses, self._edged, self._firsts
        for index, start, end in found:
            if edged[index] and is_part(folded, start, end):
                continue
            for use in uses[index]:
                if use[8] < 0:
                    hits.append((start, -end, use[0], use))
                elif use[8] in ends:
                    begin, until = ends[use[8]]
                    if 0 <= start - until <= WIDEST_GAP and reading.clause(begin) == reading.clause(start):
                        hits.append((begin, -end, use[0], use))
            if index in firsts:
                ends[index] = (start, end)
        return reading.judged(hits)


SHARED_SLOTS = (Family.BUSINESS, Family.PROBLEM, Family.SIGNAL)
"""Families in which a longer keyword takes away a shorter one of another owner."""
TREES = 1000
"""More trees of types than any policy has."""


def _slot(family: Family, tree: int, position: int) -> int:
    """Return the slot of an owner: lists that decide different things do not take keywords from each other."""
    if family is Family.NOTHING:
        return NOTHING_SLOT
    if family in SHARED_SLOTS:
        return SHARED_SLOTS.index(family) * TREES + tree
    return len(SHARED_SLOTS) * TREES + position
