"""Contacts that urge nothing: lines of a chat make one complaint, thanks change nothing (DECISIONS 36)."""

from typing import Any
from uuid import uuid4

import pytest

from schemas.action import AddContact, Correct, Dispatch, Merge, Reclassify
from schemas.contact import Contact, Customer, Evidence
from schemas.ticket import Status
from services.domain.classify import classify
from services.domain.ids import ticket_id
from services.ledger.domain.further_contact import LONGEST_SUBJECT
from tests.builders import CENTRE, PACK, TicketScenario, contact, other_ticket

CHAT = Customer(identity="openid-1")


def line(text: str, message_id: str = "m2", **fields: Any) -> Contact:
    return contact(message_id, text=text, channel="wechat", **{"customer": CHAT, **fields})


def adding(added: Contact, *, appends: bool = True) -> AddContact:
    return AddContact(contact=added, classification=classify(added, PACK), reason="a further line", appends=appends)


def opened(text: str = "我要投诉") -> TicketScenario:
    return TicketScenario.opened(line(text, "m1"))


@pytest.mark.requirement("R2.4")
def test_lines_of_a_chat_make_one_complaint() -> None:
    scenario = opened()
    assert scenario.current.classification.business_type is None
    scenario.do(adding(line("我家宽带网速慢")))
    ticket = scenario.current
    assert ticket.subject == "我要投诉\n我家宽带网速慢"
    assert ticket.classification.business_type == "broadband"
    assert scenario.types[-2:] == ["contact_added", "reclassified"]
    assert (ticket.reminders, ticket.run) == (0, 1)


@pytest.mark.requirement("R2.4", "R3.10")
def test_a_threat_in_a_later_line_is_reported_at_once() -> None:
    scenario = opened("我家宽带网速慢").do(adding(line("再不修我找记者曝光")))
    assert scenario.current.classification.priority == 1
    assert "reported" in scenario.types


@pytest.mark.requirement("R2.4")
def test_after_a_person_has_acted_a_line_changes_no_classification() -> None:
    dispatched = opened().do(Dispatch(unit="network"), unit=CENTRE)
    by_hand = opened()
    changed = by_hand.current.classification.replace(tier="national")
    by_hand.do(Reclassify(classification=changed, reason="r"), unit=CENTRE)
    for scenario in (dispatched, by_hand):
        before = scenario.current.classification
        scenario.do(adding(line("我家宽带网速慢")))
        assert scenario.current.classification == before
        assert scenario.current.subject.endswith("我家宽带网速慢")


@pytest.mark.requirement("R2.4")
def test_a_line_tells_how_to_reach_the_customer_and_never_another_way() -> None:
    scenario = opened().do(adding(line("张", customer=CHAT.replace(phone="+8613900000001", name="张"))))
    assert (scenario.current.customer.phone, scenario.current.customer.name) == ("+8613900000001", "张")
    scenario.do(adding(line("李", "m3", customer=CHAT.replace(phone="+8613900000002", name="李"))))
    assert (scenario.current.customer.phone, scenario.current.customer.name) == ("+8613900000001", "张")


@pytest.mark.requirement("R2.4", "R2.7")
def test_a_phone_that_was_a_hint_gives_way_to_the_customer_s_own() -> None:
    hint = line("13911112222 骚扰我", "m1", customer=CHAT.replace(phone="+8613911112222"), flags=("phone_from_text",))
    own = CHAT.replace(phone="+8613900000001")
    scenario = TicketScenario.opened(hint)
    assert scenario.current.known_customer.phone is None
    added = TicketScenario.opened(hint).do(adding(line("我的电话13900000001", customer=own)))
    corrected = scenario.do(Correct(customer=own, reason="asked"), unit=CENTRE)
    for each in (added, corrected):
        assert (each.current.known_customer.phone, "phone_from_text" in each.current.flags) == (own.phone, False)


def test_papers_are_added_once_and_the_subject_is_bounded() -> None:
    paper = Evidence(kind="picture", reference="p1")
    scenario = opened()
    for number in range(6):
        scenario.do(adding(line("宽" * 2_000, f"m{number + 2}", evidence=(paper,))))
    ticket = scenario.current
    assert ticket.evidence_count == 1
    assert len(ticket.subject) <= LONGEST_SUBJECT + 1
    assert scenario.types.count("contact_added") == 6


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.ANSWERED, Status.CLOSED, Status.WITHDRAWN])
def test_thanks_change_nothing_whatever_the_ticket_s_status(status: Status) -> None:
    scenario = opened("我家宽带网速慢")
    assert scenario.ticket is not None
    scenario.ticket = before = scenario.ticket.replace(status=status)
    scenario.do(adding(line("好的,谢谢"), appends=False))
    after = scenario.current
    assert scenario.types[-1] == "contact_added"
    assert scenario.events[-1].details["text"] == "好的,谢谢"
    assert (after.subject, after.classification, after.status, after.reminders) == (
        before.subject,
        before.classification,
        status,
        0,
    )


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize("status", [Status.CLOSED, Status.WITHDRAWN, Status.ARCHIVED])
def test_a_line_that_comes_when_all_is_over_opens_a_ticket_of_its_own(status: Status) -> None:
    scenario = opened("我家宽带网速慢")
    assert scenario.ticket is not None
    scenario.ticket = scenario.ticket.replace(status=status)
    late = line("光猫红灯")
    scenario.do(adding(late))
    assert [command.ticket_id for command in scenario.sent] == [ticket_id(late.id)]
    assert scenario.types[-1] != "contact_added"


@pytest.mark.requirement("R2.4")
def test_thanks_for_an_archived_ticket_open_nothing() -> None:
    scenario = opened("我家宽带网速慢")
    assert scenario.ticket is not None
    scenario.ticket = scenario.ticket.replace(status=Status.ARCHIVED)
    scenario.do(adding(line("谢谢"), appends=False))
    assert (scenario.refusal_code, scenario.sent) == ("gone", [])


@pytest.mark.requirement("R2.4", "R2.7")
def test_a_line_for_a_merged_ticket_goes_to_the_one_that_goes_on() -> None:
    other = other_ticket(uuid4(), customer=CHAT)
    scenario = opened()
    scenario.named = {other.id: other}
    scenario.do(Merge(into=other.id, reason="same matter"), unit=CENTRE).do(adding(line("光猫红灯")))
    assert (scenario.sent[-1].ticket_id, scenario.sent[-1].action.type) == (other.id, "add_contact")


def test_the_same_contact_twice_is_one_command_id() -> None:
    """The id comes from the contact, so a repeat is found by its id (DESIGN 3)."""
    added = adding(line("光猫红灯"))
    assert added == adding(line("光猫红灯"))
