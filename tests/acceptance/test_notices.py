"""Notices: fallback means after a failure, providers' delivery reports, retries by hand, and apologies as PDF."""

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest

from schemas.delivery import Delivery
from services.notifier import delivery_reports, store
from services.notifier.domain.notices import Notice
from services.shared.kafka import topic_reader
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from tests.builders import eventually
from tests.system import System


def _customer_notice(system: System, number: str, template: str) -> tuple[str, str, str, str] | None:
    """Return id, means, state and error of the customer's notice; None if there is none yet."""
    query = (
        "select id::text, means, state, coalesce(error, '') from notifier.notice"
        " where ticket_number = %s and template = %s and audience = 'customer'"
    )
    with system.database() as connection:
        row = connection.execute(query, (number, template)).fetchone()
    return (str(row[0]), str(row[1]), str(row[2]), str(row[3])) if row is not None else None


def _wait_for_notice(system: System, number: str, template: str, means: str, state: str = "sent") -> str:
    """Wait until the customer's notice was sent by a means; returns its id."""

    def find() -> str | None:
        found = _customer_notice(system, number, template)
        return found[0] if found is not None and found[1:3] == (means, state) else None

    id_ = eventually(
        find,
        within=40,
        why=f"{template} of {number} is not {state} by {means}: {_customer_notice(system, number, template)}",
    )
    assert id_ is not None
    return id_


def _customer(system: System, **more: str) -> dict[str, str]:
    return {"phone": system.unique_ids()[1], "name": "陈先生"} | more


@pytest.mark.requirement("R5.7")
def test_a_failed_sms_goes_by_mail_and_a_bounced_mail_to_a_person(system: System) -> None:
    address = f"chen{uuid.uuid4().hex[:8]}@mail.example"
    number = system.open_ticket(customer=_customer(system, email=address))
    id_ = _wait_for_notice(system, number, "acceptance", "sms")
    _report(system, id_, "failed", reason="number ported")
    assert _wait_for_notice(system, number, "acceptance", "mail") == id_
    (mail,) = eventually(lambda: [mail for mail in system.received_messages("mail") if address in mail["to"]])
    # Later reports about the SMS do not change the state of the mail.
    for state in ("failed", "delivered"):
        _report(system, id_, state)
    eventually(lambda: _outcomes(system, id_).count(("sms", "returned")) == 2, why="the second report was not saved")
    assert _wait_for_notice(system, number, "acceptance", "mail") == id_

    bounce = _bounce(address, mail["message_id"])
    headers = {"Content-Type": "message/rfc822"}
    response = system.http.post("/v1/channels/email", content=bounce.encode(), headers=headers)
    assert response.status_code == 202, response.text
    event = system.wait_for_event(number, "undeliverable")
    assert "5.1.1" in event.details["reason"]
    notice = _customer_notice(system, number, "acceptance")
    assert notice is not None
    assert notice[2] == "failed"
    assert [outcome for means, outcome in _outcomes(system, id_) if means == "mail"] == ["sent", "returned"]


@pytest.mark.requirement("R5.7")
def test_a_failed_notice_is_retried_by_hand_from_its_first_means(system: System) -> None:
    number = system.open_ticket(customer=_customer(system))
    id_ = _wait_for_notice(system, number, "acceptance", "sms")
    _report(system, id_, "failed", reason="number ported")
    _wait_for_notice(system, number, "acceptance", "sms", "failed")
    assert id_ in _notice_command(system, "list", "--means", "sms", "--hours", "10000")
    assert "1 notices queued again" in _notice_command(system, "retry", id_, "--hours", "10000")
    assert _wait_for_notice(system, number, "acceptance", "sms") == id_
    assert id_ not in _notice_command(system, "list", "--hours", "10000")


def _report(system: System, id_: str, state: str, **fields: str) -> None:
    """Send a provider's delivery report."""
    response = system.http.post("/v1/receipts", json={"id": id_, "state": state, **fields})
    assert response.status_code == 202, response.text


def _bounce(address: str, message_id: str) -> str:
    """Return the delivery status notification about a mail to an address."""
    return (
        "From: MAILER-DAEMON@mail.example\r\nTo: complaints@carrier.example\r\nSubject: Undelivered\r\n"
        f"Message-ID: <{uuid.uuid4()}@mail.example>\r\nDate: Thu, 12 Mar 2026 10:00:00 +0800\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNo such user\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example\r\n\r\n"
        f"Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"From: complaints@carrier.example\r\nTo: {address}\r\nSubject: x\r\n"
        f"Message-ID: {message_id}\r\n\r\nx\r\n--b--\r\n"
    )


def test_a_report_saved_before_its_attempt_is_matched_by_the_provider_s_id(system: System) -> None:
    number = system.open_ticket(customer=_customer(system))
    ticket, _ = system.ticket_and_events(number)
    id_ = uuid.uuid4()
    with system.database() as connection:
        delivery_reports.save(connection, f"sms-{id_}", "delivered", None)
        context = {"number": number, "reader": "网络部", "unit": "网络部", "clock": "处理", "zone": "Asia/Shanghai"}
        context["due_at"] = system.clock.now().isoformat()
        warning = _warning(id_, ticket.id, number)
        notice = replace(warning, ways=(("sms", "+8613800000199"),), until="always", context=context)
        store.queue(connection, [(notice, 0)], system.clock)
    eventually(lambda: _state(system, id_) == "delivered", within=20, why="the early report was lost")


def _state(system: System, id_: uuid.UUID) -> str:
    with system.database() as connection:
        row = connection.execute("select state from notifier.notice where id = %s", (id_,)).fetchone()
    return str(row[0]) if row else ""


def _notice_command(system: System, *arguments: str) -> str:
    completed = system.duban("notice", *arguments)
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def test_a_notice_that_reaches_no_unit_is_recorded_and_the_centre_notified(system: System) -> None:
    number = system.open_ticket(customer=_customer(system))
    ticket, _ = system.ticket_and_events(number)
    with system.database() as connection:
        undeliverable = replace(_warning(uuid.uuid4(), ticket.id, number), ways=(), until="always")
        store.queue(connection, [(undeliverable, 0)], system.clock)
    event = system.wait_for_event(number, "undeliverable")
    assert event.details["audience"] == "unit.network"

    def centre_notified() -> bool:
        subjects = [mail["subject"] for mail in system.received_messages("mail")]
        return any(number in subject and "未送达" in subject for subject in subjects)

    eventually(centre_notified, within=60, why="the centre was not notified")


def _outcomes(system: System, id_: str) -> list[tuple[str, str]]:
    with system.database() as connection:
        attempts = connection.execute(
            "select means, outcome from notifier.attempt where notice_id = %s order by at", (id_,)
        ).fetchall()
    return [(str(means), str(outcome)) for means, outcome in attempts]


def test_a_report_of_delivery_is_stored_and_published(system: System) -> None:
    number = system.open_ticket(customer=_customer(system))
    id_ = _wait_for_notice(system, number, "acceptance", "sms")
    _report(system, id_, "delivered")
    _wait_for_notice(system, number, "acceptance", "sms", "delivered")

    def published() -> bool:
        records = topic_reader.read_all(system.kafka, Delivery.TOPIC)
        deliveries = [Delivery.from_json(record.value or b"") for record in records]
        return any(str(each.id) == id_ and each.state == "delivered" for each in deliveries)

    eventually(published, within=20, why="the delivery was not published")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"state": "delivered"}, "id"),
        ({"id": "x", "state": "delivered"}, "id"),
        ({"id": "0d1f6f2c-6d2f-5c5e-9f43-6a2f0c6b7d11", "state": "lost"}, "state"),
    ],
)
def test_an_invalid_report_gets_the_name_of_its_field(system: System, body: dict[str, str], field: str) -> None:
    response = system.http.post("/v1/receipts", json=body)
    assert response.status_code == 400
    assert field in json.dumps(response.json()["errors"])


def test_reports_about_unknown_notices_and_invalid_records_are_skipped(system: System) -> None:
    _report(system, str(uuid.uuid4()), "failed")
    publisher = Publisher(system.kafka, "tests")
    publisher.publish([Outgoing("receipts", b"x", b"no json", [])])
    publisher.close()
    _wait_for_notice(system, system.open_ticket(customer=_customer(system)), "acceptance", "sms")


@pytest.mark.requirement("R5.7")
def test_a_letter_of_apology_goes_by_mail_with_a_pdf(system: System) -> None:
    address = f"wu{uuid.uuid4().hex[:8]}@mail.example"
    number = system.open_ticket(customer=_customer(system, email=address, preferred_means="mail"))
    facts = {"incident_date": "3月11日", "cause": "派单错误", "measure": "已培训", "signature": "客户服务中心"}
    assert system.send_command(number, "apologise", letter="apology_service", facts=facts)["outcome"] == "done"
    _wait_for_notice(system, number, "apology_service", "mail")

    def apologies() -> list[dict[str, Any]]:
        mails = system.received_messages("mail")
        return [mail for mail in mails if address in mail["to"] and "致歉" in mail["subject"]]

    assert eventually(apologies)[0]["parts"] == ["text/plain", "text/html", "application/pdf"]


def _warning(id_: uuid.UUID, ticket: uuid.UUID, number: str) -> Notice:
    """Return a warning to a unit, obsolete once the ticket is answered."""
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


def test_an_obsolete_notice_is_not_sent(system: System) -> None:
    number = system.open_ticket(customer=_customer(system))
    system.dispatch(number, "network")
    ticket, _ = system.ticket_and_events(number)
    id_ = uuid.uuid4()
    assert system.send_command(number, "withdraw", unit=None, reason="已恢复")["outcome"] == "done"
    with system.database() as connection:
        store.queue(connection, [(_warning(id_, ticket.id, number), 0)], system.clock)
    eventually(lambda: _state(system, id_) == "obsolete", within=20)
    assert not any("late@carrier.example" in mail["to"] for mail in system.received_messages("mail"))
