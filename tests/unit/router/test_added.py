"""Contacts that open nothing and urge nobody: lines of a chat, thanks, news, machines (DECISIONS 36)."""

from datetime import timedelta

import pytest

from schemas.contact import Customer
from schemas.ticket import Status
from services.domain.ids import ticket_id
from services.router.domain.candidate import CandidateTicket
from tests.builders import MINUTE, MORNING, contact
from tests.unit.router.test_route import OLD, known, routed

CHAT = Customer(identity="openid-1")


def chat(**changes: object) -> CandidateTicket:
    return known(
        **{"channel": "wechat", "last_at": MORNING, "subject": "家里宽带断了", "problem_type": None, **changes}
    )


def line(text: str, *, after: timedelta = MINUTE, **fields: object) -> object:
    fields = {"channel": "wechat", "customer": CHAT, **fields}
    decision = routed(contact("m2", text=text, at=MORNING + after, **fields), chat())
    return decision.disposition, decision.rule, decision.appends


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize("text", ["没人来修", "电话13900000001 张", "建设路20号", "你们这服务真是够了", "手机也用不了"])
def test_lines_of_one_chat_go_to_one_ticket(text: str) -> None:
    """Six lines within two minutes opened six tickets."""
    assert line(text) == ("add", "conversation", True)


@pytest.mark.requirement("R2.4")
def test_a_chat_is_over_after_half_an_hour() -> None:
    text = "光猫上面的那个灯一直都是红颜色的"
    assert line(text, after=29 * MINUTE) == ("add", "conversation", True)
    assert line(text, after=31 * MINUTE)[0] == "open"  # type: ignore[index]
    assert line("我在家", after=31 * MINUTE) == ("add", "short_reply", True)


@pytest.mark.requirement("R2.4")
def test_the_id_of_a_conversation_holds_it_together_longer() -> None:
    held = chat(channel="app_im", conversation="c1")
    later = contact(
        "m2", text="光猫红灯", channel="app_im", at=MORNING + timedelta(hours=5), details={"conversation": "c1"}
    )
    assert routed(later, held).rule == "conversation"
    other = later.replace(details={"conversation": "c2"}, received_at=MORNING + MINUTE)
    assert routed(other, held).rule != "conversation"


@pytest.mark.requirement("R2.4")
def test_another_matter_in_one_conversation_is_another_ticket() -> None:
    assert line("还有个事,ETC通行费多扣了")[0] == "open"  # type: ignore[index]
    assert line("ETC通行费多扣了", after=45 * MINUTE)[0] == "open"  # type: ignore[index]


@pytest.mark.requirement("R2.4")
def test_after_the_answer_a_line_thanks_disputes_or_is_a_new_matter() -> None:
    answered = chat(status=Status.ANSWERED)

    def after_answer(text: str) -> tuple[str, bool]:
        decision = routed(contact("m2", text=text, channel="wechat", customer=CHAT, at=MORNING + MINUTE), answered)
        return decision.disposition, decision.disputed

    assert after_answer("好的,谢谢") == ("add", False)
    assert after_answer("宽带还是断的,没修好") == ("remind", True)
    assert after_answer("ETC通行费多扣了") == ("open", False)


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize("text", ["好的", "收到,谢谢", "TD", "退订"])
@pytest.mark.parametrize("status", [Status.HANDLING, Status.ANSWERED, Status.CLOSED])
def test_thanks_and_opt_outs_are_kept_with_the_ticket_and_open_none(text: str, status: Status) -> None:
    closed = MORNING - timedelta(days=3) if status is Status.CLOSED else None
    decision = routed(contact("m2", text=text, channel="sms"), known(status=status, closed_at=closed))
    assert (decision.disposition, decision.ticket_id, decision.appends) == ("add", OLD, False)


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize("text", ["好的,谢谢", "你好", "TD"])
def test_thanks_or_a_greeting_of_a_stranger_open_nothing(text: str) -> None:
    new = contact("m2", text=text, channel="sms")
    for candidates in ([], [known(person="another")]):
        decision = routed(new, *candidates)
        assert (decision.disposition, decision.ticket_id) == ("none", ticket_id(new.id))
        assert "it opens nothing" in decision.reason


@pytest.mark.requirement("R2.4")
def test_what_comes_with_a_paper_or_a_form_is_never_mere_thanks() -> None:
    assert routed(contact("m2", text="好的", labels=("宽带",))).disposition == "open"


@pytest.mark.requirement("R2.4")
def test_news_goes_to_the_ticket_that_it_is_about() -> None:
    for text in ("已经修好了,谢谢,不用处理了", "算了不投诉了"):
        decision = routed(contact("m2", text=text), known())
        assert (decision.disposition, decision.rule, decision.appends) == ("add", "news", False), text
    facts = routed(contact("m2", text="补充一下,宽带账号057155500005"), known())
    assert (facts.disposition, facts.rule, facts.appends) == ("add", "news", True)
    assert routed(contact("m2", text="ETC通行费的事解决了"), known()).disposition == "open"


@pytest.mark.requirement("R2.4")
def test_what_a_machine_says_again_urges_nobody() -> None:
    alarm = known(subject="3号车道天线无响应,持续5分钟", business_type=None, problem_type=None)
    again = contact("m2", text="3号车道天线无响应,持续12分钟", channel="device_monitor")
    assert routed(again, alarm).rule == "machine"
    other = contact("m2", text="4号车道天线无响应,持续5分钟", channel="device_monitor")
    assert routed(other, alarm).disposition == "open"
