"""Those who call customers: the next call, what became of it, and nobody called twice at once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.builders import eventually
from tests.system import System


def _answered(system: System) -> tuple[str, str]:
    """Bring a ticket of a customer who wants a call to its answer; returns its number and the customer's phone."""
    phone = system.unique_ids()[1]
    number = system.open_ticket(
        customer={"phone": phone, "name": "赵女士", "level": "gold", "preferred_means": "phone"}
    )
    for told in (
        system.dispatch(number, "network"),
        system.send_command(number, "feed_back", unit="network", result="已修复", cause="光缆中断"),
        system.send_command(number, "answer", explanation="线路已修复", agreement="agreed"),
    ):
        assert told["outcome"] == "done", told
    return number, phone


def _due(system: System, number: str) -> bool:
    """Make the plan of a ticket's call due: what the customer's hours would make the test wait for."""
    ticket, _ = system.ticket_and_events(number)
    with system.database() as connection:
        changed = connection.execute(
            "update callback.plan set due_at = %(now)s, until_at = %(now)s + interval '2 days'"
            " where ticket_id = %(ticket)s and means = 'phone' and due_at is not null",
            {"now": system.clock.now(), "ticket": ticket.id},
        )
    return changed.rowcount == 1


def _listed(system: System, **only: str) -> list[str]:
    answer = system.http.get("/v1/callbacks", params={"limit": 200, **only})
    assert answer.status_code == 200, answer.text
    return [each["number"] for each in answer.json()["callbacks"]]


def _next(system: System, agent: str) -> str | None:
    answer = system.http.post("/v1/callbacks/next", params={"agent": agent})
    return str(answer.json()["number"]) if answer.status_code == 200 else None


def _record(system: System, number: str, **fields: Any) -> dict[str, Any]:
    return system.send_command(number, "record_callback", unit="provincial_centre", **fields)


@pytest.mark.requirement("R5.3", "R5.4")
def test_a_call_is_taken_once_and_what_the_customer_says_is_kept(system: System) -> None:
    number, _ = _answered(system)
    eventually(lambda: _due(system, number), within=30)
    assert number in _listed(system)
    with ThreadPoolExecutor(4) as hands:
        taken = list(hands.map(lambda agent: _next(system, agent), ["甲", "乙", "丙", "丁"]))
    assert taken.count(number) == 1
    assert number not in _listed(system)
    told = _record(system, number, result="answered", survey={"process": 5, "result": 4, "staff": 5}, recording="rec-1")
    assert told["outcome"] == "done", told
    event = system.wait_for_event(number, "survey_answered")
    assert event.ticket.calling is None
    called = next(each for each in system.ticket_and_events(number)[1] if each.type == "called_back")
    assert called.details["recording"] == "rec-1"
    assert not any(number in each["text"] and "1-5" in each["text"] for each in system.received_messages("sms"))
    assert not _due(system, number)


@pytest.mark.requirement("R5.3")
def test_who_does_not_answer_is_called_again_and_in_the_end_asked_in_writing(system: System) -> None:
    number, _ = _answered(system)
    for attempt in (1, 2, 3):
        eventually(lambda: _due(system, number), within=30)
        assert _record(system, number, result="no_answer" if attempt < 3 else "busy")["outcome"] == "done"
        eventually(partial(_counted, system, number, min(attempt, 2)), within=20)
    with system.database() as connection:
        ticket, _ = system.ticket_and_events(number)
        row = connection.execute("select means from callback.plan where ticket_id = %s", (ticket.id,)).fetchone()
    assert row == ("sms",)


def _counted(system: System, number: str, attempts: int) -> bool:
    ticket, _ = system.ticket_and_events(number)
    with system.database() as connection:
        row = connection.execute("select attempts from callback.plan where ticket_id = %s", (ticket.id,)).fetchone()
    return row is not None and row[0] >= attempts


@pytest.mark.requirement("R5.3")
def test_who_wants_another_time_is_called_then_and_who_refuses_is_left_alone(system: System) -> None:
    number, _ = _answered(system)
    eventually(lambda: _due(system, number), within=30)
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
def test_calls_are_listed_in_the_customer_s_hours_for_the_centre_in_charge(system: System) -> None:
    number, _ = _answered(system)
    eventually(lambda: _due(system, number), within=30)
    assert number in _listed(system, centre="provincial_centre", pack="carrier")
    assert number not in _listed(system, centre="hq_centre")
    assert number not in _listed(system, pack="bank")
    ticket, _ = system.ticket_and_events(number)
    over = system.clock.now() - timedelta(hours=1)
    with system.database() as connection:
        connection.execute(
            "update callback.plan set due_at = %(over)s - interval '1 hour', until_at = %(over)s"
            " where ticket_id = %(id)s",
            {"over": over, "id": ticket.id},
        )

    def moved() -> bool:
        with system.database() as connection:
            row = connection.execute(
                "select due_at, until_at from callback.plan where ticket_id = %s", (ticket.id,)
            ).fetchone()
        return row is not None and over < row[0] < row[1]

    eventually(moved, within=20)


def test_the_command_line_takes_and_records_calls(system: System) -> None:
    number, _ = _answered(system)
    eventually(lambda: _due(system, number), within=30)

    def duban(*words: str) -> str:
        data = ("--data", str(system.stack.folder.root))
        command = [sys.executable, "-m", "duban", "callback", *words, *data]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    assert number in duban("list")
    # Others may be due before it.
    eventually(lambda: number in duban("next", "--name", "戊", "--centre", "provincial_centre"))
    assert "done" in duban("start", number, "--name", "戊")
    assert "done" in duban("result", number, "answered", "--scores", "1,1,2", "--comment", "态度不好", "--name", "戊")
    event = system.wait_for_event(number, "screening_needed")
    assert event.details["reason"] == "态度不好"


@pytest.mark.requirement("R5.3")
def test_a_malicious_complaint_is_not_called_back(system: System) -> None:
    number, _ = _answered(system)
    eventually(lambda: _due(system, number), within=30)
    assert system.send_command(number, "assess", validity="malicious", reason="反复骚扰")["outcome"] == "done"
    eventually(lambda: not _due(system, number), within=20)
