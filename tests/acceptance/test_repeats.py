"""A message that is heard twice, as gateways, monitors and mail servers send them: one ticket, no dead letter."""

import json
import smtplib
import time
from datetime import UTC, timedelta
from functools import partial
from typing import Any

import pytest

from schemas.contact import Contact
from services.shared.kafka import dead_letter_admin as box
from services.shared.kafka.topic_reader import ConsumerLag
from tests.builders import eventually
from tests.system import System

APART = 1.2
"""Seconds between two times, so that our door's stamp is another; real ones, a retry is no business time."""


def _sms(system: System, name: str, phone: str) -> None:
    form = {"MessageSid": name, "From": f"+86{phone}", "Body": "宽带断网", "NumMedia": "0"}
    assert system.http.post("/v1/channels/sms", data=form).status_code == 202


def _alert(system: System, name: str, offline: int) -> None:
    alert: dict[str, Any] = {
        "status": "firing",
        "labels": {"station": "G9", "lane": name},
        "annotations": {"description": f"offline for {offline} minutes"},
        "startsAt": "2026-03-12T01:00:00Z",
        "fingerprint": name,
    }
    told = {"version": "4", "status": "firing", "alerts": [alert]}
    assert system.http.post("/v1/channels/device_monitor", json=told).status_code == 202


def _mail(system: System, name: str) -> None:
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
def test_what_is_sent_again_seconds_later_is_the_same_message(system: System) -> None:
    (sms, phone), (alert, _), (mail, _) = system.unique_ids(), system.unique_ids(), system.unique_ids()
    for offline in (5, 65):
        _sms(system, sms, phone)
        _alert(system, alert, offline)
        _mail(system, mail)
        time.sleep(APART)
    for name in (sms, alert, mail):
        eventually(partial(_tickets, system, name), why=f"{name} opened no ticket")
    lag = ConsumerLag(system.kafka, {"router": [Contact.TOPIC]})
    eventually(lambda: lag.look()["router"] == 0, why="the router is behind")
    lag.close()
    buried = [
        each.told
        for each in box.letters(system.kafka)
        if any(name.encode() in each.value for name in (sms, alert, mail))
    ]
    assert buried == []
    assert all(len(_tickets(system, name)) == 1 for name in (sms, alert, mail))


@pytest.mark.requirement("R2.4")
def test_people_behind_one_landline_are_told_apart_by_what_they_write(system: System) -> None:
    base, phone = system.unique_ids()
    landline = f"0371{int(phone[-8:]) % 10**7 + 5 * 10**7:08d}"
    texts = [f"公司宽带断网，工位{number}号不能用" for number in range(20)] + ["公司宽带断网，工位7号不能用"]
    lines = [
        json.dumps(system.contact_body(text, message_id=f"{base}-{number}", customer={"phone": landline}))
        for number, text in enumerate(texts)
    ]
    answer = system.http.post("/v1/contacts/batch", content="\n".join(lines).encode())
    assert answer.text.count('"status": 202') == len(lines)

    eventually(lambda: len(_tickets(system, base)) == len(texts), why="not all were routed")
    assert len({number for number, _ in _tickets(system, base)}) == len(texts) - 1


@pytest.mark.requirement("R2.1", "R4.2")
def test_a_form_that_comes_before_its_call_gets_the_call_s_start(system: System) -> None:
    name, phone = system.unique_ids()
    started = (system.clock.now() - timedelta(minutes=30)).astimezone(UTC).replace(microsecond=0)
    form = {
        "form_no": f"HF{name}",
        "call_id": name,
        "customer": {"ani": phone},
        "content": "宽带断网",
        "created_at": system.clock.now().isoformat(),
    }
    assert system.http.post("/v1/channels/hotline", json=form).status_code == 202
    eventually(lambda: len(_tickets(system, f"HF{name}")) == 1)
    ((number, _),) = _tickets(system, f"HF{name}")
    before, _ = system.ticket_and_events(number)
    start, answered, ended = (f"{started + timedelta(seconds=each):%Y-%m-%d %H:%M:%S}" for each in (0, 9, 300))
    times = f'"{start}","{answered}","{ended}",300,291'
    row = f'"","{phone}","600","in","","a","b","Queue","q",{times},"ANSWERED","","{name}",""\n'
    answer = system.http.post(
        "/v1/channels/hotline",
        params={"cdr_tz": "UTC", "columns": "18"},
        content=row.encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert answer.is_success, answer.text

    def told() -> bool:
        return system.ticket_and_events(number)[0].contacted_at == started

    eventually(told, why="the ticket does not have what the exchange knows")
    after, _ = system.ticket_and_events(number)
    assert before.promised_at is not None
    assert after.promised_at is not None
    assert after.promised_at - after.contacted_at == before.promised_at - before.contacted_at
    assert any(each.kind == "call" for each in after.evidence)
