"""Tests of the SMTP door: its limits, and what it tells a mail server when a mail cannot be stored."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.smtp import Envelope

from services.intake.smtp_server import TRY_AGAIN, ConnectionLimiter, MailHandler
from services.shared.runtime.errors import Retryable
from tests.unit.intake.http_door import HttpDoor

MAIL = b"From: a@b.example\r\nMessage-ID: <1@b.example>\r\nSubject: x\r\n\r\nslow\r\n"


@pytest.mark.requirement("R2.5")
def test_connections_are_limited_per_peer_and_in_total() -> None:
    connections = ConnectionLimiter(2, 3)
    assert [connections.acquire(peer) for peer in "aaabb"] == [True, True, False, True, False]
    connections.release("a")
    assert connections.acquire("a")
    connections.release("b")
    assert connections.acquire("c")


def reply(door: HttpDoor) -> str:
    """Return what the door answers to a mail."""
    envelope = Envelope()
    envelope.mail_from, envelope.content = "a@b.example", MAIL
    unused = cast("Any", None)
    return asyncio.run(MailHandler(door.context).handle_DATA(unused, unused, envelope))


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(("reason", "code"), [("too_large", "552 5.3.4"), ("not_published", "554 5.6.0")])
def test_a_mail_that_can_never_be_stored_is_not_asked_for_again(tmp_path: Path, reason: str, code: str) -> None:
    door = HttpDoor(tmp_path)
    door.broker.rejects = lambda _: reason
    assert reply(door).startswith(code)
    assert door.counter("messages_unusable", channel="email", reason=reason) == 1


def test_a_mail_is_asked_for_again_while_the_broker_is_away(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path)
    door.broker.error = Retryable("gone")
    assert reply(door) == TRY_AGAIN
    door.broker.error = None
    assert reply(door).startswith("250")
