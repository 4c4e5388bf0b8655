"""Parsing of survey replies: unambiguous scores and opt-outs, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.survey_reply import MEASURES, PHRASE_SCORES, REFUSALS, SCORE, WHOLE_REPLY_SCORES, parse_reply


@pytest.mark.requirement("R5.4")
@pytest.mark.parametrize(
    ("text", "scores", "comment"),
    [
        ("5 4 5", (5, 4, 5), None),
        ("545", (5, 4, 5), None),
        ("5,4,5 很好", (5, 4, 5), "很好"),
        ("５　４　５", (5, 4, 5), None),
        ("五四五", (5, 4, 5), None),
        ("五 四 五，谢谢", (5, 4, 5), "谢谢"),
        ("①②③", (1, 2, 3), None),
        ("1分 2分 3分", (1, 2, 3), None),
        ("3", (3, 3, 3), None),
        ("五", (5, 5, 5), None),
        ("5分", (5, 5, 5), None),
        ("1，还是断网", (1, 1, 1), "还是断网"),
        ("满意", (4, 4, 4), None),
        ("非常满意！", (5, 5, 5), None),
        ("不满意，没有解决", (2, 2, 2), "没有解决"),
        ("非常不满意", (1, 1, 1), None),
        ("一般", (3, 3, 3), None),
        ("Very satisfied, thanks", (5, 5, 5), "thanks"),
        ("2/3/4", (2, 3, 4), None),
        ("5 4 5，等了 3 天才好", (5, 4, 5), "等了 3 天才好"),
        ("545谢谢", (5, 4, 5), "谢谢"),
        ("很好", (5, 5, 5), None),
        ("好", (4, 4, 4), None),
        ("好！", (4, 4, 4), None),
        ("满意了", (4, 4, 4), None),
        ("比较满意", (4, 4, 4), None),
        ("不太满意", (2, 2, 2), None),
        ("不满意 还是断网", (2, 2, 2), "还是断网"),
        ("5星", (5, 5, 5), None),
        ("五星好评", (5, 5, 5), None),
        ("打5分", (5, 5, 5), None),
        ("5 谢谢", (5, 5, 5), "谢谢"),
        ("not satisfied", (2, 2, 2), None),
    ],
)
def test_scores_are_understood(text: str, scores: tuple[int, int, int], comment: str | None) -> None:
    reply = parse_reply(text)
    assert reply is not None
    assert reply.survey is not None
    assert (reply.survey.process, reply.survey.result, reply.survey.staff) == scores
    assert reply.survey.comment == comment


@pytest.mark.parametrize("text", ["TD", "退订", "td ", "STOP", "不评价", "退订！", "T。", "别再发了"])
def test_who_wants_no_question_is_left_alone(text: str) -> None:
    reply = parse_reply(text)
    assert reply is not None
    assert reply.kind == "refusal"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10086",
        "6 7 8",
        "宽带断了",
        "3天了还没有修好",
        "5个月前办的套餐",
        "一直没有网",
        "1234",
        "5555",
        "不满意的是网速",
        "123456",
        "4 月账单多扣了50元",
        "5 月 3 日断网",
        "3 号断网了，没人管",
        "2 次上门都没修好",
        "一 直没解决",
        "5分钟都打不通",
        "5G没信号",
        "1. 网络断了 2. 没人管",
        "1，网络断了 2，没人管",
        "1、还是断网",
        "3，4月账单都不对",
        "3 4 5 月都多扣了",
        "5 5",
        "5 4 6",
        "1 2 3 4",
        "2 满意度调查是假的",
        "好的",
        "好像又断网了",
        "满意但是还没退费",
        "满意吗？",
    ],
)
def test_everything_else_is_a_contact_like_any_other(text: str) -> None:
    assert parse_reply(text) is None


SCORES = st.sampled_from("12345一二三四五")


COMMENTS = st.text(st.sampled_from("网络断了没人管账单多扣费用宽带"), min_size=1, max_size=12)


@pytest.mark.requirement("R5.4")
@given(
    SCORES,
    SCORES,
    SCORES,
    st.sampled_from([" ", ",", "，", "/", ";", "-", "\n"]),
    st.sampled_from(["", "。", "！", " "]),
)
def test_three_scores_are_three_scores_however_they_are_parted(a: str, b: str, c: str, by: str, end: str) -> None:
    reply = parse_reply(by.join((a, b, c)) + end)
    assert reply is not None
    assert reply.survey is not None
    assert (reply.survey.process, reply.survey.result, reply.survey.staff) == (SCORE[a], SCORE[b], SCORE[c])


@pytest.mark.requirement("R5.4")
@given(SCORES, st.sampled_from(["", " ", "  "]), st.sampled_from(sorted(MEASURES - {"分", "星"})), COMMENTS)
def test_a_date_or_a_quantity_is_no_score(score: str, space: str, measure: str, comment: str) -> None:
    assert parse_reply(f"{score}{space}{measure}{comment}") is None


@pytest.mark.requirement("R5.4")
@given(
    st.lists(COMMENTS, min_size=2, max_size=4),
    st.sampled_from([".", "、", "，", ")", " ", "。", "："]),
    st.sampled_from([" ", "\n", "，", "。"]),
)
def test_a_list_is_no_score(items: list[str], sign: str, between: str) -> None:
    assert parse_reply(between.join(f"{at}{sign}{item}" for at, item in enumerate(items, 1))) is None


@pytest.mark.requirement("R5.4")
@given(st.lists(st.integers(0, 99), min_size=2, max_size=6), st.sampled_from([" ", ",", "，", "/"]))
def test_two_numbers_or_four_or_any_beyond_five_are_no_scores(numbers: list[int], by: str) -> None:
    three = len(numbers) == 3 and all(1 <= each <= 5 for each in numbers)
    assert (parse_reply(by.join(map(str, numbers))) is not None) == three


@given(
    st.sampled_from([*PHRASE_SCORES, *WHOLE_REPLY_SCORES, *REFUSALS]),
    st.text(st.sampled_from("。！!,， ~"), max_size=3),
)
def test_signs_around_a_word_change_nothing(word: str, signs: str) -> None:
    assert parse_reply(f"{signs}{word.upper()}{signs}") == parse_reply(word)
    assert parse_reply(word) is not None


@given(st.text(max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    reply = parse_reply(text)
    if reply is not None and reply.survey is not None:
        assert all(1 <= each <= 5 for each in (reply.survey.process, reply.survey.result, reply.survey.staff))
