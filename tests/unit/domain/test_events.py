"""The catalogue of event types matches what the ledger emits: no type and no detail is missing."""

import ast
from dataclasses import dataclass, field
from random import Random

import pytest

from deploy.tools.checkout import PROJECT
from schemas.event import TicketEvent
from services.domain.events import ENTRY, EVENTS, suggest
from services.ledger.domain.extension import APPROVED
from services.ledger.domain.timers import POLICY_APPLIED
from tests.builders import PACKS
from tests.fuzz.decisions import BEGIN, RandomTicket

NAMED = {"timers.POLICY_APPLIED": POLICY_APPLIED, "APPROVED": APPROVED}
"""Types that the ledger's code names by a constant."""


def emitted_types() -> set[str]:
    """Return every type in the ledger's code, without those that packs define for record entries."""
    found: set[str] = set()
    for file in (PROJECT / "services" / "ledger" / "domain").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record_event":
                argument = node.args[0]
                parts = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
                found |= {str(each.value) for each in parts if isinstance(each, ast.Constant)}
                found |= {NAMED[ast.unparse(each)] for each in parts if ast.unparse(each) in NAMED}
    return found


def test_every_type_is_listed() -> None:
    assert emitted_types() == set(EVENTS)


@dataclass
class RecordedTicket(RandomTicket):
    """A random ticket that keeps its events."""

    events: list[TicketEvent] = field(default_factory=list)

    def check_event(self, event: TicketEvent) -> None:
        super().check_event(event)
        self.events.append(event)


@pytest.mark.fuzz
def test_every_event_of_any_ticket_has_the_details_that_are_listed() -> None:
    seen: set[str] = set()
    for pack in PACKS.values():
        entries = {each.event for each in pack.outcome.entries}
        for seed in range(60):
            play = RecordedTicket(pack, Random(f"{pack.header.name}/{seed}"), BEGIN)
            for number in range(25):
                play.step(number)
                play.now += (BEGIN.replace(hour=8) - BEGIN) * play.rng.choice((0, 1, 20))
            for event in play.events:
                expected = ENTRY if event.type in entries else EVENTS[event.type]
                details = event.details.keys() - {"taken_over", "acts_for"}
                assert expected.always <= details <= expected.always | expected.sometimes, (event.type, details)
                if event.threshold is None:
                    assert expected.threshold != "always", event.type
                else:
                    assert expected.threshold != "never", event.type
                seen.add(event.type)
    assert len(seen) > 30


def test_a_misspelt_name_leads_to_advice() -> None:
    assert suggest("acepted", EVENTS) == "did you mean 'accepted'?"
    assert "accepted, answered" in suggest("zzz", EVENTS)
