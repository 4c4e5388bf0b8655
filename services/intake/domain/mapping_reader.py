"""Reading one message by a form of its channel's mapping: each value as the field calls for, errors collected."""

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
_TRUTH = {"true": True, "yes": True, "1": True, "是": True, "false": False, "no": False, "0": False, "否": False}
_MANY = re.compile(r"[/、,，;；]")


class MappingReader:
    """Reads one message by a form.

    Attributes:
        said: what the contact says, by its fields.
        errors: what is wrong with the message.

    """

    def __init__(
        self, form: MessageMapping, told: Mapping[str, Any], config: ChannelConfig, errors: InputErrors
    ) -> None:
        self.errors = errors
        self.fields: dict[str, Any] = {"customer": {}}
        self._payload = told
        self._config = config
        self._readers: dict[ValueFormat, Callable[[str, Any, str], None]] = {
            "phone": self._read_phone,
            "phones": self._read_phones,
            "caller": self._read_caller,
            "money": lambda name, value, at: self._put(name, parse_amount(value, at, errors)),
            "number": self._read_number,
            "integer": self._read_integer,
            "boolean": self._read_boolean,
            "hours": self._read_hours,
            "due": self._read_due,
        }
        for name, target in form.fields.items():
            self._fill(name, target)
        labels = (value_at(told, each) for each in form.labels)
        self.fields["labels"] = tuple(str(each).strip() for each in labels if isinstance(each, str) and each.strip())
        self.fields["evidence"] = self._read_evidence(form)

    def message_id(self, form: MessageMapping) -> str | None:
        """Return the channel's own id; one that cannot be right is a fault."""
        value, source = first_value(self._payload, form.id)
        if value is None or source is None:
            return None
        if isinstance(value, str):
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool) and not form.id_is_text:
            return str(value)
        self.errors.add(source.at, "bad_id", "write the id as text: a number loses digits")
        return None

    def _fill(self, name: str, target: FieldMapping) -> None:
        value, source = first_value(self._payload, target.at)
        how = target.as_ or DEFAULT_FORMATS.get(name, "text")
        if value is None and how == "caller" and not self.fields["customer"].get("phone"):
            self.errors.flag("phone_withheld")
        if value is None or source is None:
            return
        if target.with_ is not None:
            value = f"{value} {value_at(self._payload, target.with_) or ''}"
        if source.flag:
            self.errors.flag(source.flag)
        if target.words:
            word = str(value).strip()
            if target.strict and word not in target.words:
                self.errors.add(source.at, "bad_schema", f"{word[:40]!r} is none of {', '.join(target.words)}")
            # A strict word stands in for a wrong one, so that one fault is not told twice.
            value = target.words.get(word, next(iter(target.words.values())) if target.strict else None)
            if value is None:
                return
        if how in _TIMES:
            self._read_time(name, value, source.at, how)
        elif how in self._readers:
            self._readers[how](name, value, source.at)
        else:
            self._put(name, self._read_text(value, source.at))

    def _put(self, name: str, value: Any) -> None:
        head, _, rest = name.partition(".")
        if value is None:
            return
        if rest:
            self.fields.setdefault(head, {})[rest] = value
        else:
            self.fields[head] = value

    def _read_text(self, value: Any, at: str) -> str | None:
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        self.errors.add(at, "bad_schema", "write this as text")
        return None

    def _read_time(self, name: str, value: Any, at: str, how: ValueFormat) -> None:
        if how in {"epoch", "epoch_ms"}:
            told = times.parse_epoch(value, at, self.errors, unit=1 if how == "epoch" else 1000)
        else:
            if how == "sheet_time" and isinstance(value, int | float) and not isinstance(value, bool):
                value = self._read_sheet_day(value)
            told_ = times.parse_instant_or_day(
                value, at, self.errors, self._config.default_tz, american=how.startswith("american")
            )
            if how == "american_local" and isinstance(told_, datetime):
                told_ = told_.replace(tzinfo=None)
            if name.startswith("details.") or not name.endswith("_at"):
                self._put(name, told_.isoformat() if told_ is not None else None)
            else:
                self.fields |= times.time_field(name.removesuffix("_at"), told_)
            return
        self._put(name, told.isoformat() if told is not None and name.startswith("details.") else told)

    def _read_sheet_day(self, value: float) -> Any:
        try:
            return times.parse_sheet_day(value, since_1904=bool(self._payload.get(SINCE_1904)))
        except ValueError:
            return str(value)

    def _read_phone(self, name: str, value: Any, at: str) -> None:
        text = self._read_text(value, at)
        number = parse_phone(text, self._config.default_region)
        if number is None:
            masked = text is not None and ("*" in text or "×" in text)
            self.errors.flag("phone_masked" if masked else "phone_invalid")
            return
        self._put(name, number.number)
        if name == "customer.phone":
            self._put("customer.phone_extension", number.extension)

    def _read_phones(self, name: str, value: Any, at: str) -> None:
        parts = _MANY.split(self._read_text(value, at) or "")
        self._read_phone(name, parts[0], at)
        others = [parse_phone(each, self._config.default_region) for each in parts[1:]]
        self._put("details.other_phones", "/".join(each.number for each in others if each is not None) or None)

    def _read_caller(self, name: str, value: Any, at: str) -> None:
        if isinstance(value, str) and value.strip().lower() in WITHHELD:
            self.errors.flag("phone_withheld")
        elif not self.fields["customer"].get("phone"):
            self._read_phone(name, value, at)

    def _read_number(self, name: str, value: Any, at: str) -> None:
        try:
            number = float(self._read_text(value, at) or "")
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            self._put(name, number)
        else:
            self.errors.add(at, "bad_schema", "write this as a number")

    def _read_integer(self, name: str, value: Any, at: str) -> None:
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        number = parse_whole_number((self._read_text(whole, at) or "").strip())
        if number is None:
            self.errors.add(at, "bad_schema", "write this as a whole number")
        self._put(name, number)

    def _read_boolean(self, name: str, value: Any, at: str) -> None:
        told = _TRUTH.get((self._read_text(value, at) or "").strip().lower())
        if told is None:
            self.errors.add(at, "bad_schema", f"write this as one of {', '.join(_TRUTH)}")
        self._put(name, told)

    def _read_hours(self, name: str, value: Any, at: str) -> None:
        text = self._read_text(value, at) or ""
        found = _HOURS.search(text)
        if found is not None:
            self._put(name, f"{found[1]}-{found[2]}")
        if found is None or found[0] != text.strip():
            self._put("details.contact_hours", text)

    def _read_due(self, name: str, value: Any, at: str) -> None:
        """Read a limit: a day means its end; what is no date stays words."""
        if isinstance(value, int | float):
            value = self._read_sheet_day(value)
        quiet = InputErrors()
        told = times.parse_instant_or_day(value, at, quiet, self._config.default_tz)
        if told is None:
            self._put("details.due_text", self._read_text(value, at))
        elif isinstance(told, datetime):
            self._put(name, told)
            self._put("details.due_date", told.isoformat())
        else:
            self._put(name, datetime.combine(told, time(23, 59, 59), ZoneInfo(self._config.default_tz)))
            self._put("details.due_date", told.isoformat())

    def _read_evidence(self, form: MessageMapping) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for rule in form.papers:
            if rule.unless_any and found:
                continue
            for each in self._evidence_parts(rule):
                where, _ = first_value(each, rule.reference) if rule.reference else (each.get(""), None)
                if isinstance(where, str) and where.strip() and bounded_reference(where.strip(), self.errors):
                    more = {name: getattr(rule, name) for name in ("name", "media_type", "size", "sha256")}
                    told = {name: value_at(each, path) for name, path in more.items() if path is not None}
                    found.append({"kind": rule.kind, "reference": where, **told})
        return found

    def _evidence_parts(self, rule: EvidenceMapping) -> list[Mapping[str, Any]]:
        if rule.each is None:
            return [self._payload]
        value = value_at(self._payload, rule.each)
        if value is None:
            return []
        if not isinstance(value, list):
            self.errors.add(rule.each, "bad_schema", "write this as a list")
            return []
        return [each if isinstance(each, Mapping) else {"": each} for each in value]
