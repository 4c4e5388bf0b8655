"""A complaint's whole way, on real Kafka and PostgreSQL: from a door to a closed ticket, with everybody told."""

import json
import re

import pytest

from schemas.delivery import Delivery
from services.shared import reading
from tests.builders import HOUR, eventually
from tests.system import System


def _sms_to(system: System, number: str, words: str) -> str:
    """Wait for an SMS about a ticket and return its text."""

    def look() -> str | None:
        texts = (each["text"] for each in system.received("sms"))
        return next((each for each in texts if number in each and re.search(words, each)), None)

    found = eventually(look, within=150, why=f"nobody got an SMS about {number} with {words!r}")
    assert found is not None
    return found


@pytest.mark.requirement("R2.2", "R2.6", "R3.9", "R5.3", "R5.4", "R5.5", "R5.7", "R7.4")
def test_from_the_first_contact_to_a_case_that_is_handled_again(system: System) -> None:
    body = system.submission(customer={"phone": system.fresh()[1], "name": "王女士"})
    number = system.put(body)["ticket"]["number"]
    _sms_to(system, number, "已受理")
    for told in (
        system.dispatch(number, "network"),
        system.do(number, "claim", unit="network", person="王工"),
        system.do(number, "feed_back", unit="network", result="已修复", cause="光缆中断"),
        system.do(number, "answer", explanation="线路已修复，请您重新测速", agreement="agreed"),
    ):
        assert told["outcome"] == "done", told
    assert "线路已修复" in _sms_to(system, number, "线路已修复")

    def dispatched() -> bool:
        # A department that gets many at once gets them in one letter, which names them in its text.
        mails = (each for each in system.received("mail") if "network@carrier.example" in each["to"])
        return any(number in each["subject"] + each["text"] for each in mails)

    assert eventually(dispatched, within=90)

    # The customer is asked a day after the answer, in the pack's hours: nobody but the clock starts that.
    system.until_event(number, "called_back", within=200)
    assert re.search("1-5", _sms_to(system, number, "1-5"))
    survey = {"process": 2, "result": 1, "staff": 4, "comment": "还是慢"}
    assert system.do(number, "answer_survey", unit=None, survey=survey)["outcome"] == "done"
    assert system.do(number, "screen", wrong_handling=True, reason="线路没有复测")["outcome"] == "done"
    assert system.do(number, "close")["outcome"] == "done"

    link = system.until_event(number, "linked").ticket.links[0]
    assert link.kind == "rehandled_by"

    def rehandled() -> str | None:
        with system.database() as connection:
            row = connection.execute("select number from ledger.ticket where id = %s", (link.ticket_id,)).fetchone()
        return row[0] if row is not None else None

    again = eventually(rehandled)
    assert again is not None
    ticket, _ = system.story(again)
    assert (ticket.channel, ticket.classification.department) == ("callback", "network")
    assert ticket.links[0].kind == "rehandle"
    _, events = system.story(number)
    assert [each.type for each in events if each.type in {"accepted", "answered", "survey_answered", "closed"}] == [
        "accepted",
        "answered",
        "survey_answered",
        "closed",
    ]
    assert all(each.rule.rule and each.rule.source and each.actor.name for each in events)


@pytest.mark.requirement("R4.1", "R4.9", "R2.5")
def test_a_clock_that_nobody_touches_warns_and_breaches_by_itself(system: System) -> None:
    number = system.opened(text="")
    breach = system.until_event(number, "breached", within=60)
    ticket, events = system.story(number)
    warning = next(each for each in events if each.type == "warned")
    assert warning.threshold is not None
    assert breach.threshold is not None
    assert (warning.threshold.clock, breach.threshold.clock) == ("form", "form")
    assert breach.threshold.due_at == ticket.contacted_at + HOUR
    assert breach.recorded_at >= breach.threshold.due_at
    # A second of real time is a quarter of an hour here; the promise is a twentieth of that.
    assert (breach.recorded_at - breach.threshold.due_at).total_seconds() / 1000 < 2

    def order() -> list[dict[str, object]]:
        return [
            each
            for each in system.received("mail")
            if number in str(each["subject"]) and "督办" in str(each["subject"])
        ]

    assert eventually(order, within=20)


@pytest.mark.requirement("R4.9")
def test_every_notice_has_its_row_of_proof_and_its_record(system: System) -> None:
    number = system.opened()
    _sms_to(system, number, "已受理")
    ticket, _ = system.story(number)

    def proof() -> list[Delivery]:
        records = reading.whole(system.kafka, "deliveries")
        told = [Delivery.from_json(each.value or b"") for each in records]
        return [each for each in told if each.ticket_id == ticket.id and each.template == "acceptance"]

    (delivery,) = eventually(proof)
    assert (delivery.state, delivery.means, delivery.audience) == ("sent", "sms", "customer")
    with system.database() as connection:
        row = connection.execute(
            "select state, provider_id, published from notifier.notice where id = %s", (delivery.id,)
        ).fetchone()
    assert row == ("sent", delivery.provider_id, True)


@pytest.mark.requirement("R2.4")
def test_a_customer_who_calls_again_is_counted_on_the_same_ticket(system: System) -> None:
    body = system.submission()
    number = system.put(body)["ticket"]["number"]
    again = system.put(body | {"message_id": system.fresh()[0], "text": "催一下，还没有人联系我"})
    assert (again["ticket"]["number"], again["disposition"]) == (number, "remind")
    assert system.until_event(number, "reminded").ticket.reminders == 1


@pytest.mark.requirement("R7.3")
def test_crms_find_every_ticket_and_event_on_the_topics_as_it_is_stored(system: System) -> None:
    number = system.opened()
    system.do(number, "withdraw", unit=None, reason="已恢复")
    ticket, events = system.story(number)
    key = str(ticket.id).encode()
    state = [each for each in reading.whole(system.kafka, "tickets.state") if each.key == key][-1]
    assert json.loads(state.value or b"") == ticket.to_plain()
    told = [each for each in reading.whole(system.kafka, "tickets.events") if each.key == key]
    assert [json.loads(each.value or b"") for each in told] == [each.to_plain() for each in events]
    headers = dict(told[0].headers)
    assert (headers["ce_type"], headers["ce_id"].decode()) == (b"duban.ticket.accepted", str(events[0].id))
