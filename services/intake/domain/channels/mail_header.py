"""Decodes mail headers: in any charset, without a declared charset, and of any length. Pure."""

import re
from email import errors
from email.header import decode_header
from email.policy import Compat32

from services.intake.domain import charsets
from services.intake.domain.fields import clean

MAX_HEADER_LENGTH = 32 * 1024
"""Characters of a header that are read."""
MAX_DECODED_LENGTH = 8 * 1024
"""Characters of a header that are decoded; the standard library's time grows with their square."""
_UNSPECIFIED = frozenset({"ascii", "us-ascii", "unknown-8bit"})
"""Charset names that say nothing about the bytes beyond ASCII."""
_RAW = re.compile("[\udc80-\udcff]")
"""Lone surrogates, which stand for bytes beyond ASCII."""


class RawHeaderPolicy(Compat32):
    """Returns headers as written, cut to `MAX_HEADER_LENGTH`; the default policy replaces undeclared bytes by `?`."""

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - the signature is Policy's
        """Return the undecoded value of a header."""
        return value[:MAX_HEADER_LENGTH]


def decode_header_text(header: str) -> str:
    """Decode a header with its encoded words (RFC 2047) and return its text."""
    header = header[:MAX_DECODED_LENGTH]
    if "=?" not in header and _RAW.search(header) is not None:
        return clean(decode_bytes(header.encode("utf-8", "surrogateescape"), None))
    try:
        chunks = decode_header(header)
    except errors.HeaderParseError:
        return clean(header)
    return clean(
        "".join(chunk if isinstance(chunk, str) else decode_bytes(chunk, charset) for chunk, charset in chunks)
    )


def decode_bytes(content: bytes, charset: str | None) -> str:
    """Decode bytes in a charset; an unspecified one is guessed as UTF-8 or GB18030, an unknown one read as UTF-8."""
    declared = (charset or "ascii").lower().strip()
    codec = None if declared in _UNSPECIFIED else charsets.for_mail(declared)
    if codec is None:
        codec = "utf-8" if declared not in _UNSPECIFIED or _is_valid(content, "utf-8") else "gb18030"
    return content.decode(codec, "replace")


def _is_valid(content: bytes, charset: str) -> bool:
    try:
        content.decode(charset)
    except UnicodeDecodeError:
        return False
    return True
