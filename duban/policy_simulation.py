"""Simulates a policy pack without a running system: contacts and actions are decided by the real rules.

A pack's `day.toml` holds cases: a contact with the expected ticket, and steps. In a step a unit takes an action at a
given time (or time passes: `tick`), with `person` as one of the persons whom the pack names, or with `level` by a key
of that level of authority to compensate. Then the ticket is compared with what is expected: fields of the ticket and of
its classification, `refused` and `missing`, `due` (of clocks that run), and `clocks`, each with `due`, `warns`,
`escalates`, `tells` (whom its thresholds notify, sorted) and `state` (running, paused, stopped or exceeded). The clock
of one assisting unit is named as in `"assistance/network"`.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from duban.simulated_actor import simulated_actor
from schemas.action import Open, Tick
from schemas.base import field_names
from schemas.command import Action, Command
from schemas.contact import Contact
from schemas.event import Refusal, TicketEvent
from schemas.ticket import SlaTimer, ThresholdState, Ticket
from services.domain.classify import classify
from services.domain.events import suggest
from services.domain.ids import command_id, contact_id, ticket_id
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import BREACH, ESCALATION, PAST
from services.ledger.domain.decide import decide
from services.ledger.domain.timers import WAITS

NO_VALUE = ""
"""Stands for None in a file, since TOML has no null."""
CLASSIFICATION_FIELDS = (
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
"""Expected fields that are looked up in the classification; others are looked up in the ticket."""


@dataclass
class PolicySimulation:
    """One simulated ticket; call `receive` first, then `act` as often as needed.

    Attributes:
        pack: the rules.
        ticket: its present state; None before `receive`.
        events: all events so far.
        refusal: of the last command, if it was refused.
        steps: number of commands so far, from which their ids are derived.

    """

    pack: Pack
    ticket: Ticket | None = None
    events: list[TicketEvent] = field(default_factory=list)
    refusal: Refusal | None = None
    steps: int = 0

    def receive(self, contact: Contact) -> None:
        """Open the ticket with a contact, classified by the rules."""
        self._decide(Open(contact=contact, classification=classify(contact, self.pack)), contact.received_at, None)

    def act(
        self, action: Action, at: datetime, unit: str | None, person: str | None = None, level: str | None = None
    ) -> None:
        """Take an action as a person of a unit; without a unit as the customer, or as the service that takes it.

        Args:
            action: what is done.
            at: business time.
            unit: that acts.
            person: who acts for it; by default it is named as the unit.
            level: of the key's authority to compensate, for persons whom the pack does not name.

        """
        self._decide(action, at + PAST if isinstance(action, Tick) else at, unit, person, level)

    def _decide(
        self, action: Action, at: datetime, unit: str | None, person: str | None = None, level: str | None = None
    ) -> None:
        contact = action.contact if isinstance(action, Open) else None
        known = self.ticket.id if self.ticket is not None else None
        id_ = known or (ticket_id(contact.id) if contact is not None else None)
        assert id_ is not None
        self.steps += 1
        actor, authority = simulated_actor(action, self.pack.header.name, unit, person, level)
        command = Command(
            id=command_id(id_, "simulation", self.steps),
            ticket_id=id_,
            at=at,
            actor=actor,
            policy=self.pack.header.name,
            action=action,
            authority=authority,
        )
        decision = decide(self.ticket, command, self.pack, at, number=f"T-{str(id_)[:8]}")
        self.events += decision.events
        self.refusal = decision.refusal
        if decision.events:
            self.ticket = decision.events[-1].ticket

    def differences(self, expected: Mapping[str, Any]) -> Iterator[str]:
        """Return a line for each field that is not as expected."""
        for name, wanted in expected.items():
            found = self._value(name, wanted)
            if found != wanted and not (found is None and wanted == NO_VALUE):
                because = f" ({self.refusal.message})" if name == "refused" and self.refusal is not None else ""
                yield f"{name} is {found!r}{because}, not {wanted!r}"

    def _value(self, name: str, wanted: Any) -> Any:
        assert self.ticket is not None
        types = [event.type for event in self.events]
        special: dict[str, Callable[[], Any]] = {
            "refused": lambda: self.refusal.code if self.refusal is not None else "",
            "missing": lambda: list(self.refusal.missing) if self.refusal is not None else [],
            "due": lambda: {clock: self._due(clock) or False for clock in wanted},
            "clocks": lambda: {clock: self._clock(clock, fields) for clock, fields in wanted.items()},
            "events": lambda: types[-len(wanted) :],
            "appeal_barred_at": self._appeal_barred_at,
            "happened": lambda: [type_ for type_ in wanted if type_ in types],
        }
        if name in special:
            return special[name]()
        holder = self.ticket.classification if name in CLASSIFICATION_FIELDS else self.ticket
        if not hasattr(holder, name):
            known = (*special, *CLASSIFICATION_FIELDS, *field_names(Ticket))
            raise ValueError(f"{name!r} cannot be expected: {suggest(name, known)}")
        found = getattr(holder, name)
        return list(found) if isinstance(found, tuple) else found

    def _appeal_barred_at(self) -> datetime | None:
        bar = self.ticket.appeal_bar if self.ticket is not None else None
        return bar.at if bar is not None else None

    def _due(self, name: str) -> datetime | None:
        running = [timer for timer in self._timers(name) if timer.stopped_at is None]
        return running[-1].due_at if running else None

    def _clock(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a clock is found to be, for the fields that are expected of it."""
        timers = self._timers(name)
        if not timers:
            return dict.fromkeys(fields, "the ticket does not have it")
        timer = timers[-1]
        found: dict[str, Callable[[], Any]] = {
            "due": lambda: timer.due_at,
            "warns": lambda: [point.at for point in timer.thresholds if point.name.startswith("warning")],
            "escalates": lambda: [point.at for point in timer.thresholds if point.name.startswith(ESCALATION)],
            "tells": lambda: sorted({reader for point in timer.thresholds for reader in point.notifies}),
            "state": lambda: _state(timer),
        }
        for field_ in fields:
            if field_ not in found:
                raise ValueError(f"{field_!r} cannot be expected of a clock: {suggest(field_, found)}")
        return {field_: found[field_]() for field_ in fields}

    def _timers(self, name: str) -> list[SlaTimer]:
        assert self.ticket is not None
        name, _, unit = name.partition("/")
        known = self.pack.limits.by_name.keys() | WAITS
        if name not in known:
            raise ValueError(f"the pack has no clock {name!r}: {suggest(name, known)}")
        return [timer for timer in self.ticket.clocks if timer.name == name and (not unit or timer.unit == unit)]


def _state(timer: SlaTimer) -> str:
    if any(point.name == BREACH and point.state is ThresholdState.FIRED for point in timer.thresholds):
        return "exceeded"
    if timer.stopped_at is not None:
        return "stopped"
    return "paused" if timer.paused_at is not None else "running"


def build_contact(fields: Mapping[str, Any], pack: str, number: object) -> Contact:
    """Return a contact from the fields of a file or a command line, with plain defaults for what they leave out.

    Args:
        fields: of a contact; `at` may stand for `received_at`.
        pack: name of the policy pack.
        number: the message id, unless the fields hold one.

    Raises:
        msgspec.ValidationError: a field is missing or has a wrong value.

    """
    fields = {"channel": "web", "customer": {"phone": "+8613800000000"}, **fields}
    at = fields.pop("at", None) or fields.get("received_at")
    message_id = str(fields.pop("message_id", number))
    return Contact.from_plain(
        {
            **fields,
            "id": contact_id("simulation", fields["channel"], message_id),
            "sender": "simulation",
            "message_id": message_id,
            "policy": pack,
            "received_at": at,
        }
    )


def play(file: Path, pack: Pack) -> Iterator[tuple[str, list[str]]]:
    """Simulate the cases of a day and return the name of each with what was not as expected.

    Raises:
        ValueError: a case cannot be parsed; names it.

    """
    for number, case in enumerate(tomllib.loads(file.read_text(encoding="utf-8"))["case"]):
        name = str(case["name"])
        try:
            yield name, list(_play_case(case, pack, number))
        except (msgspec.ValidationError, KeyError, ValueError) as error:
            raise ValueError(f"{file}: case {name!r}: {error}") from error


def _play_case(case: Mapping[str, Any], pack: Pack, number: int) -> Iterator[str]:
    simulation = PolicySimulation(pack)
    simulation.receive(build_contact(case["contact"], pack.header.name, number))
    yield from (f"opened: {difference}" for difference in simulation.differences(case.get("expect", {})))
    for position, step in enumerate(case.get("step", ()), start=1):
        action: Action = msgspec.convert(step["do"], Action)
        simulation.act(action, step["at"], step.get("unit"), step.get("person"), step.get("level"))
        expected = {"refused": "", **step.get("expect", {})}
        yield from (f"step {position} ({action.type}): {difference}" for difference in simulation.differences(expected))
