"""Reading values that strangers wrote: texts, phone numbers, amounts. Faults are collected, not raised one by one."""

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
"""Names the whole message, and a field whose name is empty."""

AMOUNT_LIMIT = 10**12
"""An amount from here on is a mistake."""
CENT = Decimal("0.01")
MAX_TEXT_LENGTH = 32_000
"""Characters of what somebody wrote (`schemas.contact.Text`)."""
MAX_REFERENCE_LENGTH = 2000
"""Characters of a link to something (`schemas.contact.Reference`)."""
MAX_ID_LENGTH = 200
"""Characters of a message's own id."""

_EXTENSION = re.compile(r"^(?P<number>.*?[0-9])(?:转|ext\.?|x|-)\s*(?P<extension>[0-9]{1,5})$", re.IGNORECASE)
_MASKED = re.compile(r"[*×xX#]{2,}|[0-9]E\+[0-9]", re.IGNORECASE)
_SURROGATES = re.compile("[\ud800-\udfff]")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_CANDIDATE = re.compile(
    r"(?<![0-9A-Za-z+])(?:"
    r"(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"
    r"|\(?0[0-9]{2,3}\)?[ -]?[0-9]{7,8}(?:(?:转|-|ext\.?)[0-9]{1,5})?"
    r"|\+[1-9][0-9 ()-]{6,18}[0-9]"
    r")(?![0-9])"
)
WITHHELD = frozenset({"", "anonymous", "unknown", "restricted", "unavailable", "private", "withheld"})
"""What exchanges write for a caller who shows no number."""


@dataclass(frozen=True, slots=True)
class InputError:
    """One thing that is wrong with a message.

    Attributes:
        field: path of the field, in the sender's own words.
        reason: one of the reasons of `schemas.dead_letter.DeadLetterReason`.
        message: what to do about it.

    """

    field: str
    reason: str
    message: str


@dataclass(slots=True)
class InputErrors:
    """Everything that is wrong with a message, and what is odd about it."""

    found: list[InputError] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def add(self, field_: str, reason: str, message: str) -> None:
        """Note a fault."""
        self.found.append(InputError(field_ or BODY, reason, message))

    def flag(self, name: str) -> None:
        """Note something odd that does not stop acceptance."""
        if name not in self.flags:
            self.flags.append(name)


@dataclass(frozen=True, slots=True)
class FieldReader:
    """A JSON object that a stranger wrote: each value is of the kind that is wanted, or noted as a fault.

    Attributes:
        values: the object.
        errors: where errors are noted.
        path: of the object in the message, for naming its fields.

    """

    values: Mapping[str, Any]
    errors: InputErrors
    path: str = ""

    def text(self, name: str) -> str | None:
        """Return a text; a whole number counts as one, nothing and emptiness are None."""
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
        """Return an object within the object; one that is missing is empty."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, Mapping):
            self.errors.add(self.path + name, "bad_schema", "write this as a JSON object")
        return FieldReader(value if isinstance(value, Mapping) else {}, self.errors, f"{self.path}{name}.")

    def parts(self, name: str) -> "list[FieldReader]":
        """Return the objects of a list within the object."""
        value = self.values.get(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(each, Mapping) for each in value)):
            self.errors.add(self.path + name, "bad_schema", "write this as a list of JSON objects")
            return []
        return [
            FieldReader(each, self.errors, f"{self.path}{name}[{number}].") for number, each in enumerate(value or [])
        ]


class InvalidPayload(Exception):
    """A message from which no contact can be made.

    Attributes:
        errors: every reason, at least one.

    """

    def __init__(self, errors: list[InputError]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.message}" for each in errors))
        self.errors = errors


def invalid_payload(field_: str, reason: str, message: str) -> InvalidPayload:
    """Return the error for a message with a single fault."""
    return InvalidPayload([InputError(field_ or BODY, reason, message)])


def clean(value: T) -> T:
    """Return a JSON value without what no text needs: control characters, bidi overrides, lone surrogates.

    NUL and surrogates are what neither UTF-8 nor PostgreSQL can hold; the others make a screen show what is not there.
    """
    return cast("T", _cleaned(value))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _NO_TEXT.sub("", _SURROGATES.sub("\ufffd", value))
    if isinstance(value, Mapping):
        return {_cleaned(key): _cleaned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    return value


def bounded_reference(text: str, errors: InputErrors) -> str | None:
    """Return where a piece of evidence is kept; a link that is too long to be kept whole is left out and flagged."""
    if len(text) <= MAX_REFERENCE_LENGTH:
        return text
    errors.flag("attachment_left_out")
    return None


def bounded_id(text: str) -> str:
    """Return an id; the digest of one that is too long, so that two which begin alike stay two."""
    return text if len(text) <= MAX_ID_LENGTH else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def parse_whole_number(text: str, digits: int = 20) -> int | None:
    """Return what a text of ASCII digits says, None when it is no such text or has more digits than that.

    Python calls `²` and `①` digits too, and cannot read them.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number in E.164, with the extension behind it."""

    number: str
    extension: str | None = None


def parse_phone(text: str | None, region: str = "CN") -> PhoneNumber | None:
    """Return a phone number, or None when the text is none: empty, masked, or not to be normalised."""
    plain = unicodedata.normalize("NFKC", text or "").strip()
    if not plain or _MASKED.search(plain):
        return None
    whole = _to_e164(plain, region)
    if whole is not None:
        return PhoneNumber(whole)
    split = _EXTENSION.match(plain)
    if split is None:
        return None
    number = _to_e164(split["number"], region)
    return PhoneNumber(number, split["extension"]) if number is not None else None


def _to_e164(text: str, region: str) -> str | None:
    compact = re.sub(r"[\s()（）.·-]", "", text)
    if not re.fullmatch(r"\+?[0-9]{5,17}", compact):
        return None
    if region == "CN":
        # Senders write 86 without plus, and a trunk 0 before a mobile number; the library knows neither.
        compact = re.sub(r"^(?:0086|86)(?=1[3-9][0-9]{9}$)", "+86", compact)
        compact = re.sub(r"^0(?=1[3-9][0-9]{9}$)", "", compact)
    try:
        number = phonenumbers.parse(compact, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written if phonenumbers.is_valid_number(number) or _is_mobile(written) else None


def _is_mobile(number: str) -> bool:
    """Chinese mobile numbers: new ranges are given out faster than a library learns of them."""
    return re.fullmatch(r"\+861[3-9][0-9]{9}", number) is not None


def parse_amount(value: Any, name: str, errors: InputErrors) -> str | None:
    """Return an amount as text with at most two decimals. Faults are noted."""
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value).strip()) if isinstance(value, str | int | float) else None
    except InvalidOperation:
        amount = None
    if isinstance(value, bool) or amount is None or not amount.is_finite() or abs(amount) >= AMOUNT_LIMIT:
        errors.add(name, "bad_schema", "write an amount as a number or text, such as 120.50")
        return None
    return str(amount.quantize(CENT, ROUND_HALF_EVEN))


def find_phones(text: str, region: str = "CN") -> list[PhoneNumber]:
    """Return the phone numbers that a text names, each once; longer runs of digits (cards, orders) are none."""
    candidates = _CANDIDATE.findall(unicodedata.normalize("NFKC", text[:MAX_TEXT_LENGTH]))
    found = [parse_phone(each, region) for each in dict.fromkeys(candidates)]
    return list({each.number: each for each in found if each is not None}.values())
