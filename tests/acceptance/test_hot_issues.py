"""A burst of similar complaints becomes a hot issue: detected, linked to its tickets, calm, closed, reported."""

import json

import psycopg
import pytest

from schemas.action import JoinHotIssue
from schemas.command import Actor, Command
from schemas.hot_issue import HotIssue
from schemas.ticket import Ticket
from services.shared.kafka import topic_reader
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Incoming, Outgoing, outgoing
from tests.builders import eventually
from tests.system import System

TEXT = "家里宽带完全断网，上不了网，光猫亮红灯"


def _submit_burst(system: System, city: str, count: int) -> None:
    """Submit similar complaints from one city in one batch."""
    bodies = []
    for _ in range(count):
        message_id, phone = system.unique_ids()
        customer = {"phone": phone, "city": city}
        bodies.append({"channel": "web", "message_id": message_id, "customer": customer, "text": TEXT})
    lines = "\n".join(json.dumps(body, ensure_ascii=False) for body in bodies)
    response = system.http.post(
        "/v1/contacts/batch", content=lines.encode(), headers={"Content-Type": "application/x-ndjson"}
    )
    assert response.status_code == 200, response.text


def _issues(system: System, city: str) -> list[HotIssue]:
    with system.database() as connection:
        rows = connection.execute(
            "select body::text from hot_issues.issue where region = %s order by body ->> 'opened_at'", (city,)
        ).fetchall()
    return [HotIssue.from_json(body) for (body,) in rows]


def _tickets(connection: psycopg.Connection, city: str) -> list[Ticket]:
    query = "select body::text from ledger.ticket where body #>> '{customer,city}' = %s"
    return [Ticket.from_json(body) for (body,) in connection.execute(query, (city,)).fetchall()]


def _wait_until_hot_issues_is_idle(system: System) -> None:
    """Wait until hot_issues has committed the offset of every event."""
    lag = topic_reader.ConsumerLag(system.kafka, {"hot_issues": ["tickets.events"]})
    eventually(lambda: lag.measure()["hot_issues"] == 0, within=30, why="hot_issues is behind")
    lag.close()


def _hot(system: System, *arguments: str) -> str:
    completed = system.duban("hot", *arguments)
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


@pytest.mark.requirement("R3.7")
def test_a_burst_becomes_an_issue_whose_tickets_are_linked_and_raised(system: System) -> None:
    _submit_burst(system, "衡阳", 9)
    _submit_burst(system, "株洲", 14)
    issue, *_ = eventually(lambda: _issues(system, "株洲"), within=30, why="no hot issue was detected")
    assert issue.status == "open"

    def linked_tickets() -> list[Ticket]:
        with system.database() as connection:
            tickets = _tickets(connection, "株洲")
        return tickets if len(tickets) == 14 and all(ticket.hot_issue for ticket in tickets) else []

    tickets = eventually(linked_tickets, within=40, why="not every ticket was linked")
    assert {ticket.hot_issue for ticket in tickets} == {issue.id}
    assert all("breadth" in ticket.classification.signals for ticket in tickets)
    # Nine complaints are too few.
    assert _issues(system, "衡阳") == []
    with system.database() as connection:
        assert all(ticket.hot_issue is None for ticket in _tickets(connection, "衡阳"))

    (mail,) = eventually(
        lambda: [mail for mail in system.received_messages("mail") if str(issue.id)[:8] in mail["text"]],
        within=20,
        why="nobody was notified of the hot issue",
    )
    assert "株洲" in mail["text"]


@pytest.mark.requirement("R3.7")
def test_a_hot_issue_is_shown_calms_down_and_is_closed(system: System) -> None:
    _submit_burst(system, "常德", 14)
    issue, *_ = eventually(lambda: _issues(system, "常德"), within=30, why="no hot issue was detected")
    short = str(issue.id)[:8]
    assert short in _hot(system, "list", "--all")
    report = _hot(system, "show", short)
    assert "Report of a product defect" in report
    assert "常德" in report
    assert TEXT in report

    # Two hours without complaints are seven real seconds at this scale.
    eventually(lambda: _issues(system, "常德")[0].status == "calm", within=60, why="the issue did not calm down")
    _hot(system, "close", short, "--reason", "光缆已修复", "--name", "赵工")
    eventually(lambda: _issues(system, "常德")[0].status == "closed", within=30, why="the issue was not closed")

    def published() -> list[HotIssue]:
        records = topic_reader.read_all(system.kafka, HotIssue.TOPIC)
        return [HotIssue.from_json(each.value or b"") for each in records if each.key == str(issue.id).encode()]

    eventually(lambda: published()[-1].status == "closed", within=10, why="the closed issue was not published")
    states = published()
    assert states[0].status == "open"
    assert (states[-1].closed_by, states[-1].reason) == ("赵工", "光缆已修复")
    versions = [state.version for state in states]
    assert versions == sorted(versions)


@pytest.mark.requirement("R3.7")
def test_a_repeated_event_counts_once(system: System) -> None:
    message_id, phone = system.unique_ids()
    body = {
        "channel": "web",
        "message_id": message_id,
        "customer": {"phone": phone, "city": "湘潭"},
        "text": TEXT,
    }
    system.submit(body)

    def ticket_events() -> list[Incoming]:
        records = topic_reader.read_all(system.kafka, "tickets.events")
        return [record for record in records if record.value and "湘潭".encode() in record.value]

    events = eventually(ticket_events, why="the ticket has no event")
    publisher = Publisher(system.kafka, "tests")
    publisher.publish(
        [Outgoing(event.topic, event.key, event.value, event.headers) for event in events for _ in range(12)]
    )
    publisher.close()
    _wait_until_hot_issues_is_idle(system)
    with system.database() as connection:
        counted = connection.execute("select count(*) from hot_issues.sign where region = '湘潭'").fetchone()
    assert counted == (1,)
    assert _issues(system, "湘潭") == []


def test_an_error_restarts_the_process_and_no_event_is_lost(system: System) -> None:
    def restarts() -> int:
        return system.stack.state.restarts.get("hot_issues", 0)

    before = restarts()
    with system.database() as connection:
        connection.execute("alter table hot_issues.sign add constraint rejects check (region <> '岳阳')")
        try:
            _submit_burst(system, "岳阳", 14)
            eventually(lambda: restarts() > before, within=30, why="the process was not restarted")
        finally:
            connection.execute("alter table hot_issues.sign drop constraint rejects")
        counted = "select count(*) from hot_issues.sign where region = '岳阳'"
        eventually(lambda: connection.execute(counted).fetchone() == (14,), within=60, why="events were lost")
    assert eventually(lambda: _issues(system, "岳阳"), within=30, why="the burst was not detected")
    system.wait_until_ready()
    _wait_until_hot_issues_is_idle(system)


def test_a_second_link_to_a_hot_issue_is_refused(system: System) -> None:
    number = system.open_ticket()
    ticket, _ = system.ticket_and_events(number)
    action = JoinHotIssue(issue=ticket.id, tickets=10)
    commands = [
        outgoing(
            Command(
                id=ticket.contact_id if first else ticket.id,
                ticket_id=ticket.id,
                at=system.clock.now(),
                actor=Actor(kind="service", name="hot_issues"),
                action=action,
            ),
            "tests",
        )
        for first in (True, False)
    ]
    publisher = Publisher(system.kafka, "tests")
    publisher.publish(commands)
    publisher.close()
    joined = system.wait_for_event(number, "joined_hot_issue")
    assert joined.ticket.hot_issue == ticket.id

    def refused() -> bool:
        with system.database() as connection:
            row = connection.execute("select refusal ->> 'code' from ledger.command where id = %s", (ticket.id,))
            found = row.fetchone()
        return found is not None and found[0] == "linked"

    eventually(refused, why="the second link was not refused")
