"""Finding the words of a policy in what people write: one pass, whatever width, case and script (R3.1). Pure."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

from ahocorasick_rs import AhoCorasick


@cache
def _simplified() -> Mapping[int, str]:
    pairs = resources.files("services.domain.policy").joinpath("traditional.txt").read_text(encoding="utf-8").split()
    return {ord(pair[0]): pair[1] for pair in pairs}


def fold(text: str) -> str:
    """Return a text as words are compared: half width, lower case, simplified characters."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return plain if plain.isascii() else plain.translate(_simplified())


class KeywordMatcher:
    """Words and what each stands for.

    Several owners may share a word; a text may hold words of several owners. An owner is known by its identity, so
    it has to live as long as the lexicon.
    """

    def __init__(self, entries: Iterable[tuple[object, Iterable[str]]]) -> None:
        owners: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for owner, words in entries:
            for word in words:
                owners[fold(word)].append((id(owner), word))
        self._owners = list(owners.values())
        self._automaton = AhoCorasick(list(owners)) if owners else None

    def find(self, text: str) -> dict[int, str]:
        """Return the longest word that the text holds of each owner, by the owner's `id`, as the policy writes it."""
        found: dict[int, str] = {}
        if self._automaton is None or not text:
            return found
        for index, _, _ in self._automaton.find_matches_as_indexes(fold(text), overlapping=True):
            for owner, word in self._owners[index]:
                if len(word) > len(found.get(owner, "")):
                    found[owner] = word
        return found
