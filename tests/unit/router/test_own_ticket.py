"""Escalated complaints, appeals and service requests: tickets of their own, linked both ways (DECISIONS 7, 42)."""

from datetime import timedelta

import pytest

from schemas.action import LinkTo
from schemas.ticket import Status
from services.router.domain.contact_command import commands_for
from tests.builders import MORNING, contact
from tests.unit.router.test_route import OLD, known, routed

CLOSED = {"status": Status.CLOSED, "closed_at": MORNING - timedelta(days=4)}


@pytest.mark.requirement("R2.4", "R3.8")
@pytest.mark.parametrize(
    ("channel", "text", "kind"),
    [
        ("hq_hotline", "宽带网速慢,省里不解决,我向总部投诉", "escalated"),
        ("regulator", "用户反映问题一直没有解决,对处理不满意。", "appeal"),
        ("regulator", "用户反映宽带网速慢", "appeal"),
        ("international", "宽带网速慢", "service_request"),
    ],
)
def test_a_kind_with_limits_of_its_own_never_is_a_reminder(channel: str, text: str, kind: str) -> None:
    new = contact("m2", channel=channel, text=text)
    decision = routed(new, known())
    assert (decision.disposition, decision.classification.kind) == ("open", kind)
    assert [link.ticket_id for link in decision.links] == [OLD]
    back = [command for command in commands_for(new, decision) if command.ticket_id == OLD]
    assert [command.action.link.ticket_id for command in back if isinstance(command.action, LinkTo)] == [
        decision.ticket_id
    ]


@pytest.mark.requirement("R3.8")
def test_an_appeal_that_its_door_names_is_one_whatever_was_closed() -> None:
    """The mail room says kind = appeal, origin = direct; the complaint was reopened."""
    new = contact("m2", text="对宽带网速慢的处理不满意,没有解决", kind="appeal", origin="direct")
    decision = routed(new, known(**CLOSED))
    assert (decision.disposition, decision.classification.origin) == ("open", "direct")


@pytest.mark.requirement("R3.8")
@pytest.mark.parametrize("channel", ["letter_fax", "hq_mail"])
def test_a_complaint_to_a_higher_level_after_an_outcome_is_a_direct_appeal(channel: str) -> None:
    """002-1 §4.3.2 says `to headquarters or the province`; its types are those of the appeals' tree (R3.8)."""
    new = contact("m2", channel=channel, text="对上次宽带网速慢投诉的处理结果不满意,直接向省分公司申诉。")
    for ticket in (known(**CLOSED), known(status=Status.ANSWERED)):
        decision = routed(new, ticket)
        classification = decision.classification
        assert (decision.disposition, classification.kind, classification.origin) == ("open", "appeal", "direct")
        assert decision.rule == "direct_appeal"
        assert classification.business_type != "broadband"
        assert [link.ticket_id for link in decision.links] == [OLD]


@pytest.mark.requirement("R3.8")
def test_appealing_before_any_outcome_is_no_direct_appeal() -> None:
    decision = routed(contact("m2", text="宽带网速慢,再不修我就向总部申诉"), known())
    assert decision.disposition == "remind"


@pytest.mark.requirement("R2.4")
def test_an_appeal_about_something_else_is_not_linked() -> None:
    decision = routed(contact("m2", channel="regulator", text="申诉人反映ETC通行费扣了两次"), known())
    assert (decision.disposition, decision.links) == ("open", ())


@pytest.mark.requirement("R2.4")
def test_of_several_cases_the_one_on_its_subject_is_linked() -> None:
    other = known(ticket_id=contact("x").id, business_type="toll", problem_type=None, subject="ETC通行费多扣")
    decision = routed(contact("m2", channel="regulator", text="申诉人反映宽带网速慢,企业未修复"), other, known())
    assert [link.ticket_id for link in decision.links] == [OLD]
