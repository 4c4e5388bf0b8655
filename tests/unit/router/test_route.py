"""Same ticket or a new one."""

from datetime import timedelta
from uuid import uuid4

import pytest

from schemas.contact import Contact, Customer
from schemas.ticket import Status
from services.domain.identity import ticket_id
from services.router.domain.route import Decision, Known, route
from services.router.store import Earlier, digest
from tests.builders import HOUR, MORNING, PACK, contact

OLD = uuid4()


def known(**changes: object) -> Known:
    fields = {
        "ticket_id": OLD,
        "status": Status.HANDLING,
        "closed_at": None,
        "business_type": "broadband",
        "problem_type": "quality_inside",
        "subject": "家里宽带网速很慢，已经一个星期了",
        "same_customer": True,
    }
    return Known(**{**fields, **changes})  # type: ignore[arg-type]


def routed(told: Contact, *history: Known) -> Decision:
    return route(told, history, PACK, MORNING)


def test_a_first_contact_opens_a_ticket_whose_id_comes_from_it() -> None:
    decision = routed(contact())
    assert (decision.disposition, decision.ticket_id) == ("open", ticket_id(contact().id))


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize("text", ["宽带还是很慢", "催一下", ""])
def test_the_same_customer_about_the_same_subject_is_a_reminder(text: str) -> None:
    decision = routed(contact("m2", text=text), known())
    assert (decision.disposition, decision.ticket_id, decision.disputed) == ("remind", OLD, False)
    assert decision.reason


@pytest.mark.requirement("R2.4")
def test_another_subject_opens_another_ticket() -> None:
    decision = routed(contact("m2", text="ETC通行费重复扣费，请核实并退还"), known())
    assert decision.disposition == "open"


@pytest.mark.requirement("R2.4")
def test_a_dispute_shortly_after_closing_goes_to_the_old_ticket() -> None:
    closed = known(status=Status.CLOSED, closed_at=MORNING - timedelta(days=6))
    decision = routed(contact("m2", text="宽带网速慢的问题没有解决"), closed)
    assert (decision.disposition, decision.disputed) == ("remind", True)


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    ("text", "days", "links"), [("宽带网速慢的问题没有解决", 8, 1), ("宽带网速又慢了", 3, 1), ("宽带网速又慢了", 95, 0)]
)
def test_after_closing_a_new_ticket_is_opened_and_linked(text: str, days: int, links: int) -> None:
    closed = known(status=Status.CLOSED, closed_at=MORNING - timedelta(days=days))
    decision = routed(contact("m2", text=text), closed)
    assert decision.disposition == "open"
    assert [each.ticket_id for each in decision.links] == [OLD] * links


def test_a_withdrawn_ticket_is_not_taken_up_again() -> None:
    assert routed(contact("m2"), known(status=Status.WITHDRAWN, closed_at=MORNING)).disposition == "open"


@pytest.mark.requirement("R2.4")
def test_people_who_share_a_number_are_told_apart_by_the_subject() -> None:
    """Fifty colleagues behind one number (DECISIONS 30)."""
    other = known(same_customer=False)
    assert routed(contact("m2", text="宽带安装师傅没有来"), other).disposition == "open"
    suggested = routed(contact("m2", text="家里宽带网速很慢，已经一个星期了！"), other)
    assert suggested.disposition == "open", "alike words only ever suggest"
    assert [(each.kind, each.ticket_id) for each in suggested.links] == [("similar", OLD)]


def test_a_ticket_that_the_ledger_has_not_seen_yet_counts_as_open() -> None:
    assert routed(contact("m2"), known(status=None)).disposition == "remind"


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        (Customer(phone="+8613800000101"), Customer(phone="+8613800000101"), True),
        (Customer(phone="+8613800000101", number="C1"), Customer(phone="+8613800000101", number="C2"), False),
        (Customer(phone="+8613800000101", number="C1"), Customer(phone="+8613800000102", number="C1"), True),
        (Customer(phone="+8637155500001", switchboard=True), Customer(phone="+8637155500001"), False),
        (Customer(phone="+8637155500001", name="张三"), Customer(phone="+8637155500001", name="李四"), False),
        (Customer(phone="+8637155500001", name="张先生"), Customer(phone="+8637155500001", name="张三"), True),
        (Customer(phone="+8637155500001", name="张三"), Customer(phone="+8637155500001"), True),
        (
            Customer(phone="+8637155500001", phone_extension="1"),
            Customer(phone="+8637155500001", phone_extension="2"),
            False,
        ),
        (Customer(phone="+8613800000101", email="a@b.c"), Customer(phone="+8613800000102", email="a@b.c"), True),
    ],
)
def test_who_counts_as_the_same_customer(mine: Customer, theirs: Customer, same: bool) -> None:  # noqa: FBT001
    earlier = Earlier(known(), mine)
    assert earlier.shares(theirs)
    assert earlier.towards(theirs).same_customer is same


def test_the_same_message_at_another_time_has_the_same_digest() -> None:
    assert digest(contact()) == digest(contact(at=MORNING + HOUR))
    assert digest(contact()) != digest(contact(text="another"))
