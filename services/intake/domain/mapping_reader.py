"""Reads one message by a form of its channel's mapping and collects everything that is wrong with it. Pure."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from services.intake.domain import times
from services.intake.domain.envelope import ChannelConfig
from services.intake.domain.evidence_reader import read_evidence
from services.intake.domain.fields import (
    UNREAD_FLAG,
    WITHHELD,
    InputErrors,
    is_rounded_id,
    parse_amount,
    parse_whole_number,
)
from services.intake.domain.mapping import (
    DEFAULT_FORMATS,
    SINCE_1904,
    FieldMapping,
    MessageMapping,
    ValueFormat,
    ValueSource,
    first_value,
    value_at,
    values_of,
)
from services.intake.domain.phones import read_phone_field

_TIMES = frozenset({"time", "epoch", "epoch_ms", "american_time", "american_local", "sheet_time"})
_OPTIONAL = frozenset({"phone", "caller", "money", "number", "integer", "boolean"})
"""Formats of values without which a complaint can still be worked on."""
_HOURS = re.compile(r"([0-2][0-9]:[0-5][0-9])\s*[-~—至]\s*([0-2][0-9]:[0-5][0-9])")
_BOOLEANS = {"true": True, "yes": True, "1": True, "是": True, "false": False, "no": False, "0": False, "否": False}


class MappingReader:
    """Reads one message by a form; reading happens on construction.

    Each source of a field is tried until one can be read. What a complaint can do without (a phone number, an amount,
    a count, a yes or no) never refuses it: a value that cannot be read is kept as text and flagged (R2.5).

    Attributes:
        fields: the contact fields that were read, by name.
        errors: what is wrong with the message.

    """

    def __init__(
        self, form: MessageMapping, message: Mapping[str, Any], config: ChannelConfig, errors: InputErrors
    ) -> None:
        self.errors = errors
        self.fields: dict[str, Any] = {"customer": {}}
        self._message = message
        self._config = config
        self._readers: dict[ValueFormat, Callable[[str, Any, str, InputErrors], bool]] = {
            "phone": self._read_phone,
            "caller": self._read_caller,
            "money": self._read_money,
            "number": self._read_number,
            "integer": self._read_integer,
            "boolean": self._read_boolean,
            "hours": self._read_hours,
            "due": self._read_due,
        }
        for name, target in form.fields.items():
            self._fill(name, target)
        labels = (value_at(message, path) for path in form.labels)
        self.fields["labels"] = tuple(label.strip() for label in labels if isinstance(label, str) and label.strip())
        self.fields["evidence"] = read_evidence(form, message, errors)

    def message_id(self, form: MessageMapping) -> str | None:
        """Return the channel's own message id, None when it is missing; an id that has lost digits is an error."""
        value, source = first_value(self._message, form.id)
        if value is None or source is None:
            return None
        if isinstance(value, str) and not is_rounded_id(value):
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool) and not form.id_is_text:
            return str(value)
        self.errors.add(source.at, "bad_id", "write the id as text: a number loses digits")
        return None

    def _fill(self, name: str, target: FieldMapping) -> None:
        """Fill a field from the first of its sources that can be read; else report what is wrong with the first."""
        format_ = target.as_ or DEFAULT_FORMATS.get(name, "text")
        failed: tuple[Any, InputErrors] | None = None
        for value, source in values_of(self._message, target.at):
            attempt = InputErrors()
            if self._read(name, value, source, target, format_, attempt):
                self.errors.adopt(attempt)
                if source.flag:
                    self.errors.flag(source.flag)
                break
            failed = failed or (value, attempt)
        else:
            if failed is not None:
                self.errors.adopt(failed[1])
            elif format_ == "caller" and not self.fields["customer"].get("phone"):
                self.errors.flag("phone_withheld")
        if failed is not None and format_ in _OPTIONAL and not failed[1].found:
            self._put(f"details.{name.rpartition('.')[2]}_as_written", str(failed[0]).strip())

    def _read(
        self,
        name: str,
        value: Any,
        source: ValueSource,
        target: FieldMapping,
        format_: ValueFormat,
        errors: InputErrors,
    ) -> bool:
        """Read one value into its field; False when it cannot be read, with the errors or flags that say so."""
        if target.with_ is not None:
            value = f"{value} {value_at(self._message, target.with_) or ''}"
        if target.words:
            word = str(value).strip()
            if word not in target.words:
                if target.strict:
                    choices = ", ".join(target.words)
                    errors.add(source.at, "bad_schema", f"{word[:40]!r} is unknown: choose one of {choices}")
                return False
            value = target.words[word]
        if format_ in _TIMES:
            return self._read_time(name, value, source.at, format_, errors)
        if format_ in self._readers:
            return self._readers[format_](name, value, source.at, errors)
        text = self._text(value, source.at, errors)
        self._put(name, text)
        return text is not None

    def _put(self, name: str, value: Any) -> None:
        head, _, rest = name.partition(".")
        if value is None:
            return
        if rest:
            self.fields.setdefault(head, {})[rest] = value
        else:
            self.fields[head] = value

    def _text(self, value: Any, path: str, errors: InputErrors) -> str | None:
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        errors.add(path, "bad_schema", "write this as text")
        return None

    def _unread(self, name: str, path: str, advice: str, errors: InputErrors) -> bool:
        """Report a value that cannot be read: an error where deadlines depend on it, else a flag."""
        if name.startswith("taken_over."):
            errors.add(path, "bad_schema", advice)
        else:
            errors.flag(UNREAD_FLAG)
        return False

    def _read_time(self, name: str, value: Any, path: str, format_: ValueFormat, errors: InputErrors) -> bool:
        if format_ in {"epoch", "epoch_ms"}:
            instant = times.parse_epoch(value, path, errors, unit=1 if format_ == "epoch" else 1000)
            self._put(name, instant.isoformat() if instant is not None and name.startswith("details.") else instant)
            return instant is not None
        if format_ == "sheet_time" and isinstance(value, int | float) and not isinstance(value, bool):
            value = self._sheet_day(value)
        moment = times.parse_instant_or_day(
            value, path, errors, self._config.default_tz, american=format_.startswith("american")
        )
        if format_ == "american_local" and isinstance(moment, datetime):
            moment = moment.replace(tzinfo=None)
        if moment is None:
            return False
        if name.startswith("details.") or not name.endswith("_at"):
            self._put(name, moment.isoformat())
        else:
            self.fields |= times.time_field(name.removesuffix("_at"), moment)
        return True

    def _sheet_day(self, value: float) -> Any:
        try:
            return times.parse_sheet_day(value, since_1904=bool(self._message.get(SINCE_1904)))
        except ValueError:
            return str(value)

    def _read_phone(self, name: str, value: Any, path: str, errors: InputErrors) -> bool:
        read = read_phone_field(self._text(value, path, errors), self._config.default_region)
        if read.first is None:
            if read.flag is not None:
                errors.flag(read.flag)
            return False
        self._put(name, read.first.number)
        if name == "customer.phone":
            self._put("customer.phone_extension", read.first.extension)
        self._put("details.other_phones", "/".join(read.others) or None)
        return True

    def _read_caller(self, name: str, value: Any, path: str, errors: InputErrors) -> bool:
        if isinstance(value, str) and value.strip().lower() in WITHHELD:
            errors.flag("phone_withheld")
            return False
        return bool(self.fields["customer"].get("phone")) or self._read_phone(name, value, path, errors)

    def _read_money(self, name: str, value: Any, path: str, errors: InputErrors) -> bool:
        try:
            self._put(name, parse_amount(value))
        except ValueError:
            return self._unread(name, path, "write the amount as a number or text, such as 120.50", errors)
        return True

    def _read_number(self, name: str, value: Any, path: str, errors: InputErrors) -> bool:
        try:
            number = float(self._text(value, path, InputErrors()) or "")
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            return self._unread(name, path, "write this as a number", errors)
        self._put(name, number)
        return True

    def _read_integer(self, name: str, value: Any, path: str, errors: InputErrors) -> bool:
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        number = parse_whole_number((self._text(whole, path, InputErrors()) or "").strip())
        if number is None:
            return self._unread(name, path, "write this as a whole number", errors)
        self._put(name, number)
        return True

    def _read_boolean(self, name: str, value: Any, path: str, errors: InputErrors) -> bool:
        truth = _BOOLEANS.get((self._text(value, path, InputErrors()) or "").strip().lower())
        if truth is None:
            return self._unread(name, path, f"choose one of {', '.join(_BOOLEANS)}", errors)
        self._put(name, truth)
        return True

    def _read_hours(self, name: str, value: Any, path: str, errors: InputErrors) -> bool:
        text = self._text(value, path, errors)
        if text is None:
            return False
        hours = _HOURS.search(text)
        if hours is not None:
            self._put(name, f"{hours[1]}-{hours[2]}")
        if hours is None or hours[0] != text.strip():
            self._put("details.contact_hours", text)
        return True

    def _read_due(self, name: str, value: Any, path: str, errors: InputErrors) -> bool:
        """Read a deadline: a day means its last second; a count of days and text that is no date are kept as text."""
        if isinstance(value, int | float):
            value = str(value) if value < times.FIRST_SHEET_DAY else self._sheet_day(value)
        elif isinstance(value, str):
            value = times.without_before(value)
        # Text that is no date is no error here, so the errors of parsing are dropped.
        deadline = times.parse_instant_or_day(value, path, InputErrors(), self._config.default_tz)
        if deadline is None:
            self._put("details.due_text", self._text(value, path, errors))
        elif isinstance(deadline, datetime):
            self._put(name, deadline)
            self._put("details.due_date", deadline.isoformat())
        else:
            self._put(name, datetime.combine(deadline, time(23, 59, 59), ZoneInfo(self._config.default_tz)))
            self._put("details.due_date", deadline.isoformat())
        return not errors.found
