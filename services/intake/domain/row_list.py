"""Tells the rows of a list apart: header, messages, and what people write between and around them. Pure.

No row is passed over: each is a message, is kept with the reason why it holds none, or is refused. In doubt a row is
refused, because somebody then looks at it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from services.intake.domain.fields import InputError
from services.intake.domain.message_parts import KeptReason
from services.intake.domain.phones import find_phones

HEADER_SEARCH_ROWS = 50
"""Rows of a table in which its header may be."""
MAX_HEADING_LENGTH = 40
"""Characters; a longer text alone in its row may be a complaint."""
_SHARED_NAMES = 2
"""Known column names from which a row is another header, wherever they stand."""
_ORNAMENT = re.compile(r"[\s\-—–_*=~·.。:：()（）\[\]【】<>《》]+")
_END = re.compile(
    r"(?:此处|此行|本页|本表|此)?以下(?:均?为?空白|无(?:正文|内容|数据|记录)?)|endof(?:list|data|table)",
    re.IGNORECASE,
)
_SUBTOTAL = re.compile(
    r"(?:本页|本月|本日)?\s*[合小总共累]\s*计|(?:sub-?\s?|grand )?total(?:$|[\s:：(（])|共\s*[0-9]+\s*[件条笔]",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"(?:备?注|说明|填表|制表|填报|审核|复核|经办|打印|日期|联系)[^:：]{0,12}[:：]|(?:note|remark)s?\s*[:：]",
    re.IGNORECASE,
)
_SERIAL_NUMBER = re.compile(r"[0-9]{1,5}")
_HEADING_IN_ID = re.compile(r"(?!.*[0-9]{4})(?=.*[\u3400-\u9fff])")
_SENTENCE_ENDS = ("。", "！", "？", "!", "?", "；")

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class JudgedRow(Generic[Row]):
    """A row with what it is.

    Attributes:
        row: the row as its reader gave it.
        names: the column names that hold for it, by column number.
        kept: why it holds no message; None: it holds one.
        error: why its message is refused; None: nothing is wrong so far.

    """

    row: Row
    names: Mapping[int, str]
    kept: KeptReason | None = None
    error: InputError | None = None


@dataclass(slots=True)
class RowList:
    """The rows of one table: a CSV file or a sheet.

    Attributes:
        ids: names of the columns that may hold a message id, by which the header is known; empty: the first row that
            is not empty is the header.
        has_header: whether a header was found.

    """

    ids: frozenset[str]
    has_header: bool = False
    _names: dict[int, str] = field(default_factory=dict)
    _ended_by: str | None = None

    def judge(self, rows: Iterable[tuple[Row, Mapping[int, str]]]) -> Iterator[JudgedRow[Row]]:
        """Yield every row, in order, with what it is; a row is given with its filled cells by column number."""
        rows = iter(rows)
        above: list[tuple[Row, Mapping[int, str]]] = []
        for row, cells in rows:
            if self._is_first_header(cells):
                self.has_header = True
                self._names = dict(cells)
                yield from (JudgedRow(each, {}, "title" if filled else "empty") for each, filled in above)
                yield JudgedRow(row, self._names, "header")
                yield from (self._judge_below(each, filled) for each, filled in rows)
                return
            above.append((row, cells))
            if len(above) == HEADER_SEARCH_ROWS:
                break
        yield from (self._judge_without_header(each, filled) for each, filled in above)
        yield from (self._judge_without_header(each, filled) for each, filled in rows)

    def _is_first_header(self, cells: Mapping[int, str]) -> bool:
        return not self.ids.isdisjoint(cells.values()) if self.ids else bool(cells)

    def _judge_without_header(self, row: Row, cells: Mapping[int, str]) -> JudgedRow[Row]:
        if not cells:
            return JudgedRow(row, {}, "empty")
        if not _holds_phone(cells):
            return JudgedRow(row, {}, "no_header")
        wanted = " or ".join(sorted(self.ids))
        advice = f"no row above names the columns: copy the header row with {wanted} above it"
        return JudgedRow(row, {}, error=InputError("line", "bad_schema", advice))

    def _judge_below(self, row: Row, cells: Mapping[int, str]) -> JudgedRow[Row]:
        if not cells:
            return JudgedRow(row, self._names, "empty")
        if self._is_repeated_header(cells):
            self._names = dict(cells)
            return JudgedRow(row, self._names, "header")
        kept = self._kept_reason(cells)
        if kept == "end" and self._ended_by is None:
            self._ended_by = next(iter(cells.values()))[:MAX_HEADING_LENGTH]
        if kept is not None:
            return JudgedRow(row, self._names, kept)
        return JudgedRow(row, self._names, error=self._error(cells))

    def _is_repeated_header(self, cells: Mapping[int, str]) -> bool:
        if not self.ids:
            return dict(cells) == self._names
        if any(text in self.ids and self._names.get(column) == text for column, text in cells.items()):
            return True
        known = set(self._names.values()) & set(cells.values())
        return not self.ids.isdisjoint(cells.values()) and len(known) >= _SHARED_NAMES

    def _identity(self, cells: Mapping[int, str]) -> str | None:
        """Return the id of a row; a label that stands in the id's column is none."""
        ids = (text for column, text in cells.items() if self._names.get(column) in self.ids)
        return next((text for text in ids if _label(text) is None), None)

    def _kept_reason(self, cells: Mapping[int, str]) -> KeptReason | None:
        """Return why a row holds no message; None when it holds one, or may hold one."""
        identity = self._identity(cells)
        if not self.ids:
            return None
        if identity is not None:
            is_heading = len(cells) == 1 and _HEADING_IN_ID.match(identity) is not None
            return "heading" if is_heading and len(identity) <= MAX_HEADING_LENGTH else None
        first = next(iter(cells.values()))
        if _holds_phone(cells):
            return None
        return _label(first) or (_lone_text(first) if len(cells) == 1 else None)

    def _error(self, cells: Mapping[int, str]) -> InputError | None:
        column = next((name for name in self._names.values() if name in self.ids), "line")
        if self._ended_by is not None:
            advice = f"the row is below {self._ended_by!r}, which ends the list: move it above, or delete that mark"
            return InputError(column, "bad_schema", advice)
        if self.ids and self._identity(cells) is None:
            return InputError(column, "missing_id", "give the row its own id, or delete it if it is no message")
        return None


def _label(text: str) -> KeptReason | None:
    """Return what a text is that begins a row, when it is no value: the end of the list, a total, a remark."""
    if _END.fullmatch(_ORNAMENT.sub("", text)):
        return "end"
    if _SUBTOTAL.match(text):
        return "subtotal"
    return "remark" if _REMARK.match(text) else None


def _lone_text(text: str) -> KeptReason | None:
    """Return what a text is that stands alone in its row; None: perhaps the text of a message."""
    if _SERIAL_NUMBER.fullmatch(text):
        return "empty"
    return "heading" if len(text) <= MAX_HEADING_LENGTH and not text.endswith(_SENTENCE_ENDS) else None


def _holds_phone(cells: Mapping[int, str]) -> bool:
    """Whether a row names a phone, so that somebody may wait for an answer to it."""
    return any(find_phones(text, "CN") for text in cells.values())
