"""Who is told what of an event, in which language, by which means."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from deploy.tools.checkout import PROJECT
from schemas.action import Answer, FeedBack, ReplyProgress, RequestExtension
from schemas.contact import Customer
from schemas.customer_actions import Apologise
from schemas.event import TicketEvent
from schemas.hot_issue import HotIssue
from services.notifier import rendering
from services.notifier.domain.letters import Letter, TemplateLibrary
from services.notifier.domain.notices import Notice, notices, of_hot_issue
from services.notifier.domain.quiet_hours import QuietHours
from tests.builders import CENTRE, HOUR, MORNING, PACK, TicketScenario, contact, settlement

LETTERS = TemplateLibrary(PROJECT / "policies" / "letters")
ENGLISH = Customer(name="Smith", phone="+12025550143", language="en")
BY_MAIL = Customer(name="李", phone="+8613800000101", email="li@mail.example", preferred_means="mail")


def told(event: TicketEvent) -> list[Notice]:
    return list(notices(event, PACK))


def written(notice: Notice) -> str:
    letter = LETTERS.write(notice.template, notice.language, notice.context)
    return f"{letter.subject}\n{letter.body}"


@pytest.mark.requirement("R2.6", "R5.7")
def test_the_customer_hears_number_and_promised_time() -> None:
    scenario = TicketScenario.opened()
    (notice,) = told(scenario.events[0])
    assert (notice.audience, notice.ways[0]) == ("customer", ("sms", "+8613800000101"))
    assert scenario.current.number in written(notice)
    assert "2026-03-14 09:00" in written(notice)


@pytest.mark.requirement("R5.7")
def test_in_the_customer_s_language() -> None:
    (notice,) = told(TicketScenario.opened(contact(customer=ENGLISH)).events[0])
    assert "Smith" in written(notice)
    assert "投诉" not in written(notice)


@pytest.mark.requirement("R5.8")
def test_by_the_means_the_customer_wants() -> None:
    (notice,) = told(TicketScenario.opened(contact(customer=BY_MAIL)).events[0])
    assert notice.ways == (("mail", "li@mail.example"), ("sms", "+8613800000101"))


@pytest.mark.requirement("R4.9")
def test_a_warning_goes_to_unit_and_person_and_a_breach_to_the_next_level_too() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR).tick()
    warning, breach = scenario.events[-2:]
    assert {each.audience for each in told(warning)} == {"unit.network", "person.network"}
    assert {each.audience for each in told(breach)} == {
        "unit.network",
        "person.network",
        f"unit.{CENTRE}",
        "unit.provincial_service",
    }
    assert all("督办" in written(each) for each in told(breach))


@pytest.mark.requirement("R4.9")
def test_each_further_half_tells_a_level_further_up() -> None:
    scenario = TicketScenario.dispatched("billing").advance(timedelta(days=5)).tick()
    levels = [
        {each.audience for each in told(event)}
        for event in scenario.events
        if event.type == "escalated" and event.threshold and event.threshold.clock == "handling"
    ]
    assert "unit.hq_service" in levels[0]
    assert len(levels) == 3


def test_the_same_event_gives_the_same_notices() -> None:
    event = TicketScenario.dispatched().advance(24 * HOUR).tick().events[-1]
    assert [each.id for each in told(event)] == [each.id for each in told(event)]
    assert len({each.id for each in told(event)}) == len(told(event))


def test_an_answer_given_on_the_spot_is_not_sent_again() -> None:
    scenario = TicketScenario.opened(contact(settlement=settlement()))
    answered = next(each for each in scenario.events if each.type == "answered")
    assert told(answered) == []


def test_a_customer_without_an_address_leaves_a_notice_that_says_so() -> None:
    (notice,) = told(TicketScenario.opened(contact(customer=Customer(number="C1"))).events[0])
    assert notice.ways == ()


@pytest.mark.requirement("R5.7", "R5.12")
def test_every_letter_can_be_written_in_both_languages() -> None:
    for language in ("zh", "en"):
        who = Customer(name="Li", phone="+8613800000101", language=language)
        scenario = TicketScenario.dispatched(opened_by=contact(customer=who)).advance(22 * HOUR)
        until = scenario.timer("handling").due_at + HOUR
        scenario.do(RequestExtension(explanation="需现场测试", committed_until=until), unit="network")
        scenario.do(ReplyProgress(text="还需要一些时间"), unit=CENTRE).advance(100 * HOUR).tick()
        scenario.do(FeedBack(result="已修复", cause="线路"), unit="network")
        scenario.do(Answer(explanation="已修复", agreement="agreed"), unit=CENTRE)
        for event in scenario.events:
            for notice in told(event):
                assert written(notice).strip()


def test_a_template_cannot_be_a_program() -> None:
    letter = LETTERS._environment.from_string("{{ ''.__class__.__mro__ }}")
    with pytest.raises(Exception, match=r"unsafe|undefined|no attribute"):
        letter.render({})


@pytest.mark.parametrize(
    ("local", "until"),
    [
        ("20:59", None),
        ("21:00", "2026-03-13T08:00"),
        ("23:30", "2026-03-13T08:00"),
        ("07:59", "2026-03-12T08:00"),
        ("08:00", None),
    ],
)
def test_nobody_is_woken_by_what_can_wait(local: str, until: str | None) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    at = datetime.fromisoformat(f"2026-03-12T{local}").replace(tzinfo=zone)
    quiet = QuietHours(PACK.notices.quiet_from, PACK.notices.quiet_until, "Asia/Shanghai")
    end = quiet.over_at(at.astimezone(UTC))
    expected = datetime.fromisoformat(until).replace(tzinfo=zone).astimezone(UTC) if until else None
    assert end == expected


def test_acceptance_is_told_at_any_hour_and_a_warning_before_everything_else() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR).tick()
    (acceptance,) = told(scenario.events[0])
    assert acceptance.quiet is None
    assert {(each.urgency, each.until) for each in told(scenario.events[-2])} == {(1, "acted")}


def test_a_letter_of_apology_holds_what_it_must_and_says_what_is_missing() -> None:
    scenario = TicketScenario.opened()
    scenario.do(Apologise(letter="apology_goods", facts={"goods": "光猫", "signature": "客服中心"}))
    assert set(scenario.refusals[-1].missing) == {"order_date", "earliest", "cause"}
    facts = {"goods": "光猫", "order_date": "3月1日", "earliest": "3月20日", "cause": "缺货", "signature": "客服中心"}
    scenario.do(Apologise(letter="apology_goods", facts=facts))
    (notice,) = told(scenario.events[-1])
    assert notice.paper
    assert "3月20日" in written(notice)


def test_a_letter_on_paper_is_the_same_file_each_time() -> None:
    letter = Letter(
        "致歉信 TS20260312000001", "尊敬的客户：\n我们向您道歉 <b>&\n客服中心", "TS20260312000001", paper=True
    )
    page = rendering.pdf(letter)
    assert page.startswith(b"%PDF")
    assert page == rendering.pdf(letter)
    assert b"/FontFile2" in page, "a reader without our font shows another, or nothing"
    assert "&lt;b&gt;&amp;" in rendering.html(letter)


@pytest.mark.requirement("R3.7")
@pytest.mark.parametrize("usual", [None, 3.25])
def test_the_centre_hears_of_a_hot_issue_once(usual: float | None) -> None:
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
    (notice,) = of_hot_issue(issue, PACK)
    assert (notice.audience, notice.ways[0][0]) == (f"unit.{PACK.header.centre}", "mail")
    assert "长沙" in written(notice)
    assert ("3.2" in written(notice)) is (usual is not None)
    (again,) = of_hot_issue(issue.replace(version=2, recent=25), PACK)
    assert again.id == notice.id
    assert list(of_hot_issue(issue.replace(status="calm"), PACK)) == []
