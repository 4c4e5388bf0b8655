"""Reading one message by a form of its channel's mapping: each value as the field calls for, faults collected."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from services.intake.domain import times
from services.intake.domain.envelope import ChannelConfig
from services.intake.domain.fields import WITHHELD, InputErrors, money, phone, reference, whole_number
from services.intake.domain.mapping import (
    SINCE_1904,
    USUAL,
    As,
    EvidenceMapping,
    FieldMapping,
    MessageMapping,
    first,
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
        faults: what is wrong with the message.

    """

    def __init__(
        self, form: MessageMapping, told: Mapping[str, Any], config: ChannelConfig, faults: InputErrors
    ) -> None:
        self.faults = faults
        self.said: dict[str, Any] = {"customer": {}}
        self._told = told
        self._config = config
        self._read: dict[As, Callable[[str, Any, str], None]] = {
            "phone": self._phone,
            "phones": self._phones,
            "caller": self._caller,
            "money": lambda name, value, at: self._put(name, money(value, at, faults)),
            "number": self._number,
            "integer": self._integer,
            "boolean": self._boolean,
            "hours": self._hours,
            "due": self._due,
        }
        for name, target in form.fields.items():
            self._fill(name, target)
        labels = (value_at(told, each) for each in form.labels)
        self.said["labels"] = tuple(str(each).strip() for each in labels if isinstance(each, str) and each.strip())
        self.said["evidence"] = self._evidence(form)

    def message_id(self, form: MessageMapping) -> str | None:
        """Return the channel's own id; one that cannot be right is a fault."""
        value, source = first(self._told, form.id)
        if value is None or source is None:
            return None
        if isinstance(value, str):
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool) and not form.id_is_text:
            return str(value)
        self.faults.add(source.at, "bad_id", "write the id as text: a number loses digits")
        return None

    def _fill(self, name: str, target: FieldMapping) -> None:
        value, source = first(self._told, target.at)
        how = target.as_ or USUAL.get(name, "text")
        if value is None and how == "caller" and not self.said["customer"].get("phone"):
            self.faults.flag("phone_withheld")
        if value is None or source is None:
            return
        if target.with_ is not None:
            value = f"{value} {value_at(self._told, target.with_) or ''}"
        if source.flag:
            self.faults.flag(source.flag)
        if target.words:
            word = str(value).strip()
            if target.strict and word not in target.words:
                self.faults.add(source.at, "bad_schema", f"{word[:40]!r} is none of {', '.join(target.words)}")
            # A strict word stands in for a wrong one, so that one fault is not told twice.
            value = target.words.get(word, next(iter(target.words.values())) if target.strict else None)
            if value is None:
                return
        if how in _TIMES:
            self._time(name, value, source.at, how)
        elif how in self._read:
            self._read[how](name, value, source.at)
        else:
            self._put(name, self._text(value, source.at))

    def _put(self, name: str, value: Any) -> None:
        head, _, rest = name.partition(".")
        if value is None:
            return
        if rest:
            self.said.setdefault(head, {})[rest] = value
        else:
            self.said[head] = value

    def _text(self, value: Any, at: str) -> str | None:
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        self.faults.add(at, "bad_schema", "write this as text")
        return None

    def _time(self, name: str, value: Any, at: str, how: As) -> None:
        if how in {"epoch", "epoch_ms"}:
            told = times.epoch(value, at, self.faults, unit=1 if how == "epoch" else 1000)
        else:
            if how == "sheet_time" and isinstance(value, int | float) and not isinstance(value, bool):
                value = self._sheet_day(value)
            told_ = times.moment(value, at, self.faults, self._config.default_tz, american=how.startswith("american"))
            if how == "american_local" and isinstance(told_, datetime):
                told_ = told_.replace(tzinfo=None)
            if name.startswith("details.") or not name.endswith("_at"):
                self._put(name, told_.isoformat() if told_ is not None else None)
            else:
                self.said |= times.placed(name.removesuffix("_at"), told_)
            return
        self._put(name, told.isoformat() if told is not None and name.startswith("details.") else told)

    def _sheet_day(self, value: float) -> Any:
        try:
            return times.sheet_day(value, since_1904=bool(self._told.get(SINCE_1904)))
        except ValueError:
            return str(value)

    def _phone(self, name: str, value: Any, at: str) -> None:
        text = self._text(value, at)
        number = phone(text, self._config.default_region)
        if number is None:
            masked = text is not None and ("*" in text or "×" in text)
            self.faults.flag("phone_masked" if masked else "phone_invalid")
            return
        self._put(name, number.number)
        if name == "customer.phone":
            self._put("customer.phone_extension", number.extension)

    def _phones(self, name: str, value: Any, at: str) -> None:
        parts = _MANY.split(self._text(value, at) or "")
        self._phone(name, parts[0], at)
        others = [phone(each, self._config.default_region) for each in parts[1:]]
        self._put("details.other_phones", "/".join(each.number for each in others if each is not None) or None)

    def _caller(self, name: str, value: Any, at: str) -> None:
        if isinstance(value, str) and value.strip().lower() in WITHHELD:
            self.faults.flag("phone_withheld")
        elif not self.said["customer"].get("phone"):
            self._phone(name, value, at)

    def _number(self, name: str, value: Any, at: str) -> None:
        try:
            number = float(self._text(value, at) or "")
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            self._put(name, number)
        else:
            self.faults.add(at, "bad_schema", "write this as a number")

    def _integer(self, name: str, value: Any, at: str) -> None:
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        number = whole_number((self._text(whole, at) or "").strip())
        if number is None:
            self.faults.add(at, "bad_schema", "write this as a whole number")
        self._put(name, number)

    def _boolean(self, name: str, value: Any, at: str) -> None:
        told = _TRUTH.get((self._text(value, at) or "").strip().lower())
        if told is None:
            self.faults.add(at, "bad_schema", f"write this as one of {', '.join(_TRUTH)}")
        self._put(name, told)

    def _hours(self, name: str, value: Any, at: str) -> None:
        text = self._text(value, at) or ""
        found = _HOURS.search(text)
        if found is not None:
            self._put(name, f"{found[1]}-{found[2]}")
        if found is None or found[0] != text.strip():
            self._put("details.contact_hours", text)

    def _due(self, name: str, value: Any, at: str) -> None:
        """Read a limit: a day means its end; what is no date stays words."""
        if isinstance(value, int | float):
            value = self._sheet_day(value)
        quiet = InputErrors()
        told = times.moment(value, at, quiet, self._config.default_tz)
        if told is None:
            self._put("details.due_text", self._text(value, at))
        elif isinstance(told, datetime):
            self._put(name, told)
            self._put("details.due_date", told.isoformat())
        else:
            self._put(name, datetime.combine(told, time(23, 59, 59), ZoneInfo(self._config.default_tz)))
            self._put("details.due_date", told.isoformat())

    def _evidence(self, form: MessageMapping) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for rule in form.papers:
            if rule.unless_any and found:
                continue
            for each in self._parts(rule):
                where, _ = first(each, rule.reference) if rule.reference else (each.get(""), None)
                if isinstance(where, str) and where.strip() and reference(where.strip(), self.faults):
                    more = {name: getattr(rule, name) for name in ("name", "media_type", "size", "sha256")}
                    told = {name: value_at(each, path) for name, path in more.items() if path is not None}
                    found.append({"kind": rule.kind, "reference": where, **told})
        return found

    def _parts(self, rule: EvidenceMapping) -> list[Mapping[str, Any]]:
        if rule.each is None:
            return [self._told]
        value = value_at(self._told, rule.each)
        if value is None:
            return []
        if not isinstance(value, list):
            self.faults.add(rule.each, "bad_schema", "write this as a list")
            return []
        return [each if isinstance(each, Mapping) else {"": each} for each in value]
