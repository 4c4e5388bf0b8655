"""Reading values that strangers wrote: text, phone numbers, times. Faults are collected, not raised one by one."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import phonenumbers

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A time before this is a unit mixed up, not a contact."""
LATEST = 2100
"""A year after this is one, too."""

TOO_MUCH = 10**12
"""An amount from here on is a mistake."""
CENT = Decimal("0.01")

D = TypeVar("D", datetime, date)

_EXTENSION = re.compile(r"^(?P<number>.*?[0-9])(?:转|ext\.?|x|-)\s*(?P<extension>[0-9]{1,5})$", re.IGNORECASE)
_MASKED = re.compile(r"[*×xX#]{2,}|[0-9]E\+[0-9]", re.IGNORECASE)
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Fault:
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
class Faults:
    """Everything that is wrong with a message, and what is odd about it."""

    found: list[Fault] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def add(self, field_: str, reason: str, message: str) -> None:
        """Note a fault."""
        self.found.append(Fault(field_, reason, message))

    def flag(self, name: str) -> None:
        """Note something odd that does not stop acceptance."""
        if name not in self.flags:
            self.flags.append(name)


@dataclass(frozen=True, slots=True)
class Told:
    """A JSON object that a stranger wrote: each value is of the kind that is wanted, or noted as a fault.

    Attributes:
        values: the object.
        faults: where faults are noted.
        path: of the object in the message, for naming its fields.

    """

    values: Mapping[str, Any]
    faults: Faults
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
        self.faults.add(self.path + name, "bad_schema", "write this as text")
        return None

    def part(self, name: str) -> "Told":
        """Return an object within the object; one that is missing is empty."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, Mapping):
            self.faults.add(self.path + name, "bad_schema", "write this as a JSON object")
        return Told(value if isinstance(value, Mapping) else {}, self.faults, f"{self.path}{name}.")

    def parts(self, name: str) -> "list[Told]":
        """Return the objects of a list within the object."""
        value = self.values.get(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(each, Mapping) for each in value)):
            self.faults.add(self.path + name, "bad_schema", "write this as a list of JSON objects")
            return []
        return [Told(each, self.faults, f"{self.path}{name}.{number}.") for number, each in enumerate(value or [])]


class Unusable(Exception):
    """A message from which no contact can be made.

    Attributes:
        faults: every reason, at least one.

    """

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.message}" for each in faults))
        self.faults = faults


def unusable(field_: str, reason: str, message: str) -> Unusable:
    """Return the error for a message with a single fault."""
    return Unusable([Fault(field_, reason, message)])


def clean(value: Any) -> Any:
    """Return a JSON value without NUL and lone surrogates, which neither UTF-8 nor PostgreSQL can hold."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value.replace("\x00", ""))
    if isinstance(value, Mapping):
        return {clean(key): clean(each) for key, each in value.items()}
    if isinstance(value, list):
        return [clean(each) for each in value]
    return value


@dataclass(frozen=True, slots=True)
class Phone:
    """A number in E.164, with the extension behind it."""

    number: str
    extension: str | None = None


def phone(text: str | None, region: str = "CN") -> Phone | None:
    """Return a phone number, or None when the text is none: empty, masked, or not to be normalised."""
    plain = unicodedata.normalize("NFKC", text or "").strip()
    if not plain or _MASKED.search(plain):
        return None
    whole = _parsed(plain, region)
    if whole is not None:
        return Phone(whole)
    split = _EXTENSION.match(plain)
    if split is None:
        return None
    number = _parsed(split["number"], region)
    return Phone(number, split["extension"]) if number is not None else None


def _parsed(text: str, region: str) -> str | None:
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


def instant(value: Any, name: str, faults: Faults, zone: str = "Asia/Shanghai") -> datetime | None:
    """Return a point in time from ISO 8601; without an offset it is in the sender's zone. Faults are noted."""
    told = moment(value, name, faults, zone)
    if isinstance(told, datetime) or told is None:
        return told
    return datetime(told.year, told.month, told.day, tzinfo=ZoneInfo(zone))


def moment(value: Any, name: str, faults: Faults, zone: str = "Asia/Shanghai") -> datetime | date | None:
    """Return a point in time, or a day when only the day is told. Faults are noted."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        faults.add(
            name, "bad_date", "write the time as ISO 8601 text with an offset, such as 2026-03-12T09:13:42+08:00"
        )
        return None
    text = value.strip().replace("/", "-")
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", text):
            year, month, day = map(int, text.split("-"))
            return _plausible(date(year, month, day), value, name, faults)
        told = datetime.fromisoformat(_padded(text))
    except ValueError:
        faults.add(name, "bad_date", f"{value[:40]!r} is no date: write ISO 8601, such as 2026-03-12T09:13:42+08:00")
        return None
    return _plausible(told if told.tzinfo is not None else told.replace(tzinfo=ZoneInfo(zone)), value, name, faults)


def occurrence(value: Any, faults: Faults) -> dict[str, datetime | date | None]:
    """Return when it happened as the contact has it: a point in time, or a day when only the day is told."""
    told = moment(value, "occurred_at", faults)
    whole = told is None or isinstance(told, datetime)
    return {"occurred_at": told} if whole else {"occurred_on": told}


def money(value: Any, name: str, faults: Faults) -> str | None:
    """Return an amount as text with at most two decimals. Faults are noted."""
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value).strip()) if isinstance(value, str | int | float) else None
    except InvalidOperation:
        amount = None
    if isinstance(value, bool) or amount is None or not amount.is_finite() or abs(amount) >= TOO_MUCH:
        faults.add(name, "bad_schema", "write an amount as a number or text, such as 120.50")
        return None
    return str(amount.quantize(CENT, ROUND_HALF_EVEN))


def _plausible(told: D, value: str, name: str, faults: Faults) -> D | None:
    if told.year < EARLIEST.year or told.year > LATEST:
        faults.add(name, "bad_date", f"{value[:40]!r} is no plausible time: check the year and the unit")
        return None
    return told


def _padded(text: str) -> str:
    """Write month, day and hour with two digits, as ISO 8601 wants them; people leave the zero out."""
    match = re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})[ T]+([0-9]{1,2})(:[0-9]{2}.*)", text)
    if match is None:
        return text
    year, month, day, hour, rest = match.groups()
    return f"{year}-{int(month):02}-{int(day):02}T{int(hour):02}{rest}"


def epoch_millis(value: Any, name: str, faults: Faults) -> datetime | None:
    """Return a point in time from milliseconds since 1970. Faults are noted."""
    if value is None or isinstance(value, bool) or not isinstance(value, int):
        faults.add(name, "bad_date", "send the time as whole milliseconds since 1970")
        return None
    try:
        told = datetime.fromtimestamp(value / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        faults.add(name, "bad_date", f"{value} milliseconds is no date: check the unit")
        return None
    if told < EARLIEST or told.year > LATEST:
        faults.add(
            name, "bad_date", f"{value} milliseconds would be in {told.year}: check the unit, seconds and milliseconds"
        )
        return None
    return told
