"""Hostile messages for every channel: its samples, with values that look harmless and settings that are odd."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from services.intake.domain.envelope import Envelope
from services.intake.domain.fields import clean
from services.intake.domain.splitter import MAIL, MBOX, XLSX

MARKS = (
    *("\x00", "\x0b", "\x0c", "\x1c", "\x1e", "\x7f", "\x85", "\x9b", "\xa0", "\u00ad", "\u200b", "\u2028", "\u2029"),
    *("\u202e", "\u202a", "\u2066", "\u2069", "\ufeff", "\ufffe", "\ufdfa", "\U0001f600", "\U000e0041", "断", "é"),
)
DIGITS = ("²", "①", "٣", "１", "0", "1", "9", "½", "Ⅷ", "𝟗")
SYMBOLS = (
    "=",
    "+",
    "-",
    "@",
    "|",
    ",",
    ";",
    ":",
    "%",
    "&",
    "<",
    ">",
    '"',
    "'",
    "\\",
    "/",
    "\t",
    "\r",
    "\n",
    " ",
    "(",
    "{",
    "[",
)
WHOLE = (
    *(
        "=cmd|'/c'!A1",
        "2026-02-30",
        "2026-03-12 25:61",
        "0001-01-01T00:00:00Z",
        "1e999",
        "-1",
        "nan",
        "9" * 25,
        "9" * 5000,
    ),
    *(
        "undefined",
        "utf-16",
        "a\x00",
        "<![CDATA[x]]>",
        "<!DOCTYPE x>",
        "=?utf-8?q?=00?=",
        "=?undefined?b?x?=",
        "<a ",
        "&#0;",
    ),
    *(
        "&#" + "9" * 5000 + ";",
        "../../x",
        "sha256:x",
        "anonymous",
        "138****0805",
        "０１３８００００１０１",
        "0571-55500603转802",
        "TS",
    ),
)
RUNS = (
    "<a ",
    "<b> </b>",
    "=?utf-8?q?a?= ",
    "(",
    '"',
    "13800000101 ",
    "1-",
    "_",
    " ",
    "\n",
    "Original Message ",
    "[",
    "&#1",
)
"""What something that goes back over a text may take minutes for, repeated."""
LONGEST = 12_000

texts = st.one_of(
    st.sampled_from(WHOLE),
    st.text(st.sampled_from(MARKS + DIGITS + SYMBOLS) | st.characters(codec="utf-8"), max_size=12),
    st.text(st.sampled_from(DIGITS), min_size=1, max_size=22),
    st.builds(lambda each, times: each * times, st.sampled_from(RUNS), st.integers(1, LONGEST)),
)
values = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-(10**22), 10**22),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.text(max_size=3), max_size=2),
    st.builds(dict),
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "charset": st.sampled_from(
            ("utf-8", "gb18030", "latin-1", "big5", "shift_jis", "undefined", "idna", "utf-16", "a\x00")
        ),
        "default_tz": st.sampled_from(("UTC", "America/New_York", "Mars", "../etc")),
        "default_region": st.sampled_from(("CN", "cn", "US", "XX", "")),
        "cdr_tz": st.sampled_from(("UTC", "Asia/Shanghai", "x")),
        "columns": st.sampled_from(("18", "21", "²", "0")),
        "encode_values": st.sampled_from(("true", "false", "²")),
    },
)
parameters = st.sampled_from(
    ("", "", "", "; charset=utf-8", "; charset=undefined", "; charset=a\x00", '; charset="gbk"', "; charset=utf-16")
)


@st.composite
def messages(draw: st.DrawFn, samples: Iterable[Envelope]) -> Envelope:
    """Return a sample with some of its values replaced, read by some settings."""
    whole = draw(st.sampled_from(list(samples)))
    made = replace(whole, body=_hostile(draw, whole), media_type=whole.media_type + draw(parameters))
    told = draw(configs)
    try:
        return replace(made, config=whole.config.with_settings(told))
    except ValueError as error:
        name, _, what_to_do = str(error).partition(": ")
        assert name in told, error
        assert what_to_do
    # A file of settings is refused whole; what an operator's program sets is not looked at again.
    return replace(made, config=replace(whole.config, charset=told.get("charset")))


def _hostile(draw: st.DrawFn, whole: Envelope) -> bytes:
    change: Callable[[st.DrawFn, bytes], bytes]
    if whole.kind == XLSX:
        change = _sheet
    elif whole.kind in {MAIL, MBOX}:
        change = _mail
    elif whole.kind.endswith("urlencoded"):
        change = _form
    elif whole.kind.endswith("xml"):
        change = _xml
    elif whole.kind == "text/csv":
        change = _table
    elif whole.kind.endswith("json"):
        change = _json
    else:
        change = _log
    return change(draw, whole.body)


def _places(told: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values of a JSON document."""
    inside = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    return [*([path] if path else []), *(each for name, part in inside for each in _places(part, (*path, name)))]


def _json(draw: st.DrawFn, body: bytes) -> bytes:
    try:
        told = json.loads(body.splitlines()[0] if b'"topic"' in body else body)
    except (ValueError, RecursionError):
        return body
    for path in draw(st.lists(st.sampled_from(_places(told) or [()]), max_size=4)):
        holder = told
        try:
            for step in path[:-1]:
                holder = holder[step]
            if path:
                holder[path[-1]] = draw(values)
        except (KeyError, IndexError, TypeError):
            continue
    return json.dumps(told, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace")


def _form(draw: st.DrawFn, body: bytes) -> bytes:
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return urlencode([(name, draw(texts) if draw(st.booleans()) else value) for name, value in pairs]).encode()


def _xml(draw: st.DrawFn, body: bytes) -> bytes:
    names = ("Content", "CreateTime", "FromUserName", "MsgId", "MsgType", "MediaId", "PicUrl", "Event", "Recognition")
    told = "".join(f"<{name}>{_escaped(draw(texts))}</{name}>" for name in names if draw(st.booleans()))
    return body.replace(b"</xml>", told.encode("utf-8", "replace") + b"</xml>")


def _escaped(text: str) -> str:
    """Return a text as XML can hold it, or now and then as it cannot."""
    return escape(clean(text) if len(text) % 5 else text)


def _table(draw: st.DrawFn, body: bytes) -> bytes:
    charset = draw(st.sampled_from(("utf-8", "gb18030")))
    rows = list(csv.reader(io.StringIO(body.decode(charset, "replace").replace("\x00", ""))))
    for row in rows[draw(st.integers(0, 1)) :]:
        for _ in range(draw(st.integers(0, 3)) if row else 0):
            row[draw(st.integers(0, len(row) - 1))] = draw(texts)
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator=draw(st.sampled_from(("\n", "\r\n")))).writerows(rows)
    return file.getvalue().encode(charset, "replace")


def _log(draw: st.DrawFn, body: bytes) -> bytes:
    lines = [each.split("|") for each in body.decode("utf-8", "replace").split("\n")]
    for cells in lines:
        if draw(st.booleans()):
            cells[draw(st.integers(0, len(cells) - 1))] = draw(texts)
    return "\n".join("|".join(each) for each in lines).encode("utf-8", "replace")


def _mail(draw: st.DrawFn, body: bytes) -> bytes:
    head, gap, rest = body.partition(b"\r\n\r\n" if b"\r\n\r\n" in body else b"\n\n")
    names = (
        "Subject",
        "From",
        "Date",
        "Message-ID",
        "References",
        "Content-Type",
        "Auto-Submitted",
        "Precedence",
        "List-Id",
    )
    for name in draw(st.lists(st.sampled_from(names), max_size=3)):
        value = draw(texts).replace("\r", "").replace("\n", draw(st.sampled_from(("", "\r\n "))))
        told = f"{name}: {value}".encode(draw(st.sampled_from(("utf-8", "gb18030"))), "replace")
        head = told + gap[: len(gap) // 2] + head if draw(st.booleans()) else head + gap[: len(gap) // 2] + told
    if draw(st.booleans()):
        kind = draw(
            st.sampled_from(("text/html", "text/plain; charset=undefined", "text/html; charset=utf-7", "text/plain"))
        )
        head = f"Content-Type: {kind}".encode() + gap[: len(gap) // 2] + head
        rest = draw(texts).encode("utf-8", "replace") * draw(st.sampled_from((1, 10)))
    return head + gap + rest


def _sheet(draw: st.DrawFn, body: bytes) -> bytes:
    file = io.BytesIO()
    old = draw(
        st.sampled_from(("<v>", "<t>", 'r="', 's="', 't="', "<row ", "<c ", "ref=", "<si>", "sheetId=", 'count="'))
    )
    new = old + escape(clean(draw(texts)), {'"': ""})
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as before, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after:
            for each in before.infolist():
                told = before.read(each).decode("utf-8", "replace")
                after.writestr(each.filename, told.replace(old, new, draw(st.sampled_from((1, 3)))).encode())
    except zipfile.BadZipFile:
        return body
    return file.getvalue()
