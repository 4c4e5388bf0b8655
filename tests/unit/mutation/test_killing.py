"""A mutant is refused by the check, or plays another day, or survives."""

from dataclasses import replace

import pytest

from schemas.action import Claim
from services.domain.authority.table import GRANTS, Grant
from tests.mutation.killing import CHECK, PLAY, SAME, SURVIVED, try_table_mutant
from tests.mutation.mutants import Mutant, Path
from tests.mutation.table_mutants import TableMutant, mutants_of_tables
from tests.unit.mutation.library import PACK, TRIAL


def changed(path: Path, value: object) -> Mutant:
    return Mutant("library", "limits.toml", path, value, "lengths", "x")


@pytest.mark.parametrize(
    ("path", "value", "outcome"),
    [
        (("clock", 0, "calendar"), "nowhere", CHECK),
        (("clock", 0, "limits", 0, "value"), "1000h", PLAY),
        (("suspension", "reminder_after"), "47h", SURVIVED),
        (("suspension", "at_most"), "72h", SAME),
    ],
)
def test_what_becomes_of_a_mutant(path: Path, value: object, outcome: str) -> None:
    assert TRIAL.try_mutant(changed(path, value)) == outcome


def test_a_day_kills_a_mutant_of_the_defaults() -> None:
    mutant = TableMutant(GRANTS, Claim, Grant(), "x")
    case = {
        "name": "x",
        "contact": TRIAL.cases[0]["contact"],
        "expect": {"may": {PACK.header.centre: ["claim"]}},
    }
    assert try_table_mutant(mutant, [replace(TRIAL, cases=(case,))]) == PLAY
    assert Claim in GRANTS
    assert GRANTS[Claim] != Grant()


def test_every_row_of_the_tables_has_a_mutant_that_deletes_it() -> None:
    deleted = {mutant.action for mutant in mutants_of_tables() if mutant.row is None and mutant.table is GRANTS}
    assert deleted == set(GRANTS)
