"""The form of policy texts: an earlier one is upgraded step by step, one that nobody knows here is refused."""

from typing import Any

import pytest

from services.domain.policy import forms
from services.domain.policy.base import PolicyError
from services.domain.policy.forms import FORM_VERSION, Documents

TODAY = {"pack.toml": {"name": "bus"}}


def renamed(documents: Documents) -> dict[str, dict[str, Any]]:
    """Upgrade form 1: `title` is called `name` from then on."""
    return {file: {"name": document["title"]} for file, document in documents.items()}


def counted(documents: Documents) -> dict[str, dict[str, Any]]:
    """Upgrade form 2: every file has a number."""
    return {file: {**document, "number": 1} for file, document in documents.items()}


def test_texts_of_today_s_form_are_taken_as_they_are() -> None:
    assert forms.upgrade(TODAY, FORM_VERSION) == TODAY


def test_an_earlier_form_is_upgraded_step_by_step() -> None:
    steps = {1: renamed, 2: counted}
    found = forms.upgrade({"pack.toml": {"title": "bus"}}, 1, steps=steps, present=3)
    assert found == {"pack.toml": {"name": "bus", "number": 1}}
    assert forms.upgrade({"pack.toml": {"name": "bus"}}, 2, steps=steps, present=3) == found


def test_a_newer_form_is_refused_with_what_to_do() -> None:
    with pytest.raises(PolicyError, match=f"form {FORM_VERSION + 1}.*up to form {FORM_VERSION}: upgrade Duban here"):
        forms.upgrade(TODAY, FORM_VERSION + 1)


def test_a_form_that_no_step_leads_from_is_refused_with_what_to_do() -> None:
    with pytest.raises(PolicyError, match=r"form 1, .*duban policy apply"):
        forms.upgrade(TODAY, 1, steps={2: counted}, present=3)
