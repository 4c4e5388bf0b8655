"""The labelled texts of the project are classified as well as they were: `make judge` shows each of them."""

import pytest

from tests.builders import PACKS
from tests.complaints.judge import kept_letters, letters
from tests.complaints.texts import judge, load_own


@pytest.mark.requirement("R3.1", "R3.2", "R3.4")
def test_no_labelled_text_is_classified_worse_than_was_committed() -> None:
    found = list(judge(load_own(PACKS), PACKS))
    order = "rtw"
    before = "".join(kept_letters().values())
    worse = [
        text.line()
        for text, was, now in zip(found, before, "".join(letters(found).values()), strict=True)
        if order.index(now) > order.index(was)
    ]
    assert worse == []


@pytest.mark.requirement("R3.1")
def test_every_title_of_a_type_is_a_word_for_it() -> None:
    missing = [
        (name, type_.code, title)
        for name, pack in PACKS.items()
        for type_ in (*pack.types.business, *pack.types.problem)
        for title in (type_.title.zh, type_.title.en)
        if type_ not in pack.keywords.find(title).words
    ]
    assert missing == []
