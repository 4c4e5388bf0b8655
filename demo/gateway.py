"""What providers say afterwards: an SMS gateway reports what became of its messages, a mail server sends mail back."""

import smtplib
import uuid
from datetime import datetime, timedelta
from email.message import Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from functools import partial
from random import Random
from typing import Any, Literal

from demo.doors import ChannelDoors
from demo.people import bounces, unreachable
from demo.timetable import NotAccepted, Timetable

REPORTED = 0.9
"""Share of the messages that arrive of which the gateway tells it."""
COMPLAINTS = "complaints@carrier.example"


class DemoGateway:
    """The gateway and the mail server of the customers."""

    def __init__(self, doors: ChannelDoors, timetable: Timetable, mail_port: int, seed: int) -> None:
        self._doors = doors
        self._timetable = timetable
        self._mail_port = mail_port
        self._seed = seed

    def sent_sms(self, message: dict[str, Any]) -> None:
        """Report what became of an SMS, some minutes later."""
        rng = Random(f"{self._seed}/report/{message['id']}")
        state = state_of(message["to"], rng)
        if state is None:
            return
        body = {"id": message["id"], "state": state} | ({"reason": "no such subscriber"} if state == "failed" else {})
        self._later(rng, partial(self._doors.report, body))

    def sent_mail(self, message: dict[str, Any]) -> None:
        """Send a mail back that nobody is there for."""
        for each in message["to"]:
            if bounces(each):
                rng = Random(f"{self._seed}/bounce/{message['message_id']}")
                self._later(rng, partial(self._bounce, each, message["message_id"]))

    def _later(self, rng: Random, what: Any) -> None:
        self._timetable.at(self._timetable.clock.now() + timedelta(minutes=rng.uniform(1, 10)), what)

    def _bounce(self, address: str, message_id: str) -> None:
        report = delivery_report(address, message_id, self._timetable.clock.now())
        try:
            with smtplib.SMTP("127.0.0.1", self._mail_port, timeout=15) as server:
                # Reports of mail servers come from nobody, so that they never come back themselves (RFC 3464).
                server.sendmail("", [COMPLAINTS], report.as_bytes())
        except (OSError, smtplib.SMTPException) as error:
            raise NotAccepted from error


def state_of(phone: str, rng: Random) -> Literal["delivered", "failed"] | None:
    """Return what a gateway reports of a message; None: it does not."""
    if unreachable(phone):
        return "failed"
    return "delivered" if rng.random() < REPORTED else None


def delivery_report(address: str, message_id: str, at: datetime) -> Message:
    """Return what a mail server sends back of a mail that it cannot deliver (RFC 3464)."""
    report = MIMEMultipart("report", report_type="delivery-status")
    report["From"] = "MAILER-DAEMON@mail.example"
    report["To"] = COMPLAINTS
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Date"] = format_datetime(at)
    report["Message-ID"] = f"<{uuid.uuid5(uuid.NAMESPACE_URL, message_id)}@mail.example>"
    report.attach(MIMEText(f"{address}: no such mailbox\n"))
    status = Message()
    status["Content-Type"] = "message/delivery-status"
    server, recipient = Message(), Message()
    server["Reporting-MTA"] = "dns; mail.example"
    recipient["Final-Recipient"] = f"rfc822; {address}"
    recipient["Action"] = "failed"
    recipient["Status"] = "5.1.1"
    status.set_payload([server, recipient])
    report.attach(status)
    original = Message()
    original["From"], original["To"], original["Message-ID"] = COMPLAINTS, address, message_id
    report.attach(MIMEMessage(original))
    return report
