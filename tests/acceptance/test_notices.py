"""Telling people on the real system: the next way when one fails, reports of providers, digests, apologies on paper."""

import json
import os
import subprocess
import sys
import uuid
from dataclasses import replace
from typing import Any

import pytest

from deploy.tools.checkout import PROJECT
from schemas.delivery import Delivery
from services.notifier import delivery_reports, store
from services.notifier.domain.notices import Notice
from services.shared.kafka import topic_reader
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from tests.builders import eventually
from tests.system import System


def _notice(system: System, number: str, template: str) -> tuple[str, str, str, str] | None:
    """Return id, means, state and error of the customer's notice."""
    query = (
        "select id::text, means, state, coalesce(error, '') from notifier.notice"
        " where ticket_number = %s and template = %s and audience = 'customer'"
    )
    with system.database() as connection:
        row = connection.execute(query, (number, template)).fetchone()
    return (str(row[0]), str(row[1]), str(row[2]), str(row[3])) if row is not None else None


def _sent(system: System, number: str, template: str, means: str, state: str = "sent") -> str:
    """Wait until a notice went by a means; return its id."""

    def there() -> str | None:
        found = _notice(system, number, template)
        return found[0] if found is not None and found[1:3] == (means, state) else None

    id_ = eventually(there, within=40, why=f"{template} of {number}: {_notice(system, number, template)}")
    assert id_ is not None
    return id_


def _customer(system: System, **more: str) -> dict[str, str]:
    return {"phone": system.unique_ids()[1], "name": "陈先生"} | more


@pytest.mark.requirement("R5.7")
def test_what_a_gateway_gives_up_goes_by_mail_and_then_to_a_person(system: System) -> None:
    mail = f"chen{uuid.uuid4().hex[:8]}@mail.example"
    number = system.open_ticket(customer=_customer(system, email=mail))
    id_ = _sent(system, number, "acceptance", "sms")
    report = {"id": id_, "state": "failed", "reason": "number ported"}
    assert system.http.post("/v1/receipts", json=report).status_code == 202
    assert _sent(system, number, "acceptance", "mail") == id_
    (letter,) = eventually(lambda: [each for each in system.received_messages("mail") if mail in each["to"]])
    # The SMS is no longer spoken of: what its gateway says now is not about the mail.
    for state in ("failed", "delivered"):
        assert system.http.post("/v1/receipts", json={"id": id_, "state": state}).status_code == 202
    eventually(lambda: _outcomes(system, id_).count(("sms", "returned")) == 2, why="the repeat was not heard")
    found = _notice(system, number, "acceptance")
    assert found is not None
    assert found[1:3] == ("mail", "sent")

    # The mail comes back, and nothing else is left.
    bounce = (
        "From: MAILER-DAEMON@mail.example\r\nTo: complaints@carrier.example\r\nSubject: Undelivered\r\n"
        f"Message-ID: <{uuid.uuid4()}@mail.example>\r\nDate: Thu, 12 Mar 2026 10:00:00 +0800\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNo such user\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example\r\n\r\n"
        f"Final-Recipient: rfc822; {mail}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"From: complaints@carrier.example\r\nTo: {mail}\r\nSubject: x\r\n"
        f"Message-ID: {letter['message_id']}\r\n\r\nx\r\n--b--\r\n"
    )
    answer = system.http.post("/v1/channels/email", content=bounce.encode(), headers={"Content-Type": "message/rfc822"})
    assert answer.status_code == 202, answer.text
    event = system.wait_for_event(number, "undeliverable")
    assert "5.1.1" in event.details["reason"]
    found = _notice(system, number, "acceptance")
    assert found is not None
    assert found[2] == "failed"
    assert [each for each in _outcomes(system, id_) if each[0] == "mail"] == [("mail", "sent"), ("mail", "returned")]

    # By hand it is sent again, from the first means on.
    assert id_ in _duban(system, "list", "--means", "mail", "--hours", "10000")
    assert "1 notices queued again" in _duban(system, "retry", id_, "--hours", "10000")
    assert _sent(system, number, "acceptance", "sms") == id_
    assert id_ not in _duban(system, "list", "--hours", "10000")


def test_a_report_that_comes_before_the_attempt_is_saved_is_heard_by_the_gateway_s_own_id(system: System) -> None:
    number = system.open_ticket(customer=_customer(system))
    ticket, _ = system.ticket_and_events(number)
    id_ = uuid.uuid4()
    with system.database() as connection:
        delivery_reports.save(connection, f"sms-{id_}", "delivered", None)
        context = {"number": number, "reader": "网络部", "unit": "网络部", "clock": "处理", "zone": "Asia/Shanghai"}
        context["due_at"] = system.clock.now().isoformat()
        late = _late(id_, ticket.id, number)
        told = replace(late, ways=(("sms", "+8613800000199"),), until="always", context=context)
        store.queue(connection, [(told, 0)], system.clock)

    def state() -> str:
        with system.database() as connection:
            row = connection.execute("select state from notifier.notice where id = %s", (id_,)).fetchone()
        return str(row[0]) if row else ""

    eventually(lambda: state() == "delivered", within=20, why="the early report was lost")


def _duban(system: System, *words: str) -> str:
    command = [sys.executable, "-m", "duban", "notice", *words, "--data", str(system.stack.folder.root)]
    wide = os.environ | {"COLUMNS": "300"}
    return subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True, env=wide).stdout


def test_a_notice_that_reached_no_unit_is_on_the_ticket_s_record_too(system: System) -> None:
    number = system.open_ticket(customer=_customer(system))
    ticket, _ = system.ticket_and_events(number)
    with system.database() as connection:
        lost = replace(_late(uuid.uuid4(), ticket.id, number), ways=(), until="always")
        store.queue(connection, [(lost, 0)], system.clock)
    event = system.wait_for_event(number, "undeliverable")
    assert event.details["audience"] == "unit.network"

    def told() -> bool:
        return any(
            number in each["subject"] and "未送达" in each["subject"] for each in system.received_messages("mail")
        )

    eventually(told, within=20, why="the centre does not hear of it")


def _outcomes(system: System, id_: str) -> list[tuple[str, str]]:
    with system.database() as connection:
        tries = connection.execute(
            "select means, outcome from notifier.attempt where notice_id = %s order by at", (id_,)
        ).fetchall()
    return [(str(means), str(outcome)) for means, outcome in tries]


def test_a_report_that_it_arrived_is_kept_and_told(system: System) -> None:
    number = system.open_ticket(customer=_customer(system))
    id_ = _sent(system, number, "acceptance", "sms")
    assert system.http.post("/v1/receipts", json={"id": id_, "state": "delivered"}).status_code == 202
    _sent(system, number, "acceptance", "sms", "delivered")

    def proof() -> bool:
        told = [Delivery.from_json(each.value or b"") for each in topic_reader.whole(system.kafka, Delivery.TOPIC)]
        return any(str(each.id) == id_ and each.state == "delivered" for each in told)

    eventually(proof, within=20, why="the proof does not say that it arrived")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"state": "delivered"}, "id"),
        ({"id": "x", "state": "delivered"}, "id"),
        ({"id": "0d1f6f2c-6d2f-5c5e-9f43-6a2f0c6b7d11", "state": "lost"}, "state"),
    ],
)
def test_a_report_that_cannot_be_used_is_told_what_to_mend(system: System, body: dict[str, str], field: str) -> None:
    answer = system.http.post("/v1/receipts", json=body)
    assert answer.status_code == 400
    assert field in json.dumps(answer.json()["errors"])


def test_a_report_about_nothing_of_ours_changes_nothing(system: System) -> None:
    report = {"id": str(uuid.uuid4()), "state": "failed"}
    assert system.http.post("/v1/receipts", json=report).status_code == 202
    publisher = Publisher(system.kafka, "tests")
    publisher.publish([Outgoing("receipts", b"x", b"no json", [])])
    publisher.close()
    _sent(system, system.open_ticket(customer=_customer(system)), "acceptance", "sms")


@pytest.mark.requirement("R5.7")
def test_a_letter_of_apology_goes_by_mail_with_the_page_on_paper(system: System) -> None:
    mail = f"wu{uuid.uuid4().hex[:8]}@mail.example"
    number = system.open_ticket(customer=_customer(system, email=mail, preferred_means="mail"))
    facts = {"incident_date": "3月11日", "cause": "派单错误", "measure": "已培训", "signature": "客户服务中心"}
    assert system.send_command(number, "apologise", letter="apology_service", facts=facts)["outcome"] == "done"
    _sent(system, number, "apology_service", "mail")

    def letters() -> list[dict[str, Any]]:
        return [each for each in system.received_messages("mail") if mail in each["to"] and "致歉" in each["subject"]]

    assert eventually(letters)
    assert letters()[0]["parts"] == ["text/plain", "text/html", "application/pdf"]


def _late(id_: uuid.UUID, ticket: uuid.UUID, number: str) -> Notice:
    return Notice(
        id=id_,
        event_id=uuid.uuid4(),
        ticket_id=ticket,
        ticket_number=number,
        audience="unit.network",
        template="warning",
        language="zh",
        ways=(("mail", "late@carrier.example"),),
        quiet_hours=None,
        urgency=1,
        until="answered",
        run=1,
        clock=None,
        attach_pdf=False,
        context={},
    )


def test_what_is_no_longer_true_is_not_sent(system: System) -> None:
    number = system.open_ticket(customer=_customer(system))
    system.dispatch(number, "network")
    ticket, _ = system.ticket_and_events(number)
    id_ = uuid.uuid4()
    assert system.send_command(number, "withdraw", unit=None, reason="已恢复")["outcome"] == "done"
    with system.database() as connection:
        store.queue(connection, [(_late(id_, ticket.id, number), 0)], system.clock)

    def state() -> str:
        with system.database() as connection:
            row = connection.execute("select state from notifier.notice where id = %s", (id_,)).fetchone()
        return str(row[0]) if row else ""

    eventually(lambda: state() == "obsolete", within=20)
    assert not any("late@carrier.example" in each["to"] for each in system.received_messages("mail"))
