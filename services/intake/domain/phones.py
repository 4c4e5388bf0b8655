"""Reads phone numbers as people write them, alone in a field or within a free text. Pure."""

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers

from services.intake.domain.fields import MAX_TEXT_LENGTH

MAX_FIELD_LENGTH = 200
"""Characters of a field that are searched for numbers."""
MAX_NUMBERS = 5
"""Numbers that are read from one field."""

_INVISIBLE = dict.fromkeys([0x00AD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF])
"""Marks without a width, which copying from chats and web pages leaves in a number."""
_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0x30FC, 0x4E00, 0xFE58, 0xFE63, 0xFF0D], "-")
_NOTATION: dict[int, str | None] = {**_INVISIBLE, **_DASHES}

_EXTENSION_WORD = r"(?:转接?|轉接?)?\s*(?:分机号?码?|分機號?碼?|内线|內線)|转接?|轉接?|ext(?:ension|n)?\.?|x|#|-"
_EXTENSION = (
    rf"\s*[,;]?\s*(?:(?:{_EXTENSION_WORD})\s*:?\s*(?P<extension>[0-9]{{1,6}})"
    rf"|\(\s*(?:(?:{_EXTENSION_WORD})\s*:?\s*)?(?P<bracketed>[0-9]{{1,6}})\s*\))"
)
_WITH_EXTENSION = re.compile(rf"(?P<number>.*?[0-9)]){_EXTENSION}", re.IGNORECASE)
_MASKED = re.compile(r"[*×xX#]{2,}|[0-9]\*|\*[0-9]|[0-9]E\+[0-9]", re.IGNORECASE)
_SEPARATORS = re.compile(r"[/\\、,，;；|\n]|\s或者?\s?|或者?|\s(?:or|and)\s", re.IGNORECASE)
_CANDIDATE = re.compile(
    r"(?<![0-9A-Za-z+*])(?P<number>"
    r"(?:\(?(?:\+|00)?86\)?[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"
    r"|(?:\(?(?:\+|00)?86\)?[ -]?)?\(?0[0-9]{2,3}\)?[ -]?[0-9]{3,4}[ -]?[0-9]{4}"
    r"|[48]00[ -]?[0-9]{3}[ -]?[0-9]{4}"
    r"|\+[1-9][0-9 ()-]{6,18}[0-9]"
    rf")(?![0-9*])(?:{_EXTENSION}(?![0-9]))?",
    re.IGNORECASE,
)
_FOREIGN_CHINESE = re.compile(r"(?:852[2-9]|853[268])[0-9]{7}|8860?[1-9][0-9]{7,8}")
"""Numbers of Hong Kong, Macao and Taiwan with their country code but no plus sign."""


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number in E.164, with its extension."""

    number: str
    extension: str | None = None


def parse_phone(text: str | None, region: str = "CN") -> PhoneNumber | None:
    """Parse the first phone number of a field; None when it holds none that can be dialled (R2.5)."""
    return next(iter(parse_phones(text, region)), None)


def parse_phones(text: str | None, region: str = "CN") -> list[PhoneNumber]:
    """Parse the phone numbers that people write into one field, each once, in their order (R2.5).

    A field may hold several numbers, an extension in any writing, and words around a number, such as
    `手机:13800000101(李先生)/0571-55500603转802`. A masked number (`138****0805`) is none; the others still count.
    """
    normalised = _normalise((text or "")[:MAX_FIELD_LENGTH])
    whole = _parse_one(normalised, region)
    if whole is not None:
        return [whole]
    parts = [part for part in _SEPARATORS.split(normalised) if any(map(str.isdigit, part))]
    found = [phone for part in parts for phone in _parse_part(part.strip(), region)]
    first = {phone.number: phone for phone in reversed(found)}
    return [first[number] for number in dict.fromkeys(phone.number for phone in found)][:MAX_NUMBERS]


@dataclass(frozen=True, slots=True)
class PhoneField:
    """What was read from a phone field.

    Attributes:
        first: the first number; None: none can be read.
        others: the further numbers in E.164.
        flag: flag for a field that is not empty and holds no number; None otherwise.

    """

    first: PhoneNumber | None
    others: tuple[str, ...] = ()
    flag: str | None = None


def read_phone_field(text: str | None, region: str = "CN") -> PhoneField:
    """Read a phone field: the first number is the customer's, the others are kept beside it."""
    numbers = parse_phones(text, region)
    if numbers:
        return PhoneField(numbers[0], tuple(phone.number for phone in numbers[1:]))
    if not (text or "").strip():
        return PhoneField(None)
    return PhoneField(None, flag="phone_masked" if is_masked(text) else "phone_invalid")


def is_masked(text: str | None) -> bool:
    """Whether digits of a number were hidden, or lost by a spreadsheet."""
    return _MASKED.search(_normalise((text or "")[:MAX_FIELD_LENGTH])) is not None


def find_phones(text: str, region: str = "CN") -> list[PhoneNumber]:
    """Find the phone numbers in a free text, each once; longer runs of digits (bank cards, orders) do not count."""
    return _find(_normalise(text[:MAX_TEXT_LENGTH]), region)


def _normalise(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_NOTATION).strip()


def _parse_part(part: str, region: str) -> list[PhoneNumber]:
    one = _parse_one(part, region)
    return [one] if one is not None else _find(part, region)


def _parse_one(text: str, region: str) -> PhoneNumber | None:
    """Parse a text that holds nothing but one number and perhaps its extension."""
    if not text or _MASKED.search(text):
        return None
    whole = _to_e164(text, region)
    if whole is not None:
        return PhoneNumber(whole)
    split = _WITH_EXTENSION.fullmatch(text)
    number = _to_e164(split["number"], region) if split is not None else None
    return PhoneNumber(number, _extension(split)) if split is not None and number is not None else None


def _find(text: str, region: str) -> list[PhoneNumber]:
    found: dict[str, PhoneNumber] = {}
    for match in _CANDIDATE.finditer(text):
        number = _to_e164(match["number"], region)
        if number is not None:
            found.setdefault(number, PhoneNumber(number, _extension(match)))
    return list(found.values())


def _extension(match: re.Match[str]) -> str | None:
    return match["extension"] or match["bracketed"]


def _to_e164(text: str, region: str) -> str | None:
    compact = re.sub(r"[\s().·-]", "", text)
    if not re.fullmatch(r"\+?[0-9]{5,17}", compact):
        return None
    if region == "CN":
        compact = _with_plus(compact)
    try:
        number = phonenumbers.parse(compact, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164 if phonenumbers.is_valid_number(number) or _is_chinese_mobile(e164) else None


def _with_plus(compact: str) -> str:
    """Mend what senders in China write and the library does not accept: no plus sign, a trunk 0 where none belongs."""
    compact = re.sub(r"^(?:\+|00)?86(?=0?1[3-9][0-9]{9}$|0[1-9][0-9]{8,10}$)", "+86", compact)
    compact = re.sub(r"^(\+86|)0(?=1[3-9][0-9]{9}$)", r"\1", compact)
    compact = re.sub(r"^\+860(?=[1-9])", "+86", compact)
    return f"+{compact}" if _FOREIGN_CHINESE.fullmatch(compact) else compact


def _is_chinese_mobile(number: str) -> bool:
    """Whether a number looks like a Chinese mobile number: new ranges are in use before the library knows them."""
    return re.fullmatch(r"\+861[3-9][0-9]{9}", number) is not None
