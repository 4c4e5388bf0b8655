"""A day played without a stack: contacts and actions from a file, decided by the real rules, against what is expected.

A pack's `day.toml` holds cases. Each is one contact with what it must become, and steps: at a time, a unit does
something (or time passes: `tick`), and then the ticket must be so.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from schemas.action import Open
from schemas.command import Action, Actor, Command
from schemas.contact import Contact
from schemas.event import Refusal, TicketEvent
from schemas.ticket import Ticket
from services.domain.ids import command_id, contact_id, ticket_id
from services.domain.policy.pack import Pack
from services.ledger.domain.decide import decide
from services.router.domain.classify import classify

NOTHING = ""
"""What stands for nothing in a file, since TOML has no word for it."""
CLASSIFIED = (
    "kind",
    "origin",
    "validity",
    "opening",
    "founded",
    "liability",
    "tier",
    "vip",
    "priority",
    "business_type",
    "problem_type",
    "department",
    "triage",
)
"""What a case may expect of the classification; the rest is looked up in the ticket."""


@dataclass
class PolicySimulation:
    """One ticket in the making.

    Attributes:
        pack: by whose rules.
        ticket: as it stands.
        events: what has happened.
        refusal: why the last action changed nothing, if it did not.

    """

    pack: Pack
    ticket: Ticket | None = None
    events: list[TicketEvent] = field(default_factory=list)
    refusal: Refusal | None = None
    steps: int = 0

    def receive(self, contact: Contact) -> None:
        """Let a contact open the ticket."""
        self._decide(Open(contact=contact, classification=classify(contact, self.pack)), contact.received_at, None)

    def act(self, action: Action, at: datetime, unit: str | None) -> None:
        """Let a unit (or the customer) do something."""
        self._decide(action, at, unit)

    def _decide(self, action: Action, at: datetime, unit: str | None) -> None:
        contact = action.contact if isinstance(action, Open) else None
        known = self.ticket.id if self.ticket is not None else None
        id_ = known or (ticket_id(contact.id) if contact is not None else None)
        assert id_ is not None
        self.steps += 1
        command = Command(
            id=command_id(id_, "rehearsal", self.steps),
            ticket_id=id_,
            at=at,
            actor=Actor(kind="unit" if unit else "customer", name=unit or "customer", unit=unit),
            policy=self.pack.header.name,
            action=action,
        )
        decided = decide(self.ticket, command, self.pack, at, number=f"T-{str(id_)[:8]}")
        self.events += decided.events
        self.refusal = decided.refusal
        if decided.events:
            self.ticket = decided.events[-1].ticket

    def differs(self, expected: Mapping[str, Any]) -> Iterator[str]:
        """Return what is not as it is expected."""
        for name, wanted in expected.items():
            found = self._found(name, wanted)
            if found != wanted and not (found is None and wanted == NOTHING):
                yield f"{name} is {found!r}, not {wanted!r}"

    def _found(self, name: str, wanted: Any) -> Any:
        assert self.ticket is not None
        types = [each.type for each in self.events]
        special: dict[str, Callable[[], Any]] = {
            "refused": lambda: self.refusal.code if self.refusal is not None else "",
            "missing": lambda: list(self.refusal.missing) if self.refusal is not None else [],
            "due": lambda: {clock: self._due(clock) or False for clock in wanted},
            "events": lambda: types[-len(wanted) :],
            "happened": lambda: [each for each in wanted if each in types],
        }
        if name in special:
            return special[name]()
        found = getattr(self.ticket.classification if name in CLASSIFIED else self.ticket, name)
        return list(found) if isinstance(found, tuple) else found

    def _due(self, name: str) -> datetime | None:
        assert self.ticket is not None
        mine = [each for each in self.ticket.clocks if each.name == name and each.stopped_at is None]
        return mine[-1].due_at if mine else None


def contact_of(told: Mapping[str, Any], pack: str, number: object) -> Contact:
    """Return a contact as a file or a command line tells it; what it leaves out is as plain as can be."""
    said = {"channel": "web", "customer": {"phone": "+8613800000000"}, **told}
    at = said.pop("at", None) or said.get("received_at")
    message_id = str(said.pop("message_id", number))
    return Contact.from_plain(
        {
            **said,
            "id": contact_id("rehearsal", said["channel"], message_id),
            "sender": "rehearsal",
            "message_id": message_id,
            "policy": pack,
            "received_at": at,
        }
    )


def play(file: Path, pack: Pack) -> Iterator[tuple[str, list[str]]]:
    """Play a day and return each case's name with what was not as expected.

    Raises:
        ValueError: the file cannot be read as a day; names the case.

    """
    for number, case in enumerate(tomllib.loads(file.read_text(encoding="utf-8"))["case"]):
        name = str(case["name"])
        try:
            yield name, list(_case(case, pack, number))
        except (msgspec.ValidationError, KeyError) as error:
            raise ValueError(f"{file}: case {name!r}: {error}") from error


def _case(case: Mapping[str, Any], pack: Pack, number: int) -> Iterator[str]:
    told = PolicySimulation(pack)
    told.receive(contact_of(case["contact"], pack.header.name, number))
    yield from (f"opened: {each}" for each in told.differs(case.get("expect", {})))
    for place, step in enumerate(case.get("step", ()), start=1):
        action: Action = msgspec.convert(step["do"], Action)
        told.act(action, step["at"], step.get("unit"))
        expected = {"refused": "", **step.get("expect", {})}
        yield from (f"step {place} ({action.type}): {each}" for each in told.differs(expected))
