"""Tests of the survey page."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.domain import survey_link
from services.domain.survey_link import SurveyInvitation
from services.intake import outcomes, survey
from tests.builders import MORNING
from tests.unit.intake.fake_context import SECRET, request

WORST = "1分：很不满意"


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> str:
    """A link that has not been answered."""
    ticket = {"number": "TS1", "run": 1, "answered": False, "language": "zh"}
    monkeypatch.setattr(outcomes, "survey_ticket", lambda _, __: ticket)
    return f"/s/{survey_link.make_token(SurveyInvitation(uuid4(), 1, MORNING + timedelta(days=1)), SECRET)}"


@pytest.mark.requirement("R5.4")
@pytest.mark.parametrize("body", ["a=1&" * 30, "comment=" + "x" * 20_000])
def test_a_form_that_is_not_of_the_page_gets_an_error_page(link: str, body: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = request(survey.install, "POST", link, content=body, headers=headers)
    assert response.status_code in {400, 413}
    assert "<h1>提交的内容无法识别</h1>" in response.text
    english = request(survey.install, "POST", f"{link}?language=en", content=body, headers=headers)
    assert "could not read" in english.text


@pytest.mark.requirement("R5.4")
def test_every_score_is_explained_in_words(link: str) -> None:
    page = request(survey.install, "GET", link).text
    assert page.count("<fieldset") == page.count("<legend") == 3
    assert page.count(WORST) == 3
    assert page.count("5分：非常满意") == 3
    english = request(survey.install, "GET", f"{link}?language=en").text
    assert english.count("1: very dissatisfied") == english.count("5: very satisfied") == 3
