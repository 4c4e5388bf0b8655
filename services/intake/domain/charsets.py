"""Charsets that senders name: only real ones, by any of their names, and wide enough for what is written in them."""

import codecs
import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}")
_FILE_CHARSETS = frozenset(
    {
        *("ascii", "utf-8", "utf-8-sig", "gb18030", "big5", "big5hkscs", "shift_jis", "cp932", "euc_jp", "euc_kr"),
        *("cp949", "koi8-r", "koi8-u", "cp437", "cp850", "cp866", "cp874", "tis-620", "mac-roman"),
        *(f"iso8859-{number}" for number in range(1, 17) if number != 12),  # noqa: PLR2004 - there is no twelfth
        *(f"cp{number}" for number in range(1250, 1259)),
    }
)
"""Python's names of charsets in which each line can be read for itself. Python has codecs besides that are no charset:
some fail on any bytes, some are slow on what they were not made for."""
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
"""Senders say a charset that is too small for what they wrote, and names that Python does not know."""


def for_file(name: str) -> str | None:
    """Return Python's name of a charset of files, None when there is no such charset."""
    found = for_mail(name)
    return found if found in _FILE_CHARSETS else None


def for_mail(name: str) -> str | None:
    """Return Python's name of a charset of mails, None when there is no such charset."""
    name = name.strip().strip("\"'").lower()
    name = _SUPERSETS.get(name, name)
    if _NAME.fullmatch(name) is None:
        return None
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    found = _SUPERSETS.get(found, found)
    return found if found in _MAIL_CHARSETS else None
