"""Of which kind a contact is, and where an appeal comes from (R3.2, R3.8)."""

import pytest

from services.domain.classify import classify
from tests.builders import PACK, PACKS, contact


@pytest.mark.requirement("R3.2")
@pytest.mark.parametrize(
    "text",
    [
        "请问我的宽带为什么断了这么久还没人修",
        "我昨天咨询你们客服，客服乱办业务扣钱",
        "建议你们把乱扣的钱退给我，否则我去12300投诉",
        "请问上次报的故障没修好怎么办",
    ],
)
def test_what_asks_or_suggests_and_complains_is_a_complaint(text: str) -> None:
    found = classify(contact(text=text), PACK)
    assert found.kind == "complaint"
    assert {reason.subject for reason in found.reasons} >= {"not_kind"}


@pytest.mark.requirement("R3.2")
@pytest.mark.parametrize(
    ("text", "kind"), [("请问宽带怎么办理移机", "consultation"), ("建议营业厅增加座椅", "suggestion")]
)
def test_what_only_asks_or_suggests_stays_what_it_is(text: str, kind: str) -> None:
    assert classify(contact(text=text), PACK).kind == kind


@pytest.mark.requirement("R3.2")
def test_asking_about_a_complaint_is_a_complaint_in_every_pack_that_knows_questions() -> None:
    for name, pack in PACKS.items():
        if "consultation" in pack.routing.kinds:
            assert classify(contact(text="请问我投诉的事怎么没人处理"), pack).kind == pack.routing.kinds[0], name


@pytest.mark.requirement("R3.8")
@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("申诉人反映宽带断网,现予以立案", "filed"),
        ("立案申诉:话费多扣", "filed"),
        ("该申诉未立案,请企业先行处理", "not_filed"),
        ("市消费者协会转来:用户反映强行搭售", "other_authority"),
        ("12345政务热线转办:宽带断网", "other_authority"),
        ("申诉人反映宽带断网多日", "not_filed"),
    ],
)
def test_the_origin_of_an_appeal_is_read_at_the_regulator_s_door(text: str, origin: str) -> None:
    found = classify(contact(text=text, channel="regulator"), PACK)
    assert (found.kind, found.origin) == ("appeal", origin)


@pytest.mark.requirement("R3.8")
def test_what_the_door_says_of_the_origin_counts() -> None:
    found = classify(contact(text="消费者协会转来", channel="regulator", origin="filed"), PACK)
    assert found.origin == "filed"
    by_kind = classify(contact(text="消费者协会转来", kind="appeal"), PACK)
    assert by_kind.origin == "other_authority"


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize("text", ["申诉人要求退费", "消费者协会转来:要求退费", "向12300申诉"])
def test_what_an_appeal_is_called_is_no_severity(text: str) -> None:
    """002-1 §4.2.4: the severity of an appeal is media and public image."""
    found = classify(contact(text=text, channel="regulator"), PACK)
    assert "severity" not in found.signals
    exposed = classify(contact(text=f"{text},记者已曝光", channel="regulator"), PACK)
    assert "severity" in exposed.signals
    assert "severity" in classify(contact(text=f"再不处理我就{text}"), PACK).signals
