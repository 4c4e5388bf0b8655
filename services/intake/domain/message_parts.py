"""The messages and rows of which a file consists, and the media types of files. Pure."""

from dataclasses import dataclass
from typing import Literal

from services.intake.domain.fields import InputError

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAIL = "message/rfc822"
MBOX = "application/mbox"

KeptReason = Literal["title", "header", "heading", "subtotal", "remark", "end", "empty", "no_header"]
"""What a row of a file is that holds no message: a row above the header, the header or a repetition of it, a heading
between rows, a subtotal or total, a remark, the mark that ends the list, an empty row or line, or a row of a sheet
that has no header we know."""


@dataclass(frozen=True, slots=True)
class MessagePart:
    """One message of a file, or a row of it that holds none.

    Attributes:
        line: line or row in the file or sheet where it starts.
        body: the message; for a damaged row, what could be read of it.
        media_type: media type of the body.
        error: what is wrong with it as a part of the file; None: nothing.
        original: its bytes in the file; None: the body holds them all.
        kept: why it is no message; None: it is one.
        sheet: name of its sheet in a workbook; empty in any other file.

    """

    line: int
    body: bytes
    media_type: str
    error: InputError | None = None
    original: bytes | None = None
    kept: KeptReason | None = None
    sheet: str = ""
