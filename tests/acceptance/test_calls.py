"""The work list of calls: each call is taken by one agent, recorded, repeated or replaced by another means."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.builders import eventually
from tests.system import System


def _open_answered_ticket(system: System) -> str:
    """Open and answer a ticket of a customer who prefers calls; returns its number."""
    phone = system.unique_ids()[1]
    number = system.open_ticket(
        customer={"phone": phone, "name": "赵女士", "level": "gold", "preferred_means": "phone"}
    )
    for decision in (
        system.dispatch(number, "network"),
        system.send_command(number, "feed_back", unit="network", result="已修复", cause="光缆中断"),
        system.send_command(number, "answer", explanation="线路已修复", agreement="agreed"),
    ):
        assert decision["outcome"] == "done", decision
    return number


def _make_due(system: System, number: str) -> bool:
    """Make a ticket's planned call due now, whatever the calling hours; returns False if no call is planned."""
    ticket, _ = system.ticket_and_events(number)
    with system.database() as connection:
        changed = connection.execute(
            "update callback.plan set due_at = %(now)s, until_at = %(now)s + interval '2 days'"
            " where ticket_id = %(ticket)s and means = 'phone' and due_at is not null",
            {"now": system.clock.now(), "ticket": ticket.id},
        )
    return changed.rowcount == 1


def _listed_numbers(system: System, **filters: str) -> list[str]:
    response = system.http.get("/v1/callbacks", params={"limit": 200, **filters})
    assert response.status_code == 200, response.text
    return [call["number"] for call in response.json()["callbacks"]]


def _take_next(system: System, agent: str) -> str | None:
    response = system.http.post("/v1/callbacks/next", params={"agent": agent})
    return str(response.json()["number"]) if response.status_code == 200 else None


def _record(system: System, number: str, **fields: Any) -> dict[str, Any]:
    return system.send_command(number, "record_callback", unit="provincial_centre", **fields)


@pytest.mark.requirement("R5.3", "R5.4")
def test_a_call_is_taken_by_one_agent_and_its_survey_is_recorded(system: System) -> None:
    number = _open_answered_ticket(system)
    eventually(lambda: _make_due(system, number), within=30)
    assert number in _listed_numbers(system)
    with ThreadPoolExecutor(4) as agents:
        taken = list(agents.map(lambda agent: _take_next(system, agent), ["甲", "乙", "丙", "丁"]))
    assert taken.count(number) == 1
    assert number not in _listed_numbers(system)
    survey = {"process": 5, "result": 4, "staff": 5}
    decision = _record(system, number, result="answered", survey=survey, recording="rec-1")
    assert decision["outcome"] == "done", decision
    event = system.wait_for_event(number, "survey_answered")
    assert event.ticket.calling is None
    called = next(event for event in system.ticket_and_events(number)[1] if event.type == "called_back")
    assert called.details["recording"] == "rec-1"
    assert not any(number in sms["text"] and "1-5" in sms["text"] for sms in system.received_messages("sms"))
    assert not _make_due(system, number)


@pytest.mark.requirement("R5.3")
def test_an_unanswered_call_is_repeated_and_finally_replaced_by_sms(system: System) -> None:
    number = _open_answered_ticket(system)
    for attempt in (1, 2, 3):
        eventually(lambda: _make_due(system, number), within=30)
        assert _record(system, number, result="no_answer" if attempt < 3 else "busy")["outcome"] == "done"
        eventually(partial(_has_attempts, system, number, min(attempt, 2)), within=20)
    with system.database() as connection:
        ticket, _ = system.ticket_and_events(number)
        row = connection.execute("select means from callback.plan where ticket_id = %s", (ticket.id,)).fetchone()
    assert row == ("sms",)


def _has_attempts(system: System, number: str, attempts: int) -> bool:
    ticket, _ = system.ticket_and_events(number)
    with system.database() as connection:
        row = connection.execute("select attempts from callback.plan where ticket_id = %s", (ticket.id,)).fetchone()
    return row is not None and row[0] >= attempts


@pytest.mark.requirement("R5.3")
def test_a_call_is_moved_to_the_time_the_customer_wants_or_ended_by_a_refusal(system: System) -> None:
    number = _open_answered_ticket(system)
    eventually(lambda: _make_due(system, number), within=30)
    refused = _record(system, number, result="moved")
    assert refused["refusal"]["missing"] == ["until"]
    assert _record(system, number, result="moved", until="2026-12-01T10:00:00+08:00")["outcome"] == "done"
    ticket, _ = system.ticket_and_events(number)

    def moved() -> bool:
        with system.database() as connection:
            row = connection.execute("select due_at from callback.plan where ticket_id = %s", (ticket.id,)).fetchone()
        return row is not None and row[0] == datetime.fromisoformat("2026-12-01T10:00:00+08:00")

    eventually(moved, within=20)
    assert _record(system, number, result="refused")["outcome"] == "done"
    assert system.wait_for_event(number, "callback_ended").details["reason"] == "refused"


@pytest.mark.requirement("R5.3")
def test_calls_are_listed_for_their_centre_and_moved_when_their_time_is_over(system: System) -> None:
    number = _open_answered_ticket(system)
    eventually(lambda: _make_due(system, number), within=30)
    assert number in _listed_numbers(system, centre="provincial_centre", pack="carrier")
    assert number not in _listed_numbers(system, centre="hq_centre")
    assert number not in _listed_numbers(system, pack="bank")
    ticket, _ = system.ticket_and_events(number)
    ended = system.clock.now() - timedelta(hours=1)
    with system.database() as connection:
        connection.execute(
            "update callback.plan set due_at = %(ended)s - interval '1 hour', until_at = %(ended)s"
            " where ticket_id = %(id)s",
            {"ended": ended, "id": ticket.id},
        )

    def moved() -> bool:
        with system.database() as connection:
            row = connection.execute(
                "select due_at, until_at from callback.plan where ticket_id = %s", (ticket.id,)
            ).fetchone()
        return row is not None and ended < row[0] < row[1]

    eventually(moved, within=20)


def test_calls_are_taken_and_recorded_on_the_command_line(system: System) -> None:
    number = _open_answered_ticket(system)
    eventually(lambda: _make_due(system, number), within=30)

    def callback(*arguments: str) -> str:
        completed = system.duban("callback", *arguments)
        assert completed.returncode == 0, completed.stderr + completed.stdout
        return completed.stdout

    assert number in callback("list")
    # Calls of other tests may be due before it.
    eventually(lambda: number in callback("next", "--name", "戊", "--centre", "provincial_centre"))
    assert "done" in callback("start", number, "--name", "戊")
    result = ("answered", "--scores", "1,1,2", "--comment", "态度不好", "--name", "戊")
    assert "done" in callback("result", number, *result)
    event = system.wait_for_event(number, "screening_needed")
    assert event.details["reason"] == "态度不好"


@pytest.mark.requirement("R5.3")
def test_no_call_is_planned_for_a_malicious_complaint(system: System) -> None:
    number = _open_answered_ticket(system)
    eventually(lambda: _make_due(system, number), within=30)
    assert system.send_command(number, "assess", validity="malicious", reason="反复骚扰")["outcome"] == "done"
    eventually(lambda: not _make_due(system, number), within=20)
