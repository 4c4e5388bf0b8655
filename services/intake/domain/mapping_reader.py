"""Reads one message by a form of its channel's mapping and collects everything that is wrong with it. Pure."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from services.intake.domain import times
from services.intake.domain.envelope import ChannelConfig
from services.intake.domain.fields import (
    WITHHELD,
    InputErrors,
    bounded_reference,
    parse_amount,
    parse_phone,
    parse_whole_number,
)
from services.intake.domain.mapping import (
    DEFAULT_FORMATS,
    SINCE_1904,
    EvidenceMapping,
    FieldMapping,
    MessageMapping,
    ValueFormat,
    first_value,
    value_at,
)

_TIMES = frozenset({"time", "epoch", "epoch_ms", "american_time", "american_local", "sheet_time"})
_HOURS = re.compile(r"([0-2][0-9]:[0-5][0-9])\s*[-~—至]\s*([0-2][0-9]:[0-5][0-9])")
_BOOLEANS = {"true": True, "yes": True, "1": True, "是": True, "false": False, "no": False, "0": False, "否": False}
_SEPARATORS = re.compile(r"[/、,，;；]")


class MappingReader:
    """Reads one message by a form; reading happens on construction.

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
        self._readers: dict[ValueFormat, Callable[[str, Any, str], None]] = {
            "phone": self._read_phone,
            "phones": self._read_phones,
            "caller": self._read_caller,
            "money": lambda name, value, path: self._put(name, parse_amount(value, path, errors)),
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
        self.fields["evidence"] = self._read_evidence(form)

    def message_id(self, form: MessageMapping) -> str | None:
        """Return the channel's own message id, None when it is missing; an id of another type is an error."""
        value, source = first_value(self._message, form.id)
        if value is None or source is None:
            return None
        if isinstance(value, str):
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool) and not form.id_is_text:
            return str(value)
        self.errors.add(source.at, "bad_id", "write the id as text: a number loses digits")
        return None

    def _fill(self, name: str, target: FieldMapping) -> None:
        value, source = first_value(self._message, target.at)
        format_ = target.as_ or DEFAULT_FORMATS.get(name, "text")
        if value is None and format_ == "caller" and not self.fields["customer"].get("phone"):
            self.errors.flag("phone_withheld")
        if value is None or source is None:
            return
        if target.with_ is not None:
            value = f"{value} {value_at(self._message, target.with_) or ''}"
        if source.flag:
            self.errors.flag(source.flag)
        if target.words:
            value = self._translate(value, target, source.at)
            if value is None:
                return
        if format_ in _TIMES:
            self._read_time(name, value, source.at, format_)
        elif format_ in self._readers:
            self._readers[format_](name, value, source.at)
        else:
            self._put(name, self._read_text(value, source.at))

    def _translate(self, value: Any, target: FieldMapping, path: str) -> str | None:
        """Return our word for the channel's, None for an unknown one that is to be ignored."""
        word = str(value).strip()
        if target.strict and word not in target.words:
            choices = ", ".join(target.words)
            self.errors.add(path, "bad_schema", f"{word[:40]!r} is unknown: choose one of {choices}")
        # Any allowed word stands in for an unknown one, so that the same error is not reported twice.
        return target.words.get(word, next(iter(target.words.values())) if target.strict else None)

    def _put(self, name: str, value: Any) -> None:
        head, _, rest = name.partition(".")
        if value is None:
            return
        if rest:
            self.fields.setdefault(head, {})[rest] = value
        else:
            self.fields[head] = value

    def _read_text(self, value: Any, path: str) -> str | None:
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        self.errors.add(path, "bad_schema", "write this as text")
        return None

    def _read_time(self, name: str, value: Any, path: str, format_: ValueFormat) -> None:
        if format_ in {"epoch", "epoch_ms"}:
            instant = times.parse_epoch(value, path, self.errors, unit=1 if format_ == "epoch" else 1000)
            self._put(name, instant.isoformat() if instant is not None and name.startswith("details.") else instant)
            return
        if format_ == "sheet_time" and isinstance(value, int | float) and not isinstance(value, bool):
            value = self._read_sheet_day(value)
        moment = times.parse_instant_or_day(
            value, path, self.errors, self._config.default_tz, american=format_.startswith("american")
        )
        if format_ == "american_local" and isinstance(moment, datetime):
            moment = moment.replace(tzinfo=None)
        if name.startswith("details.") or not name.endswith("_at"):
            self._put(name, moment.isoformat() if moment is not None else None)
        else:
            self.fields |= times.time_field(name.removesuffix("_at"), moment)

    def _read_sheet_day(self, value: float) -> Any:
        try:
            return times.parse_sheet_day(value, since_1904=bool(self._message.get(SINCE_1904)))
        except ValueError:
            return str(value)

    def _read_phone(self, name: str, value: Any, path: str) -> None:
        text = self._read_text(value, path)
        number = parse_phone(text, self._config.default_region)
        if number is None:
            masked = text is not None and ("*" in text or "×" in text)
            self.errors.flag("phone_masked" if masked else "phone_invalid")
            return
        self._put(name, number.number)
        if name == "customer.phone":
            self._put("customer.phone_extension", number.extension)

    def _read_phones(self, name: str, value: Any, path: str) -> None:
        parts = _SEPARATORS.split(self._read_text(value, path) or "")
        self._read_phone(name, parts[0], path)
        others = [parse_phone(part, self._config.default_region) for part in parts[1:]]
        self._put("details.other_phones", "/".join(phone.number for phone in others if phone is not None) or None)

    def _read_caller(self, name: str, value: Any, path: str) -> None:
        if isinstance(value, str) and value.strip().lower() in WITHHELD:
            self.errors.flag("phone_withheld")
        elif not self.fields["customer"].get("phone"):
            self._read_phone(name, value, path)

    def _read_number(self, name: str, value: Any, path: str) -> None:
        try:
            number = float(self._read_text(value, path) or "")
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            self._put(name, number)
        else:
            self.errors.add(path, "bad_schema", "write this as a number")

    def _read_integer(self, name: str, value: Any, path: str) -> None:
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        number = parse_whole_number((self._read_text(whole, path) or "").strip())
        if number is None:
            self.errors.add(path, "bad_schema", "write this as a whole number")
        self._put(name, number)

    def _read_boolean(self, name: str, value: Any, path: str) -> None:
        truth = _BOOLEANS.get((self._read_text(value, path) or "").strip().lower())
        if truth is None:
            self.errors.add(path, "bad_schema", f"choose one of {', '.join(_BOOLEANS)}")
        self._put(name, truth)

    def _read_hours(self, name: str, value: Any, path: str) -> None:
        text = self._read_text(value, path) or ""
        hours = _HOURS.search(text)
        if hours is not None:
            self._put(name, f"{hours[1]}-{hours[2]}")
        if hours is None or hours[0] != text.strip():
            self._put("details.contact_hours", text)

    def _read_due(self, name: str, value: Any, path: str) -> None:
        """Read a deadline: a day means its last second; a count of days and text that is no date are kept as text."""
        if isinstance(value, int | float):
            value = str(value) if value < times.FIRST_SHEET_DAY else self._read_sheet_day(value)
        elif isinstance(value, str):
            value = times.without_before(value)
        # Text that is no date is no error here, so the errors of parsing are dropped.
        deadline = times.parse_instant_or_day(value, path, InputErrors(), self._config.default_tz)
        if deadline is None:
            self._put("details.due_text", self._read_text(value, path))
        elif isinstance(deadline, datetime):
            self._put(name, deadline)
            self._put("details.due_date", deadline.isoformat())
        else:
            self._put(name, datetime.combine(deadline, time(23, 59, 59), ZoneInfo(self._config.default_tz)))
            self._put("details.due_date", deadline.isoformat())

    def _read_evidence(self, form: MessageMapping) -> list[dict[str, Any]]:
        evidence: list[dict[str, Any]] = []
        for rule in form.evidence:
            if rule.unless_any and evidence:
                continue
            for part in self._evidence_parts(rule):
                reference, _ = first_value(part, rule.reference) if rule.reference else (part.get(""), None)
                if isinstance(reference, str) and bounded_reference(reference.strip(), self.errors):
                    paths = {name: getattr(rule, name) for name in ("name", "media_type", "size", "sha256")}
                    properties = {name: value_at(part, path) for name, path in paths.items() if path is not None}
                    evidence.append({"kind": rule.kind, "reference": reference, **properties})
        return evidence

    def _evidence_parts(self, rule: EvidenceMapping) -> list[Mapping[str, Any]]:
        """Return the objects that refer to evidence; an item that is only a reference gets the empty key."""
        if rule.items_at is None:
            return [self._message]
        value = value_at(self._message, rule.items_at)
        if value is None:
            return []
        if not isinstance(value, list):
            self.errors.add(rule.items_at, "bad_schema", "write this as a list")
            return []
        return [item if isinstance(item, Mapping) else {"": item} for item in value]
