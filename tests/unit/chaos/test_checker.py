"""The checker sees what it is there to see: each kind of damage is found."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from chaos import checker
from chaos.checker import Findings, ReadRecord
from tests.builders import HOUR, TicketScenario, contact

TALE = TicketScenario.dispatched().advance(30 * HOUR).tick()
ID = str(TALE.current.id)


def story() -> dict[str, list[dict[str, Any]]]:
    return {ID: [each.change.to_plain() for each in TALE.events]}


def tickets() -> dict[str, dict[str, Any]]:
    return {ID: TALE.current.to_plain()}


def events_found(damage: Callable[[dict[str, list[dict[str, Any]]]], object]) -> set[str]:
    events, found = story(), Findings()
    damage(events)
    checker._versions(found, events, tickets())
    checker._thresholds(found, events)
    return set(found.kinds)


def test_a_sound_story_is_sound() -> None:
    assert events_found(lambda _: None) == set()


def _repeat_threshold(events: dict[str, list[dict[str, Any]]]) -> None:
    fired = [each for each in events[ID] if each["threshold"]]
    fired[1]["threshold"] = fired[0]["threshold"]


def _early(events: dict[str, list[dict[str, Any]]]) -> None:
    fired = next(each for each in events[ID] if each["threshold"])
    fired["threshold"]["due_at"] = "2027-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda events: events[ID].pop(1), "versions with a gap"),
        (lambda events: events[ID].pop(), "versions with a gap"),
        (lambda events: events[ID][0].update(at="2027-01-01T00:00:00Z"), "events that go back in time"),
        (lambda events: events.update({"other": copy.deepcopy(events[ID])}), "events without a ticket"),
        (_repeat_threshold, "a threshold decided more than once"),
        (_early, "a threshold decided early"),
    ],
)
def test_damaged_events_are_found(damage: Callable[[dict[str, list[dict[str, Any]]]], object], kind: str) -> None:
    assert kind in events_found(damage)


def records(monkeypatch: pytest.MonkeyPatch, **topics: list[ReadRecord]) -> None:
    """Let the checker find these records; underscores stand for the dots in the names of topics."""
    monkeypatch.setattr(
        checker, "topic", lambda _, name: iter(topics.get(name.replace(".", "_").replace("-", "_"), []))
    )


def record(body: dict[str, Any], **headers: str) -> ReadRecord:
    import json  # noqa: PLC0415 - only here

    return ReadRecord(body.get("ticket_id", body.get("id", "")), json.dumps(body).encode(), headers, (0, 0))


def on_topic() -> list[ReadRecord]:
    return [record(each.to_plain(), ce_id=str(each.id)) for each in TALE.events]


def topic_found(monkeypatch: pytest.MonkeyPatch, told: list[ReadRecord]) -> set[str]:
    records(monkeypatch, tickets_events=told)
    found = Findings()
    checker._events_topic(found, "", story(), tickets())
    return set(found.kinds)


def test_the_events_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    good = on_topic()
    assert topic_found(monkeypatch, good) == set()
    assert topic_found(monkeypatch, [good[0], *good]) == set()
    assert topic_found(monkeypatch, good[:-1]) == {"a stored event that is not on the topic"}
    assert "an event on the topic before the one it follows" in topic_found(monkeypatch, [*good[1:], good[0]])
    other = record({**good[0].body, "type": "other"}, ce_id=story()[ID][0]["id"])
    assert "an event on the topic that is not the stored one" in topic_found(monkeypatch, [other, *good])
    last = good[-1].body
    other = record({**last, "ticket": last["ticket"] | {"warnings": 9}}, ce_id=last["id"])
    assert topic_found(monkeypatch, [*good, other]) == {"a last event that carries another ticket"}


def test_the_state_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Findings()
    records(monkeypatch, tickets_state=[record(tickets()[ID]), record({**tickets()[ID], "version": 1})])
    checker._state_topic(found, "", tickets())
    assert set(found.kinds) == {"a last record of tickets.state that is not the ticket"}
    records(monkeypatch)
    checker._state_topic(found, "", tickets())
    assert "a ticket without a record on tickets.state" in found.kinds


class _NoRows:
    def execute(self, _: str) -> list[tuple[str]]:
        return []


def contacts_found(monkeypatch: pytest.MonkeyPatch, events: dict[str, list[dict[str, Any]]], accepted: str) -> Findings:
    first = contact()
    records(monkeypatch, contacts=[ReadRecord("k", b"{}", {"ce_id": str(first.id)}, (0, 0))])
    found = Findings()
    checker._contacts(found, "", _NoRows(), events, [], [{"reference": accepted}])  # type: ignore[arg-type]
    return found


def test_a_lost_contact_and_one_that_is_there_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = str(contact().id)
    assert contacts_found(monkeypatch, story(), reference).kinds == {}
    assert contacts_found(monkeypatch, {}, reference).lost == 1
    twice = story() | {"other": story()[ID]}
    assert "a contact in more than one ticket" in contacts_found(monkeypatch, twice, reference).kinds
    unknown = contacts_found(monkeypatch, story(), "never-published")
    assert "a reference that was told with 202 but is not on the topic of contacts" in unknown.kinds
    assert unknown.lost == 1


class _Notices:
    """Rows of notices: id, event, audience, state."""

    def __init__(self, *rows: tuple[str, str, str, str]) -> None:
        self._rows = rows

    def execute(self, _: str) -> tuple[tuple[str, str, str, str], ...]:
        return self._rows


@pytest.mark.parametrize(
    ("state", "proof", "kinds"),
    [
        ("sent", "sent", set()),
        ("delivered", "delivered", set()),
        # It was sent, the gateway gave it up, and the next means has not been tried yet.
        ("queued", "sent", {"a notice that is not settled", "a closed ticket whose customer nobody told"}),
        ("delivered", "sent", {"a notice without its proof on deliveries"}),
        ("failed", "failed", {"a closed ticket whose customer nobody told"}),
    ],
)
def test_a_closed_ticket_s_customer_was_told(
    monkeypatch: pytest.MonkeyPatch, state: str, proof: str, kinds: set[str]
) -> None:
    events = {"t": [{"id": "e1", "type": "answered", "details": {}}]}
    closed = {"t": {"status": "closed", "number": "TS1"}}
    # What another means had settled before may come later on the topic.
    told = [{"state": proof, "at": "2026-03-12T10:00:00.5Z"}, {"state": "sent", "at": "2026-03-12T09:00:00Z"}]
    records(monkeypatch, deliveries=[record({"id": "n1"} | each) for each in told])
    found = Findings()
    checker._told(found, "", _Notices(("n1", "e1", "customer", state)), events, closed)  # type: ignore[arg-type]
    assert set(found.kinds) == kinds


def test_problems_are_told_with_examples() -> None:
    found = Findings()
    for number in range(3):
        found.add("a kind", f"n{number}")
    assert found.problems() == ["a kind: 3, such as n0, n1, n2"]
