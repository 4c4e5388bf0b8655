"""What the checker finds wrong, by kind."""

from collections import defaultdict
from dataclasses import dataclass, field

EXAMPLES_UP_TO = 20
"""Occurrences of one kind of problem up to which examples are printed."""


@dataclass
class Findings:
    """Problems found so far.

    Attributes:
        lost: number of accepted messages that cannot be found.
        kinds: descriptions of the occurrences, by kind of problem.

    """

    lost: int = 0
    kinds: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, occurrence: str) -> None:
        """Record one occurrence of a kind of problem."""
        self.kinds[kind].append(occurrence)

    def problems(self) -> list[str]:
        """Return each kind of problem with its number of occurrences and some examples."""
        return [
            f"{kind}: {len(found)}, such as {', '.join(found[:3])}"
            if len(found) <= EXAMPLES_UP_TO
            else f"{kind}: {len(found)}"
            for kind, found in self.kinds.items()
        ]
