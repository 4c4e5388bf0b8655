"""What a ticket event says about the kind of its ticket."""

from typing import Any

import msgspec
import pytest

from services.hot_issues.domain.burst_detection import IssueKey
from services.hot_issues.domain.signal import sign
from tests.builders import TicketScenario, contact


def _event(**customer: str) -> bytes:
    told = contact()
    event = TicketScenario.opened(told).events[-1]
    ticket = event.ticket
    return event.replace(ticket=ticket.replace(customer=ticket.customer.replace(**customer))).to_json()


def test_type_problem_and_city_make_the_kind() -> None:
    event = TicketScenario.opened().events[-1]
    found = sign(_event(city="长沙", home_region="湖南"))
    assert found is not None
    classification = event.ticket.classification
    assert found.kind == IssueKey(
        "carrier", classification.business_type or "", classification.problem_type or "", "长沙"
    )
    assert (found.version, found.at, found.accepted_at) == (event.version, event.at, event.ticket.accepted_at)


def test_where_the_customer_is_counts_before_where_he_is_at_home() -> None:
    found = sign(_event(visiting_region="广东", home_region="湖南"))
    assert found is not None
    assert found.kind.region == "广东"


def test_what_nobody_knows_the_place_of_is_no_sign() -> None:
    plain = TicketScenario.opened().events[-1]
    bare = plain.replace(
        ticket=plain.ticket.replace(customer=plain.ticket.customer.replace(city=None, home_region=None))
    )
    assert sign(bare.to_json()) is None


@pytest.mark.parametrize(
    "changes", [{"version": 2**31}, {"at": "2026-03-12T09:00:00"}, {"ticket": {"customer": {"city": "长\0沙"}}}]
)
def test_what_the_database_would_not_take_is_an_error(changes: dict[str, Any]) -> None:
    event = msgspec.json.decode(_event(city="长沙"))
    changes = {**changes, "ticket": event["ticket"] | changes.get("ticket", {})}
    with pytest.raises(msgspec.ValidationError):
        sign(msgspec.json.encode(event | changes))


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"ticket_id": 1}', b"\xff", b'{"more": ' + b"[" * 100_000])
def test_what_is_no_event_is_an_error(value: bytes | None) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
        sign(value)
