"""Resolves the charset names that senders write to Python codecs that are safe to decode with. Pure.

Accepts a charset by any of its names and replaces one by a superset where senders habitually name one that is too
small for their text (GB2312 for GB18030).
"""

import codecs
import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}")
_FILE_CHARSETS = frozenset(
    {
        *("ascii", "utf-8", "utf-8-sig", "gb18030", "big5", "big5hkscs", "shift_jis", "cp932", "euc_jp", "euc_kr"),
        *("cp949", "koi8-r", "koi8-u", "cp437", "cp850", "cp866", "cp874", "tis-620", "mac-roman"),
        *(f"iso8859-{number}" for number in range(1, 17) if number != 12),  # noqa: PLR2004 - ISO 8859-12 does not exist
        *(f"cp{number}" for number in range(1250, 1259)),
    }
)
"""Codecs in which every line can be decoded on its own. Other Python codecs are excluded: some are no charset at all
and fail on any input, some are slow on input they were not made for."""
_MAIL_CHARSETS = _FILE_CHARSETS | {
    "utf-7",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "hz",
    "iso2022_jp",
    "iso2022_kr",
}
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp936": "gb18030",
    "x-gbk": "gb18030",
    "hz-gb-2312": "hz",
    "x-mac-roman": "mac-roman",
}
"""Names that Python does not know, and charsets that are replaced by a superset."""


def for_file(name: str) -> str | None:
    """Return the Python codec for a charset of a file, None when it is unknown or not allowed."""
    codec = for_mail(name)
    return codec if codec in _FILE_CHARSETS else None


def for_mail(name: str) -> str | None:
    """Return the Python codec for a charset of a mail, None when it is unknown or not allowed."""
    name = name.strip().strip("\"'").lower()
    name = _SUPERSETS.get(name, name)
    if _NAME.fullmatch(name) is None:
        return None
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return None
    codec = _SUPERSETS.get(codec, codec)
    return codec if codec in _MAIL_CHARSETS else None
