"""Headers of mails as people's programs write them: in any charset, with none told, and far too long."""

import re
from email import errors
from email.header import decode_header
from email.policy import Compat32

from services.intake.domain import charsets
from services.intake.domain.fields import clean

MAX_HEADER_LENGTH = 32 * 1024
"""Characters of a header that are looked at."""
MAX_DECODED_LENGTH = 8 * 1024
"""Characters of a header that are decoded; the library's time for it grows with their square."""
_UNSPECIFIED = frozenset({"ascii", "us-ascii", "unknown-8bit"})
_RAW = re.compile("[\udc80-\udcff]")
"""What a byte becomes that is no ASCII."""


class RawHeaderPolicy(Compat32):
    """Gives headers as they were written, cut; the library would put question marks for bytes without a charset."""

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - the protocol
        """Return a header's value, not decoded."""
        return value[:MAX_HEADER_LENGTH]


def decode_header_text(header: str) -> str:
    """Return a header's text; encoded words join without a blank."""
    header = header[:MAX_DECODED_LENGTH]
    if "=?" not in header and _RAW.search(header) is not None:
        return clean(decode_bytes(header.encode("utf-8", "surrogateescape"), None))
    try:
        pieces = decode_header(header)
    except errors.HeaderParseError:
        return clean(header)
    return clean("".join(each if isinstance(each, str) else decode_bytes(each, charset) for each, charset in pieces))


def decode_bytes(content: bytes, charset: str | None) -> str:
    """Return what was written in a charset; in one that nobody told, or that is none, what mail programs here send."""
    told = (charset or "ascii").lower().strip()
    name = None if told in _UNSPECIFIED else charsets.for_mail(told)
    if name is None:
        name = "utf-8" if told not in _UNSPECIFIED or _fits(content, "utf-8") else "gb18030"
    return content.decode(name, "replace")


def _fits(content: bytes, charset: str) -> bool:
    try:
        content.decode(charset)
    except UnicodeDecodeError:
        return False
    return True
