"""Decodes CSV files as office programs write them: detects the charset and keeps undecodable bytes to their own row."""

import codecs
import itertools
import re
from collections import deque
from io import TextIOWrapper
from typing import BinaryIO

from services.intake.domain import charsets
from services.intake.domain.fields import invalid_payload

FALLBACK_CHARSET = "gb18030"
"""Charset of a file that is not UTF-8."""
BLOCK_BYTES = 1 << 20
"""Bytes that are read at once while detecting the charset."""
_NON_ASCII = re.compile("[^\x00-\x7f]")
_UNDECODED = re.compile("[\udc80-\udcff]")
"""Lone surrogates, which stand for the bytes that could not be decoded."""


def has_undecodable_bytes(text: str) -> bool:
    """Whether a decoded text holds bytes that were not valid in its charset."""
    return _UNDECODED.search(text) is not None


def open_text(file: BinaryIO, charset: str | None) -> TextIOWrapper:
    """Open a CSV file as text; undecodable bytes are kept as lone surrogates.

    Args:
        file: the CSV file.
        charset: as the sender names it; None: it is detected.

    Raises:
        InvalidPayload: the charset is unknown or not allowed for files.

    """
    name = _detect_charset(file) if charset is None else charsets.for_file(charset)
    if name is None:
        message = f"a CSV file cannot be read in charset {str(charset)[:40]!r}: save the file as UTF-8 or GB18030"
        raise invalid_payload("charset", "bad_encoding", message)
    return TextIOWrapper(file, encoding="utf-8-sig" if name == "utf-8" else name, errors="surrogateescape", newline="")


def _detect_charset(file: BinaryIO) -> str:
    """Return UTF-8 or GB18030; the position in the file does not change.

    Chinese text in GB18030 is hardly ever valid UTF-8, while most UTF-8 can be decoded as GB18030. So the file is taken
    for UTF-8 when it holds at least as many non-ASCII characters of UTF-8 as bytes that are not; a single bad byte does
    not decide.
    """
    start = file.tell()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    decoded = undecodable = 0
    at_end = False
    while not at_end:
        block = file.read(BLOCK_BYTES)
        at_end = not block
        text = decoder.decode(block, at_end)
        failed = len(_UNDECODED.findall(text))
        undecodable += failed
        decoded += len(_NON_ASCII.findall(text)) - failed
    file.seek(start)
    return "utf-8" if decoded >= undecodable else FALLBACK_CHARSET


class LineDecoder:
    """Iterates over the lines of a CSV file and remembers those of the current row, which may span several lines."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self._row: list[str] = []
        self._ahead: deque[str] = deque()

    def peek(self, count: int) -> list[str]:
        """Return the first lines, at most `count` and about a block of them, which are iterated over nevertheless."""
        length = 0
        for line in itertools.islice(self._text, count):
            self._ahead.append(line)
            length += len(line)
            if length > BLOCK_BYTES:
                break
        return list(self._ahead)

    def __iter__(self) -> "LineDecoder":
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else next(self._text)
        self._row.append(line)
        return line

    def start_row(self) -> None:
        """Forget the lines of the previous row."""
        self._row.clear()

    def row_bytes(self) -> bytes:
        """Return the bytes of the current row exactly as they are in the file."""
        return "".join(self._row).encode(self._text.encoding.removesuffix("-sig"), "surrogateescape")
