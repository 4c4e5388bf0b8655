"""Every rule of a small pack has its mutants, each found by the type of its field."""

import pytest

from services.domain.policy import loading
from services.domain.policy.base import PolicyError
from tests.mutation.mutants import NOTHING, Mutant, mutants_of
from tests.unit.mutation.library import DOCUMENTS, PACK

MUTANTS = {mutant.name: mutant for mutant in mutants_of(PACK, DOCUMENTS)}


def named(part: str) -> Mutant:
    (found,) = (mutant for name, mutant in MUTANTS.items() if part in name)
    return found


@pytest.mark.parametrize(
    ("part", "group"),
    [
        ("clock promise, while.status: without 'handling'", "conditions and states"),
        ("clock promise, while.status: 'answered' for 'accepted'", "conditions and states"),
        ("clock promise, outer: True becomes False", "conditions and states"),
        ("clock promise, anchor: without 'acceptance'", "conditions and states"),
        ("limits for books of rare value, when.signal: without 'importance'", "conditions and states"),
        ("usual, breach, notifies: without 'unit'", "readers"),
        ("usual, breach, notifies: 'person' for 'next_level'", "readers"),
        ("extension, at_most", "lengths"),
        ("suspension, at_most: 72h becomes 73h", "lengths"),
    ],
)
def test_a_rule_has_its_mutants(part: str, group: str) -> None:
    assert named(part).group == group


def test_a_mutant_changes_one_value_and_nothing_else() -> None:
    mutant = named("suspension, at_most: 72h becomes 73h")
    changed = mutant.applied(DOCUMENTS)
    assert changed["limits.toml"]["suspension"] == {**DOCUMENTS["limits.toml"]["suspension"], "at_most": "73h"}
    assert {file for file in DOCUMENTS if changed[file] != DOCUMENTS[file]} == {"limits.toml"}
    assert DOCUMENTS["limits.toml"]["suspension"]["at_most"] == "72h"


def test_a_deleted_word_leaves_the_others() -> None:
    mutant = named("clock promise, while.status: without 'handling'")
    assert mutant.value is NOTHING
    (clock, *_) = mutant.applied(DOCUMENTS)["limits.toml"]["clock"]
    assert clock["while"]["status"] == ["accepted", "dispatched", "fed_back"]


def test_every_replacement_is_a_word_that_exists() -> None:
    """A mutant that is refused because nobody knows its word would show nothing about the days."""
    for mutant in MUTANTS.values():
        try:
            loading.from_documents(PACK.header.name, mutant.applied(DOCUMENTS), "x")
        except PolicyError as error:
            assert "did you mean" not in str(error), mutant.name


def test_names_are_unique() -> None:
    found = [mutant.name for mutant in mutants_of(PACK, DOCUMENTS)]
    assert len(found) == len(set(found))
