"""Many complaints that are one, on the real system: noticed, linked, calm, closed, reported."""

import json
import subprocess
import sys

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


def _burst(system: System, city: str, count: int) -> None:
    """Put similar complaints of one city in, all at once."""
    bodies = []
    for _ in range(count):
        message_id, phone = system.unique_ids()
        customer = {"phone": phone, "city": city}
        bodies.append({"channel": "web", "message_id": message_id, "customer": customer, "text": TEXT})
    lines = "\n".join(json.dumps(each, ensure_ascii=False) for each in bodies)
    answer = system.http.post(
        "/v1/contacts/batch", content=lines.encode(), headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 200, answer.text


def _issues(system: System, city: str) -> list[HotIssue]:
    with system.database() as connection:
        rows = connection.execute(
            "select body::text from hot_issues.issue where region = %s order by body ->> 'opened_at'", (city,)
        ).fetchall()
    return [HotIssue.from_json(body) for (body,) in rows]


def _tickets(connection: psycopg.Connection, city: str) -> list[Ticket]:
    query = "select body::text from ledger.ticket where body #>> '{customer,city}' = %s"
    return [Ticket.from_json(body) for (body,) in connection.execute(query, (city,)).fetchall()]


def _until_hot_issues_has_read(system: System) -> None:
    """Wait until the service has saved and acknowledged what there is."""
    lag = topic_reader.ConsumerLag(system.kafka, {"hot_issues": ["tickets.events"]})
    eventually(lambda: lag.look()["hot_issues"] == 0, within=30, why="what is there was not acknowledged")
    lag.close()


def _duban(system: System, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "duban", "hot", *words, "--data", str(system.stack.folder.root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.requirement("R3.7")
def test_a_burst_is_one_issue_its_tickets_are_linked_and_rise_and_it_is_closed(system: System) -> None:
    _burst(system, "衡阳", 9)
    _burst(system, "株洲", 14)
    found = eventually(lambda: _issues(system, "株洲"), within=30, why="no hot issue was noticed")
    assert found[0].status == "open"

    def linked() -> list[Ticket]:
        with system.database() as connection:
            tickets = _tickets(connection, "株洲")
        return tickets if len(tickets) == 14 and all(each.hot_issue for each in tickets) else []

    tickets = eventually(linked, within=40, why="not every ticket was linked")
    assert {each.hot_issue for each in tickets} == {found[0].id}
    assert all("breadth" in each.classification.signals for each in tickets)
    assert len(_issues(system, "衡阳")) == 0
    with system.database() as connection:
        assert all(each.hot_issue is None for each in _tickets(connection, "衡阳"))

    short = str(found[0].id)[:8]
    letters = eventually(
        lambda: [each for each in system.received_messages("mail") if short in each["text"]],
        within=20,
        why="nobody was told",
    )
    assert len(letters) == 1
    assert "株洲" in letters[0]["text"]

    assert short in _duban(system, "list", "--all")
    report = _duban(system, "show", short)
    assert "Report of a product defect" in report
    assert "株洲" in report
    assert TEXT in report

    # Business time runs a thousand times as fast here: two hours of calm are seven seconds.
    eventually(lambda: _issues(system, "株洲")[0].status == "calm", within=60, why="it did not calm down")
    _duban(system, "close", short, "--reason", "光缆已修复", "--name", "赵工")
    eventually(lambda: _issues(system, "株洲")[0].status == "closed", within=30, why="it was not closed")

    def told() -> list[HotIssue]:
        records = [
            each for each in topic_reader.whole(system.kafka, HotIssue.TOPIC) if each.key == str(found[0].id).encode()
        ]
        return [HotIssue.from_json(each.value or b"") for each in records]

    eventually(lambda: told()[-1].status == "closed", within=10, why="the topic does not say that it is closed")
    assert told()[0].status == "open"
    assert (told()[-1].closed_by, told()[-1].reason) == ("赵工", "光缆已修复")
    versions = [each.version for each in told()]
    assert versions == sorted(versions)


@pytest.mark.requirement("R3.7")
def test_what_comes_twice_counts_once(system: System) -> None:
    message_id, phone = system.unique_ids()
    body = {
        "channel": "web",
        "message_id": message_id,
        "customer": {"phone": phone, "city": "湘潭"},
        "text": TEXT,
    }
    system.submit(body)

    def told() -> list[Incoming]:
        records = topic_reader.whole(system.kafka, "tickets.events")
        return [each for each in records if each.value and "湘潭".encode() in each.value]

    events = eventually(told, why="no event told of the ticket")
    publisher = Publisher(system.kafka, "tests")

    publisher.publish([Outgoing(each.topic, each.key, each.value, each.headers) for each in events for _ in range(12)])
    publisher.close()
    _until_hot_issues_has_read(system)
    with system.database() as connection:
        counted = connection.execute("select count(*) from hot_issues.sign where region = '湘潭'").fetchone()
    assert counted == (1,)
    assert _issues(system, "湘潭") == []


def test_an_error_ends_the_process_and_no_event_is_lost(system: System) -> None:
    def restarts() -> int:
        return system.stack.state.restarts.get("hot_issues", 0)

    before = restarts()
    with system.database() as connection:
        connection.execute("alter table hot_issues.sign rename column region to away")
        try:
            _burst(system, "岳阳", 14)
            eventually(lambda: restarts() > before, within=30, why="the process went on")
        finally:
            connection.execute("alter table hot_issues.sign rename column away to region")
        counted = "select count(*) from hot_issues.sign where region = '岳阳'"
        eventually(lambda: connection.execute(counted).fetchone() == (14,), within=60, why="events were lost")
    assert eventually(lambda: _issues(system, "岳阳"), within=30, why="the burst was not noticed")
    system.wait_until_ready()
    _until_hot_issues_has_read(system)


def test_a_link_that_comes_twice_is_refused_the_second_time(system: System) -> None:
    number = system.open_ticket()
    ticket, _ = system.ticket_and_events(number)
    action = JoinHotIssue(issue=ticket.id, tickets=10)
    told = [
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
    publisher.publish(told)
    publisher.close()
    joined = system.wait_for_event(number, "joined_hot_issue")
    assert joined.ticket.hot_issue == ticket.id

    def refused() -> bool:
        with system.database() as connection:
            row = connection.execute("select refusal ->> 'code' from ledger.command where id = %s", (ticket.id,))
            found = row.fetchone()
        return found is not None and found[0] == "linked"

    eventually(refused, why="the second was not refused")
