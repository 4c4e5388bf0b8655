"""Reading one mail: headers with their charsets, the text of its writer alone, attachments, and what a machine sent."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import errors, message_from_bytes
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from functools import cached_property
from typing import Any

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
_TICKET = re.compile(r"(?<![A-Za-z0-9])TS[0-9]{14}(?![0-9])")
_NOTICE = re.compile(r"<notice\.(TS[0-9]{14})(?:\.[^@<>\s]*)?@")
"""The Message-ID of a mail of ours (the notifier's means.py)."""
_QUOTED = re.compile(
    r"^(?:[-_ ]*(?:原始邮件|原邮件|回复的原邮件|转发的原邮件|Original Message|Forwarded message)[-_ ]*+"
    r"|在.{4,80}写道[:：]|On .{6,120} wrote:|_{20,})\s*$",
    re.MULTILINE | re.IGNORECASE,
)
_HEADERS = re.compile(
    r"^(?:发件人|From)[:：].*\n(?:(?:发送时间|发送日期|日期|收件人|抄送|主题|Sent|Date|To|Cc|Subject)[:：].*\n?){1,}",
    re.MULTILINE,
)
_RETURNED_TYPES = ("text/rfc822-headers", "message/rfc822", "message/global-headers")
_REPORT_TYPES = ("message/delivery-status", "message/global-delivery-status")


MAX_LINES = 500_000
"""Lines of a mail: the largest has some 350,000."""
MAX_PARTS = 50_000
"""Lines that may begin a part."""
MAX_BOUNDARY_CHECKS = 10_000_000
"""Lines times parts that hold parts: each line may be the end of any of them."""
_AUTOMATIC_PRECEDENCE = frozenset({"auto_reply", "auto-reply", "autoreply", "junk"})
"""What programs that answer by themselves write for Precedence."""


@dataclass(frozen=True, slots=True)
class MailAttachment:
    """A part of a mail that its writer attached."""

    name: str
    media_type: str
    content: bytes


class ParsedMail:
    """One mail; whatever is broken in it, what is whole can be read."""

    def __init__(self, body: bytes) -> None:
        self._message: Message = message_from_bytes(body, policy=RawHeaderPolicy())

    @staticmethod
    def exceeds_limits(body: bytes) -> bool:
        """Whether a mail is made of so many lines or parts that reading it would take minutes."""
        lines = body.count(b"\n")
        within = len(re.findall(rb"multipart/", body, re.IGNORECASE))
        return lines > MAX_LINES or body.count(b"\n--") > MAX_PARTS or lines * within > MAX_BOUNDARY_CHECKS

    def _header(self, name: str) -> str:
        return decode_header_text(str(self._message.get(name, "")))

    def _header_tail(self, name: str) -> str:
        """Return a header that grows at its end."""
        return clean(str(self._message.get(name, ""))[-MAX_DECODED_LENGTH:])

    @property
    def message_id(self) -> str | None:
        """Its own id, None without one; the digest of one that is too long."""
        return bounded_id(clean(str(self._message.get("Message-ID", ""))).strip()) or None

    @property
    def date(self) -> datetime | None:
        """When its writer sent it, None when the header is missing or cannot be right."""
        try:
            told = parsedate_to_datetime(str(self._message.get("Date", "")))
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        told = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
        return told if EARLIEST.year <= told.year <= LATEST else None

    @property
    def sender(self) -> tuple[str | None, str | None]:
        """Name and address of its writer."""
        # The address first, the name's words after: a decoded name may hold what would look like an address.
        name, address = parseaddr(str(self._message.get("From", "")))
        address = clean(address).strip()
        usable = re.fullmatch(r"[^@\s]+@[^@\s]+", address) is not None and len(address) <= 254  # noqa: PLR2004 - RFC 5321
        return decode_header_text(name).strip()[:200] or None, address if usable else None

    @property
    def subject(self) -> str:
        """What it is about."""
        return " ".join(self._header("Subject").split())

    @property
    def in_reply_to(self) -> str | None:
        """Id of the mail that it answers."""
        return clean(str(self._message.get("In-Reply-To", ""))).strip() or None

    @property
    def ticket_number(self) -> str | None:
        """Number of the ticket that it replies about: from the mail it answers, else from its subject."""
        answered = (_NOTICE.findall(self._header_tail(name)) for name in ("In-Reply-To", "References"))
        found = next((each for each in answered if each), None) or _TICKET.findall(self._header("Subject"))
        return str(found[-1]) if found else None

    @property
    def is_automatic(self) -> bool:
        """Whether a machine sent it (RFC 3834)."""
        return (
            self._is_report or self._is_auto_reply or "X-Autoreply" in self._message or "X-Autorespond" in self._message
        )

    @property
    def _is_auto_reply(self) -> bool:
        precedence = str(self._message.get("Precedence", "")).strip().lower()
        # Lists write bulk too, and pass on what people write: a complaint by way of a list is one.
        alone = precedence == "bulk" and "List-Id" not in self._message
        submitted = str(self._message.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
        return submitted != "no" or precedence in _AUTOMATIC_PRECEDENCE or alone

    @property
    def _is_report(self) -> bool:
        return self._message.get_content_type() == "multipart/report"

    @property
    def is_bounce(self) -> bool:
        """Whether it reports a mail of ours that could not be delivered, for good.

        A report of a delay, of an arrival or that somebody has read it is none. Old mail servers send no report, but a
        mail without a sender.
        """
        if self._is_report:
            return any(True for _ in self._failed_deliveries())
        if "X-Failed-Recipients" in self._message:
            return True
        return str(self._message.get("Return-Path", "-")).strip() == "<>" and not self._is_auto_reply

    @property
    def truncated(self) -> bool:
        """Whether it ends in the middle."""
        return any(isinstance(defect, _TRUNCATED_DEFECTS) for part in self._message.walk() for defect in part.defects)

    @property
    def text(self) -> str:
        """What its writer wrote: plain text, else the text of its HTML; without what it quotes."""
        plain, html = self._text_and_html
        return clean(strip_quoted_text(plain[:MAX_HTML_LENGTH] if plain.strip() else html_to_text(html)))

    @property
    def text_truncated(self) -> bool:
        """Whether it is so long that its text is not all of it."""
        return any(len(each) > MAX_HTML_LENGTH for each in self._text_and_html)

    @cached_property
    def _text_and_html(self) -> tuple[str, str]:
        """Its plain text, and where that says nothing its HTML."""
        plain = "\n".join(_part_text(each) for each in self._texts("text/plain"))
        pages = self._texts("text/html") if not plain.strip() else ()
        return plain, "<p>".join(strip_inline_images(_part_text(each)) for each in pages)

    def _texts(self, media_type: str) -> Iterator[Message]:
        return (
            each
            for each in leaf_parts(self._message)
            if each.get_content_type() == media_type and not _is_attachment(each)
        )

    def attachments(self) -> Iterator[MailAttachment]:
        """Return what its writer attached; pictures inside its text are none."""
        for number, each in enumerate(leaf_parts(self._message), start=1):
            if each is self._message and not _is_attachment(each):
                continue
            if each.get_content_type() == "message/rfc822":
                inner = each.get_payload()
                content = inner[0].as_bytes() if isinstance(inner, list) and inner else b""  # type: ignore[union-attr]
                yield MailAttachment(f"forwarded-{number}.eml", "message/rfc822", content)
            elif _is_attachment(each):
                payload = each.get_payload(decode=True)
                content = payload if isinstance(payload, bytes) else b""
                yield MailAttachment(_file_name(each) or f"part-{number}", clean(each.get_content_type()), content)

    def _failed_deliveries(self) -> Iterator[Message]:
        """Return the parts of a delivery report about recipients who never will get the mail."""
        for each in self._message.walk():
            blocks = each.get_payload() if each.get_content_type() in _REPORT_TYPES else ()
            yield from (block for block in blocks if isinstance(block, Message) and _is_failure(block))

    def bounce_report(self) -> dict[str, str]:
        """Return what a bounce tells: which mail of ours, to whom, and why."""
        told: dict[str, str] = {}
        for block in self._failed_deliveries():
            told |= _failed_recipient(block)
        for each in self._message.walk():
            kind = each.get_content_type()
            if kind in _RETURNED_TYPES and each is not self._message and (original := _original_message_id(each)):
                told.setdefault("original_message_id", original)
        return told


def _is_failure(block: Message) -> bool:
    """Whether a recipient's part of a delivery report says that the mail never will arrive (RFC 3464)."""
    action = str(block.get("Action", "")).strip().lower()
    return action == "failed" if action else str(block.get("Status", "")).strip().startswith("5")


def _failed_recipient(block: Message) -> dict[str, str]:
    who = str(block.get("Final-Recipient") or block.get("Original-Recipient") or "").rpartition(";")[2].strip()
    found = {"failed_recipient": who, "status": str(block.get("Status", "")).strip()}
    return {name: clean(value)[:200] for name, value in found.items() if value}


def _original_message_id(part: Message) -> str | None:
    payload: Any = part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    if inner is None:
        content = part.get_payload(decode=True)
        inner = message_from_bytes(content) if isinstance(content, bytes) else None
    return clean(str(inner.get("Message-ID", ""))).strip()[:200] or None if inner is not None else None


def leaf_parts(message: Message) -> Iterator[Message]:
    """Return the parts of a mail, without looking into mails that are forwarded in it."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        yield message
        return
    for each in message.get_payload():
        if isinstance(each, Message):
            yield from leaf_parts(each)


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
    """Return a text without the mail that it quotes below."""
    ends = [found.start() for pattern in (_QUOTED, _HEADERS) if (found := pattern.search(text)) is not None]
    kept = text[: min(ends)] if ends else text
    lines = [each for each in kept.split("\n") if not each.lstrip().startswith(">")]
    return "\n".join(lines).strip()
