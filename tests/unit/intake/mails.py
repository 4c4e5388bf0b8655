"""Parses mails with the channel email, for the tests of its modules."""

from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from tests.unit.intake.parsing import parse

HEAD = b"From: li@mail.example\r\nDate: Thu, 12 Mar 2026 09:00:00 +0800\r\n"
TIME_LIMIT = 2.0
"""Seconds of processor time for what takes hundredths; an algorithm that rescans the text takes minutes."""


def parse_mail(content: bytes) -> Contact | NonTicket:
    (only,) = parse("email", content, "message/rfc822")
    assert isinstance(only.content, Contact | NonTicket)
    return only.content


def parse_mail_contact(content: bytes) -> Contact:
    contact = parse_mail(HEAD + b"Message-ID: <1@x>\r\n" + content)
    assert isinstance(contact, Contact)
    return contact
