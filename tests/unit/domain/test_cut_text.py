"""Texts are cut so that everybody sees it, and short ones stay as they are."""

import pytest

from services.domain.cut_text import MARK, cut, may_be_cut


def test_a_text_is_cut_with_a_mark_only_where_it_is_longer() -> None:
    assert cut("的" * 10, 10) == "的" * 10
    assert cut("的" * 11, 10) == "的" * 10 + MARK


@pytest.mark.parametrize("value", [f"a{MARK}", {"facts": {"name": f"a{MARK}"}}])
def test_a_cut_text_is_found_in_a_document(value: object) -> None:
    assert may_be_cut(value)


@pytest.mark.parametrize("value", ["a", f"a{MARK}b", {"facts": {}, "level": 2, "text": None}])
def test_other_texts_are_not_taken_for_cut(value: object) -> None:
    assert not may_be_cut(value)
