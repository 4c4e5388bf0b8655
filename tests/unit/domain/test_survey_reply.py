"""What customers write back, and the links they get."""

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain import survey_link
from services.domain.survey_link import Invitation
from services.domain.survey_reply import understand
from tests.builders import MORNING


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
    ],
)
def test_scores_are_understood(text: str, scores: tuple[int, int, int], comment: str | None) -> None:
    reply = understand(text)
    assert reply is not None
    assert reply.survey is not None
    assert (reply.survey.process, reply.survey.result, reply.survey.staff) == scores
    assert reply.survey.comment == comment


@pytest.mark.parametrize("text", ["TD", "退订", "td ", "STOP", "不评价"])
def test_who_wants_no_question_is_left_alone(text: str) -> None:
    reply = understand(text)
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
    ],
)
def test_everything_else_is_a_contact_like_any_other(text: str) -> None:
    assert understand(text) is None


@given(st.text(max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    reply = understand(text)
    if reply is not None and reply.survey is not None:
        assert all(1 <= each <= 5 for each in (reply.survey.process, reply.survey.result, reply.survey.staff))


def test_a_link_says_what_it_is_for_and_fits_an_sms() -> None:
    invitation = Invitation(uuid4(), 2, MORNING + timedelta(days=7))
    told = survey_link.token(invitation, "secret")
    assert survey_link.read(told, "secret") == invitation
    assert len(told) < 50
    assert survey_link.read(told, "other") is None


@given(st.text(max_size=60))
def test_no_text_is_a_link(text: str) -> None:
    assert survey_link.read(text, "secret") is None


@given(st.integers(0, 45), st.sampled_from("abcXYZ019-_"))
def test_a_changed_link_is_none(at: int, letter: str) -> None:
    told = survey_link.token(Invitation(uuid4(), 1, MORNING), "secret")
    changed = told[:at] + letter + told[at + 1 :]
    read = survey_link.read(changed, "secret")
    assert changed == told or read is None or survey_link.token(read, "secret") == told
