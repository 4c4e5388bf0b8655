"""Providers' feedback: an SMS gateway's delivery reports and a mail server's bounces."""

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
from demo.scheduler import NotAccepted, TaskScheduler

REPORTED_SHARE = 0.9
"""Share of delivered messages for which the gateway sends a report."""
COMPLAINTS = "complaints@carrier.example"


class DemoGateway:
    """The customers' SMS gateway and mail server."""

    def __init__(self, doors: ChannelDoors, scheduler: TaskScheduler, mail_port: int, seed: int) -> None:
        self._doors = doors
        self._scheduler = scheduler
        self._mail_port = mail_port
        self._seed = seed

    def report_sms(self, message: dict[str, Any]) -> None:
        """Schedule the delivery report of an SMS, some minutes later."""
        rng = Random(f"{self._seed}/report/{message['id']}")
        state = reported_state(message["to"], rng)
        if state is None:
            return
        body = {"id": message["id"], "state": state} | ({"reason": "no such subscriber"} if state == "failed" else {})
        self._schedule(rng, partial(self._doors.report_delivery, body))

    def bounce_mail(self, message: dict[str, Any]) -> None:
        """Schedule a bounce for each address of a mail that no longer exists."""
        for address in message["to"]:
            if bounces(address):
                rng = Random(f"{self._seed}/bounce/{message['message_id']}")
                self._schedule(rng, partial(self._bounce, address, message["message_id"]))

    def _schedule(self, rng: Random, task: Any) -> None:
        self._scheduler.schedule(self._scheduler.clock.now() + timedelta(minutes=rng.uniform(1, 10)), task)

    def _bounce(self, address: str, message_id: str) -> None:
        report = delivery_report(address, message_id, self._scheduler.clock.now())
        try:
            with smtplib.SMTP("127.0.0.1", self._mail_port, timeout=15) as server:
                # An empty sender, so that the report itself never bounces (RFC 3464).
                server.sendmail("", [COMPLAINTS], report.as_bytes())
        except (OSError, smtplib.SMTPException) as error:
            raise NotAccepted from error


def reported_state(phone: str, rng: Random) -> Literal["delivered", "failed"] | None:
    """Return the state that the gateway reports for a message; None: it sends no report."""
    if unreachable(phone):
        return "failed"
    return "delivered" if rng.random() < REPORTED_SHARE else None


def delivery_report(address: str, message_id: str, at: datetime) -> Message:
    """Return the delivery status notification for a mail that could not be delivered (RFC 3464)."""
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
