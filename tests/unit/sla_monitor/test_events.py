"""Ticket events as the monitor reads them: a ticket's next deadline, or none."""

import json
from uuid import UUID

import pytest

from schemas.action import Withdraw
from services.shared.kafka.records import Incoming
from services.shared.kafka.unreadable_batches import RawBatch
from services.sla_monitor.domain.schedule import NEVER
from services.sla_monitor.events import parse_events
from tests.builders import CENTRE, TicketScenario


def record(value: bytes | None) -> Incoming:
    return Incoming("tickets.events", 3, 1, None, value)


def test_an_event_sets_the_ticket_s_next_deadline() -> None:
    scenario = TicketScenario.dispatched()
    (entry,), invalid = parse_events(3, [record(scenario.events[-1].to_json())])
    due = scenario.current.next_action_at
    assert due is not None
    assert invalid == []
    assert (entry.at, entry.version, UUID(bytes=entry.ticket), entry.partition) == (
        due.timestamp(),
        scenario.current.version,
        scenario.current.id,
        3,
    )


def test_a_ticket_that_waits_for_the_archive_alone_has_no_deadline() -> None:
    scenario = TicketScenario.opened().do(Withdraw(reason="r", evidence="calls/1"), unit=CENTRE)
    (entry,), _ = parse_events(3, [record(scenario.events[-1].to_json())])
    assert scenario.current.archive_at is not None
    assert entry.at == NEVER


def test_fields_that_a_newer_version_has_added_are_ignored() -> None:
    plain = json.loads(TicketScenario.opened().events[-1].to_json())
    plain |= {"newer": 1, "ticket": plain["ticket"] | {"newer": {"a": []}}}
    (entry,), invalid = parse_events(3, [record(json.dumps(plain).encode())])
    assert (entry.version, invalid) == (plain["version"], [])


@pytest.mark.parametrize(("value", "reason"), [(None, "empty"), (b"{", "bad_syntax"), (b"{}", "bad_schema")])
def test_what_is_no_event_becomes_a_dead_letter(value: bytes | None, reason: str) -> None:
    entries, (letter,) = parse_events(3, [record(value)])
    assert (entries, letter.reason) == ([], reason)


def test_a_batch_that_cannot_be_read_is_a_dead_letter_and_the_others_are_parsed() -> None:
    """Promise 5."""
    (entry,), (invalid,) = parse_events(
        3,
        [
            record(RawBatch(b"raw", 5, "its checksum is wrong")),
            record(TicketScenario.dispatched().events[-1].to_json()),
        ],
    )
    assert (invalid.reason, invalid.record.value) == ("unreadable", b"raw")
    assert entry.partition == 3
