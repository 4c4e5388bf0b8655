"""Tests of webhooks: what is rejected, by key, by rate and by signature, with a reason, and counted."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from services.intake import webhooks
from services.intake.domain.channels import wechat
from services.intake.domain.envelope import MAX_CONTACT_BYTES
from services.intake.domain.message_parts import CSV, JSON, MAIL, MBOX, NDJSON, XLSX
from services.intake.senders import Sender
from tests.unit.intake.http_door import HttpDoor, key, reasons
from tests.unit.intake.parsing import FORM, envelope

EVERYTHING = Sender("all", ("carrier",), ("*",), ("contacts",))
WEB = Sender("web", ("carrier",), ("web",), ("contacts",))
SLOW = Sender("slow", ("carrier",), ("*",), ("contacts",), per_minute=60)
SAFE_MODE = (
    '[wechat]\nsignature = "wechat"\ntoken = "t"\nencoding_aes_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"\n'
)
PLAIN_MODE = '[wechat]\nsignature = "wechat"\ntoken = "t"\n'
SMS = '[sms]\nsignature = "twilio"\nsecret = "s"\npublic_url = "https://c.example/sms"\n'


def mailbox(count: int) -> bytes:
    mails = (
        f"From a@b Thu Jan  1 00:00:00 2026\nFrom: a@b.example\nMessage-ID: <{number}@b.example>\n\n" + "慢\n" * 200
        for number in range(count)
    )
    return "\n".join(mails).encode()


@pytest.mark.requirement("R2.5")
def test_without_a_valid_key_the_body_is_not_read(tmp_path: Path) -> None:
    read_chunks: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(3):
            read_chunks.append(number)
            yield b"x"

    door = HttpDoor(tmp_path, EVERYTHING, WEB)
    for headers, status in (({}, 401), (key("nobody"), 401), (key("web"), 403)):
        request = {"content": body(), "headers": {**headers, "Content-Type": "message/rfc822"}}
        assert door.post("/v1/channels/email", **request).status_code == status
    assert read_chunks == []
    assert door.counter("requests_refused", status="401", reason="unknown_key") == 2
    assert door.counter("requests_refused", status="403", reason="not_allowed") == 1
    large = door.post("/v1/channels/store", content=b"x" * (MAX_CONTACT_BYTES + 1), headers=key("all"))
    assert (large.status_code, reasons(large)) == (413, [("body", "too_large")])
    assert door.counter("requests_refused", status="413", reason="too_large") == 1


@pytest.mark.requirement("R2.5")
def test_a_file_counts_against_the_rate_limit_by_its_messages_not_its_lines(tmp_path: Path) -> None:
    # Sixty a minute allow ten at once.
    door = HttpDoor(tmp_path, SLOW)
    headers = {**key("slow"), "Content-Type": "application/mbox"}
    assert door.post("/v1/channels/email", content=mailbox(9), headers=headers).status_code == 200
    assert door.post("/v1/channels/email", content=mailbox(1), headers=headers).status_code == 200
    response = door.post("/v1/channels/email", content=mailbox(1), headers=headers)
    assert (response.status_code, reasons(response)) == (429, [("Authorization", "too_many")])
    assert int(response.headers["retry-after"]) >= 1
    assert door.counter("requests_refused", status="429", reason="too_many") == 1


@pytest.mark.requirement("R2.5")
def test_every_alert_of_a_group_counts_against_the_rate_limit(tmp_path: Path) -> None:
    alerts = [{"status": "firing", "startsAt": "2026-03-12T01:00:00Z", "fingerprint": f"f{n}"} for n in range(10)]
    group = {"version": "4", "alerts": [alert | {"labels": {"device_id": "d"}} for alert in alerts]}
    door = HttpDoor(tmp_path, SLOW)
    assert door.post("/v1/channels/device_monitor", json=group, headers=key("slow")).status_code == 202
    assert door.post("/v1/channels/device_monitor", json=group, headers=key("slow")).status_code == 429


def text_message(body: str) -> tuple[bytes, dict[str, str]]:
    """Return an SMS as a gateway posts it, with its signature."""
    parameters = {"MessageSid": "SM1", "From": "+8613800000101", "Body": body}
    content = "https://c.example/sms" + "".join(name + parameters[name] for name in sorted(parameters))
    signature = base64.b64encode(hmac.new(b"s", content.encode(), hashlib.sha1).digest()).decode()
    return urlencode(parameters).encode(), {"Content-Type": FORM, "X-Twilio-Signature": signature}


@pytest.mark.requirement("R2.1", "R2.5")
@pytest.mark.parametrize("text", ["慢", "call \u202a+1 202 555 0101\u202c please", "a\x07b"])
def test_a_signature_covers_the_text_as_sent_not_as_stored(tmp_path: Path, text: str) -> None:
    door = HttpDoor(tmp_path, channels=SMS)
    body, headers = text_message(text)
    assert door.post("/v1/channels/sms", content=body, headers=headers).status_code == 202
    stored = json.loads(door.published[0].value or b"")["text"]
    assert not set(stored) & {"\u202a", "\u202c", "\x07"}
    forged = door.post("/v1/channels/sms", content=body + b"x", headers=headers)
    assert (forged.status_code, reasons(forged)) == (401, [("X-Twilio-Signature", "bad_signature")])
    assert door.counter("requests_refused", status="401", reason="bad_signature") == 1


@pytest.mark.requirement("R2.5")
def test_a_signed_channel_has_a_rate_limit_of_its_own(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, channels=SMS + "per_minute = 6\n")
    body, headers = text_message("慢")
    statuses = [door.post("/v1/channels/sms", content=body, headers=headers).status_code for _ in range(2)]
    assert statuses == [202, 429]


def account_request(body: str, *encrypted: str, at: float | None = None, **query: str) -> dict[str, Any]:
    """Return a request of a WeChat account; its signature covers the time, the nonce and the encrypted text."""
    stamp = str(int(at if at is not None else time.time()))
    signature = wechat.compute_signature("t", stamp, "n", *encrypted)
    name = "msg_signature" if query else "signature"
    return {"content": body.encode(), "params": {"timestamp": stamp, "nonce": "n", name: signature, **query}}


def text_of_account() -> str:
    return (
        "<xml><FromUserName>u</FromUserName><CreateTime>1776650000</CreateTime><MsgType>text</MsgType>"
        "<MsgId>1</MsgId><Content>慢</Content></xml>"
    )


@pytest.mark.requirement("R2.1", "R2.5")
def test_an_account_in_safe_mode_accepts_no_plain_message(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, channels=SAFE_MODE)
    plain = text_of_account()
    for request in (
        account_request(plain),
        account_request(plain, encrypt_type="aes"),
        account_request(plain, encrypt_type="raw"),
    ):
        response = door.post("/v1/channels/wechat", **request)
        assert (response.status_code, reasons(response)) == (401, [("encrypt_type", "bad_signature")])
    encrypted = account_request("<xml><Encrypt>AA==</Encrypt></xml>", "AA==", encrypt_type="aes")
    response = door.post("/v1/channels/wechat", **encrypted)
    assert (response.status_code, reasons(response)) == (400, [("Encrypt", "bad_schema")]), "signed, but empty"
    unsigned = account_request("<xml><Encrypt>AA==</Encrypt></xml>", "BB==", encrypt_type="aes")
    response = door.post("/v1/channels/wechat", **unsigned)
    assert (response.status_code, reasons(response)) == (401, [("msg_signature", "bad_signature")])
    assert door.published == []


@pytest.mark.requirement("R2.1", "R2.5")
def test_a_signed_message_is_rejected_after_five_minutes(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, channels=PLAIN_MODE)
    for at in (time.time() - 400, time.time() + 400):
        response = door.post("/v1/channels/wechat", **account_request(text_of_account(), at=at))
        assert (response.status_code, reasons(response)) == (401, [("timestamp", "stale")])
        assert "set the clock" in response.json()["detail"]


@pytest.mark.requirement("R2.4")
def test_a_repeated_signed_message_is_the_same_contact(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, channels=PLAIN_MODE)
    request = account_request(text_of_account())
    assert [door.post("/v1/channels/wechat", **request).text for _ in range(2)] == ["success", "success"]
    first, second = (json.loads(record.value or b"")["id"] for record in door.published)
    assert first == second


@pytest.mark.requirement("R2.1")
def test_the_echo_request_is_answered_when_its_signature_is_fresh(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, channels=PLAIN_MODE)
    stale = account_request("", at=1776650000)["params"] | {"echostr": "17"}
    assert door.send("GET", "/v1/channels/wechat", params=stale).status_code == 401
    fresh = account_request("")["params"] | {"echostr": "17"}
    assert door.send("GET", "/v1/channels/wechat", params=fresh).text == "17"


@pytest.mark.parametrize(
    ("media_type", "size", "slow"),
    [
        (XLSX, 100, True),
        (MBOX, 100, True),
        (MAIL, 100, True),
        (CSV, 100, True),
        (NDJSON, 100, True),
        (JSON, 100, False),
        ("text/xml", 100, False),
        (JSON, MAX_CONTACT_BYTES, True),
    ],
)
def test_a_file_and_a_large_message_are_slow_to_parse(media_type: str, size: int, slow: bool) -> None:  # noqa: FBT001
    assert webhooks.is_slow_to_parse(envelope("store", b"x" * size, media_type)) is slow


@pytest.mark.requirement("R2.5")
def test_what_the_broker_can_never_store_is_refused_message_by_message(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, EVERYTHING)
    door.broker.rejects = lambda record: "too_large" if b"<1@b.example>" in (record.value or b"") else None
    file = door.post("/v1/channels/email", content=mailbox(3), headers={**key("all"), "Content-Type": MBOX})
    assert [json.loads(line)["status"] for line in file.text.splitlines()] == [202, 413, 202]
    assert door.counter("contacts_accepted", channel="email", door="webhook") == 2
    assert door.counter("messages_unusable", channel="email", reason="too_large") == 1
    _, _, mail = mailbox(2).rpartition(b"\nFrom a@b Thu Jan  1 00:00:00 2026\n")
    one = door.post("/v1/channels/email", content=mail, headers={**key("all"), "Content-Type": MAIL})
    assert (one.status_code, reasons(one)) == (413, [("body", "too_large")])
