"""What became of deadlines: how late each was, and what was missed, doubled or early."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID


@dataclass(frozen=True)
class Outcome:
    """What became of the deadlines of a measurement or a scenario.

    Attributes:
        late: seconds from each deadline to what it led to, least first.
        missing: deadlines that led to nothing.
        doubled: deadlines that led to something more than once.
        early: deadlines that led to something before their time.

    """

    late: list[float] = field(default_factory=list)
    missing: int = 0
    doubled: int = 0
    early: int = 0

    @classmethod
    def of(cls, due: Mapping[UUID, float], seen: Mapping[UUID, Sequence[float]]) -> Self:
        """Compare when tickets were due with when something was seen of each, both in seconds since 1970."""
        late = sorted(seen[id_][0] - at for id_, at in due.items() if id_ in seen)
        return cls(
            late,
            missing=len(due) - len(late),
            doubled=sum(len(seen.get(id_, ())) > 1 for id_ in due),
            early=sum(each < 0 for each in late),
        )

    @property
    def sound(self) -> bool:
        """Whether no deadline was missed, doubled or early."""
        return not (self.missing or self.doubled or self.early)

    def part(self, share: float) -> float:
        """Return the lateness that so large a share stays below, in seconds."""
        return self.late[min(int(len(self.late) * share), len(self.late) - 1)] if self.late else float("nan")
