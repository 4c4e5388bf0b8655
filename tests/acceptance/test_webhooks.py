"""Doors of programs without a key, mail, calls whose form comes early, late or never, and too many messages."""

import base64
import hashlib
import hmac
import json
import smtplib
import struct
import time
from contextlib import ExitStack
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from schemas.ticket import Status
from services.intake.domain.channels import wechat
from services.intake.smtp_server import MAX_CONNECTIONS_PER_PEER
from tests.acceptance.test_channels import duban, ticket_of
from tests.builders import CENTRE, eventually
from tests.system import System

URL = "https://complaints.carrier.example/v1/channels/sms"


def post(system: System, channel: str, body: bytes, **more: Any) -> httpx.Response:
    """Post without a key."""
    return httpx.post(f"{system.stack.intake_url}/v1/channels/{channel}", content=body, **more)


@pytest.mark.requirement("R2.1")
def test_a_signed_sms_comes_in_without_a_key_and_a_forged_one_does_not(system: System) -> None:
    name, phone = system.unique_ids()
    told = {"MessageSid": name, "From": f"+86{phone}", "Body": "4G没有信号", "NumMedia": "0"}
    content = URL + "".join(f"{key}{told[key]}" for key in sorted(told))
    signature = base64.b64encode(hmac.new(b"sms-secret", content.encode(), hashlib.sha1).digest()).decode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
    answer = post(system, "sms", urlencode(told).encode(), headers=headers)
    assert answer.status_code == 202, answer.text
    assert eventually(lambda: ticket_of(system, name))
    forged = post(system, "sms", urlencode(told | {"Body": "x"}).encode(), headers=headers)
    assert (forged.status_code, forged.headers["content-type"]) == (401, "application/problem+json")


@pytest.mark.requirement("R2.1")
def test_a_signed_body_is_taken_once_fresh(system: System) -> None:
    name, _ = system.unique_ids()
    sender = {"identifier": name, "name": "小王"}
    told = {
        "event": "message_created",
        "id": int(time.time_ns()),
        "content": "套餐不对",
        "message_type": "incoming",
        "private": False,
        "created_at": "2026-03-12T01:00:00Z",
        "conversation": {"id": 1, "meta": {"sender": sender}},
    }
    body = json.dumps(told).encode()

    def sent(at: int) -> int:
        signature = hmac.new(b"chat-secret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Chatwoot-Signature": f"sha256={signature}", "X-Chatwoot-Timestamp": str(at)}
        return post(system, "app_im", body, headers=headers).status_code

    assert sent(int(time.time()) - 3600) == 401
    assert sent(int(time.time())) == 202
    assert eventually(lambda: ticket_of(system, str(told["id"])))


@pytest.mark.requirement("R2.1")
def test_a_wechat_account_gets_its_echo_and_its_success(system: System) -> None:
    stamp = {"timestamp": str(int(time.time())), "nonce": "n"}
    good = stamp | {"signature": wechat.compute_signature("sampletoken", *stamp.values())}
    url = f"{system.stack.intake_url}/v1/channels/wechat"
    assert httpx.get(url, params=good | {"echostr": "17"}).text == "17"
    assert httpx.get(url, params=stamp | {"signature": "0", "echostr": "17"}).status_code == 401
    name, _ = system.unique_ids()
    number = str(time.time_ns())
    message = f"<xml><FromUserName>{name}</FromUserName><CreateTime>1776650000</CreateTime><MsgType>text</MsgType>"
    message += f"<Content>宽带断网</Content><MsgId>{number}</MsgId></xml>"
    assert post(system, "wechat", message.encode(), params=good).status_code == 401, "this account is in safe mode"
    inside = sealed(message)
    signature = wechat.compute_signature("sampletoken", *stamp.values(), inside)
    body = f"<xml><ToUserName>gh</ToUserName><Encrypt>{inside}</Encrypt></xml>".encode()
    params = stamp | {"encrypt_type": "aes", "msg_signature": signature}
    for _ in range(2):
        answer = post(system, "wechat", body, params=params)
        assert (answer.status_code, answer.text) == (200, "success")
    assert eventually(lambda: ticket_of(system, number))


def sealed(message: str) -> str:
    """Return a message as the account of the tests' system seals it."""
    key = base64.b64decode("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    content = message.encode()
    plain = b"r" * 16 + struct.pack(">I", len(content)) + content + b"wx0000000000000001"
    padding = 32 - len(plain) % 32
    seal = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(seal.update(plain + bytes([padding]) * padding) + seal.finalize()).decode()


def mail(system: System, subject: str, text: str, *, sender: str = "", **headers: str) -> str:
    name, _ = system.unique_ids()
    message = EmailMessage()
    message["From"] = f"Li <{sender or name}@mail.example>"
    message["To"] = "complaint@carrier.example"
    message["Subject"] = subject
    message["Message-ID"] = f"<{name}@mail.example>"
    for key, value in headers.items():
        message[key.replace("_", "-")] = value
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", system.stack.state.ports["mail"], timeout=30) as smtp:
        smtp.send_message(message)
    return f"<{name}@mail.example>"


@pytest.mark.requirement("R2.1", "R2.4")
def test_a_reply_by_mail_joins_its_ticket_and_says_why(system: System) -> None:
    sender, _ = system.unique_ids()
    first = mail(system, "宽带断网", "家里宽带断网三天了", sender=sender)
    number = eventually(lambda: ticket_of(system, first))
    assert number is not None
    answered = f"<notice.{number}.1@carrier.example>"
    second = mail(system, f"回复：您的工单 {number}", "还没有人联系我", sender=sender, In_Reply_To=answered)
    assert eventually(lambda: ticket_of(system, second)) == number
    reminded = system.wait_for_event(number, "reminded")
    assert reminded.details is not None
    assert reminded.details["reason"] == "the contact says that it is about this ticket"


@pytest.mark.requirement("R2.5")
def test_the_smtp_door_says_what_is_too_large_and_bounds_the_connections_of_a_peer(system: System) -> None:
    port = system.stack.state.ports["mail"]
    with ExitStack() as stack:
        first = stack.enter_context(smtplib.SMTP("127.0.0.1", port, timeout=30))
        first.ehlo()
        code, told = first.mail("a@mail.example", ["SIZE=30000000"])
        assert code == 552
        assert b"send large files another way" in told
        for _ in range(MAX_CONNECTIONS_PER_PEER - 1):
            stack.enter_context(smtplib.SMTP("127.0.0.1", port, timeout=30))
        with pytest.raises(smtplib.SMTPConnectError) as caught:
            smtplib.SMTP("127.0.0.1", port, timeout=30)
        assert caught.value.smtp_code == 421
    sent = mail(system, "宽带断网", "家里宽带断网三天了")
    assert eventually(lambda: ticket_of(system, sent))


def form(call: str, phone: str, name: str) -> bytes:
    told = {
        "form_no": f"HF{name}",
        "call_id": call,
        "customer": {"ani": phone},
        "content": "宽带断网",
        "created_at": "2026-03-12T09:00:00+08:00",
    }
    return json.dumps(told).encode()


def call_line(call: str, phone: str, started: str) -> bytes:
    cells = ["", phone, "600", "in", "x", "PJSIP/gw-1", "PJSIP/31-2", "Queue", "q"]
    line = ",".join(f'"{each}"' for each in cells)
    day, clock = started.split(" ")
    hour = clock.split(":", 1)[0]
    times = f'"{started}","{day} {hour}:00:20","{day} {hour}:04:20"'
    return f'{line},{times},260,240,"ANSWERED","DOCUMENTATION","{call}","audio:{call}.wav"\n'.encode()


def told_of(system: System, number: str) -> set[tuple[str, str]]:
    return {(each.kind, each.reference) for each in system.ticket_and_events(number)[0].evidence}


@pytest.mark.requirement("R2.1", "R2.2")
@pytest.mark.parametrize("first", ["call", "form"])
def test_a_call_and_its_form_are_joined_whichever_comes_first(system: System, first: str) -> None:
    name, phone = system.unique_ids()
    call = f"call-{name}"
    line = call_line(call, phone, "2026-03-12 01:00:00")
    csv = {"Content-Type": "text/csv"}
    if first == "call":
        assert system.http.post("/v1/channels/hotline?cdr_tz=UTC", content=line, headers=csv).status_code == 200
        eventually(lambda: _known(system, call), why="the call is not known")
    assert system.http.post("/v1/channels/hotline", content=form(call, phone, name)).status_code == 202
    number = eventually(lambda: ticket_of(system, f"HF{name}"))
    assert number is not None
    if first == "form":
        assert system.http.post("/v1/channels/hotline?cdr_tz=UTC", content=line, headers=csv).status_code == 200
    eventually(lambda: {("recording", f"{call}.wav"), ("call", call)} <= told_of(system, number), why="not joined")


def _known(system: System, call: str) -> bool:
    with system.database() as connection:
        return connection.execute("select 1 from router.call where id = %s", (call,)).fetchone() is not None


@pytest.mark.requirement("R2.1", "R2.5")
def test_an_answered_call_without_a_form_is_a_ticket_and_a_late_form_completes_it(system: System) -> None:
    name, phone = system.unique_ids()
    call = f"call-{name}"
    line = call_line(call, phone, "2026-03-11 20:00:00")
    answer = system.http.post("/v1/channels/hotline", content=line, headers={"Content-Type": "text/csv"})
    assert json.loads(answer.text)["state"] == "call recorded"
    number = eventually(lambda: ticket_of(system, f"call:{call}"), why="nobody noticed the call without a form")
    assert number is not None
    assert "incomplete" in system.ticket_and_events(number)[0].flags
    assert system.http.post("/v1/channels/hotline", content=form(call, phone, name)).status_code == 202
    system.wait_for_event(number, "form_completed")
    ticket, _ = system.ticket_and_events(number)
    assert (ticket.subject, ticket.reminders, ticket.flags) == ("宽带断网", 0, ticket.flags)
    assert "incomplete" not in ticket.flags
    assert ticket.classification.business_type == "broadband"
    assert ticket.status is not Status.WITHDRAWN


@pytest.mark.requirement("R2.1")
def test_a_resolved_alert_is_noted_on_its_ticket(system: System) -> None:
    name, _ = system.unique_ids()
    alert = {
        "status": "firing",
        "labels": {"alertname": "RsuDown", "station": "G1", "lane": name, "device_id": name},
        "annotations": {"description": "ETC天线离线"},
        "startsAt": "2026-03-12T01:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": name,
    }

    def told(status: str) -> int:
        body = {"version": "4", "alerts": [alert | {"status": status, "endsAt": "2026-03-12T01:30:00Z"}]}
        return system.http.post("/v1/channels/device_monitor", json=body).status_code

    assert told("resolved") == 202
    assert told("firing") == 202
    number = eventually(lambda: ticket_of(system, f"{name}@2026-03-12T01:00:00Z"))
    assert number is not None
    noted = system.wait_for_event(number, "noted")
    assert noted.details is not None
    assert "2026-03-12" in str(noted.details)


@pytest.mark.requirement("R2.5")
def test_a_sender_that_sends_too_much_is_told_when_to_go_on(system: System) -> None:
    key = duban(system, "sender", "add", "slow", "--channel", "web", "--rate", "6").stdout.decode().strip()
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{system.stack.intake_url}/v1/contacts"
    eventually(lambda: httpx.post(url, json=system.contact_body(), headers=headers).status_code == 202)
    answer = httpx.post(url, json=system.contact_body(), headers=headers)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert "6 messages a minute" in answer.json()["detail"]


@pytest.mark.requirement("R2.7")
def test_another_command_under_the_same_key_is_told_so(system: System) -> None:
    number, (key, _) = system.open_ticket(), system.unique_ids()
    assert system.send_command(number, "note", key=key, text="first")["outcome"] == "done"
    assert system.send_command(number, "note", key=key, text="first")["outcome"] == "done"
    body = {"action": {"type": "note", "text": "another"}, "actor": {"kind": "unit", "name": CENTRE, "unit": CENTRE}}
    answer = system.http.post(f"/v1/tickets/{number}/commands", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 409
    assert "key of its own" in answer.json()["detail"]
