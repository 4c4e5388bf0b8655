"""The customer's documents, and whether what a pack cites of them is there (`policies/sources.toml`, R8.1). Pure.

A `from` reads `<document> <section>, <section>: <what it is cited for>`; further documents follow after a semicolon.
An `ours` may name sections as well, and always says why the value was chosen.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.domain.events import suggest
from services.domain.policy.base import Cited, Worded
from services.domain.policy.references import models
from services.domain.policy.validation import Part

LONGEST_WORD = 6
"""Characters of a keyword that no document has."""
LAST_NARROW = "\u2fff"
"""Letters up to this one are no Chinese characters."""
TITLE = "title"
CITED = re.compile(
    r"(?P<document>00\d(?:-\d)?)\b|(?P<section>§[\d.]+(?:\(\d\)\d?)*[①-⑳]?[a-z]?|§[一二三四五六七八九十](?:\.\d)?"
    r"|第[一二三四五六七八九十]+条\d?(?:\(\d\))?|[一二三四五六七八九十]\.\d)"
)
"""A document, or one of its sections by number, within a sentence."""
FOR = ": "
MANY = 8
"""Sections that a message lists."""


@dataclass(frozen=True, slots=True)
class Documents:
    """The customer's documents.

    Attributes:
        sections: the sections of each document, by its code.

    """

    sections: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, content: Mapping[str, Mapping[str, str]]) -> "Documents":
        """Return the documents that the parsed sources.toml lists."""
        return cls({code: frozenset(listed) - {TITLE} for code, listed in content.items()})


def untrue(part: Part, documents: Documents) -> Iterator[str]:
    """Yield what is wrong with the sources that a part of a pack gives, each with its file and rule."""
    for found in models(part.content, part.place):
        if isinstance(found.model, Cited):
            place = f"{part.file}: {found.place}" if found.place else part.file
            for problem in (*problems(found.model, documents), *long_words(found.model)):
                yield f"{place}: {problem}"


def problems(rule: Cited, documents: Documents) -> Iterator[str]:
    """Yield what is wrong with the source of one rule."""
    if rule.from_ is None:
        yield from (f"ours: {each}" for each in _named_sections(rule.ours or "", documents))
        return
    cited, _, purpose = rule.from_.partition(FOR)
    for each in cited.split("; "):
        code, _, sections = each.partition(" ")
        if code not in documents.sections:
            yield f"from: there is no document {code!r}: {suggest(code, documents.sections)}"
            continue
        known = documents.sections[code]
        yield from (
            f"from: {code} has no section {section!r}: {_advice(section, known)}"
            for section in sections.split(", ")
            if section not in known
        )
    if not purpose.strip():
        yield f"from: {cited} is cited for nothing: write {cited}: and what it says there"
    elif (getattr(rule, "words", ()) or getattr(rule, "phrases", ())) and "word" not in purpose:
        yield f"from: {cited}: say whether the words by which it is known are the document's or ours"
    yield from (f"from: {each}" for each in _named_sections(purpose, documents))


def long_words(rule: Cited) -> Iterator[str]:
    """Yield the keywords of a rule that are too long to be ours: a sentence fits one customer only."""
    if isinstance(rule, Worded):
        for word in rule.words:
            if sum(letter > LAST_NARROW for letter in word) > LONGEST_WORD:
                yield f"words: {word!r} has more than {LONGEST_WORD} characters: shorten it, or cite it in `phrases`"


def _named_sections(text: str, documents: Documents) -> Iterator[str]:
    """Yield the sections that a sentence names and that its documents do not have."""
    code = ""
    for match in CITED.finditer(text):
        code = match["document"] or code
        section = match["section"]
        known = documents.sections.get(code, frozenset())
        if known and section and not any(_is_at(each, section.rstrip(".")) for each in known):
            yield f"{code} has no section {section!r}: {_advice(section, known)}"


def _is_at(known: str, section: str) -> bool:
    """Whether a section is the one that a sentence names; an essay of many has its title before the number."""
    return known == section or known.endswith(f" {section}")


def _advice(section: str, known: frozenset[str]) -> str:
    advice = suggest(section, known)
    return advice if advice.startswith("did you mean") else f"write one of {', '.join(sorted(known)[:MANY])}, ..."
