"""Earlier contacts while a batch is handled: lines that opened nothing are taken by the ticket that follows."""

import pytest

from schemas.action import AddContact
from schemas.contact import Contact, Customer
from services.router.domain.contact_command import commands_for, lines_before
from services.router.domain.decision import RoutingDecision
from services.router.domain.history import RoutingHistory
from services.router.domain.route import route
from tests.builders import MINUTE, MORNING, PACK, contact

CHAT = Customer(identity="openid-1")


def line(text: str, number: int, **fields: object) -> Contact:
    changes = {"text": text, "channel": "wechat", "customer": CHAT, **fields}
    return contact(f"m{number}", at=MORNING + number * MINUTE, **changes)


def play(history: RoutingHistory, *lines: Contact) -> list[tuple[RoutingDecision, list[Contact]]]:
    played = []
    for each in lines:
        decision = route(each, history.candidates(each, {}, {}), PACK, each.received_at)
        played.append((decision, history.record(each, decision)))
    return played


@pytest.mark.requirement("R2.4")
def test_a_ticket_opens_with_the_first_line_that_is_no_greeting_and_takes_it_along() -> None:
    greeting, subject, detail = line("您好", 1), line("家里宽带断了", 2), line("光猫红灯", 3)
    (first, _), (second, taken), (third, none) = play(RoutingHistory(), greeting, subject, detail)
    assert [first.disposition, second.disposition, third.disposition] == ["none", "open", "add"]
    assert (taken, none) == ([greeting], [])
    assert third.ticket_id == second.ticket_id
    (added,) = lines_before(taken, subject, second)
    assert isinstance(added.action, AddContact)
    assert (added.ticket_id, added.action.contact.id, added.action.appends) == (second.ticket_id, greeting.id, False)


@pytest.mark.requirement("R2.4")
def test_six_lines_are_one_ticket_with_the_id_of_each_command_from_its_contact() -> None:
    texts = ["在吗", "家里宽带断了三天", "没人来修", "电话13900000001 张", "建设路20号", "你们快点"]
    lines = [line(text, number) for number, text in enumerate(texts)]
    played = play(RoutingHistory(), *lines)
    assert len({decision.ticket_id for decision, _ in played[1:]}) == 1
    assert sum(decision.disposition == "open" for decision, _ in played) == 1
    ids = [
        command.id
        for each, (decision, _) in zip(lines, played, strict=True)
        for command in commands_for(each, decision)
    ]
    assert len(ids) == len(set(ids)) == 5
    again = play(RoutingHistory(), *lines)
    assert [decision for decision, _ in again] == [decision for decision, _ in played]


@pytest.mark.parametrize(
    "later",
    [
        line("家里宽带断了", 2, customer=Customer(identity="openid-2")),
        line("家里宽带断了", 45),
        line("家里宽带断了", 2, channel="app_im"),
    ],
    ids=["another person", "much later", "another channel"],
)
def test_a_greeting_is_taken_by_nobody_else(later: Contact) -> None:
    history = RoutingHistory()
    (_, _), (decision, taken) = play(history, line("您好", 1), later)
    assert (decision.disposition, taken, len(history.held)) == ("open", [], 1)


def test_two_conversations_of_one_app_are_apart() -> None:
    greeting = line("您好", 1, channel="app_im", details={"conversation": "c1"})
    other = line("家里宽带断了", 2, channel="app_im", details={"conversation": "c2"})
    (_, _), (_, taken) = play(RoutingHistory(), greeting, other)
    assert taken == []


@pytest.mark.requirement("R2.4")
def test_who_writes_behind_a_mailer_is_known_by_the_address_for_answers() -> None:
    def mail(number: int, reply_to: str) -> Contact:
        customer = Customer(email="noreply@web.example", name="官网留言")
        return contact(
            f"m{number}", text="家里宽带断了", channel="email", customer=customer, details={"reply_to": reply_to}
        )

    (one, _), (other, _), (again, _) = play(
        RoutingHistory(), mail(1, "li@a.example"), mail(2, "wang@a.example"), mail(3, "li@a.example")
    )
    assert [one.disposition, other.disposition, again.disposition] == ["open", "open", "remind"]
    assert again.ticket_id == one.ticket_id


@pytest.mark.requirement("R2.4")
def test_two_victims_of_one_caller_are_two_customers() -> None:
    """The only number in both texts is the caller's (DECISIONS 40)."""

    def victim(number: int, identity: str) -> Contact:
        customer = Customer(identity=identity, phone="+8613911112222")
        text = "13911112222 天天打骚扰电话骚扰我家"
        return line(text, number, customer=customer, flags=("phone_from_text",))

    (one, _), (other, _) = play(RoutingHistory(), victim(1, "openid-1"), victim(2, "openid-2"))
    assert (one.disposition, other.disposition, other.links) == ("open", "open", ())
