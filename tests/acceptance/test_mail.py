"""Complaints by mail: replies find their ticket, and the SMTP door limits sizes and connections."""

import smtplib
from contextlib import ExitStack
from email.message import EmailMessage

import pytest

from services.intake.smtp_server import MAX_CONNECTIONS_PER_PEER
from tests.builders import eventually
from tests.system import System


def send_mail(system: System, subject: str, text: str, *, sender: str = "", **headers: str) -> str:
    """Send a mail to the SMTP door and return its Message-ID."""
    name, _ = system.unique_ids()
    message = EmailMessage()
    message["From"] = f"Li <{sender or name}@mail.example>"
    message["To"] = "complaint@carrier.example"
    message["Subject"] = subject
    message["Message-ID"] = f"<{name}@mail.example>"
    for header, value in headers.items():
        message[header.replace("_", "-")] = value
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", system.stack.state.ports["mail"], timeout=30) as smtp:
        smtp.send_message(message)
    return f"<{name}@mail.example>"


@pytest.mark.requirement("R2.1", "R2.4")
def test_a_reply_by_mail_is_a_reminder_on_its_ticket_with_the_reason(system: System) -> None:
    sender, _ = system.unique_ids()
    first = send_mail(system, "宽带断网", "家里宽带断网三天了", sender=sender)
    number = eventually(lambda: system.ticket_of_message(first))
    assert number is not None
    notice_id = f"<notice.{number}.1@carrier.example>"
    reply = send_mail(system, f"回复：您的工单 {number}", "还没有人联系我", sender=sender, In_Reply_To=notice_id)
    assert eventually(lambda: system.ticket_of_message(reply)) == number
    reminded = system.wait_for_event(number, "reminded")
    assert reminded.details is not None
    assert reminded.details["reason"] == "the contact says that it is about this ticket"


@pytest.mark.requirement("R2.5")
def test_the_smtp_door_limits_the_size_of_a_mail_and_the_connections_of_a_peer(system: System) -> None:
    port = system.stack.state.ports["mail"]
    with ExitStack() as connections:
        first = connections.enter_context(smtplib.SMTP("127.0.0.1", port, timeout=30))
        first.ehlo()
        code, reply = first.mail("a@mail.example", ["SIZE=30000000"])
        assert code == 552
        assert b"send large files another way" in reply
        for _ in range(MAX_CONNECTIONS_PER_PEER - 1):
            connections.enter_context(smtplib.SMTP("127.0.0.1", port, timeout=30))
        with pytest.raises(smtplib.SMTPConnectError) as caught:
            smtplib.SMTP("127.0.0.1", port, timeout=30)
        assert caught.value.smtp_code == 421
    message_id = send_mail(system, "宽带断网", "家里宽带断网三天了")
    assert eventually(lambda: system.ticket_of_message(message_id))
