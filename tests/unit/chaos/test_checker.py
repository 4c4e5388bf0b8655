"""The checker finds each kind of damage, and nothing in undamaged data."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chaos import checker, topic_records
from chaos.deadlines import check_decisions, check_overdue, lateness
from chaos.findings import Findings
from chaos.received import check_received, handed_over
from chaos.topic_records import ReadRecord, UnknownTopic, read_topic
from tests.builders import HOUR, TicketScenario, contact

SCENARIO = TicketScenario.dispatched().advance(30 * HOUR).tick()
ID = str(SCENARIO.current.id)


def stored_events() -> dict[str, list[dict[str, Any]]]:
    return {ID: [event.change.to_plain() for event in SCENARIO.events]}


def tickets() -> dict[str, dict[str, Any]]:
    return {ID: SCENARIO.current.to_plain()}


def problem_kinds(damage: Callable[[dict[str, list[dict[str, Any]]]], object]) -> set[str]:
    events, findings = stored_events(), Findings()
    damage(events)
    checker._check_versions(findings, events, tickets())
    check_decisions(findings, events)
    return set(findings.kinds)


def test_undamaged_events_have_no_problems() -> None:
    assert problem_kinds(lambda _: None) == set()


def _repeat_threshold(events: dict[str, list[dict[str, Any]]]) -> None:
    decisions = [event for event in events[ID] if event["threshold"]]
    decisions[1]["threshold"] = decisions[0]["threshold"]


def _decide_early(events: dict[str, list[dict[str, Any]]]) -> None:
    decision = next(event for event in events[ID] if event["threshold"])
    decision["threshold"]["due_at"] = "2027-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda events: events[ID].pop(1), "gap in versions"),
        (lambda events: events[ID].pop(), "gap in versions"),
        (lambda events: events[ID][0].update(at="2027-01-01T00:00:00Z"), "events not in order of time"),
        (lambda events: events.update({"other": copy.deepcopy(events[ID])}), "events without a ticket"),
        (_repeat_threshold, "threshold decided more than once"),
        (_decide_early, "threshold decided early"),
    ],
)
def test_damaged_events_are_found(damage: Callable[[dict[str, list[dict[str, Any]]]], object], kind: str) -> None:
    assert kind in problem_kinds(damage)


def set_records(monkeypatch: pytest.MonkeyPatch, **topics: list[ReadRecord]) -> None:
    """Set the records that the checker reads; in topic names, underscores stand for dots and hyphens."""
    monkeypatch.setattr(
        checker, "read_topic", lambda _, name: iter(topics.get(name.replace(".", "_").replace("-", "_"), []))
    )


def record(body: dict[str, Any], **headers: str) -> ReadRecord:
    return ReadRecord(body.get("ticket_id", body.get("id", "")), json.dumps(body).encode(), headers, (0, 0))


def published_events() -> list[ReadRecord]:
    return [record(event.to_plain(), ce_id=str(event.id)) for event in SCENARIO.events]


def topic_problems(monkeypatch: pytest.MonkeyPatch, published: list[ReadRecord]) -> set[str]:
    set_records(monkeypatch, tickets_events=published)
    findings = Findings()
    checker._check_events_topic(findings, "", stored_events(), tickets())
    return set(findings.kinds)


def test_missing_reordered_and_changed_events_on_the_topic_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    good = published_events()
    assert topic_problems(monkeypatch, good) == set()
    assert topic_problems(monkeypatch, [good[0], *good]) == set()
    assert topic_problems(monkeypatch, good[:-1]) == {"stored event that is not on the topic"}
    assert "event on the topic before its predecessor" in topic_problems(monkeypatch, [*good[1:], good[0]])
    other = record({**good[0].body, "type": "other"}, ce_id=stored_events()[ID][0]["id"])
    assert "event on the topic that differs from the stored one" in topic_problems(monkeypatch, [other, *good])
    last = good[-1].body
    other = record({**last, "ticket": last["ticket"] | {"warnings": 9}}, ce_id=last["id"])
    assert topic_problems(monkeypatch, [*good, other]) == {"last event that carries another ticket"}


def test_missing_and_outdated_records_on_the_state_topic_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = Findings()
    set_records(monkeypatch, tickets_state=[record(tickets()[ID]), record({**tickets()[ID], "version": 1})])
    checker._check_state_topic(findings, "", tickets())
    assert set(findings.kinds) == {"last record on tickets.state that differs from the ticket"}
    set_records(monkeypatch)
    checker._check_state_topic(findings, "", tickets())
    assert "ticket without a record on tickets.state" in findings.kinds


class _NoRows:
    def execute(self, _: str) -> list[tuple[str]]:
        return []


def contact_problems(
    monkeypatch: pytest.MonkeyPatch, events: dict[str, list[dict[str, Any]]], accepted: str
) -> Findings:
    first = contact()
    set_records(monkeypatch, contacts=[ReadRecord("k", b"{}", {"ce_id": str(first.id)}, (0, 0))])
    findings = Findings()
    checker._check_contacts(findings, "", _NoRows(), events, [], [{"reference": accepted}])  # type: ignore[arg-type]
    return findings


def test_lost_duplicated_and_unpublished_contacts_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = str(contact().id)
    assert contact_problems(monkeypatch, stored_events(), reference).kinds == {}
    assert contact_problems(monkeypatch, {}, reference).lost == 1
    duplicated = stored_events() | {"other": stored_events()[ID]}
    assert "contact in more than one ticket" in contact_problems(monkeypatch, duplicated, reference).kinds
    unknown = contact_problems(monkeypatch, stored_events(), "never-published")
    assert "accepted reference that is not on the topic of contacts" in unknown.kinds
    assert unknown.lost == 1


class _NoticeRows:
    """Rows of notices: id, event, audience, state."""

    def __init__(self, *rows: tuple[str, str, str, str]) -> None:
        self._rows = rows

    def execute(self, _: str) -> tuple[tuple[str, str, str, str], ...]:
        return self._rows


@pytest.mark.parametrize(
    ("state", "published", "kinds"),
    [
        ("sent", "sent", set()),
        ("delivered", "delivered", set()),
        # Sent, reported as failed by the gateway, and queued for the next means.
        ("queued", "sent", {"notice that is not settled", "closed ticket whose customer was not informed"}),
        ("delivered", "sent", {"notice whose state is not on deliveries"}),
        ("failed", "failed", {"closed ticket whose customer was not informed"}),
    ],
)
def test_a_closed_ticket_needs_a_delivered_notice_to_the_customer(
    monkeypatch: pytest.MonkeyPatch, state: str, published: str, kinds: set[str]
) -> None:
    events = {"t": [{"id": "e1", "type": "answered", "details": {}}]}
    closed = {"t": {"status": "closed", "number": "TS1"}}
    # The record of an earlier means may come later on the topic.
    deliveries = [{"state": published, "at": "2026-03-12T10:00:00.5Z"}, {"state": "sent", "at": "2026-03-12T09:00:00Z"}]
    set_records(monkeypatch, deliveries=[record({"id": "n1"} | delivery) for delivery in deliveries])
    findings = Findings()
    rows: Any = _NoticeRows(("n1", "e1", "customer", state))
    checker._check_notices(findings, "", rows, events, closed, running=False)
    assert set(findings.kinds) == kinds
    waiting = Findings()
    checker._check_notices(waiting, "", rows, events, closed, running=True)
    assert "notice that is not settled" not in waiting.kinds
    assert bool(waiting.kinds) == (kinds != set() and state != "queued"), "a running system may still send it"


def test_problems_are_listed_with_examples() -> None:
    findings = Findings()
    for number in range(3):
        findings.add("a kind", f"n{number}")
    assert findings.problems() == ["a kind: 3, such as n0, n1, n2"]


def test_times_are_compared_as_times_not_as_text() -> None:
    def decided(recorded_at: str, due_at: str) -> set[str]:
        events, findings = stored_events(), Findings()
        event = next(event for event in events[ID] if event["threshold"])
        event["recorded_at"], event["threshold"]["due_at"] = recorded_at, due_at
        check_decisions(findings, events)
        return set(findings.kinds)

    assert decided("2026-03-12T10:00:00.500000Z", "2026-03-12T10:00:00Z") == set()
    assert decided("2026-03-12T10:00:00Z", "2026-03-12T10:00:00.500000Z") == {"threshold decided early"}


def test_a_due_threshold_that_nobody_decided_is_found() -> None:
    def overdue(**changes: Any) -> set[str]:
        ticket, findings = copy.deepcopy(tickets()[ID]), Findings()
        thresholds = [{"name": "breach", "at": "2026-03-12T10:00:00Z", "state": "open"}]
        running = {"stopped_at": None, "paused_at": None, "held": False, "thresholds": thresholds}
        ticket["clocks"] = [{"name": "handling"} | running | changes]
        check_overdue(findings, {ID: ticket}, datetime(2026, 3, 12, 10, 0, 1, tzinfo=UTC))
        return set(findings.kinds)

    assert overdue() == {"threshold that was due and never decided"}
    assert overdue(paused_at="2026-03-12T09:00:00Z") == set()
    assert overdue(stopped_at="2026-03-12T09:00:00Z") == set()
    assert overdue(held=True) == set()


def test_a_decided_threshold_is_not_overdue_and_measured() -> None:
    findings = Findings()
    check_overdue(findings, tickets(), datetime(2026, 3, 12, 1, 0, tzinfo=UTC) + 30 * HOUR)
    assert findings.kinds == {}
    assert lateness(stored_events(), 1000)["max"] > 0
    assert lateness({}, 1000) == {}


def test_commands_on_the_topic_that_nobody_decided_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [record({}, ce_id=id_, ce_type="tick") for id_ in ("stored", "dead", "forgotten")]
    set_records(monkeypatch, tickets_commands=records)
    connection: Any = _DecidedCommands()
    findings = Findings()
    checker._check_commands(findings, "", connection, [record({}, orig_ce_id="dead")], [{"command": "accepted"}])
    assert dict(findings.kinds) == {
        "accepted command that was never decided": ["accepted"],
        "command on the topic that was never decided": ["forgotten tick"],
    }


class _DecidedCommands:
    def execute(self, _: str) -> list[tuple[str]]:
        return [("stored",)]


def test_what_customers_received_is_compared_with_the_notices(tmp_path: Path) -> None:
    (tmp_path / "sms.jsonl").write_text('{"id": "n1"}\n')
    (tmp_path / "sms-repeats.jsonl").write_text('{"id": "n1"}\n')
    mail = "11111111-1111-1111-1111-111111111111"
    (tmp_path / "smtp.jsonl").write_text(json.dumps({"message_id": f"<notice.1.{mail}@duban>"}) + "\n")
    received = handed_over(tmp_path)
    notices = [
        ("n1", "sent", "sms", ["n1"]),
        ("n4", "delivered", "mail", [mail]),
        ("n2", "sent", "sms", ["n2"]),
        ("n3", "failed", "sms", []),
    ]
    findings = Findings()
    assert check_received(findings, notices, received, 0) == 1
    assert dict(findings.kinds) == {
        "sent notice that no provider received": ["n2 by sms"],
        "messages repeated without a crash that explains them": ["1, not 0"],
    }
    explained = Findings()
    check_received(explained, notices[:2], received, 10)
    assert explained.kinds == {}


def test_a_topic_without_metadata_is_an_error_not_an_empty_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def __init__(self, **_: Any) -> None: ...

        def partitions_for_topic(self, _: str) -> None:
            return None

    monkeypatch.setattr(topic_records, "KafkaConsumer", Client)
    monkeypatch.setattr(topic_records, "METADATA_WITHIN", 0)
    with pytest.raises(UnknownTopic, match="no partitions of contacts"):
        list(read_topic("b:1", "contacts"))
