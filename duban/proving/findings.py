"""What a proof looks for, by name, and what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass

PROPERTIES: Mapping[str, str] = {
    "promise": "every open ticket has its promise or closing clock running, or paused by something that ends",
    "stage": "the clocks that run are those of the ticket's present state",
    "breach": "each run of a clock is exceeded once at most",
    "unmoved": "an act that changes no fact changes no clock",
    "limit": "a clock counts by the limit of the ticket's present facts, and no later commitment is taken back",
    "thresholds": "the thresholds of a clock come one after the other",
    "close": "from every open state those who may can reach a close",
    "authority": "nobody outside the table of authority changes anything",
    "names": "what names something unknown is refused, and a ticket names only what the pack has",
    "merge": "a ticket is merged only into an open ticket of the same customer",
    "place": "a ticket has a holder, and a way back to its centre while a unit works on it",
    "wait": "waiting is limited in each run, is for somebody, and ends when the work goes on",
    "over": "an archived ticket does not change",
    "crash": "the rules decide every command",
    "dead": "every action, entry, clock and threshold can happen",
}
"""What is shown of every pack."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must never happen, and can.

    Attributes:
        name: of the property that does not hold, in `PROPERTIES`.
        subject: the clock, action or unit that it is about; the same finding is reported once.
        message: what is wrong.

    """

    name: str
    subject: str
    message: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes two findings the same."""
        return (self.name, self.subject)


def crash(action: str, error: Exception) -> Finding:
    """Return the finding of an action that the rules cannot decide."""
    return Finding("crash", action, f"{action}: {type(error).__name__}: {error}")
