"""Retries of a message by gateways and mail servers are one contact; people behind one number are several."""

import json
import smtplib
import time
from functools import partial
from typing import Any

import pytest

from schemas.contact import Contact
from services.shared.kafka import dead_letter_admin
from services.shared.kafka.topic_reader import ConsumerLag
from tests.builders import eventually
from tests.system import System

RETRY_AFTER = 1.2
"""Real seconds between two sends, so that the door stamps another time."""


def _send_sms(system: System, name: str, phone: str) -> None:
    form = {"MessageSid": name, "From": f"+86{phone}", "Body": "宽带断网", "NumMedia": "0"}
    assert system.http.post("/v1/channels/sms", data=form).status_code == 202


def _send_alert(system: System, name: str, offline: int) -> None:
    alert: dict[str, Any] = {
        "status": "firing",
        "labels": {"station": "G9", "lane": name},
        "annotations": {"description": f"offline for {offline} minutes"},
        "startsAt": "2026-03-12T01:00:00Z",
        "fingerprint": name,
    }
    body = {"version": "4", "status": "firing", "alerts": [alert]}
    assert system.http.post("/v1/channels/device_monitor", json=body).status_code == 202


def _send_mail(system: System, name: str) -> None:
    body = f"From: li@mail.example\r\nMessage-ID: <{name}@mail.example>\r\nSubject: x\r\n\r\nbroadband is down\r\n"
    with smtplib.SMTP("127.0.0.1", system.stack.state.ports["mail"], timeout=30) as smtp:
        smtp.sendmail("li@mail.example", ["complaint@carrier.example"], body.encode())


def _tickets(system: System, name: str) -> list[tuple[str, int]]:
    with system.database() as connection:
        return connection.execute(
            "select t.number, t.version from router.contact c join ledger.ticket t on t.id = c.ticket_id "
            "where c.message_id like %s",
            (f"%{name}%",),
        ).fetchall()


@pytest.mark.requirement("R2.4")
def test_a_message_sent_again_seconds_later_is_the_same_contact(system: System) -> None:
    (sms, phone), (alert, _), (mail, _) = system.unique_ids(), system.unique_ids(), system.unique_ids()
    for offline in (5, 65):
        _send_sms(system, sms, phone)
        _send_alert(system, alert, offline)
        _send_mail(system, mail)
        time.sleep(RETRY_AFTER)
    for name in (sms, alert, mail):
        eventually(partial(_tickets, system, name), why=f"{name} opened no ticket")
    lag = ConsumerLag(system.kafka, {"router": [Contact.TOPIC]})
    eventually(lambda: lag.measure()["router"] == 0, why="the router is behind")
    lag.close()
    dead_letters = [
        letter.details
        for letter in dead_letter_admin.unresolved(system.kafka)
        if any(name.encode() in letter.value for name in (sms, alert, mail))
    ]
    assert dead_letters == []
    assert all(len(_tickets(system, name)) == 1 for name in (sms, alert, mail))


@pytest.mark.requirement("R2.4")
def test_people_behind_one_landline_are_distinguished_by_their_texts(system: System) -> None:
    base, phone = system.unique_ids()
    landline = f"0371{int(phone[-8:]) % 10**7 + 5 * 10**7:08d}"
    texts = [f"公司宽带断网，工位{number}号不能用" for number in range(20)] + ["公司宽带断网，工位7号不能用"]
    lines = [
        json.dumps(system.contact_body(text, message_id=f"{base}-{number}", customer={"phone": landline}))
        for number, text in enumerate(texts)
    ]
    response = system.http.post("/v1/contacts/batch", content="\n".join(lines).encode())
    assert response.text.count('"status": 202') == len(lines)

    eventually(lambda: len(_tickets(system, base)) == len(texts), why="not all were routed")
    assert len({number for number, _ in _tickets(system, base)}) == len(texts) - 1


@pytest.mark.requirement("R2.4")
def test_fifty_named_colleagues_behind_one_phone_have_fifty_tickets(system: System) -> None:
    base, phone = system.unique_ids()
    lines = [
        json.dumps(
            system.contact_body(message_id=f"{base}-{number}", customer={"phone": phone, "name": f"员工{number:02d}号"})
        )
        for number in range(50)
    ]
    response = system.http.post("/v1/contacts/batch", content="\n".join(lines).encode())
    assert response.text.count('"status": 202') == 50
    eventually(lambda: len({number for number, _ in _tickets(system, base)}) == 50, why="not 50 tickets were opened")
