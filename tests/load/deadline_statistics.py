"""Compares deadlines with the events that they caused: lateness, and missing, doubled or early events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID


@dataclass(frozen=True)
class DeadlineStatistics:
    """What the deadlines of a measurement or scenario caused.

    Attributes:
        lateness: seconds from each deadline to its event, in ascending order.
        missing: deadlines without an event.
        doubled: deadlines with more than one event.
        early: deadlines whose event came before them.

    """

    lateness: list[float] = field(default_factory=list)
    missing: int = 0
    doubled: int = 0
    early: int = 0

    @classmethod
    def of(cls, due: Mapping[UUID, float], seen: Mapping[UUID, Sequence[float]]) -> Self:
        """Compare when each ticket was due with when its events were seen, in seconds since the epoch."""
        lateness = sorted(seen[id_][0] - at for id_, at in due.items() if id_ in seen)
        return cls(
            lateness,
            missing=len(due) - len(lateness),
            doubled=sum(len(seen.get(id_, ())) > 1 for id_ in due),
            early=sum(seconds < 0 for seconds in lateness),
        )

    @property
    def correct(self) -> bool:
        """Whether no event was missing, doubled or early."""
        return not (self.missing or self.doubled or self.early)

    def percentile(self, share: float) -> float:
        """Return the lateness in seconds that a share of the events, from 0 to 1, stays below; nan without events."""
        if not self.lateness:
            return float("nan")
        return self.lateness[min(int(len(self.lateness) * share), len(self.lateness) - 1)]
