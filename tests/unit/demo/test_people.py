"""Those whom the demo invents say and send what the system understands: answers, calls, reports, mail that returns."""

from collections import Counter
from datetime import timedelta
from itertools import islice, product
from random import Random

import msgspec
import pytest

from demo import agents, customers, gateway, outage
from demo.people import bounces, dealt, person, unreachable
from demo.staff import react
from schemas.contact import Customer
from schemas.customer_actions import RecordCallback
from services.domain.survey_reply import parse_reply
from services.intake.domain.channels.mail_message import ParsedMail
from tests.builders import MORNING, TicketScenario, contact

PEOPLE = [person(number, Random(number)) for number in range(150)]


def test_what_customers_write_back_is_understood() -> None:
    for number in range(200):
        for letter in ("尊敬的客户", "Dear customer"):
            for way, judgement in product(("figures", "words"), ("good", "bad")):
                reply = parse_reply(customers.answer(way, judgement, letter, f"{number}").text)
                assert reply is not None
                assert reply.survey is not None
                assert (reply.survey.result <= 2) == (judgement == "bad")
            assert parse_reply(customers.answer("opt_out", "good", letter, f"{number}").text) == parse_reply("TD")
            assert customers.answer("page", "bad", letter, f"{number}").text == ""


def test_what_is_dealt_comes_by_chance_and_each_in_its_turn() -> None:
    told = list(islice(dealt(agents.ENDS, "1"), 2 * len(agents.ENDS)))
    assert Counter(told[: len(agents.ENDS)]) == Counter(told[len(agents.ENDS) :]) == Counter(agents.ENDS)
    assert told == list(islice(dealt(agents.ENDS, "1"), len(told)))
    assert told != list(islice(dealt(agents.ENDS, "2"), len(told)))


def test_how_a_call_ended_is_a_command_of_the_contract() -> None:
    call = {"ticket_id": "t", "number": "TS1", "attempts": 0, "version": 7}
    for end in agents.ENDS:
        action = msgspec.convert(agents.result(end, "bad", call, 1), RecordCallback)
        assert (action.result, action.survey is not None) == (end, end == "answered")


def test_there_are_phones_out_of_use_with_and_without_mail_and_mail_that_is_gone() -> None:
    silent = [each for each in PEOPLE if unreachable(each.phone)]
    assert {each.email is None for each in silent} == {True, False}
    gone = [each for each in PEOPLE if each.email is not None and bounces(each.email)]
    assert {each.prefers for each in gone} == {"mail"}
    assert not any(unreachable(each.phone) for each in gone)
    assert not unreachable("+8637155500020")


def test_a_gateway_reports_most_messages() -> None:
    rng = Random(1)
    states = Counter(gateway.state_of("+8613800000001", rng) for _ in range(1000))
    assert states["delivered"] > 800
    assert states[None] > 0
    assert {gateway.state_of("+8613800000007", rng) for _ in range(9)} == {"failed"}


def test_mail_that_comes_back_names_the_mail_it_is_about() -> None:
    sent = "<notice.TS20260312000001.0d1f6f2c-6d2f-5c5e-9f43-6a2f0c6b7d11@carrier.example>"
    mail = ParsedMail(gateway.delivery_report("gone0031@mail.example", sent, MORNING).as_bytes())
    assert mail.is_bounce
    assert mail.bounce_report() == {
        "original_message_id": sent,
        "failed_recipient": "gone0031@mail.example",
        "status": "5.1.1",
    }


def test_an_outage_is_reported_within_minutes_and_dispatched_at_one_moment() -> None:
    told = list(outage.reports(100, Random(1)))
    assert len(told) == outage.CUSTOMERS
    assert max(each.after for each in told) - min(each.after for each in told) <= outage.LASTS
    assert {each.door for each in told} == {"http", "batch"}
    assert {each.body["customer"]["city"] for each in told} == {outage.CITY}
    moments = set()
    for number in range(3):
        one = contact(f"o{number}", customer=Customer(phone=f"+86138000011{number:02d}", city=outage.CITY))
        event = next(each for each in TicketScenario.opened(one).events if each.type == "form_completed")
        (act,) = react(event, 1, MORNING)
        assert act.action["type"] == "dispatch"
        moments.add(event.at + act.after)
    assert moments == {MORNING + outage.DISPATCHED}
    late = MORNING + timedelta(days=1)
    assert outage.dispatched_at(MORNING, late) == late


@pytest.mark.parametrize("number", range(3))
def test_a_customer_is_always_the_same(number: int) -> None:
    assert person(number, Random(number)) == PEOPLE[number]
