"""The keyword matcher finds what a search for each keyword would."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.policy.keyword_matcher import KeywordMatcher
from services.domain.policy.routing import FollowUpRule

LETTERS = "网速慢宽带5gG"


@settings(max_examples=200, deadline=None)
@given(words=st.lists(st.text(LETTERS, min_size=1, max_size=3), max_size=6), text=st.text(LETTERS, max_size=12))
def test_one_pass_finds_what_looking_for_each_word_would(words: list[str], text: str) -> None:
    owners = dict(enumerate(words))
    matcher = KeywordMatcher((owner, [word]) for owner, word in owners.items())
    expected = {owner: word for owner, word in owners.items() if word.casefold() in text.casefold()}
    assert matcher.find(text) == expected


def test_hits_are_in_the_order_of_the_policy_with_the_longest_keyword() -> None:
    matcher = KeywordMatcher([("second", ["宽带"]), ("first", ["慢", "网速慢"]), ("none", ["流量"])])
    assert list(matcher.find("网速慢，宽带").items()) == [("second", "宽带"), ("first", "网速慢")]


def test_rules_of_equal_content_are_one_key() -> None:
    one, other = (FollowUpRule(words=("催",), ours="x") for _ in range(2))
    assert KeywordMatcher([(one, one.words), (other, other.words)]).find("催一下") == {one: "催"}
    assert hash(one) == hash(other) != hash(FollowUpRule(words=("催办",), ours="x"))
