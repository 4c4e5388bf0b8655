"""Mails that are made to cost, mails that machines write, and mails as old programs write them."""

import time

import pytest

from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.intake.channel_registry import channels
from services.intake.domain.channels.html_text import MAX_HTML_LENGTH, html_to_text
from services.intake.domain.channels.mail_header import MAX_DECODED_LENGTH, decode_bytes, decode_header_text
from services.intake.domain.channels.mail_message import MAX_LINES, MAX_PARTS, ParsedMail, strip_quoted_text
from services.intake.domain.envelope import Envelope
from services.intake.domain.fields import MAX_TEXT_LENGTH, InvalidPayload, find_phones
from tests.builders import MORNING

TABLE = channels()
HEAD = b"From: li@mail.example\r\nDate: Thu, 12 Mar 2026 09:00:00 +0800\r\n"
SOON = 2.0
"""Seconds of processor time, for what takes hundredths; what goes back over a text takes minutes for these."""


NEVER_CLOSED = (
    *("<a ", '<a "', "<a b='", "<a =", "<!--", "</", "</script", "<script>", "<script ", "<style>x</style", "<title>"),
    *("<?", "<![", "<", "=", "&", "&#1", "<b> </b>", '"data:', " \n", "\xa0"),
)


def heard(content: bytes) -> Contact | NonTicket:
    (only,) = TABLE["email"].parse(Envelope("s", "email", "carrier", MORNING, "message/rfc822", content))
    assert isinstance(only.content, Contact | NonTicket)
    return only.content


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("many", NEVER_CLOSED)
def test_what_is_never_closed_is_read_once(many: str) -> None:
    began = time.process_time()
    html_to_text(many * 40_000)
    assert time.process_time() - began < SOON


@pytest.mark.parametrize(
    "header", ["=?utf-8?q?a?= ", "=?", "=?gbk?B?", '"', "(", "<", "TS", "a;", "a=b;", ";a*0*=", "\\", " ", "\x80"]
)
@pytest.mark.parametrize("name", ["Subject", "From", "Message-ID", "References", "Date", "Content-Type", "Precedence"])
def test_long_headers_are_cut_before_they_are_read(name: str, header: str) -> None:
    told = f"{name}: ".encode() + header.encode("latin-1") * 20_000 + b"\r\nX-Other: 1\r\n\r\nx"
    began = time.process_time()
    try:
        heard(HEAD + b"Message-ID: <1@x>\r\n" + told if name == "Subject" else told)
    except InvalidPayload as error:
        assert all(each.message for each in error.errors)
    assert time.process_time() - began < SOON


def test_texts_are_cut_before_phones_are_looked_for() -> None:
    began = time.process_time()
    assert len(find_phones("13800000101 " * 200_000)) == 1
    assert time.process_time() - began < SOON
    assert find_phones("x" * MAX_TEXT_LENGTH + " 13800000101") == []


@pytest.mark.parametrize(
    "text", ["Original Message" + " " * 30_000 + "x", "_" * 30_000 + "x", "原始邮件\n" * 20_000 + "x"]
)
def test_what_is_quoted_is_found_in_one_go(text: str) -> None:
    began = time.process_time()
    strip_quoted_text(text)
    assert time.process_time() - began < SOON


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    "body",
    [
        b"\n" * (MAX_LINES + 1),
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * (MAX_PARTS + 1),
        b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (each, each) for each in range(200))
        + b"x\n" * 100_000,
    ],
)
def test_a_mail_of_too_many_lines_or_parts_is_refused_unread(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(InvalidPayload) as caught:
        heard(HEAD + body)
    assert [each.reason for each in caught.value.errors] == ["too_large"]
    assert time.process_time() - began < SOON


def test_what_is_cut_is_flagged() -> None:
    page = b"Content-Type: text/html\r\n\r\n" + b"<br>" * (MAX_HTML_LENGTH // 4) + "断网".encode("gb18030")
    made = heard(HEAD + b"Message-ID: <1@x>\r\n" + page)
    assert isinstance(made, Contact)
    assert {"text_cut", "no_text"} <= set(made.flags)


@pytest.mark.requirement("R2.1")
def test_a_picture_inside_the_text_hides_no_text() -> None:
    picture = b'<img src="data:image/png;base64,' + b"A" * (2 * MAX_HTML_LENGTH) + b'"><p>\xe6\x96\xad\xe7\xbd\x91</p>'
    made = heard(HEAD + b"Message-ID: <1@x>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + picture)
    assert isinstance(made, Contact)
    assert made.text == "断网"
    assert "text_cut" not in made.flags


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a <b>b</b>c</p><p>d</p>", "a bc\nd"),
        ("a &lt;b&gt; c&nbsp;&amp;amp;", "a <b> c &amp;"),
        ("<![if !mso]>x<![endif]><!--[if mso]>y<![endif]-->", "x"),
        ("a < b and c<5", "a < b and c<5"),
        ("<html><head><title>T</title><meta x><body>hi<br/>there", "hi\nthere"),
        ('<a href="x>y">z</a>', "z"),
        ("<STYLE>p{}</STYLE >z<script>if(a<b){'</p>'}</script>!", "z!"),
        ("<td>1<td>2\n3", "1\n2 3"),
        ("&#" + "1" * 9000 + ";x", "\ufffdx"),
        ("", ""),
    ],
)
def test_a_page_says_what_a_reader_reads(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("=?gb2312?B?ts/N+A==?=", "断网"),
        ("=?utf-8?B?5pat?= =?utf-8?B?572R?=", "断网"),
        ("=?undefined?q?a?=", "a"),
        ("=?x-gbk?q?=B6=CF?=", "断"),
        ("\udcb6\udccf", "断"),
        ("\udce6\udc96\udcad", "断"),
        ("plain", "plain"),
    ],
)
def test_headers_in_any_charset(written: str, told: str) -> None:
    assert decode_header_text(written) == told


@pytest.mark.parametrize("charset", ["undefined", "idna", "a\x00", "²", "", None, "unicode_escape", "rot13", "hex"])
def test_a_charset_that_is_none_costs_no_text(charset: str | None) -> None:
    assert decode_bytes("断网".encode(), charset) == "断网"


def test_subjects_that_old_programs_write_without_a_charset() -> None:
    for charset in ("utf-8", "gb18030"):
        told = HEAD + b"Message-ID: <1@x>\r\nSubject: " + "宽带断网".encode(charset) + b"\r\n\r\nx"
        made = heard(told)
        assert isinstance(made, Contact)
        assert made.details["subject"] == "宽带断网"


@pytest.mark.requirement("R2.4")
def test_two_ids_that_begin_alike_are_two_mails() -> None:
    one, two = (heard(HEAD + b"Message-ID: <" + b"a" * 300 + end + b"@x>\r\n\r\nx") for end in (b"1", b"2"))
    assert one.id != two.id
    assert one.message_id != two.message_id
    assert one.id == heard(HEAD + b"Message-ID: <" + b"a" * 300 + b"1@x>\r\n\r\nx").id
    short = heard(HEAD + b"Message-ID: <a@x>\r\n\r\nx")
    assert short.message_id == "<a@x>"


@pytest.mark.parametrize("number", ["TS20260312000001", "TS202603121000000"])
def test_the_last_mail_of_a_long_thread_is_found(number: str) -> None:
    thread = b" ".join(b"<%d@mail.example>" % each for each in range(1500))
    told = (
        HEAD
        + b"Message-ID: <1@x>\r\nReferences: "
        + thread
        + b"\r\n <notice.%s.x@carrier.example>\r\n\r\nx" % number.encode()
    )
    assert len(thread) > MAX_DECODED_LENGTH
    assert ParsedMail(told).ticket_number == number


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
def test_what_machines_write_opens_nothing(headers: str, automatic: bool) -> None:  # noqa: FBT001
    made = heard(HEAD + b"Message-ID: <1@x>\r\n" + headers.encode() + b"\r\n\r\nx")
    assert isinstance(made, NonTicket) is automatic
    if isinstance(made, NonTicket):
        assert made.reason == "auto_reply"
