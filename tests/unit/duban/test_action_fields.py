"""The fields of an action are typed as people type them, and a wrong name is answered with what there is."""

import re
from typing import Any

import pytest

from duban.action_fields import action_of
from services.shared.runtime.errors import DubanError

NO_TEXTS = {"reason": "", "note": ""}


@pytest.mark.requirement("R2.7")
@pytest.mark.parametrize(
    ("kind", "fields", "changes", "expected"),
    [
        ("dispatch", ["unit=network"], [], {"unit": "network"}),
        ("reclassify", [], ["tier=national", "priority=1"], {"set": {"tier": "national", "priority": 1}}),
        ("reclassify", [], ["department=null", "vip=true"], {"set": {"department": None, "vip": True}}),
        (
            "correct",
            [],
            ["phone=+8613800000001", "number=0012"],
            {"set": {"phone": "+8613800000001", "number": "0012"}},
        ),
        ("answer_survey", [], ["survey.process=5", "survey.result=4"], {"survey": {"process": 5, "result": 4}}),
        ("apologise", ["letter=apology_delay", "facts.days=3"], [], {"letter": "apology_delay", "facts": {"days": 3}}),
        ("record", ["kind=report", "text=12"], [], {"kind": "report", "text": "12"}),
    ],
)
def test_fields_are_read_by_their_types(
    kind: str, fields: list[str], changes: list[str], expected: dict[str, Any]
) -> None:
    assert action_of(kind, fields, changes, NO_TEXTS) == {"type": kind, **expected}


def test_a_reason_is_an_option_of_its_own() -> None:
    assert action_of("reopen", [], [], {"reason": "x", "note": ""}) == {"type": "reopen", "reason": "x"}


@pytest.mark.parametrize(
    ("kind", "fields", "changes", "message"),
    [
        ("clsoe", [], [], "there is no action 'clsoe': did you mean 'close'?"),
        ("dispatch", ["unit"], [], "'unit' is not in the form name=value"),
        ("dispatch", ["untit=x"], [], "there is no field 'untit': did you mean 'unit'?"),
        ("reclassify", [], ["teir=x"], "there is no field 'teir': did you mean 'tier'?"),
        ("reclassify", [], ["reasons=[]"], "there is no field 'reasons'"),
        ("answer_survey", [], ["survey.proces=5"], "did you mean 'process'?"),
        ("answer_survey", ["survey=5", "survey.result=5"], [], "survey is given as a whole already"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(kind: str, fields: list[str], changes: list[str], message: str) -> None:
    with pytest.raises(DubanError, match=re.escape(message)):
        action_of(kind, fields, changes, NO_TEXTS)


def test_an_option_that_the_action_does_not_have_is_named() -> None:
    with pytest.raises(DubanError, match="there is no field 'reason'"):
        action_of("dispatch", ["unit=network"], [], {"reason": "x"})
