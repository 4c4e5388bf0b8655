"""Records of a newer version: our own services keep what they do not know, doors refuse it by name (DECISIONS 39)."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.tools import asyncapi
from schemas import unknown_fields, validation_errors
from schemas.action import Note
from schemas.base import Model
from schemas.command import Actor, Command
from schemas.contact import Contact, Customer
from schemas.event import TicketChange, TicketEvent
from schemas.ticket import Ticket
from schemas.unknown_fields import KEY, UnknownFields
from services.domain.ids import command_digest, contact_digest
from services.ledger.domain.evolve import evolve, fold
from services.shared.kafka import topics
from services.shared.kafka.records import parse_value
from services.shared.kafka.topic_models import model_of
from tests.builders import CENTRE, TicketScenario, contact

NEWER = {"newer": {"a": [1, {"b": None}]}, "another": "x"}
FREE = frozenset({"details", "changes", "facts", "entry_marks"})
"""Fields whose objects are no models: any name may stand there."""


def examples() -> Iterator[tuple[type[Model], Path]]:
    for name, topic in topics.load().items():
        if topic.model is not None and name != "dead-letters":
            for file in sorted((asyncapi.EXAMPLES / name).glob("*.json")):
                yield model_of(topic), file


def with_newer_fields(plain: Any) -> Any:
    """Return a document with unknown fields in every object that is a model."""
    if isinstance(plain, dict):
        fields = {name: item if name in FREE else with_newer_fields(item) for name, item in plain.items()}
        return fields | NEWER
    if isinstance(plain, list):
        return [with_newer_fields(item) for item in plain]
    return plain


@pytest.mark.parametrize(("model", "file"), list(examples()), ids=lambda value: getattr(value, "stem", None))
def test_a_record_keeps_what_a_newer_version_has_added_at_any_depth(model: type[Model], file: Path) -> None:
    plain = model.from_json(file.read_bytes()).to_plain()
    newer = json.dumps(with_newer_fields(plain)).encode()
    record = parse_value(model, newer)
    assert record.to_plain() == with_newer_fields(plain)
    assert parse_value(model, record.to_json()) == record
    assert hash(record.unknown_fields) == hash(parse_value(model, newer).unknown_fields)
    with pytest.raises(msgspec.ValidationError, match=r"unknown field `(newer|another)`"):
        model.from_json(newer)


@pytest.mark.parametrize(("model", "file"), list(examples()), ids=lambda value: getattr(value, "stem", None))
def test_without_unknown_fields_a_record_is_what_it_was(model: type[Model], file: Path) -> None:
    document = file.read_bytes()
    assert model.from_record(document) == model.from_json(document)
    assert KEY not in model.from_record(document).to_plain()


def test_nobody_can_send_what_holds_the_unknown_fields() -> None:
    plain = contact().to_plain()
    values: tuple[Any, ...] = ({"a": 1}, None, [], "x")
    for value in values:
        with pytest.raises(msgspec.ValidationError):
            Contact.from_plain(plain | {KEY: value})
        found = list(validation_errors.find_errors(Contact, plain | {KEY: value}))
        assert [(error.field, error.message) for error in found] == [(KEY, "there is no such field: leave it out")]
        record = Contact.from_record(json.dumps(plain | {KEY: value}))
        assert record.to_plain() == plain | {KEY: value}


def test_what_does_not_fit_is_refused_beside_unknown_fields_too() -> None:
    plain = contact().to_plain() | NEWER
    for wrong in ({"received_at": "yesterday"}, {"customer": {"phone": 7}}, {"channel": None}):
        with pytest.raises(msgspec.ValidationError, match=next(iter(wrong))):
            Contact.from_record(json.dumps(plain | wrong))
    with pytest.raises(msgspec.DecodeError):
        Contact.from_record(b"{")


def test_unknown_fields_stay_on_a_model_that_is_changed() -> None:
    ticket = Ticket.from_record(json.dumps(with_newer_fields(TicketScenario.dispatched().current.to_plain())))
    changed = ticket.replace(reminders=ticket.reminders + 1)
    assert changed.to_plain() == ticket.to_plain() | {"reminders": ticket.reminders + 1}
    assert ticket != ticket.replace(unknown_fields=UnknownFields({"newer": 2}))


def test_models_within_other_values_are_written_with_their_unknown_fields() -> None:
    customer = Customer.from_record(b'{"newer": 1}')
    rows = [{"id": 1, "customers": (customer, customer)}]
    assert json.loads(unknown_fields.encode(rows))[0]["customers"][1]["newer"] == 1
    with pytest.raises(TypeError, match="cannot stand in JSON"):
        unknown_fields.encode({"at": object(), "customer": customer})


def test_fields_that_an_event_of_a_newer_version_changes_are_kept_on_the_ticket() -> None:
    scenario = TicketScenario.dispatched()
    *earlier, last = scenario.events
    newer = json.loads(last.change.to_json())
    newer["changes"] |= {"newer": {"since": "2026-03-12T00:00:00Z"}}
    change = TicketChange.from_record(json.dumps(newer))
    ticket = evolve(earlier[-1].ticket, change)
    assert ticket.to_plain() == last.ticket.to_plain() | {"newer": {"since": "2026-03-12T00:00:00Z"}}
    following = scenario.do(Note(text="n"), unit=CENTRE).events[-1].change
    assert evolve(ticket, following).to_plain()["newer"] == {"since": "2026-03-12T00:00:00Z"}
    folded = fold([*(event.change for event in earlier), change, following])
    assert folded[-1].ticket == evolve(ticket, following)


def test_an_event_with_clocks_of_a_newer_version_is_folded() -> None:
    scenario = TicketScenario.dispatched()
    newer = json.loads(scenario.events[-1].change.to_json())
    newer["clocks"] = [clock | {"newer": 1} for clock in newer["clocks"]]
    newer["changes"]["classification"] = scenario.current.classification.to_plain() | {"newer": 2}
    ticket = evolve(scenario.events[-2].ticket, TicketChange.from_record(json.dumps(newer)))
    plain = ticket.to_plain()
    assert {clock["newer"] for clock in plain["clocks"] if "newer" in clock} == {1}
    assert plain["classification"]["newer"] == 2


def test_the_decider_goes_on_with_a_ticket_of_a_newer_version() -> None:
    scenario = TicketScenario.dispatched()
    before = with_newer_fields(scenario.current.to_plain())
    scenario.ticket = Ticket.from_record(json.dumps(before))
    scenario.do(Note(text="n"), unit=CENTRE).advance(timedelta(days=2)).tick()
    event = TicketEvent.from_record(scenario.events[-1].to_json())
    after = event.ticket.to_plain()
    assert {name: after[name] for name in NEWER} == NEWER
    assert after["customer"] == before["customer"]
    assert all(clock["newer"] == NEWER["newer"] for clock in after["clocks"])


def test_both_versions_compute_the_same_digests() -> None:
    """A command or a contact that is read again by another version is the same one, no conflict."""
    one = contact()
    assert contact_digest(Contact.from_record(json.dumps(one.to_plain() | {"newer": None}))) == contact_digest(one)
    actor = Actor(kind="unit", name="x", unit=CENTRE)
    command = Command(id=one.id, ticket_id=one.id, at=one.received_at, actor=actor, action=Note(text="n"))
    plain = command.to_plain()
    with_default = plain | {"newer": None, "action": plain["action"] | {"newer": []}}
    assert command_digest(Command.from_record(json.dumps(with_default))) == command_digest(command)
    with_value = plain | {"action": plain["action"] | {"newer": 1}}
    assert command_digest(Command.from_record(json.dumps(with_value))) != command_digest(command)
