"""A ticket to which very much is added hurts nobody, and is returned whole to whoever asks for it."""

from typing import Any

import pytest

from services.shared.kafka import topic_reader
from tests.builders import eventually
from tests.system import System

LIMITS = {"tickets.state": 32 * 1024, "tickets.events": 96 * 1024}


def signed_links(batch: int) -> list[dict[str, Any]]:
    return [
        {"kind": "recording", "reference": f"https://store/{batch}/{number}?signature={number:01200}"}
        for number in range(100)
    ]


@pytest.mark.requirement("R2.2", "R2.7")
def test_a_ticket_with_hundreds_of_papers_and_long_entries_stops_no_other(system: System) -> None:
    number = system.open_ticket()
    for batch in range(5):
        assert system.send_command(number, "attach", evidence=signed_links(batch))["outcome"] == "done"
    text = "的" * 32_000
    assert system.send_command(number, "record", kind="report", text=text)["outcome"] == "done"
    assert system.open_ticket()
    ticket = system.http.get(f"/v1/tickets/{number}").json()
    assert (len(ticket["evidence"]), ticket["evidence_count"], len(ticket["entries"])) == (500, 500, 1)
    assert ticket["evidence"][0]["reference"] == signed_links(0)[0]["reference"]
    assert ticket["entries"][0]["text"] == text
    (found,) = system.http.get("/v1/tickets", params={"number": number}).json()["tickets"]
    assert (len(found["evidence"]), found["evidence_count"]) == (5, 500)
    for topic, limit in LIMITS.items():
        assert max(len(record.value or b"") for record in topic_reader.read_all(system.kafka, topic)) <= limit
    # Tickets of other tests may never have been published.
    assert f"{number}:" not in system.duban("ledger", "verify").stdout


def test_a_ticket_that_does_not_exist_is_not_found(system: System) -> None:
    response = system.http.get("/v1/tickets/unknown")
    assert (response.status_code, response.json()["title"]) == (404, "No such ticket")


@pytest.mark.requirement("R5.7")
def test_a_letter_holds_a_long_text_in_full_although_its_event_does_not(system: System) -> None:
    number, text = system.open_ticket(), "的" * 5000
    assert system.send_command(number, "reply_progress", text=text)["outcome"] == "done"
    query = "select context ->> 'text' from notifier.notice where ticket_number = %s and context ->> 'text' is not null"

    def find_text() -> str | None:
        with system.database() as connection:
            row = connection.execute(query, (number,)).fetchone()
        return row[0] if row is not None else None

    assert eventually(find_text) == text
