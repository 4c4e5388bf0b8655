"""Classification: kind, types, tier, priority and department, each with its rule."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contact import Customer
from services.domain.classify import classify
from tests.builders import PACK, contact, settlement

VIP = Customer(phone="+8613800000102", level="gold")


@pytest.mark.requirement("R3.1", "R3.5")
@pytest.mark.parametrize(
    ("text", "business", "problem", "department"),
    [
        ("家里宽带网速很慢", "broadband", "quality_inside", "network"),
        ("5G套餐多扣话费", "nr", "charging", "billing"),
        ("4G没有信号", "lte", "network_quality", "network"),
        ("ETC通行费扣了两次", "toll", "toll_charge", "toll_operations"),
        ("营业厅态度不好", "own_hall", "service_quality", "channel_owner"),
        ("宽带有问题", "broadband", None, "fixed_owner"),
        ("My broadband is slow", "broadband", "quality_inside", "network"),
    ],
)
def test_types_from_words_and_the_department_they_lead_to(
    text: str, business: str, problem: str | None, department: str
) -> None:
    classification = classify(contact(text=text), PACK)
    assert (classification.business_type, classification.problem_type, classification.department) == (
        business,
        problem,
        department,
    )


@pytest.mark.requirement("R3.1")
def test_types_that_the_channel_knows_count_before_words() -> None:
    classification = classify(contact(text="宽带网速慢", business_type="nr", problem_type="charging"), PACK)
    assert (classification.business_type, classification.problem_type) == ("nr", "charging")
    labelled = classify(contact(text="宽带网速慢", labels=("移动/5G", "计费")), PACK)
    assert (labelled.business_type, labelled.problem_type) == ("nr", "charging")


@pytest.mark.requirement("R3.1")
def test_what_no_rule_can_type_goes_to_a_person_with_the_reason() -> None:
    classification = classify(contact(text="你们到底管不管"), PACK)
    assert classification.department is None
    assert classification.triage is not None
    assert "neither business type nor problem type" in classification.triage


@pytest.mark.requirement("R3.3")
@pytest.mark.parametrize(
    ("changes", "tier"),
    [
        ({}, "provincial"),
        ({"settlement": settlement()}, "general"),
        ({"text": "咨询宽带资费"}, "general"),
        ({"needs_headquarters": True}, "national"),
        ({"text": "5G发票网站打不开网页", "kind": "suggestion"}, "general"),
    ],
)
def test_the_tier(changes: dict[str, Any], tier: str) -> None:
    assert classify(contact(**changes), PACK).tier == tier


@pytest.mark.requirement("R3.3")
def test_roaming_is_national_only_when_the_fact_lies_in_the_visited_network() -> None:
    away = Customer(phone="+8613800000103", home_region="河南", visiting_region="广东")
    assert classify(contact(text="4G漫游没有信号", customer=away), PACK).tier == "national"
    assert classify(contact(text="4G多扣话费", customer=away), PACK).tier == "provincial"


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize(
    ("text", "customer", "priority", "signals"),
    [
        ("宽带网速慢", None, 3, ()),
        ("宽带网速慢", VIP, 2, ("importance",)),
        ("宽带断网了", None, 2, ("urgency",)),
        ("再不解决就找媒体曝光", None, 1, ("severity",)),
        ("再不解决就向12300申诉", None, 1, ("severity",)),
    ],
)
def test_priority_from_signals(text: str, customer: Customer | None, priority: int, signals: tuple[str, ...]) -> None:
    classification = classify(contact(text=text, customer=customer), PACK)
    assert (classification.priority, classification.signals) == (priority, signals)


@pytest.mark.requirement("R3.2")
def test_the_kind() -> None:
    assert classify(contact(), PACK).kind == "complaint"
    assert classify(contact(text="建议增加营业厅窗口"), PACK).kind == "suggestion"
    assert classify(contact(text="请问怎么办理移机"), PACK).kind == "consultation"
    assert classify(contact(text="建议", kind="complaint"), PACK).kind == "complaint"


@pytest.mark.requirement("R3.4", "R8.1")
def test_every_decision_names_its_rule_and_source() -> None:
    classification = classify(contact(text="5G多扣话费，找媒体曝光", customer=VIP), PACK)
    subjects = {each.subject for each in classification.reasons}
    assert {"kind", "vip", "business_type", "problem_type", "tier", "signal", "priority", "department"} <= subjects
    assert all(each.rule and each.source for each in classification.reasons)


@settings(max_examples=80, deadline=None)
@given(text=st.text(max_size=60), level=st.none() | st.text(min_size=1, max_size=8).filter(str.strip))
def test_nothing_that_a_customer_can_write_makes_it_fail(text: str, level: str | None) -> None:
    classification = classify(contact(text=text, customer=Customer(phone="+8613800000104", level=level)), PACK)
    assert (classification.department is None) == (classification.triage is not None)


@pytest.mark.requirement("R3.1")
@pytest.mark.parametrize("text", ["家裡寬帶網速很慢", "５Ｇ套餐多扣話費", "5g套餐多扣话费", "My BROADBAND is Slow"])
def test_words_are_found_in_any_width_case_and_script(text: str) -> None:
    classification = classify(contact(text=text), PACK)
    assert (classification.business_type, classification.problem_type) in {
        ("broadband", "quality_inside"),
        ("nr", "charging"),
    }


@pytest.mark.requirement("R3.3", "R3.4")
@pytest.mark.parametrize("level", ["VIP", "vip", "gold", "白金卡"])
def test_a_customer_of_a_high_level_is_a_vip_of_the_carrier(level: str) -> None:
    """The documents of the carrier tell VIP customers apart by this word alone (002-1 §2.3.2)."""
    assert classify(contact(customer=Customer(phone="+8613800000102", level=level)), PACK).vip
    assert not classify(contact(customer=Customer(phone="+8613800000102", level="普通")), PACK).vip


@pytest.mark.requirement("R3.1")
def test_what_is_left_open_is_suggested_with_the_words_that_speak_for_it() -> None:
    found = classify(contact(text="短信流量都不能用"), PACK)
    assert found.business_type is None
    suggested = {each.business_type: each.reason for each in found.suggestions}
    assert {"sms_service", "mobile_data"} == suggested.keys()
    assert "短信" in suggested["sms_service"]
    assert "流量" in suggested["mobile_data"]


@pytest.mark.requirement("R3.1")
def test_what_is_sure_needs_no_suggestion() -> None:
    assert classify(contact(text="宽带断了三天没人修"), PACK).suggestions == ()
