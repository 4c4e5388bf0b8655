"""Parses and cleans single values of untrusted messages: texts, amounts, whole numbers. Pure.

Errors are collected in `InputErrors` instead of raised one by one, so that a sender learns of all at once (R2.5).
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeVar, cast

T = TypeVar("T")
BODY = "body"
"""Field name of errors that concern the whole message, or a field whose name is empty."""

AMOUNT_LIMIT = 10**12
"""Amounts from here on are rejected as mistakes."""
CENT = Decimal("0.01")
UNREAD_FLAG = "value_unread"
"""Flag of a contact of which an optional value cannot be read; the value is kept as text in its details."""
MAX_TEXT_LENGTH = 32_000
"""Characters of a free text (`schemas.contact.Text`)."""
MAX_REFERENCE_LENGTH = 2000
"""Characters of a link or other reference (`schemas.contact.Reference`)."""
MAX_ID_LENGTH = 200
"""Characters of a message's own id."""

_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]{1,3}", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(?:约|大约|大概|近|共计?|总共|合计|损失|rmb|cny|usd|人民币|[¥$€]|\s)*"
    r"(?P<number>-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,2})?)"
    r"\s*(?P<multiple>[百千万亿])?\s*(?:多|余|元|圆|块钱?|整|左右|rmb|cny|usd|人民币|[¥$€]|\s)*"
)
_MULTIPLES = {"百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_NO_AMOUNT = frozenset({"", "无", "没有", "未知", "不详", "不清楚", "-", "--", "/", "n/a", "none"})
_SURROGATES = re.compile("[\ud800-\udfff]")
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
WITHHELD = frozenset({"", "anonymous", "unknown", "restricted", "unavailable", "private", "withheld"})
"""What telephone exchanges write in place of a withheld caller number."""


@dataclass(frozen=True, slots=True)
class InputError:
    """One thing that is wrong with a message.

    Attributes:
        field: path of the field as the sender names it.
        reason: one of `schemas.dead_letter.DeadLetterReason`.
        message: what the sender can do about it.

    """

    field: str
    reason: str
    message: str


@dataclass(slots=True)
class InputErrors:
    """Collects the errors of one message, and flags for what is odd about it but acceptable.

    Attributes:
        found: the errors, in the order in which they were found.
        flags: the flags, each once.

    """

    found: list[InputError] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def add(self, field_: str, reason: str, message: str) -> None:
        """Add an error."""
        self.found.append(InputError(field_ or BODY, reason, message))

    def flag(self, name: str) -> None:
        """Add a flag for something odd that does not stop acceptance."""
        if name not in self.flags:
            self.flags.append(name)

    def adopt(self, others: "InputErrors") -> None:
        """Add the errors and flags of a part that was read apart."""
        self.found.extend(others.found)
        for name in others.flags:
            self.flag(name)


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Reads typed values from an untrusted JSON object; a value of another type is reported as an error.

    Attributes:
        values: the object.
        errors: collects the errors.
        path: prefix of the object's field names in error messages, such as `alerts[0].`.

    """

    values: Mapping[str, Any]
    errors: InputErrors
    path: str = ""

    def text(self, name: str) -> str | None:
        """Return a text field; a whole number is converted, null and the empty text are None."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        self.errors.add(self.path + name, "bad_schema", "write this as text")
        return None

    def part(self, name: str) -> "FieldReader":
        """Return a reader of a nested object; an empty one when the field is missing."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, Mapping):
            self.errors.add(self.path + name, "bad_schema", "write this as a JSON object")
        return FieldReader(value if isinstance(value, Mapping) else {}, self.errors, f"{self.path}{name}.")

    def parts(self, name: str) -> "list[FieldReader]":
        """Return a reader for each object of a list field; none when the field is missing."""
        value = self.values.get(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(each, Mapping) for each in value)):
            self.errors.add(self.path + name, "bad_schema", "write this as a list of JSON objects")
            return []
        return [
            FieldReader(each, self.errors, f"{self.path}{name}[{number}].") for number, each in enumerate(value or [])
        ]


class InvalidPayload(Exception):
    """A message that cannot be accepted; the sender has to correct it.

    Attributes:
        errors: everything that is wrong with it, at least one.

    """

    def __init__(self, errors: list[InputError]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.message}" for each in errors))
        self.errors = errors


def invalid_payload(field_: str, reason: str, message: str) -> InvalidPayload:
    """Return the exception for a message with a single error."""
    return InvalidPayload([InputError(field_ or BODY, reason, message)])


def clean(value: T) -> T:
    """Return a JSON value without control characters, bidirectional overrides and lone surrogates.

    Neither UTF-8 nor PostgreSQL can hold NUL and surrogates; the others make a screen show what is not there.
    """
    return cast("T", _cleaned(value))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _CONTROL_CHARACTERS.sub("", _SURROGATES.sub("\ufffd", value))
    if isinstance(value, Mapping):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value


def bounded_reference(text: str, errors: InputErrors) -> str | None:
    """Return a reference to evidence, None when it is too long to be stored; the contact is flagged then."""
    if len(text) <= MAX_REFERENCE_LENGTH:
        return text
    errors.flag("attachment_left_out")
    return None


def bounded_id(text: str) -> str:
    """Return an id, or its digest when it is too long, so that two long ids with the same beginning stay different."""
    return text if len(text) <= MAX_ID_LENGTH else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def is_rounded_id(text: str) -> bool:
    """Whether a spreadsheet has rounded a long id, as in `2.02611E+13`: many messages would share it."""
    return _ROUNDED.fullmatch(text.strip()) is not None


def parse_whole_number(text: str, digits: int = 20) -> int | None:
    """Parse a number of at most `digits` ASCII digits, None when the text is anything else.

    `str.isdigit` alone also accepts `²` and `①`, which `int` cannot parse.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def parse_amount(value: Any) -> str | None:
    """Parse an amount of money as people write it and return it as text with two decimals.

    Read are numbers, and texts with a currency sign, groups of thousands, 万 or 千, and words such as 约:
    `￥1,200.50`, `约100元`, `1.2万`. None means that there is none: an empty value, or a word such as 无.

    Raises:
        ValueError: there is a value, and it is no amount.

    """
    if value is None:
        return None
    text = unicodedata.normalize("NFKC", str(value)).strip().lower() if not isinstance(value, bool) else "true"
    if text in _NO_AMOUNT:
        return None
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(value)
    amount = Decimal(match["number"].replace(",", "")) * _MULTIPLES.get(match["multiple"] or "", 1)
    if abs(amount) >= AMOUNT_LIMIT:
        raise ValueError(value)
    return str(amount.quantize(CENT, ROUND_HALF_EVEN))
