"""Tests of reading a mail: its text, the ticket it is about, and whether a machine sent it."""

import time

import pytest

from services.intake.domain.channels.mail_header import MAX_DECODED_LENGTH
from services.intake.domain.channels.mail_message import ParsedMail, strip_quoted_text
from tests.unit.intake.mails import HEAD, TIME_LIMIT

NOTICE_ID = "0d1f6f2c-6d2f-5c5e-9f43-6a2f0c6b7d11"


def delivery_report(action: str, status: str, kind: str = "delivery-status") -> ParsedMail:
    action_line = f"Action: {action}\r\n" if action else ""
    return ParsedMail(
        (
            "From: MAILER-DAEMON@x\r\nReturn-Path: <>\r\nMessage-ID: <1@x>\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: multipart/report; report-type={kind}; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
            f"--b\r\nContent-Type: message/{kind}\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
            f"Final-Recipient: rfc822; a@x\r\n{action_line}Status: {status}\r\n"
            "--b\r\nContent-Type: message/rfc822\r\n\r\n"
            f"Message-ID: <notice.TS1.{NOTICE_ID}@carrier.example>\r\n\r\nx\r\n--b--\r\n"
        ).encode()
    )


@pytest.mark.parametrize(
    ("action", "status", "bounce"),
    [
        ("failed", "5.1.1", True),
        ("Failed", "4.4.7", True),
        ("", "5.1.1", True),
        ("delayed", "4.4.1", False),
        ("delivered", "2.0.0", False),
        ("relayed", "2.0.0", False),
        ("expanded", "2.0.0", False),
        ("", "4.4.1", False),
    ],
)
def test_only_a_report_of_a_failure_is_a_bounce(action: str, status: str, bounce: bool) -> None:  # noqa: FBT001
    mail = delivery_report(action, status)
    assert mail.is_bounce is bounce
    assert mail.is_automatic
    assert (mail.bounce_report().get("status") == status) is bounce


def test_a_read_receipt_or_an_out_of_office_reply_is_no_bounce() -> None:
    assert not delivery_report("displayed", "", "disposition-notification").is_bounce
    away = ParsedMail(b"From: a@x\r\nReturn-Path: <>\r\nAuto-Submitted: auto-replied\r\n\r\naway")
    assert (away.is_bounce, away.is_automatic) == (False, True)
    assert ParsedMail(b"From: a@x\r\nReturn-Path: <>\r\n\r\nyour mail could not be delivered").is_bounce


def test_a_reply_concerns_the_ticket_of_the_notice_it_answers_or_of_its_subject() -> None:
    def ticket_number(headers: str) -> str | None:
        return ParsedMail(f"From: a@x\r\n{headers}\r\n\r\nhello".encode()).ticket_number

    number = "TS20260312000901"
    assert ticket_number(f"In-Reply-To: <notice.{number}.{NOTICE_ID}@carrier.example>") == number
    assert ticket_number(f"References: <1@x>\r\n <notice.{number}@carrier.example>") == number
    assert ticket_number(f"Subject: Re: {number}") == number
    assert ticket_number(f"In-Reply-To: <{number}@evil.example>") is None


@pytest.mark.parametrize("number", ["TS20260312000001", "TS202603121000000"])
def test_the_last_notice_of_a_long_thread_is_found(number: str) -> None:
    thread = b" ".join(b"<%d@mail.example>" % each for each in range(1500))
    mail = (
        HEAD
        + b"Message-ID: <1@x>\r\nReferences: "
        + thread
        + b"\r\n <notice.%s.x@carrier.example>\r\n\r\nx" % number.encode()
    )
    assert len(thread) > MAX_DECODED_LENGTH
    assert ParsedMail(mail).ticket_number == number


@pytest.mark.parametrize(
    "text", ["Original Message" + " " * 30_000 + "x", "_" * 30_000 + "x", "原始邮件\n" * 20_000 + "x"]
)
def test_a_quoted_mail_is_found_in_one_pass(text: str) -> None:
    began = time.process_time()
    strip_quoted_text(text)
    assert time.process_time() - began < TIME_LIMIT


@pytest.mark.requirement("R2.4")
def test_the_address_for_answers_goes_before_the_sender_s() -> None:
    """Two customers of one no-reply mailer were one person."""
    assert ParsedMail(b"From: web <noreply@web.example>\r\nReply-To: Li <li@a.example>\r\n\r\nx").reply_to == (
        "Li",
        "li@a.example",
    )
    assert ParsedMail(b"From: li@a.example\r\n\r\nx").reply_to == (None, None)
