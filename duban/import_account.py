"""Accounts for every row, line and mail of an imported file: as many came in as were accepted, kept and refused."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.intake.domain.message_parts import MessagePart


@dataclass(slots=True)
class SheetAccount:
    """What became of one sheet, or of a file without sheets.

    Attributes:
        accepted: messages that intake accepted.
        refused: messages that intake refused, and damaged ones that were not sent.
        kept: rows that hold no message, by reason (`KeptReason`).

    """

    accepted: int = 0
    refused: int = 0
    kept: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All that is accounted for."""
        return self.accepted + self.refused + self.kept.total()


@dataclass(slots=True)
class ImportAccount:
    """What became of a file, by the names of its sheets; a file without sheets has one with an empty name.

    Attributes:
        delivered: rows, lines and mails as the file's reader counted them before anything was decided about them.
        sheets: what became of them.

    """

    delivered: Counter[str] = field(default_factory=Counter)
    sheets: dict[str, SheetAccount] = field(default_factory=dict)

    @classmethod
    def from_json(cls, sheets: Mapping[str, Any]) -> "ImportAccount":
        """Continue the account of an interrupted run; `delivered` is counted anew, because the file is read again."""
        return cls(
            sheets={
                name: SheetAccount(int(each["accepted"]), int(each["refused"]), Counter(each["kept"]))
                for name, each in sheets.items()
            }
        )

    def to_json(self) -> dict[str, Any]:
        """Return the account as JSON values, for the next run."""
        return {
            name: {"accepted": each.accepted, "refused": each.refused, "kept": dict(each.kept)}
            for name, each in self.sheets.items()
        }

    def add(self, part: MessagePart, *, refused: bool = False) -> None:
        """Account for one part of the file."""
        sheet = self.sheets.setdefault(part.sheet, SheetAccount())
        if part.kept is not None:
            sheet.kept[part.kept] += 1
        elif refused:
            sheet.refused += 1
        else:
            sheet.accepted += 1

    @property
    def accepted(self) -> int:
        """Messages that intake accepted."""
        return sum(each.accepted for each in self.sheets.values())

    @property
    def refused(self) -> int:
        """Messages that were refused."""
        return sum(each.refused for each in self.sheets.values())

    @property
    def kept(self) -> int:
        """Rows that hold no message."""
        return sum(each.kept.total() for each in self.sheets.values())

    @property
    def is_complete(self) -> bool:
        """Whether everything that the file delivered is accounted for, in each sheet."""
        names = self.delivered.keys() | self.sheets.keys()
        return all(self.delivered[name] == self._sheet(name).total for name in names)

    def lines(self, file: str) -> Iterator[str]:
        """Yield the sum of each sheet as a line of text."""
        for name in dict.fromkeys([*self.delivered, *self.sheets]):
            sheet = self._sheet(name)
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(sheet.kept.items()))
            kept = f"{sheet.kept.total()} kept ({reasons})" if reasons else "0 kept"
            unknown = ": no header that we know, so nothing of it was imported" if sheet.kept["no_header"] else ""
            came_in = self.delivered[name]
            sign = "=" if came_in == sheet.total else "is NOT"
            place = f"{file}, sheet {name}" if name else file
            sums = f"{sheet.accepted} accepted + {kept} + {sheet.refused} refused"
            yield f"{place}: {came_in} came in {sign} {sums}{unknown}"

    def _sheet(self, name: str) -> SheetAccount:
        return self.sheets.get(name) or SheetAccount()
