"""Parses and cleans single values of untrusted messages: texts, phone numbers, amounts. Pure.

Errors are collected in `InputErrors` instead of raised one by one, so that a sender learns of all at once (R2.5).
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, TypeVar, cast

import phonenumbers

T = TypeVar("T")
BODY = "body"
"""Field name of errors that concern the whole message, or a field whose name is empty."""

AMOUNT_LIMIT = 10**12
"""Amounts from here on are rejected as mistakes."""
CENT = Decimal("0.01")
MAX_TEXT_LENGTH = 32_000
"""Characters of a free text (`schemas.contact.Text`)."""
MAX_REFERENCE_LENGTH = 2000
"""Characters of a link or other reference (`schemas.contact.Reference`)."""
MAX_ID_LENGTH = 200
"""Characters of a message's own id."""

_EXTENSION = re.compile(r"^(?P<number>.*?[0-9])(?:转|ext\.?|x|-)\s*(?P<extension>[0-9]{1,5})$", re.IGNORECASE)
_MASKED = re.compile(r"[*×xX#]{2,}|[0-9]E\+[0-9]", re.IGNORECASE)
_SURROGATES = re.compile("[\ud800-\udfff]")
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_CANDIDATE = re.compile(
    r"(?<![0-9A-Za-z+])(?:"
    r"(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"
    r"|\(?0[0-9]{2,3}\)?[ -]?[0-9]{7,8}(?:(?:转|-|ext\.?)[0-9]{1,5})?"
    r"|\+[1-9][0-9 ()-]{6,18}[0-9]"
    r")(?![0-9])"
)
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


def parse_whole_number(text: str, digits: int = 20) -> int | None:
    """Parse a number of at most `digits` ASCII digits, None when the text is anything else.

    `str.isdigit` alone also accepts `²` and `①`, which `int` cannot parse.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number in E.164, with its extension."""

    number: str
    extension: str | None = None


def parse_phone(text: str | None, region: str = "CN") -> PhoneNumber | None:
    """Parse a phone number as people write it; None when the text is empty, masked or no phone number."""
    normalised = unicodedata.normalize("NFKC", text or "").strip()
    if not normalised or _MASKED.search(normalised):
        return None
    whole = _to_e164(normalised, region)
    if whole is not None:
        return PhoneNumber(whole)
    split = _EXTENSION.match(normalised)
    if split is None:
        return None
    number = _to_e164(split["number"], region)
    return PhoneNumber(number, split["extension"]) if number is not None else None


def _to_e164(text: str, region: str) -> str | None:
    compact = re.sub(r"[\s()（）.·-]", "", text)
    if not re.fullmatch(r"\+?[0-9]{5,17}", compact):
        return None
    if region == "CN":
        # Senders write 86 without a plus sign, and a trunk 0 before a mobile number; the library accepts neither.
        compact = re.sub(r"^(?:0086|86)(?=1[3-9][0-9]{9}$)", "+86", compact)
        compact = re.sub(r"^0(?=1[3-9][0-9]{9}$)", "", compact)
    try:
        number = phonenumbers.parse(compact, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164 if phonenumbers.is_valid_number(number) or _is_chinese_mobile(e164) else None


def _is_chinese_mobile(number: str) -> bool:
    """Whether a number looks like a Chinese mobile number: new ranges are in use before the library knows them."""
    return re.fullmatch(r"\+861[3-9][0-9]{9}", number) is not None


def parse_amount(value: Any, name: str, errors: InputErrors) -> str | None:
    """Parse an amount of money and return it as text with two decimals; an error is added when it is none."""
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value).strip()) if isinstance(value, str | int | float) else None
    except InvalidOperation:
        amount = None
    if isinstance(value, bool) or amount is None or not amount.is_finite() or abs(amount) >= AMOUNT_LIMIT:
        errors.add(name, "bad_schema", "write the amount as a number or text, such as 120.50")
        return None
    return str(amount.quantize(CENT, ROUND_HALF_EVEN))


def find_phones(text: str, region: str = "CN") -> list[PhoneNumber]:
    """Find the phone numbers in a free text, each once; longer runs of digits (bank cards, orders) do not count."""
    candidates = _CANDIDATE.findall(unicodedata.normalize("NFKC", text[:MAX_TEXT_LENGTH]))
    phones = [parse_phone(candidate, region) for candidate in dict.fromkeys(candidates)]
    return list({phone.number: phone for phone in phones if phone is not None}.values())
