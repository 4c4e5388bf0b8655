"""Every code that a story of a pack may use is listed, with its titles in Chinese and English."""

import dataclasses

import pytest

from duban.action_titles import ACTION_TITLES
from duban.pack_words import ENOUGH_WORDS, as_json, uncovered, words_of
from schemas.command import MODELS
from tests.builders import PACKS

TITLED = (
    *("kinds", "origins", "validities", "tiers", "business types", "problem types", "units", "actions", "entries"),
    *("entry values", "levels", "clocks", "channels"),
)


@pytest.mark.requirement("R8")
@pytest.mark.parametrize("name", sorted(PACKS))
def test_every_code_has_a_title_in_both_languages(name: str) -> None:
    words = words_of(PACKS[name])
    assert [word.code for section in TITLED for word in words[section] if not (word.zh and word.en)] == []


@pytest.mark.parametrize("name", sorted(PACKS))
def test_what_the_pack_defines_is_listed(name: str) -> None:
    pack, words = PACKS[name], words_of(PACKS[name])
    codes = {section: {word.code for word in found} for section, found in words.items()}
    assert codes["business types"] == set(pack.business)
    assert codes["problem types"] == pack.problems
    assert codes["units"] == pack.units.keys()
    assert codes["entries"] == pack.entries.keys()
    assert codes["tiers"] == pack.tiers
    assert codes["actions"] == MODELS.keys() == ACTION_TITLES.keys()
    assert set(pack.routing.channels) < codes["channels"]


def test_an_action_shows_its_fields_and_whether_they_are_needed() -> None:
    actions = {word.code: word.about for word in words_of(PACKS["carrier"])["actions"]}
    assert (actions["dispatch"], actions["tick"]) == ("unit, [note]", "services only")


def test_words_as_json() -> None:
    units = {unit["code"]: unit for unit in as_json(words_of(PACKS["carrier"]))["units"]}
    assert (units["network"]["about"], units["network"]["zh"] != "") == ("handling", True)


@pytest.mark.requirement("R3.1")
@pytest.mark.parametrize("name", sorted(PACKS))
def test_a_type_that_people_cannot_name_in_enough_words_is_shown(name: str) -> None:
    pack = PACKS[name]
    type_, *others = pack.types.problem or pack.types.business
    section = "problem types" if pack.types.problem else "business types"
    few = type_.model_copy(update={"words": type_.words[: ENOUGH_WORDS - 1]})
    field = "problem" if pack.types.problem else "business"
    types = pack.types.model_copy(update={field: (few, *others)})
    shown = {word.code: word.about for word in uncovered(dataclasses.replace(pack, types=types))[section]}
    assert shown == {type_.code: f"{len(few.words)} words"}


@pytest.mark.requirement("R3.1")
@pytest.mark.parametrize("name", sorted(PACKS))
def test_every_type_of_a_pack_of_the_product_has_enough_words(name: str) -> None:
    assert uncovered(PACKS[name]) == {"business types": [], "problem types": []}
