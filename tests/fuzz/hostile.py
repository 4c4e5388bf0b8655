"""Hostile messages for every channel: its samples with odd values, parsed with odd settings."""

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
from services.intake.domain.message_parts import MAIL, MBOX, XLSX

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
"""Repeated, these take minutes in a pattern that backtracks."""
MAX_REPEATS = 12_000

texts = st.one_of(
    st.sampled_from(WHOLE),
    st.text(st.sampled_from(MARKS + DIGITS + SYMBOLS) | st.characters(codec="utf-8"), max_size=12),
    st.text(st.sampled_from(DIGITS), min_size=1, max_size=22),
    st.builds(lambda token, times: token * times, st.sampled_from(RUNS), st.integers(1, MAX_REPEATS)),
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
    """Return a sample with some of its values replaced, to be parsed with some settings."""
    sample = draw(st.sampled_from(list(samples)))
    message = replace(sample, body=_hostile_body(draw, sample), media_type=sample.media_type + draw(parameters))
    settings = draw(configs)
    try:
        return replace(message, config=sample.config.with_settings(settings))
    except ValueError as error:
        name, _, what_to_do = str(error).partition(": ")
        assert name in settings, error
        assert what_to_do
    # A file with such settings is rejected; a program that sets them itself is not checked.
    return replace(message, config=replace(sample.config, charset=settings.get("charset")))


def _hostile_body(draw: st.DrawFn, sample: Envelope) -> bytes:
    change: Callable[[st.DrawFn, bytes], bytes]
    if sample.kind == XLSX:
        change = _sheet
    elif sample.kind in {MAIL, MBOX}:
        change = _mail
    elif sample.kind.endswith("urlencoded"):
        change = _form
    elif sample.kind.endswith("xml"):
        change = _xml
    elif sample.kind == "text/csv":
        change = _table
    elif sample.kind.endswith("json"):
        change = _json
    else:
        change = _log
    return change(draw, sample.body)


def _value_paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values of a JSON document."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = (found for name, member in members for found in _value_paths(member, (*path, name)))
    return [*([path] if path else []), *inner]


def _json(draw: st.DrawFn, body: bytes) -> bytes:
    try:
        document = json.loads(body.splitlines()[0] if b'"topic"' in body else body)
    except (ValueError, RecursionError):
        return body
    for path in draw(st.lists(st.sampled_from(_value_paths(document) or [()]), max_size=4)):
        container = document
        try:
            for step in path[:-1]:
                container = container[step]
            if path:
                container[path[-1]] = draw(values)
        except (KeyError, IndexError, TypeError):
            continue
    return json.dumps(document, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace")


def _form(draw: st.DrawFn, body: bytes) -> bytes:
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return urlencode([(name, draw(texts) if draw(st.booleans()) else value) for name, value in pairs]).encode()


def _xml(draw: st.DrawFn, body: bytes) -> bytes:
    names = ("Content", "CreateTime", "FromUserName", "MsgId", "MsgType", "MediaId", "PicUrl", "Event", "Recognition")
    elements = "".join(f"<{name}>{_escaped(draw(texts))}</{name}>" for name in names if draw(st.booleans()))
    return body.replace(b"</xml>", elements.encode("utf-8", "replace") + b"</xml>")


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
        line = f"{name}: {value}".encode(draw(st.sampled_from(("utf-8", "gb18030"))), "replace")
        head = line + gap[: len(gap) // 2] + head if draw(st.booleans()) else head + gap[: len(gap) // 2] + line
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
            for entry in before.infolist():
                content = before.read(entry).decode("utf-8", "replace")
                after.writestr(entry.filename, content.replace(old, new, draw(st.sampled_from((1, 3)))).encode())
    except zipfile.BadZipFile:
        return body
    return file.getvalue()
