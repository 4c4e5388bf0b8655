"""Tokens of survey links: signed, and short enough for an SMS."""

from datetime import timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.domain import survey_link
from services.domain.survey_link import SurveyInvitation
from tests.builders import MORNING


def test_a_link_says_what_it_is_for_and_fits_an_sms() -> None:
    invitation = SurveyInvitation(uuid4(), 2, MORNING + timedelta(days=7))
    token = survey_link.make_token(invitation, "secret")
    assert survey_link.read_token(token, "secret") == invitation
    assert len(token) < 50
    assert survey_link.read_token(token, "other") is None


@given(st.text(max_size=60))
def test_no_text_is_a_link(text: str) -> None:
    assert survey_link.read_token(text, "secret") is None


@given(st.integers(0, 45), st.sampled_from("abcXYZ019-_"))
def test_a_changed_link_is_none(at: int, letter: str) -> None:
    token = survey_link.make_token(SurveyInvitation(uuid4(), 1, MORNING), "secret")
    changed = token[:at] + letter + token[at + 1 :]
    read = survey_link.read_token(changed, "secret")
    assert changed == token or read is None or survey_link.make_token(read, "secret") == token
