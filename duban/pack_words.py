"""Lists the words that a contact, a command or a day of a pack may use: codes with their titles, by section."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from duban.action_titles import ACTION_TITLES
from schemas.command import MODELS
from services.domain.authority.table import internal_actions
from services.domain.channels import NATIVE, OWN_FORMAT
from services.domain.contact_codes import PREFERRED_MEANS
from services.domain.policy.base import Label
from services.domain.policy.pack import Pack

NO_TITLE = ("", "")


@dataclass(frozen=True, slots=True)
class PackWord:
    """One word.

    Attributes:
        code: as files and commands write it.
        zh, en: its titles; empty where it has none.
        about: what else there is to know, such as the fields of an action.

    """

    code: str
    zh: str
    en: str
    about: str = ""

    def as_text(self) -> str:
        """Return the word in one line."""
        titles = " / ".join(filter(None, (self.zh, self.en)))
        return f"{self.code:24}{titles}{f'  ({self.about})' if self.about else ''}".rstrip()


def words_of(pack: Pack) -> dict[str, list[PackWord]]:
    """Return the words of a pack by section."""
    return {
        **_of_classification(pack),
        "units": [_labelled(unit.code, unit.title, unit.kind) for unit in pack.units.values()],
        "persons": [PackWord(name, *NO_TITLE, ", ".join(person.units)) for name, person in pack.persons.items()],
        "actions": list(_actions()),
        **_of_record(pack),
        "clocks": [_labelled(clock.name, clock.title) for clock in pack.limits.clocks],
        "channels": list(_channels(pack)),
        "means of contact": [PackWord(code, *NO_TITLE) for code in sorted(PREFERRED_MEANS)],
    }


ENOUGH_WORDS = 10
"""Everyday words by which a type should be known."""


def uncovered(pack: Pack) -> dict[str, list[PackWord]]:
    """Return the business and problem types that people cannot name in enough everyday words."""
    sections = {"business types": pack.types.business, "problem types": pack.types.problem}
    return {
        section: [
            _labelled(each.code, each.title, f"{len(each.words)} words")
            for each in types
            if len(each.words) < ENOUGH_WORDS
        ]
        for section, types in sections.items()
    }


def _of_classification(pack: Pack) -> dict[str, list[PackWord]]:
    routing, types = pack.routing, pack.types
    return {
        "kinds": _coded(pack, routing.kinds),
        "origins": _coded(pack, routing.origins),
        "validities": _coded(pack, routing.validities),
        "tiers": _coded(pack, sorted(pack.tiers)),
        "business types": [_labelled(each.code, each.title, f"group {each.group}") for each in types.business],
        "problem types": [
            _labelled(each.code, each.title, f"groups {', '.join(each.groups)}") for each in types.problem
        ],
        "customer levels": [PackWord(level, *NO_TITLE, "VIP") for level in routing.vip.levels],
    }


def _of_record(pack: Pack) -> dict[str, list[PackWord]]:
    entries, compensation = pack.outcome.entries, pack.outcome.compensation
    levels = compensation.levels if compensation is not None else ()
    values = [(rule, choice) for rule in entries for choice in rule.choices]
    return {
        "entries": [_labelled(rule.kind, rule.title, " ".join(each.code for each in rule.choices)) for rule in entries],
        "entry values": [_labelled(choice.code, choice.title, f"of {rule.kind}") for rule, choice in values],
        "levels": [_labelled(level.level, level.title, f"{level.case} yuan a case") for level in levels],
    }


def _channels(pack: Pack) -> Iterator[PackWord]:
    titles = {**NATIVE, **OWN_FORMAT}
    yield from (PackWord(code, *titles[code]) for code in sorted(titles))
    yield from _coded(pack, pack.routing.channels)


def as_json(words: Mapping[str, Iterable[PackWord]]) -> dict[str, Any]:
    """Return words as a JSON object: by section, each with code, titles and what else there is to know."""
    return {
        section: [{"code": word.code, "zh": word.zh, "en": word.en, "about": word.about} for word in found]
        for section, found in words.items()
    }


def _coded(pack: Pack, codes: Iterable[str]) -> list[PackWord]:
    return [PackWord(code, *_titles(pack, code)) for code in codes]


def _titles(pack: Pack, code: str) -> tuple[str, str]:
    label = pack.routing.titles.get(code)
    return (label.zh, label.en) if label is not None else NO_TITLE


def _labelled(code: str, title: Label, about: str = "") -> PackWord:
    return PackWord(code, title.zh, title.en, about)


def _actions() -> Iterator[PackWord]:
    internal = internal_actions()
    for name, model in MODELS.items():
        fields = [field for field in msgspec.structs.fields(model) if field.name != "unknown_fields"]
        shown = ", ".join(field.encode_name if field.required else f"[{field.encode_name}]" for field in fields)
        yield PackWord(name, *ACTION_TITLES[name], "services only" if name in internal else shown)
