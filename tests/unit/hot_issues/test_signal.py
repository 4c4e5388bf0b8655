"""Parsing a ticket event into the kind of its ticket."""

from typing import Any

import msgspec
import pytest

from services.domain.ids import IssueKey
from services.hot_issues.domain.signal import parse_signal
from tests.builders import TicketScenario, contact


def _event(**customer: str) -> bytes:
    event = TicketScenario.opened(contact()).events[-1]
    ticket = event.ticket
    return event.replace(ticket=ticket.replace(customer=ticket.customer.replace(**customer))).to_json()


def test_type_problem_and_city_make_the_kind() -> None:
    event = TicketScenario.opened().events[-1]
    signal = parse_signal(_event(city="长沙", home_region="湖南"))
    assert signal is not None
    classification = event.ticket.classification
    assert signal.key == IssueKey(
        "carrier", classification.business_type or "", classification.problem_type or "", "长沙"
    )
    assert (signal.version, signal.at, signal.accepted_at) == (event.version, event.at, event.ticket.accepted_at)


def test_the_region_that_a_customer_visits_counts_before_the_home_region() -> None:
    signal = parse_signal(_event(visiting_region="广东", home_region="湖南"))
    assert signal is not None
    assert signal.key.region == "广东"


def test_a_ticket_without_a_place_is_no_signal() -> None:
    plain = TicketScenario.opened().events[-1]
    bare = plain.replace(
        ticket=plain.ticket.replace(customer=plain.ticket.customer.replace(city=None, home_region=None))
    )
    assert parse_signal(bare.to_json()) is None


@pytest.mark.parametrize(
    "changes", [{"version": 2**31}, {"at": "2026-03-12T09:00:00"}, {"ticket": {"customer": {"city": "长\0沙"}}}]
)
def test_values_that_the_database_would_reject_are_an_error(changes: dict[str, Any]) -> None:
    event = msgspec.json.decode(_event(city="长沙"))
    changes = {**changes, "ticket": event["ticket"] | changes.get("ticket", {})}
    with pytest.raises(msgspec.ValidationError):
        parse_signal(msgspec.json.encode(event | changes))


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"ticket_id": 1}', b"\xff", b'{"more": ' + b"[" * 100_000])
def test_a_value_that_is_no_event_is_an_error(value: bytes | None) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
        parse_signal(value)
