"""What the HTTP door refuses: before it reads a body, by rate, by signature; with reason and advice, and counted."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from services.intake.domain.channels import wechat
from services.intake.domain.envelope import MAX_CONTACT_BYTES
from services.intake.senders import Sender
from tests.unit.intake.doors import Door, key

EVERYTHING = Sender("all", "carrier", ("*",), ("contacts",))
WEB = Sender("web", "carrier", ("web",), ("contacts",))
SLOW = Sender("slow", "carrier", ("*",), ("contacts",), 60)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SEALED = (
    '[wechat]\nsignature = "wechat"\ntoken = "t"\nencoding_aes_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"\n'
)
PLAIN = '[wechat]\nsignature = "wechat"\ntoken = "t"\n'
SMS = '[sms]\nsignature = "twilio"\nsecret = "s"\npublic_url = "https://c.example/sms"\n'


def submission(number: int, **more: Any) -> dict[str, Any]:
    return {"message_id": f"m{number}", "channel": "web", "customer": {"phone": "13800000101"}, "text": "慢"} | more


def told(answer: httpx.Response) -> list[tuple[str, str]]:
    errors = answer.json()["errors"]
    assert all(each["detail"] for each in errors), "each says what to do"
    return [(each["field"], each["reason"]) for each in errors]


def mailbox(count: int) -> bytes:
    mails = (
        f"From a@b Thu Jan  1 00:00:00 2026\nFrom: a@b.example\nMessage-ID: <{number}@b.example>\n\n" + "慢\n" * 200
        for number in range(count)
    )
    return "\n".join(mails).encode()


@pytest.mark.requirement("R2.5")
def test_nobody_without_a_key_has_a_body_read(tmp_path: Path) -> None:
    read: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(3):
            read.append(number)
            yield b"x"

    door = Door(tmp_path, EVERYTHING, WEB)
    for headers, status in (({}, 401), (key("nobody"), 401), (key("web"), 403)):
        request = {"content": body(), "headers": {**headers, "Content-Type": "message/rfc822"}}
        assert door.post("/v1/channels/email", **request).status_code == status
    assert read == []
    assert door.counted("requests_refused", status="401", reason="unknown_key") == 2
    assert door.counted("requests_refused", status="403", reason="not_allowed") == 1
    large = door.post("/v1/channels/store", content=b"x" * (MAX_CONTACT_BYTES + 1), headers=key("all"))
    assert (large.status_code, told(large)) == (413, [("body", "too_large")])
    assert door.counted("requests_refused", status="413", reason="too_large") == 1


@pytest.mark.requirement("R2.5", "R7.1")
def test_each_line_of_a_batch_says_why_and_is_counted(tmp_path: Path) -> None:
    door = Door(tmp_path, WEB)
    lines = [
        submission(1),
        submission(2, channel="app"),
        submission(3, text="x" * MAX_CONTACT_BYTES),
        submission(4, message_id=None),
    ]
    body = "\n".join(json.dumps(each) for each in lines)
    answer = door.post("/v1/contacts/batch", content=body, headers=key("web"))
    results = [json.loads(each) for each in answer.text.splitlines()]
    assert [each["status"] for each in results] == [202, 403, 413, 400]
    assert [[fault["reason"] for fault in each.get("errors", [])] for each in results] == [
        [],
        ["not_allowed"],
        ["too_large"],
        ["missing_id"],
    ]
    assert all(fault["detail"] for each in results for fault in each.get("errors", []))
    assert [
        door.counted("messages_unusable", channel="contacts", reason=reason)
        for reason in ("not_allowed", "too_large", "missing_id")
    ] == [1, 1, 1]
    assert len(door.published) == 1


@pytest.mark.requirement("R2.5")
def test_messages_are_counted_by_what_is_in_a_file_not_by_its_lines(tmp_path: Path) -> None:
    """Sixty a minute: ten at once."""
    door = Door(tmp_path, SLOW)
    headers = {**key("slow"), "Content-Type": "application/mbox"}
    assert door.post("/v1/channels/email", content=mailbox(9), headers=headers).status_code == 200
    assert door.post("/v1/channels/email", content=mailbox(1), headers=headers).status_code == 200
    answer = door.post("/v1/channels/email", content=mailbox(1), headers=headers)
    assert (answer.status_code, told(answer)) == (429, [("Authorization", "too_many")])
    assert int(answer.headers["retry-after"]) >= 1
    assert door.counted("requests_refused", status="429", reason="too_many") == 1


@pytest.mark.requirement("R2.5")
def test_every_alert_of_a_group_counts(tmp_path: Path) -> None:
    alerts = [{"status": "firing", "startsAt": "2026-03-12T01:00:00Z", "fingerprint": f"f{n}"} for n in range(10)]
    group = {"version": "4", "alerts": [each | {"labels": {"device_id": "d"}} for each in alerts]}
    door = Door(tmp_path, SLOW)
    assert door.post("/v1/channels/device_monitor", json=group, headers=key("slow")).status_code == 202
    assert door.post("/v1/channels/device_monitor", json=group, headers=key("slow")).status_code == 429


def text_message(body: str) -> tuple[bytes, dict[str, str]]:
    """Return an SMS as a gateway posts it, with its signature."""
    parameters = {"MessageSid": "SM1", "From": "+8613800000101", "Body": body}
    content = "https://c.example/sms" + "".join(name + parameters[name] for name in sorted(parameters))
    signature = base64.b64encode(hmac.new(b"s", content.encode(), hashlib.sha1).digest()).decode()
    return urlencode(parameters).encode(), {**FORM, "X-Twilio-Signature": signature}


@pytest.mark.requirement("R2.1", "R2.5")
@pytest.mark.parametrize("text", ["慢", "call \u202a+1 202 555 0101\u202c please", "a\x07b"])
def test_a_signature_is_of_what_was_sent_not_of_what_is_kept(tmp_path: Path, text: str) -> None:
    door = Door(tmp_path, channels=SMS)
    body, headers = text_message(text)
    assert door.post("/v1/channels/sms", content=body, headers=headers).status_code == 202
    kept = json.loads(door.published[0].value or b"")["text"]
    assert not set(kept) & {"\u202a", "\u202c", "\x07"}
    forged = door.post("/v1/channels/sms", content=body + b"x", headers=headers)
    assert (forged.status_code, told(forged)) == (401, [("X-Twilio-Signature", "bad_signature")])
    assert door.counted("requests_refused", status="401", reason="bad_signature") == 1


@pytest.mark.requirement("R2.5")
def test_a_channel_that_signs_has_a_rate_of_its_own(tmp_path: Path) -> None:
    door = Door(tmp_path, channels=SMS + "per_minute = 6\n")
    body, headers = text_message("慢")
    found = [door.post("/v1/channels/sms", content=body, headers=headers).status_code for _ in range(2)]
    assert found == [202, 429]


def account(body: str, *sealed: str, at: float | None = None, **query: str) -> dict[str, Any]:
    """Return a request of a WeChat account: its signature is of the time, the nonce and what is sealed."""
    stamp = str(int(at if at is not None else time.time()))
    signature = wechat.compute_signature("t", stamp, "n", *sealed)
    name = "msg_signature" if query else "signature"
    return {"content": body.encode(), "params": {"timestamp": stamp, "nonce": "n", name: signature, **query}}


def message(content: str = "<Content>慢</Content>") -> str:
    names = "<FromUserName>u</FromUserName><CreateTime>1776650000</CreateTime><MsgType>text</MsgType><MsgId>1</MsgId>"
    return f"<xml>{names}{content}</xml>"


@pytest.mark.requirement("R2.1", "R2.5")
def test_an_account_in_safe_mode_takes_no_plain_message(tmp_path: Path) -> None:
    door = Door(tmp_path, channels=SEALED)
    for request in (account(message()), account(message(), encrypt_type="aes"), account(message(), encrypt_type="raw")):
        answer = door.post("/v1/channels/wechat", **request)
        assert (answer.status_code, told(answer)) == (401, [("encrypt_type", "bad_signature")])
    sealed = account("<xml><Encrypt>AA==</Encrypt></xml>", "AA==", encrypt_type="aes")
    answer = door.post("/v1/channels/wechat", **sealed)
    assert (answer.status_code, told(answer)) == (400, [("Encrypt", "bad_schema")]), "signed, but nothing is in it"
    unsigned = account("<xml><Encrypt>AA==</Encrypt></xml>", "BB==", encrypt_type="aes")
    answer = door.post("/v1/channels/wechat", **unsigned)
    assert (answer.status_code, told(answer)) == (401, [("msg_signature", "bad_signature")])
    assert door.published == []


@pytest.mark.requirement("R2.1", "R2.5")
def test_what_an_account_signed_is_no_longer_taken_after_five_minutes(tmp_path: Path) -> None:
    door = Door(tmp_path, channels=PLAIN)
    for at in (time.time() - 400, time.time() + 400):
        answer = door.post("/v1/channels/wechat", **account(message(), at=at))
        assert (answer.status_code, told(answer)) == (401, [("timestamp", "stale")])
        assert "set the clock" in answer.json()["detail"]
    request = account(message())
    assert [door.post("/v1/channels/wechat", **request).text for _ in range(2)] == ["success", "success"]
    first, second = (json.loads(each.value or b"")["id"] for each in door.published)
    assert first == second, "the same again within that time is the same contact"
    echo = account("", at=1776650000)["params"] | {"echostr": "17"}
    assert door.send("GET", "/v1/channels/wechat", params=echo).status_code == 401
    assert door.send("GET", "/v1/channels/wechat", params=account("")["params"] | {"echostr": "17"}).text == "17"
