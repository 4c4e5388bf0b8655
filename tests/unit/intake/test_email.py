"""Tests of the adapter for mail: limits, what is cut, and which mails open no ticket."""

import time

import pytest

from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.intake.domain.channels.html_text import MAX_HTML_LENGTH
from services.intake.domain.channels.mail_message import MAX_LINES, MAX_PARTS
from services.intake.domain.fields import InvalidPayload
from tests.unit.intake.mails import HEAD, TIME_LIMIT, parse_mail, parse_mail_contact
from tests.unit.intake.parsing import reasons


@pytest.mark.parametrize(
    "header", ["=?utf-8?q?a?= ", "=?", "=?gbk?B?", '"', "(", "<", "TS", "a;", "a=b;", ";a*0*=", "\\", " ", "\x80"]
)
@pytest.mark.parametrize("name", ["Subject", "From", "Message-ID", "References", "Date", "Content-Type", "Precedence"])
def test_a_long_header_is_cut_before_it_is_parsed(name: str, header: str) -> None:
    mail = f"{name}: ".encode() + header.encode("latin-1") * 20_000 + b"\r\nX-Other: 1\r\n\r\nx"
    began = time.process_time()
    try:
        parse_mail(HEAD + b"Message-ID: <1@x>\r\n" + mail if name == "Subject" else mail)
    except InvalidPayload as error:
        assert all(cause.message for cause in error.errors)
    assert time.process_time() - began < TIME_LIMIT


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    "body",
    [
        b"\n" * (MAX_LINES + 1),
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * (MAX_PARTS + 1),
        b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (number, number) for number in range(200))
        + b"x\n" * 100_000,
    ],
)
def test_a_mail_with_too_many_lines_or_parts_is_rejected_unparsed(body: bytes) -> None:
    began = time.process_time()
    assert reasons(lambda: parse_mail(HEAD + body)) == {"body": "too_large"}
    assert time.process_time() - began < TIME_LIMIT


def test_a_text_that_is_cut_is_flagged() -> None:
    page = b"Content-Type: text/html\r\n\r\n" + b"<br>" * (MAX_HTML_LENGTH // 4) + "断网".encode("gb18030")
    assert {"text_cut", "no_text"} <= set(parse_mail_contact(page).flags)


@pytest.mark.requirement("R2.1")
def test_an_inline_picture_hides_no_text() -> None:
    picture = b'<img src="data:image/png;base64,' + b"A" * (2 * MAX_HTML_LENGTH) + b'"><p>\xe6\x96\xad\xe7\xbd\x91</p>'
    contact = parse_mail_contact(b"Content-Type: text/html; charset=utf-8\r\n\r\n" + picture)
    assert contact.text == "断网"
    assert "text_cut" not in contact.flags


@pytest.mark.parametrize(("written", "stored"), [("", "a/b"), ("text/\x00x", "text/x")])
def test_any_media_type_of_an_attachment_can_be_stored(written: str, stored: str) -> None:
    mail = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\n"
    mail += f"Content-Type: {written or 'a/b'}; name=f.txt\n\nx\n--b--\n"
    assert [evidence.media_type for evidence in parse_mail_contact(mail.encode()).evidence] == [stored]


@pytest.mark.requirement("R2.4")
def test_two_long_message_ids_with_the_same_beginning_stay_different() -> None:
    def mail_with_id(message_id: bytes) -> Contact:
        contact = parse_mail(HEAD + b"Message-ID: <" + message_id + b"@x>\r\n\r\nx")
        assert isinstance(contact, Contact)
        return contact

    one, two = (mail_with_id(b"a" * 300 + end) for end in (b"1", b"2"))
    assert one.id != two.id
    assert one.message_id != two.message_id
    assert one.id == mail_with_id(b"a" * 300 + b"1").id
    assert mail_with_id(b"a").message_id == "<a@x>"


@pytest.mark.requirement("R2.1")
@pytest.mark.parametrize(
    ("headers", "automatic"),
    [
        ("Precedence: auto_reply", True),
        ("Precedence: Junk", True),
        ("Precedence: bulk", True),
        ("Precedence: bulk\r\nList-Id: <service.carrier.example>", False),
        ("Precedence: list\r\nList-Id: <service.carrier.example>", False),
        ("List-Id: <service.carrier.example>", False),
        ("Auto-Submitted: auto-replied; x=y", True),
        ("Auto-Submitted: no", False),
        ("Precedence: first-class", False),
        ("X-Auto-Response-Suppress: All", False),
    ],
)
def test_an_automatic_mail_opens_no_ticket(headers: str, automatic: bool) -> None:  # noqa: FBT001
    parsed = parse_mail(HEAD + b"Message-ID: <1@x>\r\n" + headers.encode() + b"\r\n\r\nx")
    assert isinstance(parsed, NonTicket) is automatic
    if isinstance(parsed, NonTicket):
        assert parsed.reason == "auto_reply"
