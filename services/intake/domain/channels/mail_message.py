"""Reads one mail: headers, the text that its author wrote, attachments, and whether a machine sent it. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import errors, message_from_bytes
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from functools import cached_property
from typing import Any

from services.domain.ticket_number import PATTERN, find_ticket_numbers
from services.intake.domain.channels.html_text import MAX_HTML_LENGTH, html_to_text, strip_inline_images
from services.intake.domain.channels.mail_header import (
    MAX_DECODED_LENGTH,
    RawHeaderPolicy,
    decode_bytes,
    decode_header_text,
)
from services.intake.domain.fields import bounded_id, clean
from services.intake.domain.times import EARLIEST, LATEST

_TRUNCATED_DEFECTS = (errors.StartBoundaryNotFoundDefect, errors.CloseBoundaryNotFoundDefect)
_NOTICE = re.compile(rf"<notice\.({PATTERN})(?:\.[^@<>\s]*)?@")
"""The Message-ID of a mail that the notifier sent; holds the ticket's number."""
_QUOTED = re.compile(
    r"^(?:[-_ ]*(?:原始邮件|原邮件|回复的原邮件|转发的原邮件|Original Message|Forwarded message)[-_ ]*+"
    r"|在.{4,80}写道[:：]|On .{6,120} wrote:|_{20,})\s*$",
    re.MULTILINE | re.IGNORECASE,
)
"""The line with which mail programs begin a quoted mail."""
_HEADERS = re.compile(
    r"^(?:发件人|From)[:：].*\n(?:(?:发送时间|发送日期|日期|收件人|抄送|主题|Sent|Date|To|Cc|Subject)[:：].*\n?){1,}",
    re.MULTILINE,
)
"""The copied headers with which mail programs begin a quoted mail."""
_RETURNED_TYPES = ("text/rfc822-headers", "message/rfc822", "message/global-headers")
"""Media types of the returned mail in a bounce."""
_REPORT_TYPES = ("message/delivery-status", "message/global-delivery-status")
"""Media types of the machine-readable part of a bounce (RFC 3464)."""
MAX_LINES = 500_000
"""Lines of a mail; the largest allowed mail has some 350,000."""
MAX_PARTS = 50_000
"""Lines that may be the boundary of a part."""
MAX_BOUNDARY_CHECKS = 10_000_000
"""Lines times multipart headers: the parser compares each line with the boundary of every open multipart."""
_AUTOMATIC_PRECEDENCE = frozenset({"auto_reply", "auto-reply", "autoreply", "junk"})
"""Values of Precedence in automatic replies."""


@dataclass(frozen=True, slots=True)
class MailAttachment:
    """A file attached to a mail."""

    name: str
    media_type: str
    content: bytes


class ParsedMail:
    """One mail; its intact parts can be read even when others are damaged."""

    def __init__(self, body: bytes) -> None:
        self._message: Message = message_from_bytes(body, policy=RawHeaderPolicy())

    @staticmethod
    def exceeds_limits(body: bytes) -> bool:
        """Whether a mail has so many lines or parts that parsing it would take minutes."""
        lines = body.count(b"\n")
        multiparts = len(re.findall(rb"multipart/", body, re.IGNORECASE))
        return lines > MAX_LINES or body.count(b"\n--") > MAX_PARTS or lines * multiparts > MAX_BOUNDARY_CHECKS

    def _header(self, name: str) -> str:
        return decode_header_text(str(self._message.get(name, "")))

    def _header_tail(self, name: str) -> str:
        """Return the undecoded end of a header to which mail programs append, such as References."""
        return clean(str(self._message.get(name, ""))[-MAX_DECODED_LENGTH:])

    @property
    def message_id(self) -> str | None:
        """The Message-ID, shortened to a digest when it is too long; None when it is missing."""
        return bounded_id(clean(str(self._message.get("Message-ID", ""))).strip()) or None

    @property
    def date(self) -> datetime | None:
        """When it was sent, with time zone; None when the Date header is missing or implausible."""
        try:
            date = parsedate_to_datetime(str(self._message.get("Date", "")))
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return date if EARLIEST.year <= date.year <= LATEST else None

    @property
    def sender(self) -> tuple[str | None, str | None]:
        """Name and address of its author; None for a part that is missing or invalid."""
        return self._address("From")

    @property
    def reply_to(self) -> tuple[str | None, str | None]:
        """Name and address to which an answer should go; None for a part that is missing or invalid."""
        return self._address("Reply-To")

    def _address(self, header: str) -> tuple[str | None, str | None]:
        # The address is parsed before the name is decoded: a decoded name may hold what looks like an address.
        name, address = parseaddr(str(self._message.get(header, "")))
        address = clean(address).strip()
        valid = re.fullmatch(r"[^@\s]+@[^@\s]+", address) is not None and len(address) <= 254  # noqa: PLR2004 - RFC 5321
        return decode_header_text(name).strip()[:200] or None, address if valid else None

    @property
    def subject(self) -> str:
        """The subject with whitespace normalised."""
        return " ".join(self._header("Subject").split())

    @property
    def in_reply_to(self) -> str | None:
        """Message-ID of the mail that it answers."""
        return clean(str(self._message.get("In-Reply-To", ""))).strip() or None

    @property
    def ticket_number(self) -> str | None:
        """Number of the ticket that it is about: from the notice that it answers, else from its subject."""
        answered = (_NOTICE.findall(self._header_tail(name)) for name in ("In-Reply-To", "References"))
        numbers = next(filter(None, answered), None) or find_ticket_numbers(self._header("Subject"))
        return str(numbers[-1]) if numbers else None

    @property
    def is_automatic(self) -> bool:
        """Whether a program sent it without a person writing it (RFC 3834)."""
        return (
            self._is_report or self._is_auto_reply or "X-Autoreply" in self._message or "X-Autorespond" in self._message
        )

    @property
    def _is_auto_reply(self) -> bool:
        precedence = str(self._message.get("Precedence", "")).strip().lower()
        # Mailing lists write bulk too, but pass on what people wrote: a complaint sent to a list is a complaint.
        bulk = precedence == "bulk" and "List-Id" not in self._message
        submitted = str(self._message.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
        return submitted != "no" or precedence in _AUTOMATIC_PRECEDENCE or bulk

    @property
    def _is_report(self) -> bool:
        return self._message.get_content_type() == "multipart/report"

    @property
    def is_bounce(self) -> bool:
        """Whether it reports that a mail of ours finally could not be delivered.

        A report of a delay, a delivery or a reading is no bounce. Old mail servers send no report, but a mail with an
        empty return path.
        """
        if self._is_report:
            return any(True for _ in self._failed_deliveries())
        if "X-Failed-Recipients" in self._message:
            return True
        return str(self._message.get("Return-Path", "-")).strip() == "<>" and not self._is_auto_reply

    @property
    def truncated(self) -> bool:
        """Whether it ends before its last boundary."""
        return any(isinstance(defect, _TRUNCATED_DEFECTS) for part in self._message.walk() for defect in part.defects)

    @property
    def text(self) -> str:
        """The text that its author wrote, without quoted mails: the plain text, else the text of the HTML."""
        plain, html = self._text_and_html
        return clean(strip_quoted_text(plain[:MAX_HTML_LENGTH] if plain.strip() else html_to_text(html)))

    @property
    def text_truncated(self) -> bool:
        """Whether its text was too long to be read completely."""
        return any(len(text) > MAX_HTML_LENGTH for text in self._text_and_html)

    @cached_property
    def _text_and_html(self) -> tuple[str, str]:
        """The plain text, and the HTML when the plain text is blank."""
        plain = "\n".join(_part_text(part) for part in self._text_parts("text/plain"))
        pages = self._text_parts("text/html") if not plain.strip() else ()
        return plain, "<p>".join(strip_inline_images(_part_text(page)) for page in pages)

    def _text_parts(self, media_type: str) -> Iterator[Message]:
        return (
            part
            for part in leaf_parts(self._message)
            if part.get_content_type() == media_type and not _is_attachment(part)
        )

    def attachments(self) -> Iterator[MailAttachment]:
        """Yield the attached files and forwarded mails; pictures shown within the text do not count."""
        for number, part in enumerate(leaf_parts(self._message), start=1):
            if part is self._message and not _is_attachment(part):
                continue
            if part.get_content_type() == "message/rfc822":
                mails = part.get_payload()
                content = mails[0].as_bytes() if isinstance(mails, list) and mails else b""  # type: ignore[union-attr]
                yield MailAttachment(f"forwarded-{number}.eml", "message/rfc822", content)
            elif _is_attachment(part):
                payload = part.get_payload(decode=True)
                content = payload if isinstance(payload, bytes) else b""
                yield MailAttachment(_file_name(part) or f"part-{number}", clean(part.get_content_type()), content)

    def _failed_deliveries(self) -> Iterator[Message]:
        """Yield the blocks of a delivery report about recipients to whom the mail will never be delivered."""
        for part in self._message.walk():
            blocks = part.get_payload() if part.get_content_type() in _REPORT_TYPES else ()
            yield from (block for block in blocks if isinstance(block, Message) and _is_failure(block))

    def bounce_report(self) -> dict[str, str]:
        """Return the facts of a bounce: the Message-ID of our mail, the failed recipient and the status."""
        facts: dict[str, str] = {}
        for block in self._failed_deliveries():
            facts |= _failed_recipient(block)
        for part in self._message.walk():
            kind = part.get_content_type()
            if kind in _RETURNED_TYPES and part is not self._message and (original := _original_message_id(part)):
                facts.setdefault("original_message_id", original)
        return facts


def _is_failure(block: Message) -> bool:
    """Whether a recipient's block of a delivery report says that delivery has finally failed (RFC 3464)."""
    action = str(block.get("Action", "")).strip().lower()
    return action == "failed" if action else str(block.get("Status", "")).strip().startswith("5")


def _failed_recipient(block: Message) -> dict[str, str]:
    recipient = str(block.get("Final-Recipient") or block.get("Original-Recipient") or "").rpartition(";")[2].strip()
    facts = {"failed_recipient": recipient, "status": str(block.get("Status", "")).strip()}
    return {name: clean(value)[:200] for name, value in facts.items() if value}


def _original_message_id(part: Message) -> str | None:
    """Return the Message-ID of the mail that a bounce returns, None when it has none."""
    payload: Any = part.get_payload()
    original = payload[0] if isinstance(payload, list) and payload else None
    if original is None:
        content = part.get_payload(decode=True)
        original = message_from_bytes(content) if isinstance(content, bytes) else None
    return clean(str(original.get("Message-ID", ""))).strip()[:200] or None if original is not None else None


def leaf_parts(message: Message) -> Iterator[Message]:
    """Yield the parts of a mail that hold content; a forwarded mail is one part."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        yield message
        return
    for part in message.get_payload():
        if isinstance(part, Message):
            yield from leaf_parts(part)


def _is_attachment(part: Message) -> bool:
    disposition = part.get_content_disposition()
    if disposition == "attachment":
        return True
    if "Content-ID" in part and part.get_content_maintype() == "image":
        return False
    return bool(_file_name(part)) and part.get_content_type() != "message/rfc822"


def _file_name(part: Message) -> str:
    try:
        name = decode_header_text(part.get_filename("") or "")
    except (ValueError, LookupError):
        return "unnamed"
    return clean(name).replace("/", "_").replace("\\", "_").strip()


def _part_text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    return decode_bytes(payload, part.get_content_charset()).replace("\r\n", "\n").replace("\r", "\n")


def strip_quoted_text(text: str) -> str:
    """Remove the mails that a text quotes: all below the first quotation header, and lines that begin with `>`."""
    ends = [match.start() for pattern in (_QUOTED, _HEADERS) if (match := pattern.search(text)) is not None]
    own = text[: min(ends)] if ends else text
    lines = [line for line in own.split("\n") if not line.lstrip().startswith(">")]
    return "\n".join(lines).strip()
