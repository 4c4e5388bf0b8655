"""Pairs of contacts: the second goes where a manager of a complaint centre expects it (R2.4)."""

from collections import Counter
from pathlib import Path

import pytest

from tests.builders import PACKS
from tests.complaints import pairs

OWN_PAIRS = 68
RIGHT = 0.85
RIGHT_OR_ACCEPTABLE = 0.95


@pytest.mark.requirement("R2.4", "R3.8")
@pytest.mark.parametrize("path", [pairs.GIVEN, pairs.OWN], ids=["labelled", "own"])
def test_nearly_every_second_contact_goes_where_it_should_and_none_to_a_stranger(path: Path) -> None:
    if not path.exists():
        pytest.skip("the labelled pairs are not on this machine")
    played = list(pairs.play_all(pairs.load(path), PACKS))
    verdicts = Counter(each.verdict for each in played)
    shown = pairs.report(played)
    assert [each.pair["id"] for each in played if each.worst is not None] == [], shown
    assert verdicts["right"] >= RIGHT * len(played), shown
    assert verdicts["right"] + verdicts["acceptable"] >= RIGHT_OR_ACCEPTABLE * len(played), shown


def test_the_own_pairs_are_all_there() -> None:
    ids = [pair["id"] for pair in pairs.load(pairs.OWN)]
    assert (len(ids), len(set(ids))) == (OWN_PAIRS, OWN_PAIRS)
