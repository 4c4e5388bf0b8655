"""Measures what the 10,000th command to one ticket costs beside the first, and how large everything becomes.

`python -m tests.load.growth` prints a row for each slice of commands. One core; the database is not part of it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from uuid import UUID

from schemas.action import Attach, LinkTo, RecordEntry, Remind
from schemas.command import Action
from schemas.contact import Evidence
from schemas.ticket import Link, Ticket
from services.ledger.document_cache import DocumentCache
from tests.builders import CENTRE, MINUTE, TicketScenario, contact

COMMANDS = 10_000
SLICE = 500


@dataclass(frozen=True)
class Slice:
    """What a slice of the commands cost, and the largest documents that it made.

    Attributes:
        microseconds: of processor time for each command: decided, and its documents written.
        stored: bytes of the stored ticket.
        state: bytes of the ticket on its topic.
        event: bytes of an event on its topic.

    """

    microseconds: float
    stored: int
    state: int
    event: int


def actions() -> Iterator[tuple[Action, str]]:
    """Yield attach, record, link and remind in turn, each with the unit that sends it."""
    classification = TicketScenario.opened().current.classification
    for number in count():
        reference = f"s3://papers/{number}?signature={number:064}"
        yield Attach(evidence=(Evidence(kind="scan", reference=reference),)), CENTRE
        yield RecordEntry(kind="report", text="的" * 300), CENTRE
        yield LinkTo(link=Link(ticket_id=UUID(int=number), kind="repeat", reason="the same fault")), CENTRE
        yield Remind(contact=contact(f"again-{number}"), classification=classification, reason="again"), CENTRE


def measure(commands: int = COMMANDS) -> tuple[list[Slice], Ticket]:
    """Send commands to one ticket; returns what each slice cost, and the ticket after the last."""
    scenario, slices, pending = TicketScenario.dispatched().advance(MINUTE), list[Slice](), actions()
    for _ in range(commands // SLICE):
        batch, documents = list(islice(pending, SLICE)), DocumentCache()
        scenario.events.clear()
        started = time.process_time()
        for action, unit in batch:
            scenario.do(action, unit=unit)
        written = [
            (len(documents.ticket(event.ticket)), len(documents.published_ticket(event.ticket)), len(published))
            for event in scenario.events
            if (published := documents.published_event(event))
        ]
        spent = time.process_time() - started
        stored, state, event_size = (max(sizes) for sizes in zip(*written, strict=True))
        slices.append(Slice(spent * 1e6 / SLICE, stored, state, event_size))
    assert not scenario.refusals, scenario.refusal_code
    return slices, scenario.current


def main() -> None:
    """Print a table of slices, and the cost of the last as a multiple of the first."""
    slices, _ = measure()
    print("| commands | microseconds each | stored ticket | tickets.state | tickets.events |\n|---|---|---|---|---|")
    for number, part in enumerate(slices, start=1):
        sizes = " | ".join(f"{size:,}" for size in (part.stored, part.state, part.event))
        print(f"| {number * SLICE:,} | {part.microseconds:.0f} | {sizes} |")
    print(f"\nlast / first: {slices[-1].microseconds / slices[0].microseconds:.2f}")


if __name__ == "__main__":
    main()
