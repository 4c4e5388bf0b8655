"""The keyword matcher finds what a search for each keyword would."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.policy.keyword_matcher import KeywordMatcher

LETTERS = "网速慢宽带5gG"


@settings(max_examples=200, deadline=None)
@given(words=st.lists(st.text(LETTERS, min_size=1, max_size=3), max_size=6), text=st.text(LETTERS, max_size=12))
def test_one_pass_finds_what_looking_for_each_word_would(words: list[str], text: str) -> None:
    owners = dict(enumerate(words))
    matcher = KeywordMatcher((owner, [word]) for owner, word in owners.items())
    expected = {owner: word for owner, word in owners.items() if word.casefold() in text.casefold()}
    assert matcher.find(text) == expected
