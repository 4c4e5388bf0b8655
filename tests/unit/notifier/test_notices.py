"""Which notices an event makes: recipients, language, delivery channel and letter."""

from datetime import timedelta
from uuid import UUID

import pytest

from deploy.tools.checkout import PROJECT
from schemas.action import (
    Answer,
    Dispatch,
    FeedBack,
    ReleaseAssistance,
    ReplyProgress,
    RequestAssistance,
    RequestExtension,
)
from schemas.contact import Customer
from schemas.customer_actions import Apologise
from schemas.event import TicketEvent
from schemas.hot_issue import HotIssue
from services.notifier import rendering
from services.notifier.domain.letters import Letter, TemplateLibrary
from services.notifier.domain.notices import Notice, plan_hot_issue_notices, plan_notices
from tests.builders import CENTRE, HOUR, MORNING, PACK, TicketScenario, contact, settlement

TEMPLATES = TemplateLibrary(PROJECT / "policies" / "letters")
ENGLISH = Customer(name="Smith", phone="+12025550143", language="en")
BY_MAIL = Customer(name="李", phone="+8613800000101", email="li@mail.example", preferred_means="mail")


def planned(event: TicketEvent) -> list[Notice]:
    return list(plan_notices(event, PACK))


def rendered(notice: Notice) -> str:
    letter = TEMPLATES.render(notice.template, notice.language, notice.context)
    return f"{letter.subject}\n{letter.body}"


@pytest.mark.requirement("R2.6", "R5.7")
def test_the_acceptance_holds_number_and_promised_time() -> None:
    scenario = TicketScenario.opened()
    (notice,) = planned(scenario.events[0])
    assert (notice.audience, notice.ways[0]) == ("customer", ("sms", "+8613800000101"))
    assert scenario.current.number in rendered(notice)
    assert "2026-03-14 09:00" in rendered(notice)


@pytest.mark.requirement("R5.7")
def test_a_notice_is_in_the_customer_s_language() -> None:
    (notice,) = planned(TicketScenario.opened(contact(customer=ENGLISH)).events[0])
    assert "Smith" in rendered(notice)
    assert "投诉" not in rendered(notice)


@pytest.mark.requirement("R5.7")
def test_a_phone_that_was_only_found_in_the_text_gets_no_notices() -> None:
    """It may be the nuisance caller's (DECISIONS 40)."""
    hint = contact(customer=Customer(phone="+8613911112222", identity="openid-1"), flags=("phone_from_text",))
    assert [notice.ways for notice in planned(TicketScenario.opened(hint).events[0])] in ([], [()])


@pytest.mark.requirement("R5.8")
def test_the_channel_that_the_customer_prefers_comes_first() -> None:
    (notice,) = planned(TicketScenario.opened(contact(customer=BY_MAIL)).events[0])
    assert notice.ways == (("mail", "li@mail.example"), ("sms", "+8613800000101"))


@pytest.mark.requirement("R4.9", "R5.7")
def test_an_assisting_unit_is_asked_warned_and_released_by_letter() -> None:
    scenario = TicketScenario.dispatched("fixed_owner")
    scenario.do(RequestAssistance(unit="network", demand="测速"), unit="fixed_owner")
    (request,) = planned(scenario.events[-1])
    assert request.audience == "unit.network"
    assert "测速" in rendered(request)
    assert "2026-03-13 09:00" in rendered(request)
    scenario.do(Dispatch(unit="products"), unit="fixed_owner").advance(24 * HOUR).tick()
    warning, breach = (
        next(event for event in scenario.events if event.type == type_ and event.details["unit"] == "network")
        for type_ in ("warned", "breached")
    )
    audiences = {"unit.network", "person.network", "unit.products"}
    assert {notice.audience for notice in planned(warning)} == audiences
    assert {notice.until for notice in planned(warning)} == {"stopped"}
    assert {notice.audience for notice in planned(breach)} == audiences | {"unit.provincial_service"}
    scenario.do(FeedBack(result="光缆损坏", cause="施工"), unit="network")
    feedback = planned(scenario.events[-1])
    assert {notice.audience for notice in feedback} == {"unit.fixed_owner", "unit.products"}
    assert all("光缆损坏" in rendered(notice) for notice in feedback)
    scenario.do(RequestAssistance(unit="billing", demand="d"), unit="products")
    scenario.do(ReleaseAssistance(unit="billing", reason="资费无误"), unit="products")
    (release,) = planned(scenario.events[-1])
    assert release.audience == "unit.billing"
    assert "资费无误" in rendered(release)


@pytest.mark.requirement("R4.9")
def test_a_warning_goes_to_unit_and_person_and_a_breach_to_the_next_level_too() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR).tick()
    warning, breach = scenario.events[-2:]
    assert {notice.audience for notice in planned(warning)} == {"unit.network", "person.network"}
    assert {notice.audience for notice in planned(breach)} == {
        "unit.network",
        "person.network",
        f"unit.{CENTRE}",
        "unit.provincial_service",
    }
    assert all("督办" in rendered(notice) for notice in planned(breach))


@pytest.mark.requirement("R4.9")
def test_each_further_half_of_the_limit_notifies_a_level_further_up() -> None:
    scenario = TicketScenario.dispatched("billing").advance(timedelta(days=5)).tick()
    levels = [
        {notice.audience for notice in planned(event)}
        for event in scenario.events
        if event.type == "escalated" and event.threshold and event.threshold.clock == "handling"
    ]
    assert "unit.hq_service" in levels[0]
    assert len(levels) == 3


def test_the_same_event_gives_the_same_notices() -> None:
    event = TicketScenario.dispatched().advance(24 * HOUR).tick().events[-1]
    ids = [notice.id for notice in planned(event)]
    assert ids == [notice.id for notice in planned(event)]
    assert len(set(ids)) == len(ids)


def test_an_answer_given_on_the_spot_is_not_sent_again() -> None:
    scenario = TicketScenario.opened(contact(settlement=settlement()))
    answered = next(event for event in scenario.events if event.type == "answered")
    assert planned(answered) == []


def test_a_customer_without_an_address_gets_a_notice_without_channels() -> None:
    (notice,) = planned(TicketScenario.opened(contact(customer=Customer(number="C1"))).events[0])
    assert notice.ways == ()


def test_an_anonymous_customer_gets_no_notice() -> None:
    """It failed for want of an address, and the centre was asked to look for one."""
    assert planned(TicketScenario.opened(contact(customer=Customer(name="匿名"))).events[0]) == []


@pytest.mark.requirement("R5.7", "R5.12")
def test_every_letter_can_be_rendered_in_both_languages() -> None:
    for language in ("zh", "en"):
        customer = Customer(name="Li", phone="+8613800000101", language=language)
        scenario = TicketScenario.dispatched(opened_by=contact(customer=customer)).advance(22 * HOUR)
        until = scenario.timer("handling").due_at + HOUR
        scenario.do(RequestExtension(explanation="需现场测试", committed_until=until), unit="network")
        scenario.do(ReplyProgress(text="还需要一些时间"), unit=CENTRE).advance(100 * HOUR).tick()
        scenario.do(FeedBack(result="已修复", cause="线路"), unit="network")
        scenario.do(Answer(explanation="已修复", agreement="agreed"), unit=CENTRE)
        for event in scenario.events:
            for notice in planned(event):
                assert rendered(notice).strip()


def test_a_template_cannot_be_a_program() -> None:
    letter = TEMPLATES._environment.from_string("{{ ''.__class__.__mro__ }}")
    with pytest.raises(Exception, match=r"unsafe|undefined|no attribute"):
        letter.render({})


def test_an_acceptance_has_no_quiet_hours_and_a_warning_goes_first() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR).tick()
    (acceptance,) = planned(scenario.events[0])
    assert acceptance.quiet_hours is None
    assert {(notice.urgency, notice.until) for notice in planned(scenario.events[-2])} == {(1, "acted")}


def test_an_apology_needs_its_facts_and_names_the_missing_ones() -> None:
    scenario = TicketScenario.opened()
    scenario.do(Apologise(letter="apology_goods", facts={"goods": "光猫", "signature": "客服中心"}), unit=CENTRE)
    assert set(scenario.refusals[-1].missing) == {"order_date", "earliest", "cause"}
    facts = {"goods": "光猫", "order_date": "3月1日", "earliest": "3月20日", "cause": "缺货", "signature": "客服中心"}
    scenario.do(Apologise(letter="apology_goods", facts=facts), unit=CENTRE)
    (notice,) = planned(scenario.events[-1])
    assert notice.attach_pdf
    assert "3月20日" in rendered(notice)


def test_a_pdf_of_a_letter_is_the_same_file_each_time() -> None:
    letter = Letter(
        "致歉信 TS20260312000001", "尊敬的客户：\n我们向您道歉 <b>&\n客服中心", "TS20260312000001", attach_pdf=True
    )
    page = rendering.render_pdf(letter)
    assert page.startswith(b"%PDF")
    assert page == rendering.render_pdf(letter)
    assert b"/FontFile2" in page, "without an embedded font a viewer shows another, or nothing"
    assert "&lt;b&gt;&amp;" in rendering.render_html(letter)


@pytest.mark.requirement("R3.7")
@pytest.mark.parametrize("usual", [None, 3.25])
def test_the_centre_is_notified_of_a_hot_issue_once(usual: float | None) -> None:
    issue = HotIssue(
        id=UUID(int=7),
        version=1,
        policy="carrier",
        business_type="broadband",
        problem_type="fault",
        region="长沙",
        status="open",
        opened_at=MORNING,
        updated_at=MORNING,
        recent=12,
        usual=usual,
        tickets=12,
        peak=12,
    )
    (notice,) = plan_hot_issue_notices(issue, PACK)
    assert (notice.audience, notice.ways[0][0]) == (f"unit.{PACK.header.centre}", "mail")
    assert "长沙" in rendered(notice)
    assert ("3.2" in rendered(notice)) is (usual is not None)
    (again,) = plan_hot_issue_notices(issue.replace(version=2, recent=25), PACK)
    assert again.id == notice.id
    assert list(plan_hot_issue_notices(issue.replace(status="calm"), PACK)) == []
