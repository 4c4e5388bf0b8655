"""What mail servers and SMS gateways say about what we sent, in their own words."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from services.intake import delivery_reports
from services.intake.domain.channels.mail_message import ParsedMail
from services.intake.settings import IntakeSettings
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.errors import Problem

ID = "0d1f6f2c-6d2f-5c5e-9f43-6a2f0c6b7d11"


def report(action: str, status: str, kind: str = "delivery-status") -> ParsedMail:
    told = f"Action: {action}\r\n" if action else ""
    return ParsedMail(
        (
            "From: MAILER-DAEMON@x\r\nReturn-Path: <>\r\nMessage-ID: <1@x>\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: multipart/report; report-type={kind}; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
            f"--b\r\nContent-Type: message/{kind}\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
            f"Final-Recipient: rfc822; a@x\r\n{told}Status: {status}\r\n"
            "--b\r\nContent-Type: message/rfc822\r\n\r\n"
            f"Message-ID: <notice.TS1.{ID}@carrier.example>\r\n\r\nx\r\n--b--\r\n"
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
    mail = report(action, status)
    assert mail.is_bounce is bounce
    assert mail.is_automatic
    assert (mail.bounce_report().get("status") == status) is bounce


def test_who_has_read_a_mail_or_is_out_of_office_sends_no_bounce() -> None:
    assert not report("displayed", "", "disposition-notification").is_bounce
    away = ParsedMail(b"From: a@x\r\nReturn-Path: <>\r\nAuto-Submitted: auto-replied\r\n\r\naway")
    assert (away.is_bounce, away.is_automatic) == (False, True)
    assert ParsedMail(b"From: a@x\r\nReturn-Path: <>\r\n\r\nyour mail could not be delivered").is_bounce


def heard(told: dict[str, Any], **settings: Any) -> Any:
    door: Any = SimpleNamespace(settings=IntakeSettings(**settings), require_clock=SystemClock)
    return delivery_reports._parse_report(told, "gateway", door)


@pytest.mark.requirement("R5.7")
def test_a_gateway_reports_in_its_own_words_and_by_its_own_id() -> None:
    words = {
        "receipt_fields": {"provider_id": "msgid", "state": "stat", "reason": "err"},
        "receipt_words": {"DELIVRD": "delivered", "UNDELIV": "failed", "true": "delivered", "ACCEPTD": "ignored"},
    }
    made = heard({"msgid": 8812, "stat": "UNDELIV", "err": "007", "mobile": "13800000101"}, **words)
    assert (made.notice, made.provider_id, made.state, made.reason) == (None, "8812", "failed", "007")
    assert made.cloud_event.id != heard({"msgid": 8813, "stat": "UNDELIV"}, **words).cloud_event.id
    assert heard({"msgid": "8812", "stat": True}, **words).state == "delivered"
    assert heard({"msgid": "8812", "stat": "ACCEPTD"}, **words) is None
    with pytest.raises(Problem) as caught:
        heard({"msgid": "8812", "stat": "LOST"}, **words)
    assert [each["field"] for each in caught.value.errors] == ["stat"]


def test_our_own_words_stay_as_they_were() -> None:
    made = heard({"id": ID, "state": "failed", "reason": "x" * 300})
    assert (made.notice, made.state, len(made.reason)) == (UUID(ID), "failed", 200)
    with pytest.raises(Problem):
        heard({"state": "failed"})


def test_a_reply_is_to_a_mail_of_ours_or_names_the_ticket_in_its_subject() -> None:
    def ticket(headers: str) -> str | None:
        return ParsedMail(f"From: a@x\r\n{headers}\r\n\r\nhello".encode()).ticket_number

    number = "TS20260312000901"
    assert ticket(f"In-Reply-To: <notice.{number}.{ID}@carrier.example>") == number
    assert ticket(f"References: <1@x>\r\n <notice.{number}@carrier.example>") == number
    assert ticket(f"Subject: Re: {number}") == number
    assert ticket(f"In-Reply-To: <{number}@evil.example>") is None
