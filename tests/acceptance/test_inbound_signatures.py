"""Webhooks without an API key are accepted only with a valid, recent signature."""

import base64
import hashlib
import hmac
import json
import struct
import time
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from services.intake.domain.channels import wechat
from tests.builders import eventually
from tests.system import System

PUBLIC_URL = "https://complaints.carrier.example/v1/channels/sms"


def post(system: System, channel: str, body: bytes, **options: Any) -> httpx.Response:
    """Post a message to a channel without an API key."""
    return httpx.post(f"{system.stack.intake_url}/v1/channels/{channel}", content=body, **options)


@pytest.mark.requirement("R2.1")
def test_a_signed_sms_is_accepted_without_a_key_and_a_forged_one_is_not(system: System) -> None:
    name, phone = system.unique_ids()
    form = {"MessageSid": name, "From": f"+86{phone}", "Body": "4G没有信号", "NumMedia": "0"}
    signed = PUBLIC_URL + "".join(f"{key}{form[key]}" for key in sorted(form))
    signature = base64.b64encode(hmac.new(b"sms-secret", signed.encode(), hashlib.sha1).digest()).decode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
    response = post(system, "sms", urlencode(form).encode(), headers=headers)
    assert response.status_code == 202, response.text
    assert eventually(lambda: system.ticket_of_message(name))
    forged = post(system, "sms", urlencode(form | {"Body": "x"}).encode(), headers=headers)
    assert (forged.status_code, forged.headers["content-type"]) == (401, "application/problem+json")


@pytest.mark.requirement("R2.1")
def test_a_signed_chat_message_is_accepted_only_while_it_is_recent(system: System) -> None:
    name, _ = system.unique_ids()
    message = {
        "event": "message_created",
        "id": int(time.time_ns()),
        "content": "套餐不对",
        "message_type": "incoming",
        "private": False,
        "created_at": "2026-03-12T01:00:00Z",
        "conversation": {"id": 1, "meta": {"sender": {"identifier": name, "name": "小王"}}},
    }
    body = json.dumps(message).encode()

    def status_of_message_signed_at(at: int) -> int:
        signature = hmac.new(b"chat-secret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Chatwoot-Signature": f"sha256={signature}", "X-Chatwoot-Timestamp": str(at)}
        return post(system, "app_im", body, headers=headers).status_code

    assert status_of_message_signed_at(int(time.time()) - 3600) == 401
    assert status_of_message_signed_at(int(time.time())) == 202
    assert eventually(lambda: system.ticket_of_message(str(message["id"])))


@pytest.mark.requirement("R2.1")
def test_wechat_s_url_check_is_echoed_only_with_a_valid_signature(system: System) -> None:
    stamp = {"timestamp": str(int(time.time())), "nonce": "n"}
    signed = stamp | {"signature": wechat.compute_signature("sampletoken", *stamp.values())}
    url = f"{system.stack.intake_url}/v1/channels/wechat"
    assert httpx.get(url, params=signed | {"echostr": "17"}).text == "17"
    assert httpx.get(url, params=stamp | {"signature": "0", "echostr": "17"}).status_code == 401


@pytest.mark.requirement("R2.1")
def test_an_encrypted_wechat_message_becomes_a_ticket_and_a_plain_one_is_refused(system: System) -> None:
    stamp = {"timestamp": str(int(time.time())), "nonce": "n"}
    name, _ = system.unique_ids()
    message_id = str(time.time_ns())
    message = f"<xml><FromUserName>{name}</FromUserName><CreateTime>1776650000</CreateTime><MsgType>text</MsgType>"
    message += f"<Content>宽带断网</Content><MsgId>{message_id}</MsgId></xml>"
    signed = stamp | {"signature": wechat.compute_signature("sampletoken", *stamp.values())}
    plain = post(system, "wechat", message.encode(), params=signed)
    assert plain.status_code == 401, "the test account accepts encrypted messages only"
    encrypted = _encrypt(message)
    signature = wechat.compute_signature("sampletoken", *stamp.values(), encrypted)
    body = f"<xml><ToUserName>gh</ToUserName><Encrypt>{encrypted}</Encrypt></xml>".encode()
    params = stamp | {"encrypt_type": "aes", "msg_signature": signature}
    for _ in range(2):
        response = post(system, "wechat", body, params=params)
        assert (response.status_code, response.text) == (200, "success")
    assert eventually(lambda: system.ticket_of_message(message_id))


def _encrypt(message: str) -> str:
    """Encrypt a message with the key of the test account in tests/channels.toml."""
    key = base64.b64decode("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    content = message.encode()
    plain = b"r" * 16 + struct.pack(">I", len(content)) + content + b"wx0000000000000001"
    padding = 32 - len(plain) % 32
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()).decode()
