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

from services.domain.policy.keyword_hits import DENIED, NO_HITS, NOTHING_SLOT, Family, Hits, Reading, Span, Use, is_part

Owner = TypeVar("Owner", bound=Hashable)

GAP = "…"
WIDEST_GAP = 8
NOWHERE = (-WIDEST_GAP - 1, -WIDEST_GAP - 1)
"""Where a first part stands that is not in the text: too far away for any second one."""


@cache
def _simplified() -> Mapping[int, str]:
    pairs = resources.files("services.domain.policy").joinpath("traditional.txt").read_text(encoding="utf-8").split()
    return {ord(pair[0]): pair[1] for pair in pairs}


@cache
def _traditional() -> frozenset[str]:
    return frozenset(map(chr, _simplified()))


def fold(text: str) -> str:
    """Return a text in the form in which keywords are compared: half width, lower case, simplified characters."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    # Most texts have no traditional character, and to see that is much cheaper than to translate them.
    return plain if plain.isascii() or _traditional().isdisjoint(plain) else plain.translate(_simplified())


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
        whole: dict[int, list[Use[Owner]]] = defaultdict(list)
        seconds: dict[int, list[Use[Owner]]] = defaultdict(list)
        number = 0
        for position, (owner, family, words, tree, incidental) in enumerate(entries):
            slot, denied = _slot(family, tree, position), DENIED.get(family)
            for word, weight in words.items():
                first, gap, second = word.partition(GAP)
                before = self._index(first) if gap else -1
                use = Use(number, position, owner, family, slot, word, weight, incidental, before, denied)
                (seconds if gap else whole)[self._index(second or first)].append(use)
                number += 1
        patterns = list(self._indexes)
        self._whole = [tuple(whole[index]) for index in range(len(patterns))]
        self._seconds = dict(seconds)
        self._firsts = frozenset(use.first for each in seconds.values() for use in each)
        self._edged = [any(edge.isascii() and edge.isalnum() for edge in (word[0], word[-1])) for word in patterns]
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
        spans: list[Span[Owner]] = []
        ends: dict[int, tuple[int, int]] = {}
        whole, seconds, edged, firsts = self._whole, self._seconds, self._edged, self._firsts
        for index, start, end in found:
            if edged[index] and is_part(folded, start, end):
                continue
            if uses := whole[index]:
                spans.append((start, -end, uses))
            if ends:
                for use in seconds.get(index, ()):
                    begin, until = ends.get(use.first, NOWHERE)
                    if 0 <= start - until <= WIDEST_GAP and reading.clause(begin) == reading.clause(start):
                        spans.append((begin, -end, (use,)))
            if index in firsts:
                ends[index] = (start, end)
        return reading.judged(spans)


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
