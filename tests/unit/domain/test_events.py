"""The list of types of events is what the ledger does: no type and no detail is missing from it."""

import ast
from dataclasses import dataclass, field
from random import Random

from deploy.tools.checkout import PROJECT
from schemas.event import TicketEvent
from services.domain.events import ENTRY, EVENTS, suggest
from services.domain.policy import loading
from services.ledger.domain.extension import APPROVED
from services.ledger.domain.timers import POLICY_APPLIED
from tests.fuzz.decisions import BEGIN, Play

NAMED = {"timers.POLICY_APPLIED": POLICY_APPLIED, "APPROVED": APPROVED}
"""Types that the ledger's code names by a constant."""
PACKS = loading.load(PROJECT / "policies")


def made_by_the_ledger() -> set[str]:
    """Return every type that stands in the ledger's code; that of an entry is the pack's."""
    found: set[str] = set()
    for file in (PROJECT / "services" / "ledger" / "domain").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record_event":
                told = node.args[0]
                parts = [told.body, told.orelse] if isinstance(told, ast.IfExp) else [told]
                found |= {str(each.value) for each in parts if isinstance(each, ast.Constant)}
                found |= {NAMED[ast.unparse(each)] for each in parts if ast.unparse(each) in NAMED}
    return found


def test_every_type_is_listed() -> None:
    assert made_by_the_ledger() == set(EVENTS)


@dataclass
class Heard(Play):
    """A story that keeps its events."""

    events: list[TicketEvent] = field(default_factory=list)

    def _hold(self, event: TicketEvent) -> None:
        super()._hold(event)
        self.events.append(event)


def test_every_event_of_any_story_has_the_details_that_are_listed() -> None:
    seen: set[str] = set()
    for pack in PACKS.values():
        entries = {each.event for each in pack.outcome.entries}
        for seed in range(60):
            heard = Heard(pack, Random(f"{pack.header.name}/{seed}"), BEGIN)
            for number in range(25):
                heard.step(number)
                heard.now += (BEGIN.replace(hour=8) - BEGIN) * heard.rng.choice((0, 1, 20))
            for event in heard.events:
                told = ENTRY if event.type in entries else EVENTS[event.type]
                details = event.details.keys() - {"taken_over"}
                assert told.always <= details <= told.always | told.sometimes, (event.type, details)
                if event.threshold is None:
                    assert told.threshold != "always", event.type
                else:
                    assert told.threshold != "never", event.type
                seen.add(event.type)
    assert len(seen) > 30


def test_who_errs_is_told_what_was_meant() -> None:
    assert suggest("acepted", EVENTS) == "did you mean 'accepted'?"
    assert "accepted, answered" in suggest("zzz", EVENTS)
