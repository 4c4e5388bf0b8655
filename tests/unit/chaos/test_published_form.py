"""What may be left out on the topics is not taken for damage."""

from typing import Any

import pytest

from chaos.published_form import is_shortened

STORED = {"id": "7", "links": ["a", "b", "c"], "text": "long text", "clocks": [{"due": 1}, {"due": 2}]}


@pytest.mark.parametrize(
    "published",
    [
        STORED,
        STORED | {"text": "long…", "text_count": 2},
        STORED | {"links": ["b", "c"], "clocks": [{"due": 2}]},
        STORED | {"links": []},
    ],
)
def test_cut_texts_and_shorter_lists_are_no_damage(published: dict[str, Any]) -> None:
    assert is_shortened(published, STORED)


@pytest.mark.parametrize(
    "published",
    [
        STORED | {"id": "8"},
        STORED | {"text": "another…"},
        STORED | {"text": "long"},
        STORED | {"links": ["c", "b"]},
        STORED | {"clocks": [{"due": 3}]},
        STORED | {"more": 1},
        {"id": "7"},
    ],
)
def test_every_other_difference_is_damage(published: dict[str, Any]) -> None:
    assert not is_shortened(published, STORED)


def test_what_the_ledger_keeps_for_itself_is_empty_on_the_topics() -> None:
    stored = {"number": "TS1", "evidence_marks": "a1b2", "link_marks": ""}
    assert is_shortened({**stored, "evidence_marks": ""}, stored)
    assert not is_shortened(stored, stored)
