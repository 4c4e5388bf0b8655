"""Text of tables that office programs write: the charset is found out, and a bad byte spoils its own row alone."""

import codecs
import re
from io import TextIOWrapper
from typing import BinaryIO

from services.intake.domain import charsets
from services.intake.domain.fields import invalid_payload

FALLBACK_CHARSET = "gb18030"
"""What a table is in that is not UTF-8."""
BLOCK_BYTES = 1 << 20
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_UNDECODED = re.compile("[\udc80-\udcff]")
"""What a byte becomes that is no character of the charset."""


def has_undecodable_bytes(text: str) -> bool:
    """Whether some of a text could not be decoded."""
    return _UNDECODED.search(text) is not None


def open_text(file: BinaryIO, charset: str | None) -> TextIOWrapper:
    """Open a table as text; a byte that is no character is kept as a lone surrogate.

    Args:
        file: the table.
        charset: as the sender told it; None finds out.

    Raises:
        Unusable: there is no such charset of files.

    """
    name = _detect_charset(file) if charset is None else charsets.for_file(charset)
    if name is None:
        told = f"a table cannot be read in {str(charset)[:40]!r}: save the file as UTF-8 or GB18030"
        raise invalid_payload("charset", "bad_encoding", told)
    return TextIOWrapper(file, encoding="utf-8-sig" if name == "utf-8" else name, errors="surrogateescape", newline="")


def _detect_charset(file: BinaryIO) -> str:
    """Return UTF-8 or GB18030; the file stays where it is.

    Chinese in GB18030 makes hardly any character in UTF-8, while GB18030 takes most of UTF-8 for something. So UTF-8 it
    is, where more characters of it are read than bytes are not: one bad byte does not decide.
    """
    start = file.tell()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    ended = False
    while not ended:
        block = file.read(BLOCK_BYTES)
        ended = not block
        text = decoder.decode(block, ended)
        failed = len(_UNDECODED.findall(text))
        bad += failed
        good += len(_BEYOND_ASCII.findall(text)) - failed
    file.seek(start)
    return "utf-8" if good >= bad else FALLBACK_CHARSET


class LineDecoder:
    """The lines of a table, and those of the row that is being read."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self._row: list[str] = []

    def __iter__(self) -> "LineDecoder":
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self._row.append(line)
        return line

    def start_row(self) -> None:
        """Forget the row before."""
        self._row.clear()

    def row_bytes(self) -> bytes:
        """Return the bytes of the row as they stand in the file."""
        return "".join(self._row).encode(self._text.encoding.removesuffix("-sig"), "surrogateescape")
