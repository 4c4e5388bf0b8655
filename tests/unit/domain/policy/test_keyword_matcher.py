"""The keyword matcher finds what a search for each keyword would, and says what it means where it stands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.policy.keyword_hits import Family
from services.domain.policy.keyword_matcher import KeywordEntry, KeywordMatcher
from services.domain.policy.routing import FollowUpRule

LETTERS = "网速慢宽带5gG"


def matcher(family: Family = Family.PROGRESS, **words: str) -> KeywordMatcher[str]:
    """Return a matcher of owners, each with its keywords parted by blanks."""
    return KeywordMatcher(KeywordEntry(owner, family, dict.fromkeys(of.split(), 1.0)) for owner, of in words.items())


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(st.text("网速慢宽带", min_size=1, max_size=3), max_size=6), text=st.text("网速慢宽带", max_size=12)
)
def test_one_pass_finds_what_looking_for_each_word_would(words: list[str], text: str) -> None:
    owners = dict(enumerate(words))
    # Each stands in a tree of its own, so that no longer one takes it away.
    found = KeywordMatcher(
        KeywordEntry(owner, Family.PROBLEM, {word: 1.0}, tree=owner) for owner, word in owners.items()
    ).find(text)
    assert found.words == {owner: word for owner, word in owners.items() if word in text}


def test_hits_are_in_the_order_of_the_policy_with_the_longest_keyword() -> None:
    found = matcher(second="宽带", first="慢 网速慢", none="流量").find("网速慢，宽带")
    assert list(found.words.items()) == [("second", "宽带"), ("first", "网速慢")]


def test_rules_of_equal_content_are_one_key() -> None:
    one, other = (FollowUpRule(words=("催",), ours="x") for _ in range(2))
    entries = [KeywordEntry(rule, Family.PROGRESS, dict.fromkeys(rule.keywords, 0.0)) for rule in (one, other)]
    assert KeywordMatcher(entries).find("催一下").words == {one: "催"}
    assert hash(one) == hash(other) != hash(FollowUpRule(words=("催办",), ours="x"))


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("media", "please answer immediately", False),
        ("media", "I told the Media.", True),
        ("court", "he was courteous", False),
        ("315", "报修单号 8831502", False),
        ("315", "报修单号315", False),
        ("12300", "612300元", False),
        ("12300", "12300元", False),
        ("12300", "我打12300", True),
        ("2G", "12G流量", False),
        ("2G", "2G信号", True),
        ("5G", "15GB", False),
    ],
)
@pytest.mark.requirement("R3.1")
def test_no_part_of_a_word_or_number_and_no_amount_is_a_keyword(word: str, text: str, *, found: bool) -> None:
    assert bool(matcher(Family.SIGNAL, owner=word).find(text).words) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("不是我自己开通的", False),
        ("是我自己开通的", True),
        ("并非是我自己要的", False),
    ],
)
def test_a_denied_rule_does_not_apply(text: str, *, found: bool) -> None:
    assert bool(matcher(Family.RULE, own="是我自己").find(text).words) is found


@pytest.mark.parametrize(
    ("family", "word", "text", "found"),
    [
        (Family.SIGNAL, "受伤", "没有人受伤", False),
        (Family.SIGNAL, "受伤", "差点受伤", False),
        (Family.SIGNAL, "受伤", "老人受伤", True),
        (Family.SIGNAL, "找媒体", "再不处理就找媒体", True),
        (Family.SIGNAL, "找媒体", "我不找媒体", False),
        (Family.SIGNAL, "法院", "法院路的宽带慢", False),
        (Family.BUSINESS, "短信", "我说的不是短信", False),
        (Family.BUSINESS, "短信", "没收到短信", True),
        (Family.PROBLEM, "信号", "手机没有信号", False),
        (Family.PROBLEM, "没有信号", "手机没有信号", True),
        (Family.PROBLEM, "没…信号", "没有一点信号", True),
        (Family.PROBLEM, "没…信号", "没，信号", False),
        (Family.PROBLEM, "态度", "态度挺好", False),
        (Family.PROBLEM, "态度", "是不是态度的问题", True),
    ],
)
@pytest.mark.requirement("R3.1")
def test_what_a_keyword_means_depends_on_its_clause(family: Family, word: str, text: str, *, found: bool) -> None:
    assert bool(matcher(family, owner=word).find(text).words) is found


def test_the_longest_keyword_wins_and_the_decision_says_what_lost() -> None:
    found = matcher(Family.BUSINESS, hall="营业厅", online="网上营业厅").find("网上营业厅打不开")
    assert found.words == {"online": "网上营业厅"}
    assert [(lost.owner, lost.why) for lost in found.lost] == [("hall", "part of a longer keyword: 网上营业厅")]


def test_words_that_mean_nothing_take_keywords_away() -> None:
    entries = [
        KeywordEntry("photo", Family.NOTHING, {"拍照曝光": 0.0}),
        KeywordEntry("media", Family.SIGNAL, {"曝光": 0.0}),
    ]
    assert not KeywordMatcher(entries).find("拍照曝光不准").words
    assert KeywordMatcher(entries).find("给你们曝光").words == {"media": "曝光"}


def test_a_place_that_is_only_mentioned_speaks_less_for_itself() -> None:
    entries = [KeywordEntry("hall", Family.BUSINESS, {"营业厅": 1.0}, incidental=True)]
    of_text = {
        text: KeywordMatcher(entries).find(text).evidence["hall"].score for text in ("营业厅很吵", "在营业厅办的")
    }
    assert of_text["在营业厅办的"] < of_text["营业厅很吵"]


@pytest.mark.parametrize("mention", ["问个停车费的事", "问过停车费", "比停车费还贵"])
def test_what_somebody_only_asked_about_or_compares_speaks_less_for_itself(mention: str) -> None:
    found = matcher(Family.BUSINESS, parking="停车费")
    scores = [found.find(text).evidence["parking"].score for text in (mention, "停车费太贵", "请问停车费多少")]
    assert scores[0] < scores[1] == scores[2]
